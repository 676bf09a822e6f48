"""The right name for a wrong one."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(wrong: str, right: Iterable[str]) -> str | None:
    """The nearest of the right names, or None if none is near; case and `-` against `_` do not count."""
    by_plain_name = {_plain(name): name for name in right}
    found = get_close_matches(_plain(wrong), by_plain_name, n=1, cutoff=0.6)
    return by_plain_name[found[0]] if found else None


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")
