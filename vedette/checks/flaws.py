"""What can be wrong with recordings, logs and queues: each kind with what `--repair` does and what people can do."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class FlawKind(StrEnum):
    """What is wrong; a repair decides by this."""

    NO_MANIFEST = "a segment without a manifest"
    NO_SEGMENT = "a manifest without its segment"
    QUEUED_AND_WAITING = "a manifest both in the outbox and beside its segment"
    STILL_IN_OUTBOX = "a manifest that waits although Redis answers"
    BAD_MANIFEST = "an unreadable manifest"
    WRONG_PLACE = "a manifest that does not belong where it lies"
    WRONG_SIZE = "a segment whose size is not the one in its manifest"
    NOT_PLAYABLE = "a segment that cannot be played"
    UNKNOWN_FILE = "a file that is not ours"
    HALF_WRITTEN = "a file that was never finished"
    BROKEN = "a file that could not be salvaged"
    BAD_LINE = "an unreadable line in a log"
    TORN_LINE = "a log whose last line was cut off"
    TWICE_LOGGED = "a segment with two lines by one model"
    TASK_VANISHED = "a segment whose task vanished"
    DEAD_WITHOUT_LINE = "a dead letter without its line"
    TASK_STUCK = "a task in work that nobody would put back"
    WORKER_GONE = "a task in the hands of a worker that is gone"
    TASK_TWICE = "a task that is queued twice"
    NOT_A_TASK = "an entry of a queue that is no task"
    TASK_WITHOUT_SEGMENT = "a task whose segment is gone"
    SECRET_SHOWN = "a secret of the configuration, written down"  # noqa: S105  the name of a flaw
    PRIVATE_PICTURE = "a picture of a segment that is to be redacted"
    FACES_LEFT = "faces of a segment that is gone"


HARMLESS = {
    FlawKind.STILL_IN_OUTBOX,
    FlawKind.UNKNOWN_FILE,
    FlawKind.HALF_WRITTEN,
    FlawKind.BROKEN,
    FlawKind.BAD_LINE,
    FlawKind.TORN_LINE,
    FlawKind.WORKER_GONE,
    FlawKind.TASK_TWICE,
    FlawKind.NOT_A_TASK,
    FlawKind.TASK_WITHOUT_SEGMENT,
}
BY_HAND = {
    FlawKind.NO_MANIFEST: "It plays, but is not analysed. Restart the capture service, which adopts it.",
    FlawKind.NO_SEGMENT: "The segment was deleted by hand. Delete the manifest too.",
    FlawKind.QUEUED_AND_WAITING: "Restart the capture service, which sends the outbox again; nothing is queued twice.",
    FlawKind.STILL_IN_OUTBOX: "Start the capture service, which sends the outbox; or see in its log why it does not.",
    FlawKind.BAD_MANIFEST: "Move it away and restart the capture service, which writes a new one.",
    FlawKind.WRONG_PLACE: "Somebody moved or renamed files: move them back.",
    FlawKind.WRONG_SIZE: "The segment was changed or cut off after it was recorded; check the disk.",
    FlawKind.NOT_PLAYABLE: "It was changed or damaged after it was recorded: check the disk, and look at its backup.",
    FlawKind.UNKNOWN_FILE: "Vedette leaves it alone. Move it elsewhere if it is not wanted.",
    FlawKind.HALF_WRITTEN: "The capture service salvages it at its next start.",
    FlawKind.BROKEN: "It is kept for you to look at; delete it if nothing in it can be played.",
    FlawKind.BAD_LINE: "A power cut tears a line, and its result is written again. Readers skip it.",
    FlawKind.TORN_LINE: "A power cut tears a line, and its result is written again. The next writer ends it.",
    FlawKind.TWICE_LOGGED: "Readers count it twice; delete one of the two lines.",
    FlawKind.TASK_VANISHED: "Neither queued nor analysed: somebody deleted the data of the queue, or the log.",
    FlawKind.DEAD_WITHOUT_LINE: "Give it another try: vedette queue replay.",
    FlawKind.TASK_STUCK: "Its worker is gone, and so is its name from the list of workers.",
    FlawKind.WORKER_GONE: "The next worker of this queue puts it back within a minute.",
    FlawKind.TASK_TWICE: "Nothing needs to be done: whoever takes the second one finds the line of the first.",
    FlawKind.NOT_A_TASK: "A worker moves it to the dead letters; vedette queue drop deletes it there.",
    FlawKind.TASK_WITHOUT_SEGMENT: "Nothing needs to be done: its worker writes a line that says so.",
    FlawKind.SECRET_SHOWN: "Change that password, take it out of the file, and please report how it got there.",
    FlawKind.PRIVATE_PICTURE: "Delete it: it was made before the camera was set to privacy: blur.",
    FlawKind.FACES_LEFT: "Delete them: they must not outlive the footage. Retention does, once they are old enough.",
}
REPAIRS = {
    FlawKind.NO_MANIFEST: "writes the manifest and queues the segment",
    FlawKind.NO_SEGMENT: "moves the manifest to set-aside/",
    FlawKind.QUEUED_AND_WAITING: "sees that the tasks are queued and moves the one in the outbox to set-aside/",
    FlawKind.STILL_IN_OUTBOX: "queues the tasks and moves the manifest beside its segment",
    FlawKind.BAD_MANIFEST: "moves it to set-aside/ and writes a new one",
    FlawKind.WRONG_PLACE: "moves it to set-aside/",
    FlawKind.HALF_WRITTEN: "makes a segment of it, or moves it to set-aside/ if it is none",
    FlawKind.BAD_LINE: "moves the line to set-aside/",
    FlawKind.TORN_LINE: "moves the line to set-aside/, or ends it if it is whole",
    FlawKind.TWICE_LOGGED: "keeps the first line that went well, else the first, and moves the others to set-aside/",
    FlawKind.TASK_VANISHED: "queues the task again",
    FlawKind.DEAD_WITHOUT_LINE: 'writes its "ok": false line',
    FlawKind.TASK_STUCK: "puts the task back in the queue",
    FlawKind.WORKER_GONE: "puts the task back in the queue",
    FlawKind.PRIVATE_PICTURE: "moves it to set-aside/, which no viewer opens",
    FlawKind.FACES_LEFT: "deletes them",
}


@dataclass(frozen=True, slots=True)
class Flaw:
    """One broken invariant, with the file or the queue it shows in."""

    kind: FlawKind
    path: Path  # for a queue: its name
    detail: str = ""
    item: str = ""  # for a queue: the task id, worker or entry that the repair is about

    @property
    def subject(self) -> str:
        """What a report files it under."""
        return "queues" if self.item else "footage"

    def place(self, root: Path) -> str:
        """The queue, or the file as seen from the video folder."""
        return str(self.path.relative_to(root) if self.path.is_relative_to(root) else self.path)

    @property
    def harmless(self) -> bool:
        return self.kind in HARMLESS

    @property
    def fix(self) -> str:
        return BY_HAND[self.kind]

    @property
    def repair(self) -> str:
        """What `--repair` does about it; empty if only a person can do something."""
        return REPAIRS.get(self.kind, "")
