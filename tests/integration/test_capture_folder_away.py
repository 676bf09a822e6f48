"""What the committer has in hand while the video folder is away waits for it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from capture_service.committer import TRY_AGAIN_SECONDS, Committer
from capture_service.gaps import Gap
from shared_utils.errors import StorageError
from tests.support.capture_parts import CaptureParts
from tests.support.check_site import START, clip, manifest_of
from tests.support.fixed_clock import FixedClock
from tests.support.waiting import wait_until


class Away:
    """A video folder that can be taken away."""

    def __init__(self) -> None:
        self.is_away, self.asked = True, 0

    def require(self) -> None:
        self.asked += 1
        if self.is_away:
            raise StorageError("it is away")


@contextmanager
def committing(parts: CaptureParts, folder: Away, clock: FixedClock) -> Iterator[Committer]:
    committer = Committer(
        parts.video, parts.store, parts.retention, parts.gaps_log, parts.open_files, clock, folder.require
    )
    committer.start()
    try:
        yield committer
    finally:
        assert committer.stop(20)


def test_gaps_are_logged_when_the_folder_is_back(tmp_path: Path) -> None:
    """Written below the mount point, nobody would ever read of them."""
    parts, folder, clock = CaptureParts(tmp_path), Away(), FixedClock()
    with committing(parts, folder, clock) as committer:
        for number in range(2):
            committer.gap(Gap("front", START, START + timedelta(seconds=5 + number), "no power"))
        wait_until("both were tried", lambda: folder.asked >= 3)
        while_away = list(tmp_path.iterdir())
        folder.is_away = False
        clock.advance(TRY_AGAIN_SECONDS)
        wait_until("both are logged", lambda: (tmp_path / "gaps_log.jsonl").exists() and len(gaps(tmp_path)) == 2)

    assert while_away == []
    assert gaps(tmp_path) == ["2026-11-20T10:15:05.000Z", "2026-11-20T10:15:06.000Z"]


def test_an_unfinished_segment_is_not_forgotten_because_it_cannot_be_seen(tmp_path: Path) -> None:
    """Below the bare mount point there is neither a part nor a segment, which looks like nothing left to do."""
    parts, folder, clock = CaptureParts(tmp_path), Away(), FixedClock()
    manifest = manifest_of(parts.video)
    with committing(parts, folder, clock) as committer:
        committer.unfinished(manifest.segment_id, ("video_queue",))
        wait_until("it was tried", lambda: folder.asked >= 2)
        part = parts.video.segment(manifest.segment_id).with_suffix(".mp4.part")
        part.parent.mkdir(parents=True)
        part.write_bytes(clip())
        folder.is_away = False
        clock.advance(TRY_AGAIN_SECONDS)
        wait_until("it has its manifest", lambda: parts.video.waiting_manifest(manifest.segment_id).exists())

    assert parts.video.segment(manifest.segment_id).exists()


def gaps(folder: Path) -> list[str]:
    return [json.loads(line)["to"] for line in (folder / "gaps_log.jsonl").read_text().splitlines()]
