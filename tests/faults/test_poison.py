"""Segments that no worker survives: three attempts each, one line that says so, a dead letter; the others go on."""

from pathlib import Path

import pytest

from tests.faults.conftest import FaultRow
from tests.support.at_work import kept_alive, video_queue
from tests.support.object_worker_process import POISONS
from tests.support.rig import Rig
from tests.support.waiting import wait_until

HANG_SECONDS = 3.0
SIGKILLED, HUNG = -9, 75
ERRORS = {
    "raise": "ValueError: a poison segment",
    "kill": "the worker died 3 times while working on it",
    "hang": "the worker died 3 times while working on it",
}


@pytest.mark.timeout(420)
def test_poison_segments_get_three_attempts_and_hold_up_nobody(rig: Rig, tmp_path: Path, fault_row: FaultRow) -> None:
    """One raises, one kills its worker and one hangs, at the same time, and there are but two workers."""
    poisons = tmp_path / "poisons"
    poisons.mkdir()
    rig.worker_command = (*rig.worker_command, "--poison", str(poisons), "--max-runtime", str(HANG_SECONDS))
    with rig, kept_alive(rig) as codes:
        wait_until("good segments are analysed", lambda: len(rig.lines()) > 2)
        for poison in POISONS:
            (poisons / poison).touch()
        wait_until("each poison is given up", lambda: sum(not line["ok"] for line in rig.lines()) == len(POISONS), 120)
        wait_until("each is a dead letter", lambda: video_queue(rig).depth().dead == len(POISONS))
        rig.wait_for_segments(3)
        tally = rig.finish()

    segments = {path.name.partition(".")[2]: path.name.partition(".")[0] for path in poisons.iterdir()}
    failed = {segments[line["segment_id"]]: line["error"] for line in rig.lines() if not line["ok"]}
    letters = {segments[str(letter.task_id)]: (letter.attempts, letter.error) for letter in video_queue(rig).dead()}
    assert failed == {poison: f"Given up: {error}" for poison, error in ERRORS.items()}
    assert letters == {"raise": (3, ERRORS["raise"]), "kill": (4, ERRORS["kill"]), "hang": (4, ERRORS["hang"])}
    assert sorted(code for code in codes if code) == [SIGKILLED] * 3 + [HUNG] * 3
    assert (tally.lost, tally.twice, tally.failed, tally.dead) == (0, 0, 3, 3)
    rig.assert_whole()
    fault_row("poison segments: one raises, one kills its worker, one hangs", tally, None)
