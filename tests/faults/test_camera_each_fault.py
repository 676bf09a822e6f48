"""Every fault of a camera while two others record and two workers work: what it costs, and what the gaps log says."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from shared_utils.clock import SystemClock, from_iso
from tests.faults.conftest import FaultRow
from tests.support.camera_faults import (
    FPS,
    CameraFault,
    Suffered,
    assert_untouched,
    events_of,
    gap_lines,
    interruptions,
    is_within,
    lost_seconds,
    play,
    suffer,
    tally_of,
    wait_until_steady,
)
from tests.support.clips import make_clip
from tests.support.redis_server import RedisServer, require_redis_server
from tests.support.rig import CAMERAS, Rig
from tests.support.services import manifests
from tests.support.waiting import wait_until

# "Recorded again within 7 s and one keyframe interval of the camera's return", as docs/design/recording.md promises,
# and some seconds for a machine that runs other tests beside this one.
BACK_SECONDS = 7.0 + 1.0 + 4.0
BLINK_SECONDS = 1.0 + 1.0 + 4.0  # a camera that drops us and accepts us again at once
STALL_SECONDS = 3.0  # of the rig's cameras
LOGIN_SECONDS = 30.0 + BACK_SECONDS
JUMPS = (3600.0, -3600.0, 5.0, -5.0)


def fault(name: str, seconds: float, *orders: str, **rest: object) -> CameraFault:
    """A fault made of orders without parameters."""
    return CameraFault(name, tuple({"fault": order} for order in orders), seconds, **rest)  # type: ignore[arg-type]


def jump(seconds: float) -> CameraFault:
    order = {"fault": "timestamp_jump", "by_seconds": seconds}
    return CameraFault(f"camera's clock jumps by {seconds:+g} s", (order,), 1)


def away(seconds: float) -> tuple[CameraFault, ...]:
    """Everything that keeps the picture away for so long; the camera with sound."""
    long = f"for {seconds:g} s"
    away_for = {"is_silent": True, "lost_seconds": BACK_SECONDS}
    return (
        fault(f"camera away {long}: refuses connections", seconds, "refuse", reason="it ended the stream", **away_for),
        fault(f"camera away {long}: unknown path (404)", seconds, "gone", reason="it ended the stream", **away_for),
        fault(f"camera stalls {long} without closing", seconds, "stall", reason="it stopped sending", **away_for),
        fault(f"camera hangs {long}: accepts, never answers", seconds, "hang", reason="it stopped sending", **away_for),
        fault(f"video lost {long} while audio goes on", seconds, "video_stops", reason="no video for 3 s", **away_for),
        fault(
            f"camera refuses the password (401) {long}, and drops us",
            seconds,
            "unauthorized",
            "drop",
            reason="wrong user name or password",
            is_silent=True,
            lost_seconds=LOGIN_SECONDS,
        ),
    )


BLINKS = (
    fault("camera drops the connection", 1, "drop", reason="it ended the stream", lost_seconds=BLINK_SECONDS),
    fault("camera resets the connection", 1, "reset", reason="it ended the stream", lost_seconds=BLINK_SECONDS),
    CameraFault(
        "camera changes its codec, H.264 to H.265 and back",
        ({"fault": "change_codec"},),
        4,
        lost_seconds=2 * BLINK_SECONDS,
        reason="it ended the stream",
    ),
    CameraFault(
        "camera changes its codec under the open connection",
        ({"fault": "change_codec", "closes": False},),
        4,
        # Back to H.264, FFmpeg hands out nothing any more, which is noticed as a stall.
        lost_seconds=2 * BLINK_SECONDS + STALL_SECONDS,
        reason="it sends H.265 where it had announced H.264",
    ),
)
NOISY = (
    fault("garbage in the payload for 3 s", 3, "garbage"),
    CameraFault(
        "garbage between packets for 3 s",
        ({"fault": "garbage", "where": "framing", "share": 0.2},),
        3,
        is_silent=True,
        lost_seconds=BACK_SECONDS,
        reason="",
    ),
    CameraFault("5 % of packets lost for 5 s", ({"fault": "loss", "share": 0.05},), 5),
)
HARMLESS = (
    *map(jump, JUMPS),
    fault("camera's timestamps stand still for 3 s", 3, "frozen_timestamps"),
    fault("camera changes its resolution and back", 3, "change_resolution"),
    fault("camera refuses new clients (401), the stream goes on", 3, "unauthorized"),
)


def check(rig: Rig, suffered: Suffered) -> None:
    """What is promised of every fault."""
    tally, lost, fault = tally_of(rig, suffered), lost_seconds(rig, suffered), suffered.fault
    lines = gap_lines(rig, suffered)
    assert (tally.lost, tally.twice, tally.dead) == (0, 0, 0), fault.name
    assert lost <= fault.lost_seconds, (fault.name, lost, interruptions(rig, suffered))
    if fault.reason is None:
        assert lines == [], fault.name
        assert interruptions(rig, suffered) == [], fault.name
        assert len(events_of(rig, suffered)) == 1, fault.name
        return
    assert len(events_of(rig, suffered)) > 1 or not interruptions(rig, suffered), fault.name  # an event has no gap
    if fault.reason:
        assert any(fault.reason in line["reason"] for line in lines), (fault.name, lines)
    for start, end in interruptions(rig, suffered):
        assert any(
            abs((from_iso(line["from"]) - start).total_seconds()) < 2
            and abs((from_iso(line["to"]) - end).total_seconds()) < 2
            for line in lines
        ), (fault.name, start, end, lines)
    assert len(lines) == len({line["from"] for line in lines}), fault.name


def check_segments(rig: Rig, suffered: Sequence[Suffered] = ()) -> None:
    """Every segment plays, whatever its camera did meanwhile, and has one format; noise alone has no picture."""
    for manifest in manifests(rig.video.root):
        played = play(rig, manifest)
        assert played.times_grow, manifest.segment_id
        assert manifest.duration_seconds < 8, manifest.segment_id
        noisy = [one for one in suffered if one.fault in NOISY and one.camera == manifest.camera]
        if not any(is_within(manifest, one) for one in noisy):
            assert played.decoded > 0, manifest.segment_id
            assert len(played.sizes) == 1, manifest.segment_id
    assert not list(rig.video.root.rglob("*.part"))


def late_frames(rig: Rig, camera: str) -> int:
    late: int = rig.emulator.status()["cameras"][camera]["frames_late"]
    return late


@pytest.mark.timeout(480)
def test_what_befalls_one_camera_costs_that_one_little_and_the_others_nothing(rig: Rig, fault_row: FaultRow) -> None:
    """All cameras share a process, a committer and a disk; two of them have one fault after the other."""
    with rig:
        rig.wait_for_segments(3)
        with ThreadPoolExecutor() as threads:
            first = threads.submit(suffer, rig, CAMERAS[0], away(5))
            # Not the blinks first: one camera that refuses connections closes the port that all of them share.
            second = threads.submit(suffer, rig, CAMERAS[1], (*HARMLESS, *NOISY, *BLINKS))
            suffered = [*first.result(), *second.result()]
        late = late_frames(rig, CAMERAS[2])
        tally = rig.finish()

    assert rig.capture is not None
    assert rig.capture.returncode == 0
    assert (tally.lost, tally.twice, tally.dead) == (0, 0, 0)
    check_segments(rig, suffered)
    assert_untouched(rig, CAMERAS[2], late)
    for one in suffered:
        fault_row(one.fault.name, tally_of(rig, one), lost_seconds(rig, one))
    for one in suffered:
        check(rig, one)


@pytest.mark.endurance
@pytest.mark.parametrize("one_fault", away(60), ids=lambda one: one.name)
@pytest.mark.timeout(400)
def test_a_camera_that_is_away_for_a_minute_is_recorded_again_as_soon(
    rig: Rig, fault_row: FaultRow, one_fault: CameraFault
) -> None:
    """The pauses between attempts must not grow with the time that it is away."""
    with rig:
        rig.wait_for_segments(3)
        (suffered,) = suffer(rig, CAMERAS[0], [one_fault])
        late = {camera: late_frames(rig, camera) for camera in CAMERAS[1:]}
        tally = rig.finish()

    fault_row(one_fault.name, tally, lost_seconds(rig, suffered))
    assert (tally.lost, tally.twice, tally.failed, tally.dead) == (0, 0, 0, 0)
    check(rig, suffered)
    check_segments(rig)
    for camera in CAMERAS[1:]:
        assert_untouched(rig, camera, late[camera])


@pytest.mark.endurance
@pytest.mark.timeout(400)
def test_a_camera_that_drops_us_again_and_again_is_recorded_in_between(rig: Rig, fault_row: FaultRow) -> None:
    """A bad plug: no connection lasts long enough to count as steady, and each time costs a little."""
    drops, each = (
        20,
        CameraFault("", ({"fault": "drop"},), 0.5, lost_seconds=BACK_SECONDS, reason="it ended the stream"),
    )
    with rig:
        rig.wait_for_segments(3)
        suffered = suffer(rig, CAMERAS[0], [each] * drops)
        late = {camera: late_frames(rig, camera) for camera in CAMERAS[1:]}
        tally = rig.finish()

    fault_row(f"camera drops the connection {drops} times", tally, sum(lost_seconds(rig, one) for one in suffered))
    assert (tally.lost, tally.twice, tally.failed, tally.dead) == (0, 0, 0, 0)
    for one in suffered:
        check(rig, one)
    check_segments(rig)
    for camera in CAMERAS[1:]:
        assert_untouched(rig, camera, late[camera])


@pytest.mark.timeout(240)
def test_cameras_that_freeze_all_at_once_are_recorded_again_when_they_go_on(rig: Rig, fault_row: FaultRow) -> None:
    """A recorder with many channels, or the switch before them: connections stay open and nothing comes."""
    frozen = fault("all cameras' process frozen for 6 s", 6, is_silent=True, lost_seconds=BACK_SECONDS, reason="")
    with rig:
        rig.wait_for_segments(6)
        began = SystemClock().now()
        rig.emulator.freeze()
        time.sleep(frozen.seconds)
        rig.emulator.thaw()
        mended = SystemClock().now()
        for camera in CAMERAS:
            wait_until_steady(rig, camera, mended)
        suffered = Suffered(frozen, CAMERAS[0], began, mended, SystemClock().now())
        tally = rig.finish()

    assert (tally.lost, tally.twice, tally.failed, tally.dead) == (0, 0, 0, 0)
    check_segments(rig)
    all_suffered = [replace(suffered, camera=camera) for camera in CAMERAS]
    fault_row(frozen.name, tally, max(lost_seconds(rig, one) for one in all_suffered))
    for one in all_suffered:
        check(rig, one)


@pytest.mark.timeout(240)
def test_an_event_that_the_camera_interrupts_is_recorded_again_from_the_first_frame(
    tmp_path: Path, own_redis: RedisServer, fault_row: FaultRow
) -> None:
    """The motion detector must learn the scene anew, and somebody walks at that very moment."""
    moving = make_clip(tmp_path / "moving.mp4", seconds=40, width=320, height=180, moving=[(0, 15)])
    still = make_clip(tmp_path / "still.mp4", seconds=8, width=320, height=180)
    camera = {"record": "motion", "pre_roll_seconds": 0, "post_roll_seconds": 1, "segment_seconds": 30}
    require_redis_server(tmp_path)
    rig = Rig(tmp_path / "rig", own_redis, clips={"walked": moving, "still": still}, camera=camera)
    with rig:
        wait_until("the walk is recorded", lambda: bool(list(rig.video.segments.rglob("walked-*.part"))))
        began = SystemClock().now()
        rig.emulator.misbehave("walked", "drop")
        rig.wait_for_segments(2, "walked")
        ended = SystemClock().now()
        tally = rig.finish()

    dropped = fault("camera drops the connection while an event is recorded", 0, "drop", lost_seconds=BLINK_SECONDS)
    suffered = Suffered(dropped, "walked", began, began, ended)
    before, after, *_ = manifests(rig.video.root, "walked")
    (gap,) = gap_lines(rig, suffered)
    fault_row(dropped.name, tally, lost_seconds(rig, suffered))
    assert (tally.lost, tally.twice, tally.failed, tally.dead) == (0, 0, 0, 0)
    assert before.event_id != after.event_id
    assert after.started_at - from_iso(gap["to"]) < timedelta(seconds=0.7)  # the next keyframe is a second later
    assert lost_seconds(rig, suffered) <= BLINK_SECONDS
    assert manifests(rig.video.root, "still") == []
    rig.assert_whole()


@pytest.mark.timeout(240)
def test_a_camera_at_half_speed_is_recorded_frame_by_frame(rig: Rig, fault_row: FaultRow) -> None:
    """Its frames come late and say that they are on time: nothing is missing, and segments are cut by its own clock."""
    slow = CAMERAS[0]
    with rig:
        rig.wait_for_segments(2, slow)
        began = SystemClock().now()
        rig.emulator.misbehave(slow, "slow")
        rig.wait_for_segments(4, slow)
        mended = SystemClock().now()
        rig.emulator.mend(slow)
        rig.wait_for_segments(3, slow)
        late = late_frames(rig, CAMERAS[1])
        tally = rig.finish()
        sent = rig.emulator.status()["cameras"][slow]["frames_sent"]

    found = manifests(rig.video.root, slow)
    recorded = sum(play(rig, one).decoded for one in found)
    slowly = [one for one in found if began < one.started_at and one.started_at + timedelta(seconds=2) < mended]
    until_first_keyframe_and_after_last = FPS + 5
    lost_frames = max(0, sent - recorded - until_first_keyframe_and_after_last)
    fault_row("camera at half speed", tally, lost_frames / FPS)
    assert (tally.lost, tally.twice, tally.failed, tally.dead) == (0, 0, 0, 0)
    assert lost_frames == 0
    assert rig.logged_gaps() == []
    assert [one.duration_seconds for one in slowly] == pytest.approx([2.0] * len(slowly), abs=0.1)
    assert len({one.event_id for one in found}) == 1
    assert_untouched(rig, CAMERAS[1], late)
    rig.assert_whole()
