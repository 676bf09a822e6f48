"""Which results a log holds, in 8 bytes each: a worker knows every segment of months, and reads them at its start."""

import re
from array import array
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass

from shared_utils.log_files import line_key, parse_line

_SEGMENT_ID = re.compile(r"(?P<camera>.+)-(?P<day>[0-9]{8})T(?P<time>[0-9]{9})Z")
# The beginning of a line as we write it, up to what is needed of it. Anything else is parsed as JSON. A line with a
# bit that fell over in between counts as there: what a crash leaves is a torn line, or zeros.
_BEGINNING = re.compile(
    rb'\{"ok":true,"filename":"[^"\\]*","detected":\[[^][{}]*\],"count":[0-9]+,"timestamp":"[^"\\]*","schema":1,'
    rb'"segment_id":"([^"\\]+)","camera":"[^"\\]*","event_id":(?:null|"[^"\\]*"),"started_at":"[^"\\]*",'
    rb'"model":"([^"\\]+)",'
)
_END = b',"error":null}\n'  # nothing but a whole line ends so: within a text the quotes would be escaped


@dataclass(frozen=True, slots=True)
class ResultKey:
    """What a line is about, and whether it says `"ok": true`."""

    segment_id: str
    model: str
    ok: bool


def key_in(raw: bytes) -> ResultKey | None:
    """The key of a line of a result log; None for a line without one, or a torn one."""
    if raw.endswith(_END) and b"\0" not in raw and (found := _BEGINNING.match(raw)):
        try:
            return ResultKey(found[1].decode(), found[2].decode(), ok=True)
        except UnicodeDecodeError:
            return None  # JSON would refuse it, too
    line = parse_line(raw) or {}
    key = line_key(line)
    return None if key is None else ResultKey(*key, bool(line.get("ok")))


class KnownResults:
    """A set of results. Segments of one camera and model are sorted numbers: their time's digits, twice, plus `ok`."""

    def __init__(self) -> None:
        self._moments: defaultdict[tuple[str, str], array[int]] = defaultdict(lambda: array("q"))
        self._others: dict[tuple[str, str], bool] = {}  # tasks written by hand, whose ids are anything

    def get(self, segment_id: str, model: str) -> bool | None:
        """Whether its line says `"ok": true`; None if there is no line."""
        found = _SEGMENT_ID.fullmatch(segment_id)
        if found is None:
            return self._others.get((segment_id, model))
        moments = self._moments.get((found["camera"], model), array("q"))
        moment = int(found["day"] + found["time"])
        place = bisect_left(moments, 2 * moment)
        return bool(moments[place] & 1) if place < len(moments) and moments[place] >> 1 == moment else None

    def put(self, key: ResultKey) -> None:
        """Add a result; the last word about a segment counts."""
        found = _SEGMENT_ID.fullmatch(key.segment_id)
        if found is None:
            self._others[key.segment_id, key.model] = key.ok
            return
        moments = self._moments[found["camera"], key.model]
        moment = int(found["day"] + found["time"])
        place = bisect_left(moments, 2 * moment)  # nearly always at the end
        if place < len(moments) and moments[place] >> 1 == moment:
            moments[place] = 2 * moment + key.ok
        else:
            moments.insert(place, 2 * moment + key.ok)
