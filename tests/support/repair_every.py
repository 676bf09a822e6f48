"""Kills a repair at each of its steps: `python -m tests.support.repair_every FOLDER URL`.

The folder has a flaw of nearly every kind. What a second repair, an hour later, leaves is judged here; the exit code
says how it went.
"""

import argparse
import json
import logging
import os
from collections import Counter
from pathlib import Path

from shared_utils.queue import dead_letter_json
from shared_utils.tasks import VIDEO_QUEUE, Task, task_for
from tests.support.check_site import Site, clip, line_of, pieces_of, put
from tests.support.kill_every import Killer, killed_everywhere
from tests.support.killable import VIDEO, Scenario
from vedette.checks.deep import check_deep
from vedette.checks.flaws import FlawKind
from vedette.repair import repair

BENT = {
    FlawKind.TASK_VANISHED,
    FlawKind.BAD_MANIFEST,
    FlawKind.NO_SEGMENT,
    FlawKind.TWICE_LOGGED,
    FlawKind.TORN_LINE,
    FlawKind.HALF_WRITTEN,
    FlawKind.QUEUED_AND_WAITING,
    FlawKind.DEAD_WITHOUT_LINE,
    FlawKind.TASK_STUCK,
    FlawKind.STILL_IN_OUTBOX,
}
QUEUED_AFTERWARDS = 6  # of the nine segments: one is gone, one is analysed, one is a dead letter


def prepare(folder: Path, url: str) -> None:
    """Each segment is bent in its own way; the push guards of all of them stand."""
    site = Site(folder / VIDEO, url)
    video, redis = site.video, site.redis
    recorded = [site.record(number) for number in range(9)]
    _, unreadable, gone, double, half, both, dead, stuck, waiting = recorded
    site.settle()
    for manifest in (unreadable, both, stuck):
        redis.lpush(VIDEO_QUEUE, task_for(manifest, site.clock.now()).to_json())
    redis.lmove(VIDEO_QUEUE, f"{VIDEO_QUEUE}:processing:gone:1:a", "LEFT", "RIGHT")
    put(video.manifest(unreadable.segment_id), b'{"schema": 1, "segm')
    video.segment(gone.segment_id).unlink()
    whole = json.dumps(line_of(double)).encode() + b"\n"
    put(video.root / "detections_log.jsonl", whole + whole.replace(b'"count"', b'"again"') + b'{"ok": tr')
    redis.delete(f"{VIDEO_QUEUE}:seen:{half.segment_id}")
    video.manifest(half.segment_id).unlink()
    video.segment(half.segment_id).unlink()
    put(video.segment(half.segment_id).with_suffix(".mp4.part"), clip())
    put(video.waiting_manifest(both.segment_id), both.to_json())
    task = task_for(dead, site.clock.now())
    letter = dead_letter_json(task, task.to_json(), error="poison", attempts=3, worker="w", failed_at=site.clock.now())
    redis.lpush(f"{VIDEO_QUEUE}:dead", letter)
    redis.delete(f"{VIDEO_QUEUE}:seen:{waiting.segment_id}")
    put(video.waiting_manifest(waiting.segment_id), video.manifest(waiting.segment_id).read_bytes())
    video.manifest(waiting.segment_id).unlink()
    told = {flaw.kind for flaw in check_deep(site.config, site.clock).flaws}
    assert told == BENT, told ^ BENT
    (folder / "pieces").write_text(json.dumps(sorted(piece.hex() for piece in pieces_of(site))))


def mend(folder: Path, url: str) -> None:
    site = Site(folder / VIDEO, url)
    repair(site.config, site.clock, lambda: check_deep(site.config, site.clock, wait=lambda _: None))


def mend_and_judge(folder: Path, url: str) -> None:
    site = Site(folder / VIDEO, url)
    _age(site.video.root)
    mend(folder, url)
    _age(site.video.root)
    left = check_deep(site.config, site.clock).flaws
    assert left == (), left
    before = {bytes.fromhex(piece) for piece in json.loads((folder / "pieces").read_text())}
    assert before <= pieces_of(site), "something is gone"
    queued = Counter(Task.model_validate_json(payload).id for payload in site.queued())
    assert set(queued.values()) == {1}, queued
    assert len(queued) == QUEUED_AFTERWARDS, queued


def _age(root: Path) -> None:
    """What is young is left alone: somebody may be writing it. Here an hour passes."""
    for path in root.rglob("*"):
        if path.is_file():
            moment = path.stat().st_mtime - 3600
            os.utime(path, (moment, moment))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("url")
    parser.add_argument("--every", type=int, default=1, help="leave out the steps between")
    options = parser.parse_args()
    logging.basicConfig(filename=options.folder / "processes.log", level="INFO")
    killer = Killer(Scenario(prepare, mend, mend_and_judge, every_thread=True), options.folder, options.url)
    outcomes = list(killed_everywhere(killer, options.every))
    (options.folder / "outcomes.jsonl").write_text("".join(json.dumps(outcome) + "\n" for outcome in outcomes))


if __name__ == "__main__":
    main()
