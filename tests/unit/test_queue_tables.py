"""What `vedette queue` draws, as text."""

from datetime import UTC, datetime
from io import StringIO

from rich.console import Console
from rich.table import Table

from shared_utils.queue import DeadLetter, QueueDepth
from shared_utils.tasks import Task
from vedette.queue_tables import QueueLook, dead_table, tasks_table

MOMENT = datetime(2026, 11, 20, 10, 15, 0, 123_000, tzinfo=UTC)
ID = "front-door-20261120T101500123Z"
TASK = Task(id=ID, filename=f"{ID}.mp4", camera="front-door", started_at=MOMENT, queued_at=MOMENT)
DEPTH = QueueDepth(waiting=1, in_work=0, dead=0)


def drawn(table: Table | None) -> str:
    assert table is not None
    console = Console(file=StringIO(), width=80, color_system=None)
    console.print(table)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_an_id_stays_whole_in_80_columns() -> None:
    """It is copied from here into `vedette queue replay`."""
    letter = DeadLetter("{}", ID, "the file is not there any more, and that is a long story", 3, "host:12:abc", MOMENT)

    assert ID in drawn(dead_table("video_queue", [letter]))
    assert ID in drawn(tasks_table(QueueLook("video_queue", DEPTH, {}, [TASK.to_json()])))


def test_brackets_and_control_characters_of_an_error_are_text() -> None:
    """FFmpeg writes `[mp4 @ 0x1]`, which is no markup; and an entry of the list may hold anything."""
    letter = DeadLetter("{}", ID, "[mp4 @ 0x1] broken [/x] \x1b[31mred", 3, "w", MOMENT)

    text = " ".join(drawn(dead_table("video_queue", [letter])).replace("│", " ").split())

    assert "[mp4 @" in text
    assert "[/x]" in text
    assert "\x1b" not in text


def test_idle_workers_and_an_empty_queue_make_no_table() -> None:
    assert tasks_table(QueueLook("video_queue", DEPTH, {"host:12:abc": []}, [])) is None
