"""`make chaos`: random faults against cameras, capture, Redis, workers and disk, from a seed that is printed.

Ends with 0 if no result is lost or there twice, every segment plays, and `vedette check --deep` finds nothing wrong.
"""

import argparse
import random
import shutil
import sys
from pathlib import Path
from tempfile import mkdtemp

from benchmarks.__main__ import machine
from benchmarks.chaos.faults import DISK_FULL
from benchmarks.chaos.run import Chaos, Result, break_at_random, finish
from benchmarks.report import table, update_results
from tests.support.clips import make_clip
from tests.support.redis_server import RedisServer
from tests.support.rig import CAMERAS, WORKERS, Rig
from tests.support.small_disk import disk_in_memory

TITLE = """## Chaos

{minutes:g} minutes of random faults, one after the other and sometimes two at once, while {cameras} cameras record and
{workers} workers work (`make chaos CHAOS_SEED={seed}`). At the end everything is mended; then it is counted, every
segment is decoded, and `vedette check --deep` must find nothing wrong.
"""
DISK_BYTES = 400_000_000  # a chaos of an hour records less
WORKER = ("-m", "tests.support.object_worker_process", "--slow", "0.3")  # so that kills come in the middle of tasks


def report(chaos: Chaos, result: Result, minutes: float) -> str:
    """The section for RESULTS.md."""
    tally = result.tally
    share = result.recorded_seconds / (minutes * 60 * len(CAMERAS))
    counted = [
        ("segments in", str(tally.segments)),
        ("results out", str(tally.results)),
        ("lost", str(tally.lost)),
        ("twice", str(tally.twice)),
        ("dead letters", str(tally.dead)),
        ("segments with frames that the camera sent damaged", str(result.damaged_segments)),
        ("recorded, of all that cameras could have shown", f"{min(share, 1):.0%}"),
        *((f"failed: {error}", str(count)) for error, count in sorted(result.failures.items())),
    ]
    faults = [(name, str(times)) for name, times in sorted(chaos.times.items())]
    title = TITLE.format(minutes=minutes, cameras=len(CAMERAS), workers=WORKERS, seed=chaos.seed)
    return (
        f"{title}\n{table(('counted', ''), counted)}\n{table(('fault', 'times'), faults)}\nMeasured on {machine()}.\n"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=None, help="repeat a run; chance otherwise")
    parser.add_argument("--results", type=Path, help="write the table into this file, as its own section")
    options = parser.parse_args()
    seed = random.randrange(1_000_000) if options.seed is None else options.seed  # noqa: S311  no secret
    print(f"CHAOS_SEED={seed}, {options.minutes:g} minutes", flush=True)
    folder, chaos = Path(mkdtemp(prefix="chaos-")), Chaos(seed)
    redis = RedisServer(folder / "redis")
    redis.start()
    try:
        result = _run(folder, redis, chaos, options.minutes * 60)
    finally:
        redis.stop()
    section = report(chaos, result, options.minutes)
    print(result.check_said, section, sep="\n")
    if chaos.wrong:
        print(*(f"WRONG: {what}" for what in chaos.wrong), sep="\n")
        print(f"What was recorded lies in {folder}. Again: make chaos CHAOS_SEED={seed}")
        return 1
    if options.results:
        update_results(options.results, section)
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def _run(folder: Path, redis: RedisServer, chaos: Chaos, seconds: float) -> Result:
    with disk_in_memory(folder / "video", DISK_BYTES) as can_be_filled:
        rig = Rig(folder / "rig", redis, video=folder / "video", clips=_clips(folder), worker_command=WORKER)
        with rig:
            rig.wait_for_segments(len(CAMERAS))
            break_at_random(rig, chaos, seconds, [DISK_FULL] * can_be_filled)
            result = finish(rig, chaos)
        if chaos.wrong and can_be_filled:
            shutil.copytree(folder / "video", folder / "kept")  # the small disk goes with its contents
    return result


def _clips(folder: Path) -> dict[str, str]:
    """Two for each camera: the second is what `change_resolution` switches to."""
    usual, other = folder / "usual.mp4", folder / "other.mp4"
    make_clip(usual, seconds=8, width=320, height=180, moving=[(0, 8)], audio=True)
    make_clip(other, seconds=8, width=480, height=270, moving=[(0, 8)], audio=True)
    return dict.fromkeys(CAMERAS, f"{usual},{other}")


if __name__ == "__main__":
    sys.exit(main())
