"""Broken files through the worker and through salvage, in a process that may die of it.

`python -m tests.fuzz.broken_file_process FOLDER FIRST COUNT` says `begin SEED` before each file and one JSON object
behind it, so that whoever watches knows which file was fatal. Salvage reads files in this process here, and not in one
of its own as in capture: nothing is to be hidden. The address space is limited: what asks for more memory fails.
"""

import json
import logging
import resource
import shutil
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import av

from capture_service import mp4_file
from capture_service.draft import Draft, write_draft
from capture_service.names import BROKEN_SUFFIX, draft_path, part_path, repair_path
from capture_service.salvage import HEADER_BYTES, Salvage
from shared_utils.analysis.showing import Showing
from shared_utils.analysis.worker_status import WorkerStatus
from shared_utils.clock import SystemClock
from shared_utils.folder_mark import mark_folder
from shared_utils.logs import DETECTIONS_LOG, ResultLog
from shared_utils.segments import (
    MOST_FRAME_PX,
    Manifest,
    VideoDir,
    VideoInfo,
    read_manifest,
    segment_id,
    write_manifest,
)
from shared_utils.tasks import Task
from tests.fuzz.broken_files import Broken, Corpus
from tests.support.capture_parts import CaptureParts
from tests.support.detectors import BlockDetector
from video_worker.detectors import Detectors
from video_worker.objects import WorkerOptions, object_worker

ADDRESS_SPACE_BYTES = 3_000_000_000
CAMERA = "cam"
FIRST_START = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file."""

    seed: int
    kind: str
    seconds: float
    most_memory_mb: float  # of the process up to here
    worker: str  # "ok", "not ok"
    salvage: str  # "segment", "broken", "deleted"
    complaint: str  # what must not be; empty if all is well


class Site:
    """A video folder with a worker on it, and with what salvages its parts."""

    def __init__(self, root: Path) -> None:
        shutil.rmtree(root, ignore_errors=True)
        parts = CaptureParts(root)
        self._salvage, self._video = Salvage(parts.video, parts.store, mp4=mp4_file), parts.video
        self._video.outbox.mkdir(parents=True)
        mark_folder(root, SystemClock())
        self._results, detector = ResultLog(root, DETECTIONS_LOG, SystemClock()), BlockDetector()
        self._worker = object_worker(
            self._video,
            self._results,
            Detectors(detector, BlockDetector),
            options=WorkerOptions(showing=Showing(open_cameras=frozenset({CAMERA}))),
            status=WorkerStatus(detector.name, write=lambda _: None, remove=lambda: None),
            clock=SystemClock(),
        )
        self._lines_read = 0

    def try_out(self, broken: Broken) -> Outcome:
        began = time.monotonic()
        worker, salvage, complaints = "", "", []
        try:
            worker = self._analysed(broken)
        except Exception as error:  # noqa: BLE001  whatever it is, it is what we look for
            complaints.append(f"the worker raised {type(error).__name__}: {error}")
        try:
            salvage = self._salvaged(broken)
        except Exception as error:  # noqa: BLE001
            complaints.append(f"salvage raised {type(error).__name__}: {error}")
        seconds = time.monotonic() - began
        return Outcome(broken.seed, broken.kind, seconds, most_memory_mb(), worker, salvage, "; ".join(complaints))

    def _analysed(self, broken: Broken) -> str:
        """As a finished segment, every other one with its manifest."""
        segment, started_at = _segment(broken.seed)
        path = self._video.segment(segment)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(broken.data)
        if broken.seed % 2:
            write_manifest(self._video.manifest(segment), _manifest(self._video, segment, started_at))
        self._worker.handle(
            Task(
                id=segment,
                filename=self._video.segment_filename(segment),
                camera=CAMERA,
                started_at=started_at,
                queued_at=started_at,
            )
        )
        line = self._last_line()
        assert line["segment_id"] == segment, f"the last line is of {line['segment_id']}"
        assert line["ok"] == (line["error"] is None)
        path.unlink()
        self._video.manifest(segment).unlink(missing_ok=True)
        return "ok" if line["ok"] else "not ok"

    def _last_line(self) -> dict[str, Any]:
        raw = (self._video.root / f"{DETECTIONS_LOG}.jsonl").read_bytes().splitlines()
        assert len(raw) == self._lines_read + 1, f"{len(raw) - self._lines_read} lines were written"
        self._lines_read = len(raw)
        line: dict[str, Any] = json.loads(raw[-1])
        return line

    def _salvaged(self, broken: Broken) -> str:
        """As the part that a killed capture left."""
        segment, started_at = _segment(broken.seed)
        part, final = part_path(self._video, segment), self._video.segment(segment)
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(broken.data)
        write_draft(draft_path(self._video, segment), _draft(segment, started_at))

        adopted = self._salvage.adopt(segment, ())

        broken_path = final.with_name(final.name + BROKEN_SUFFIX)
        for leftover in (part, draft_path(self._video, segment), repair_path(self._video, segment)):
            assert not leftover.exists(), f"{leftover.name} is left"
        if not adopted and not broken_path.exists():
            assert len(broken.data) <= HEADER_BYTES, "something with content was deleted"
            return "deleted"
        if not adopted:
            assert broken_path.read_bytes() == broken.data, "what was set aside is not what was there"
            broken_path.unlink()
            return "broken"
        self._check(segment, final)
        return "segment"

    def _check(self, segment: str, final: Path) -> None:
        """The salvaged segment can be opened and has the frames and the length that its manifest tells."""
        manifest = read_manifest(self._video.waiting_manifest(segment))
        assert manifest.size_bytes == final.stat().st_size
        with av.open(str(final), format="mp4", options={"max_pixels": str(MOST_FRAME_PX)}) as container:
            frames = sum(1 for packet in container.demux(video=0) if packet.size)
        assert frames, "the segment has no frame"
        final.unlink()
        self._video.waiting_manifest(segment).unlink()


def most_memory_mb() -> float:
    """The most that this program has held. What `getrusage` tells begins with what its parent held when it forked."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1000


def _segment(seed: int) -> tuple[str, datetime]:
    started_at = FIRST_START + timedelta(seconds=seed)
    return segment_id(CAMERA, started_at), started_at


def _draft(segment: str, started_at: datetime) -> Draft:
    return Draft(
        segment_id=segment, camera=CAMERA, event_id=segment, trigger="motion", started_at=started_at, tasks=()
    )  # fmt: skip


def _manifest(video: VideoDir, segment: str, started_at: datetime) -> Manifest:
    return Manifest(
        segment_id=segment,
        camera=CAMERA,
        event_id=segment,
        trigger="motion",
        started_at=started_at,
        duration_seconds=2.0,
        filename=video.segment_filename(segment),
        size_bytes=0,
        video=VideoInfo(codec="h264", width=160, height=90, fps=10),
    )


def main(folder: str, first: str, count: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable(logging.CRITICAL)
    work = Path(folder)
    work.mkdir(parents=True, exist_ok=True)
    corpus, site = Corpus(work), Site(work / "video")
    for seed in range(int(first), int(first) + int(count)):
        broken = corpus.broken(seed)
        sys.stdout.write(f"begin {seed} {broken.kind}\n")
        sys.stdout.flush()
        sys.stdout.write(json.dumps(asdict(site.try_out(broken))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
