"""`vedette check --deep --repair` beside running services: what is in the making is not blamed."""

import pytest
from redis import Redis

from shared_utils.clock import SystemClock
from shared_utils.config import load_config
from tests.support.rig import Rig
from vedette.checks.deep import DeepReport, check_deep
from vedette.checks.flaws import FlawKind
from vedette.repair import repair


@pytest.mark.timeout(170)
def test_a_check_beside_running_services_finds_nothing_and_a_repair_then_mends_what_is_lost(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """People check while everything runs; one false alarm, and the next true one is not believed."""
    monkeypatch.setenv("REDIS_URL", rig.redis.url)
    with rig:
        config = load_config(rig.config, video_dir=rig.video.root)
        clock = SystemClock()

        def look() -> DeepReport:
            return check_deep(config, clock)

        rig.wait_for_segments(3)
        while_running = []
        for _ in range(15):
            rig.wait_for_segments(1)
            while_running.append(look())
        _, idle_deeds = repair(config, clock, look)
        while rig.workers:
            rig.kill_worker()
        rig.wait_for_segments(6)
        with Redis.from_url(rig.redis.url) as redis:
            redis.flushall()
        rig.start_worker()
        lost = look()
        left, deeds = repair(config, clock, look)
        tally = rig.finish()

    assert [report.flaws for report in while_running] == [()] * 15
    assert idle_deeds == []
    assert {flaw.kind for flaw in lost.flaws} == {FlawKind.TASK_VANISHED}
    assert left.flaws == ()
    assert {deed.kind for deed in deeds} == {FlawKind.TASK_VANISHED}
    assert (tally.lost, tally.twice, tally.failed, tally.dead) == (0, 0, 0, 0)
    rig.assert_whole()
