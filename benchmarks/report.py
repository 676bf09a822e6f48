"""Tables and the file that keeps them."""

import re
from collections.abc import Sequence
from pathlib import Path

HEAD = """# Measurements

Written by `make bench`. Every table compares with a naive way measured in the same run: the ratios travel from machine
to machine, the absolute figures do not.
"""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are aligned right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def update_results(path: Path, section: str) -> None:
    """Put a section, known by its `## ` heading, into the file; all other sections stay."""
    heading = section.partition("\n")[0]
    if not heading.startswith("## "):
        raise ValueError(f"a section begins with a heading such as '## Motion', not with {heading!r}")
    text = path.read_text() if path.exists() else HEAD
    parts = re.split(r"(?m)^(?=## )", text)
    kept = [part for part in parts if part.partition("\n")[0] != heading]
    path.write_text("\n".join([*(part.rstrip() + "\n" for part in kept), section.rstrip() + "\n"]))
