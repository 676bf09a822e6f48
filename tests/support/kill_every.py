"""Kills a scenario at each of its steps in turn: `python -m tests.support.kill_every SCENARIO FOLDER URL`.

This process imports everything once and forks for each kill, which takes a tenth of a second instead of seconds. The
folder holds the clip to record; what each kill left behind lies in a folder beside it, described in `outcomes.jsonl`.
"""

import argparse
import json
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
from redis import Redis

from tests.support.kill_at import Steps
from tests.support.killable import SCENARIOS, SHOWN, VIDEO, Scenario, nothing, record
from tests.support.killable_faces import FACE_SCENARIOS

FROZEN_SECONDS = 1.5  # longer than the lease and two beats of a hasty worker
OUTCOMES = "outcomes.jsonl"
ALL_SCENARIOS = SCENARIOS | FACE_SCENARIOS


def fork(work: Callable[[], None]) -> int:
    """The id of a child that does this, and ends with 0 if nothing was raised."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
    except BaseException:  # noqa: BLE001  a child must never return into its parent's code
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def status_of(pid: int) -> int:
    """Its exit code; a signal's number, negative, if that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class Killer:
    """Runs one scenario again and again, and describes what each time left."""

    def __init__(self, scenario: Scenario, base: Path, url: str) -> None:
        self._scenario, self._base, self._url = scenario, base, url

    def run(self, number: int | None, name: str, send: signal.Signals = signal.SIGKILL) -> int:
        """The process until it ends, is killed or is frozen at that step; its id."""
        folder = self._base / name
        folder.mkdir()
        with Redis.from_url(self._url) as redis:
            redis.flushdb()
        self._scenario.prepare(folder, self._url)

        def killed() -> None:
            (folder / VIDEO).mkdir(exist_ok=True)
            every_thread = self._scenario.every_thread
            Steps(folder / VIDEO, folder / "steps", at=number, send=send, every_thread=every_thread).watch()
            self._scenario.first(folder, self._url)

        return fork(killed)

    def finish(self, name: str) -> int:
        return fork(lambda: self._scenario.then(self._base / name, self._url))

    def outcome(self, number: int, name: str) -> dict[str, Any]:
        folder = self._base / name
        shown, queue = folder / SHOWN, self._scenario.queue
        with Redis.from_url(self._url, decode_responses=True) as redis:
            return {
                "number": number,
                "step": (folder / "steps").read_text().splitlines()[-1],
                "video": str(folder / VIDEO),
                "shown_seconds": float(shown.read_text()) if shown.exists() else 0.0,
                "waiting": redis.lrange(queue, 0, -1),
                "dead": redis.lrange(f"{queue}:dead", 0, -1),
                "attempts": redis.hgetall(f"{queue}:attempts"),
            }


def killed_everywhere(killer: Killer, every: int) -> Iterator[dict[str, Any]]:
    number = 0
    while True:
        name = str(number)
        status = status_of(killer.run(number, name))
        if status == 0:
            return  # it has fewer steps
        assert status == -signal.SIGKILL, f"step {number} ended with {status}"
        assert status_of(killer.finish(name)) == 0, f"after a kill at step {number} the next process failed"
        yield killer.outcome(number, name)
        number += every


def frozen_everywhere(killer: Killer, every: int) -> Iterator[dict[str, Any]]:
    """Frozen at the step until another process has had time to do its work, then thawed."""
    number = 0
    while True:
        name = str(number)
        first = killer.run(number, name, signal.SIGSTOP)
        _, status = os.waitpid(first, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            assert os.waitstatus_to_exitcode(status) == 0
            return
        other = killer.finish(name)
        time.sleep(FROZEN_SECONDS)
        os.kill(first, signal.SIGCONT)
        assert (status_of(first), status_of(other)) == (0, 0), f"frozen at step {number}"
        yield killer.outcome(number, name)
        number += every


def make_templates(base: Path, url: str) -> None:
    """`whole`: two recorded segments. `torn`: the first of them as a kill leaves it before its last packets."""
    killer = Killer(Scenario(nothing, record, nothing, every_thread=True), base, url)
    assert status_of(killer.run(None, "whole")) == 0
    steps = (base / "whole" / "steps").read_text().splitlines()
    late = [number for number, step in enumerate(steps) if step == "half of a write of cam.mp4.part"]
    assert status_of(killer.run(late[len(late) * 2 // 3], "torn")) == -signal.SIGKILL


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", choices=ALL_SCENARIOS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("url")
    parser.add_argument("--every", type=int, default=1, help="leave out the steps between")
    parser.add_argument("--freeze", action="store_true", help="freeze instead of killing")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    logging.basicConfig(filename=options.folder / "processes.log", level="INFO")
    make_templates(options.folder, options.url)
    killer = Killer(ALL_SCENARIOS[options.scenario], options.folder, options.url)
    run = frozen_everywhere if options.freeze else killed_everywhere
    with (options.folder / OUTCOMES).open("w") as outcomes:
        for outcome in run(killer, options.every):
            outcomes.write(json.dumps(outcome) + "\n")


if __name__ == "__main__":
    main()
