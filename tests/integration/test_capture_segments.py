"""Recording: packets of real clips through the recorder, onto a real disk, and read back."""

import errno
import itertools
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from capture_service.events import LEARN_SECONDS
from capture_service.gaps import GapWatch
from capture_service.motion import MotionSeen
from capture_service.part_file import PartFile
from capture_service.segment_writer import SegmentWriter
from capture_service.timestamps import Mended, Step
from shared_utils.errors import StorageError
from tests.support.capture_parts import arriving, camera_config, capture_parts, feed
from tests.support.clips import make_clip
from tests.support.fixed_clock import FixedClock
from tests.support.packets import Footage, contents_of, footage, slices
from tests.support.waiting import wait_until

CLIPS = {
    "h264 and aac": {"audio": True},
    "h264 with b-frames and aac": {"audio": True, "b_frames": 2},
    "h265 and aac": {"audio": True, "codec": "libx265"},
    "h265 alone": {"codec": "libx265"},
}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", seconds=12, audio=True, width=320, height=180)


@pytest.fixture
def film(clip: Path) -> Iterator[Footage]:
    film = footage(clip)
    yield film
    film.container.close()


def annex_b_slices(codec: str, data: bytes) -> bytes:
    """The picture data of an access unit as the camera sent it."""
    nals = [nal.rstrip(b"\0") for nal in data.split(b"\0\0\1")[1:]]
    return slices(codec, b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals))


@pytest.mark.parametrize("settings", CLIPS.values(), ids=CLIPS.keys())
def test_segments_that_follow_lose_no_frame_and_repeat_none(tmp_path: Path, settings: dict[str, object]) -> None:
    """What happened at a joint is as good as what happened in the middle; every frame arrives as it was sent."""
    film = footage(make_clip(tmp_path / "clip.mp4", seconds=8, width=320, height=180, **settings))  # type: ignore[arg-type]
    with capture_parts(tmp_path / "video") as parts:
        recorder = parts.recorder(camera_config(record="continuous"))

        feed(recorder, film.packets, film.stream, parts)
        recorder.finish()
        recorder.no_more_looks()

    segments = [contents_of(parts.video.segment(manifest.segment_id)) for manifest in parts.manifests()]
    sent = [packet for packet in film.packets if packet.kind == "video"]
    sound = [
        packet.data for packet in film.packets if packet.kind == "audio" and packet.dts_seconds >= sent[0].dts_seconds
    ]
    assert len(segments) == 4
    assert all(segment.starts_with_keyframe and segment.decoded == len(segment.video) for segment in segments)
    assert list(itertools.chain(*[segment.video for segment in segments])) == [
        annex_b_slices(film.stream.video.codec, packet.data) for packet in sent
    ]
    assert list(itertools.chain(*[segment.audio for segment in segments])) == sound
    assert [round(segment.duration_seconds, 4) for segment in segments] == [2.0, 2.0, 2.0, 2.0]
    assert len({manifest.event_id for manifest in parts.manifests()}) == 1
    assert parts.leftovers() == []


def test_a_manifest_says_what_is_in_its_segment(tmp_path: Path, film: Footage) -> None:
    """Workers and the page rely on it without opening the file."""
    with capture_parts(tmp_path) as parts:
        recorder = parts.recorder(camera_config(record="continuous", segment_seconds=60, analyses=["objects", "faces"]))

        feed(recorder, film.packets, film.stream, parts)
        recorder.finish()
        recorder.no_more_looks()

    manifest = parts.manifests()[0]
    path = parts.video.segment(manifest.segment_id)
    assert (manifest.video.codec, manifest.video.width, manifest.video.height) == ("h264", 320, 180)
    assert manifest.video.fps == pytest.approx(15.0)
    assert manifest.duration_seconds == pytest.approx(12.0)
    assert manifest.audio == "aac"
    assert manifest.size_bytes == path.stat().st_size
    assert manifest.trigger == "continuous"
    assert manifest.tasks == ("video_queue", "face_queue")


def test_a_recording_begins_the_pre_roll_before_motion_that_is_told_late(tmp_path: Path, film: Footage) -> None:
    """The detector works behind; the first second of the motion must be inside all the same."""
    before = film.between(end_seconds=8.5)
    after = film.between(8.5)
    with capture_parts(tmp_path) as parts:
        recorder = parts.recorder(camera_config(segment_seconds=60, pre_roll_seconds=1.5, post_roll_seconds=1))

        feed(recorder, before, film.stream, parts)
        recorder.look(MotionSeen(6.2, moving=True, area=0.1, boxes=((1, 2, 30, 40),)))
        recorder.look(MotionSeen(11.9, moving=False, area=0.0, boxes=()))
        feed(recorder, after, film.stream, parts)
        recorder.finish()
        recorder.no_more_looks()

    (manifest,) = parts.manifests()
    first = contents_of(parts.video.segment(manifest.segment_id)).video[0]
    keyframe_at_4 = next(p for p in film.packets if p.kind == "video" and p.dts_seconds >= 3.99)
    assert first == annex_b_slices("h264", keyframe_at_4.data)
    assert manifest.trigger == "motion"
    (look,) = manifest.motion
    assert look.t == pytest.approx(2.2)
    assert look.boxes == ((1, 2, 30, 40),)
    # 6.2 + 1 s of post-roll ends at the next keyframe that came after the look was told
    assert manifest.duration_seconds == pytest.approx(5.0)


def test_looks_that_come_after_the_end_of_a_segment_are_in_its_manifest(tmp_path: Path, film: Footage) -> None:
    """Motion at the end of a segment would be missed by the worker, which looks where the manifest says."""
    with capture_parts(tmp_path) as parts:
        recorder = parts.recorder(camera_config(record="continuous", segment_seconds=60))
        feed(recorder, film.packets, film.stream, parts)

        recorder.finish()
        recorder.look(MotionSeen(11.5, moving=True, area=0.1, boxes=((1, 2, 3, 4),)))
        recorder.no_more_looks()

    assert [look.t for look in parts.manifests()[0].motion] == [pytest.approx(11.5)]


def test_what_nobody_had_time_to_look_at_is_recorded_as_if_all_of_it_moved(
    tmp_path: Path, film: Footage, caplog: pytest.LogCaptureFixture
) -> None:
    """A machine with too many cameras must cost disk, and not the footage of whoever walks by meanwhile."""
    with capture_parts(tmp_path) as parts:
        recorder = parts.recorder(camera_config(segment_seconds=60, pre_roll_seconds=1.5, post_roll_seconds=1))
        for packet in film.packets:
            feed(recorder, [packet], film.stream, parts)
            if packet.kind == "video" and 6.0 <= packet.dts_seconds < 8.0:
                recorder.not_looked_at(packet, film.stream.video)
            elif packet.kind == "video":
                recorder.look(MotionSeen(packet.dts_seconds, moving=False, area=0.0, boxes=()))
        recorder.finish()
        recorder.no_more_looks()

    (manifest,) = parts.manifests()
    whole = (0, 0, film.stream.video.width, film.stream.video.height)
    # from the keyframe before 6.0 - 1.5 to the one after 8.0 + 1
    assert manifest.duration_seconds == pytest.approx(5.0, abs=0.1)
    assert [look.t for look in manifest.motion] == [pytest.approx(2.0 + n / 2, abs=0.2) for n in range(4)]
    assert {(look.area, look.boxes) for look in manifest.motion} == {(1.0, (whole,))}
    assert caplog.text.count("too busy to look for motion") == 1


def test_motion_right_after_an_event_begins_another_without_repeating_frames(tmp_path: Path, film: Footage) -> None:
    """The pre-roll of the second event reaches into the first one."""
    times = {4.0: 1.0, 8.0: 6.4}  # told at: seen at
    with capture_parts(tmp_path) as parts:
        recorder = parts.recorder(camera_config(segment_seconds=60, pre_roll_seconds=5, post_roll_seconds=1))

        told: set[float] = set()
        for packet in film.packets:
            for at in [at for at in times if at <= packet.dts_seconds and at not in told]:
                told.add(at)
                recorder.look(MotionSeen(times[at], moving=True, area=0.1, boxes=((1, 2, 3, 4),)))
                recorder.look(MotionSeen(times[at] + 1.0, moving=False, area=0.0, boxes=()))
            feed(recorder, [packet], film.stream, parts)
        recorder.finish()
        recorder.no_more_looks()

    first, second = [contents_of(parts.video.segment(m.segment_id)) for m in parts.manifests()]
    sent = [annex_b_slices("h264", packet.data) for packet in film.packets if packet.kind == "video"]
    assert first.video + second.video == sent[: len(first.video) + len(second.video)]
    assert len({manifest.event_id for manifest in parts.manifests()}) == 2


def test_an_interrupted_event_is_recorded_from_the_first_keyframe_and_ends_when_nothing_moves(
    tmp_path: Path, film: Footage
) -> None:
    """The detector learns the scene first: who walks meanwhile, without a pre-roll, would be missing."""
    with capture_parts(tmp_path) as parts:
        recorder = parts.recorder(camera_config(segment_seconds=60, pre_roll_seconds=0, post_roll_seconds=1))

        recorder.resume_event()
        feed(recorder, film.between(end_seconds=1.5), film.stream, parts)
        recording_at_once = recorder.is_recording
        recorder.look(MotionSeen(11.0, moving=False, area=0.0, boxes=()))
        feed(recorder, film.between(1.5), film.stream, parts)
        goes_on = recorder.event_goes_on
        recorder.finish()
        recorder.no_more_looks()

    (manifest,) = parts.manifests()
    keyframe_seconds = 2.0
    assert recording_at_once
    assert contents_of(parts.video.segment(manifest.segment_id)).video[0] == annex_b_slices(
        "h264", next(p for p in film.packets if p.kind == "video").data
    )
    assert LEARN_SECONDS + 1 <= manifest.duration_seconds <= LEARN_SECONDS + 1 + keyframe_seconds
    assert not goes_on


def test_a_hole_in_the_video_ends_the_segment(tmp_path: Path, film: Footage) -> None:
    """What follows a hole cannot be decoded before the next keyframe, and an event has no gaps."""
    hole_at = 5.5
    with capture_parts(tmp_path) as parts:
        recorder = parts.recorder(camera_config(record="continuous", segment_seconds=60))

        feed(recorder, film.between(end_seconds=4.5), film.stream, parts)
        rest = film.between(hole_at)
        recorder.take(Mended(arriving(rest[0], parts), Step.HOLE), film.stream)
        feed(recorder, rest[1:], film.stream, parts)
        recorder.finish()
        recorder.no_more_looks()

    first, second = parts.manifests()
    contents = [contents_of(parts.video.segment(m.segment_id)) for m in (first, second)]
    assert first.duration_seconds == pytest.approx(4.5, abs=0.1)
    assert contents[1].starts_with_keyframe
    assert contents[1].decoded == 90  # from the keyframe at 6 s
    assert first.event_id != second.event_id


def test_a_set_clock_ends_the_segment_without_losing_a_frame(tmp_path: Path, film: Footage) -> None:
    """Nothing is missing then, so nothing may be dropped."""
    with capture_parts(tmp_path) as parts:
        recorder = parts.recorder(camera_config(record="continuous", segment_seconds=60))

        feed(recorder, film.between(end_seconds=4.5), film.stream, parts)
        rest = film.between(4.5)
        recorder.take(Mended(arriving(rest[0], parts), Step.JUMP), film.stream)
        feed(recorder, rest[1:], film.stream, parts)
        recorder.finish()
        recorder.no_more_looks()

    contents = [contents_of(parts.video.segment(m.segment_id)) for m in parts.manifests()]
    assert [segment.decoded for segment in contents] == [75, 105]


def test_a_segment_is_finished_as_soon_as_its_sound_is_complete(tmp_path: Path, film: Footage) -> None:
    """Waiting a second for sound that has come already would be a second of delay for every segment."""
    late = next(p for p in film.packets if p.kind == "audio" and p.dts_seconds >= 2.0)
    before = film.between(end_seconds=2.0)
    keyframe = next(p for p in film.packets if p.kind == "video" and p.dts_seconds >= 2.0)
    with capture_parts(tmp_path) as parts:
        recorder = parts.recorder(camera_config(record="continuous"))
        feed(recorder, [*before, keyframe], film.stream, parts)
        still_open = parts.manifests()

        feed(recorder, [late], film.stream, parts)

        wait_until("the first segment is finished", lambda: len(parts.manifests()) == 1)
        recorder.finish()
    assert still_open == []


def test_the_end_of_the_sound_does_not_hold_the_picture_back(tmp_path: Path, film: Footage) -> None:
    """A muxer that waits for sound would keep seconds of video in memory, lost when we are killed."""
    packets = [p for p in film.packets if p.kind == "video" or p.dts_seconds < 2.0]
    writer = SegmentWriter(tmp_path / "part.mp4", film.stream, next(p for p in packets if p.kind == "video"))
    writer.open()

    for packet in packets:
        writer.write(packet)
    shutil.copy(tmp_path / "part.mp4", tmp_path / "killed.mp4")
    writer.close()

    assert contents_of(tmp_path / "killed.mp4").decoded >= 180 - 15
    assert contents_of(tmp_path / "part.mp4").decoded == 180


def test_a_segment_cut_off_anywhere_loses_less_than_a_second_even_with_rare_keyframes(tmp_path: Path) -> None:
    """Power cuts and crashes come at any moment, and some cameras send a keyframe every four seconds."""
    film = footage(make_clip(tmp_path / "clip.mp4", seconds=8, gop_seconds=4, audio=True, width=320, height=180))
    part = tmp_path / "part.mp4"
    video = [packet for packet in film.packets if packet.kind == "video"]
    writer = SegmentWriter(part, film.stream, video[0])
    writer.open()
    lost = []

    for packet in film.packets:
        writer.write(packet)
        if packet.kind == "video" and packet.dts_seconds > 1.2:
            shutil.copy(part, tmp_path / "killed.mp4")
            lost.append(packet.dts_seconds + 1 / 15 - contents_of(tmp_path / "killed.mp4").decoded / 15)
    writer.close()

    assert max(lost) < 1.0
    assert contents_of(part).duration_seconds == pytest.approx(8.0)


class FullDisk:
    """Makes every write fail while it is full; the only thing replaced is what the kernel answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = False
        write = PartFile.write

        def checked(file: PartFile, data: bytes) -> int:
            if self.full:
                file._failure = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return write(file, data)

        monkeypatch.setattr(PartFile, "write", checked)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> FullDisk:
    return FullDisk(monkeypatch)


def test_a_full_disk_costs_the_time_it_is_full_and_no_more(tmp_path: Path, film: Footage, disk: FullDisk) -> None:
    """What was written before is saved, recording goes on by itself, and nothing half-written stays."""
    with capture_parts(tmp_path) as parts:
        recorder = parts.recorder(camera_config(record="continuous", segment_seconds=60, pre_roll_seconds=0))

        feed(recorder, film.between(end_seconds=4.5), film.stream, parts)
        disk.full = True
        feed(recorder, film.between(4.5, 7.5), film.stream, parts)
        failing = recorder.is_failing
        disk.full = False
        recorder._begin_at = 0.0
        feed(recorder, film.between(7.5), film.stream, parts)
        recovered = not recorder.is_failing
        recorder.finish()
        recorder.no_more_looks()

    contents = [contents_of(parts.video.segment(m.segment_id)) for m in parts.manifests()]
    assert failing
    assert recovered
    assert contents[0].decoded >= 60
    assert sum(segment.decoded for segment in contents) >= 150
    assert parts.leftovers() == []


def test_a_try_on_a_disk_that_is_still_full_costs_no_footage(tmp_path: Path, film: Footage, disk: FullDisk) -> None:
    """The disk may have room again in the next moment; what was to be written then is still in the ring."""
    with capture_parts(tmp_path) as parts:
        recorder = parts.recorder(camera_config(record="continuous", segment_seconds=60, pre_roll_seconds=0))

        feed(recorder, film.between(end_seconds=4.5), film.stream, parts)
        disk.full = True
        feed(recorder, film.between(4.5, 6.1), film.stream, parts)
        recorder._begin_at = 0.0
        feed(recorder, film.between(6.1, 6.5), film.stream, parts)
        disk.full = False
        recorder._begin_at = 0.0
        feed(recorder, film.between(6.5), film.stream, parts)
        recorder.finish()
        recorder.no_more_looks()

    frames = [contents_of(parts.video.segment(m.segment_id)).decoded for m in parts.manifests()]
    assert len(frames) == 2
    assert frames[1] == sum(p.kind == "video" and p.dts_seconds >= 5.0 for p in film.packets), "from the next keyframe"


def test_closing_on_a_full_disk_leaves_a_file_that_can_be_read(tmp_path: Path, film: Footage, disk: FullDisk) -> None:
    """The index of an MP4 is written last; without room for it the fragments must stay good."""
    part = tmp_path / "part.mp4"
    writer = SegmentWriter(part, film.stream, next(p for p in film.packets if p.kind == "video"))
    writer.open()
    for packet in film.packets:
        writer.write(packet)

    disk.full = True
    with pytest.raises(StorageError, match=r"No space left.*free space"):
        writer.close()

    assert contents_of(part).decoded >= 180 - 15


def test_a_folder_that_cannot_be_written_is_told_with_its_name(tmp_path: Path, film: Footage) -> None:
    """The message must say what to do."""
    (tmp_path / "segments").write_text("not a folder")
    writer = SegmentWriter(tmp_path / "segments" / "cam" / "x.mp4.part", film.stream, film.packets[0])

    with pytest.raises(StorageError, match=r"cannot be written.*permissions of .*segments"):
        writer.open()


def test_a_changed_format_begins_a_new_segment_of_the_same_event(tmp_path: Path, film: Footage) -> None:
    """One MP4 cannot hold two picture sizes; the motion goes on all the same."""
    other = footage(make_clip(tmp_path / "other.mp4", seconds=4, audio=True, width=480, height=270))
    changed = replace(film.stream, video=other.stream.video)
    shift = round(6.0 * 16000 * 0.96)
    with capture_parts(tmp_path / "video") as parts:
        recorder = parts.recorder(camera_config(record="continuous", segment_seconds=60))

        feed(recorder, film.between(end_seconds=6), film.stream, parts)
        later = [replace(p, pts=p.pts + shift, dts=p.dts + shift) for p in other.packets if p.kind == "video"]
        feed(recorder, later, changed, parts)
        recorder.finish()
        recorder.no_more_looks()

    first, second = parts.manifests()
    assert (first.video.width, second.video.width) == (320, 480)
    assert contents_of(parts.video.segment(second.segment_id)).decoded == 60
    assert first.event_id == second.event_id


def test_gaps_are_logged_one_line_each(tmp_path: Path) -> None:
    """People ask why there is nothing between two and three o'clock."""
    clock = FixedClock()
    with capture_parts(tmp_path) as parts:
        watch = GapWatch("cam", clock)
        watch.video(is_keyframe=True)
        clock.advance(1)
        watch.failed("it ended the stream")
        watch.failed("connection refused")
        clock.advance(9)
        watch.video(is_keyframe=True)
        gap = watch.video(is_keyframe=True)
        assert gap is not None
        parts.committer.gap(gap)

    (line,) = [json.loads(text) for text in (tmp_path / "gaps_log.jsonl").read_text().splitlines()]
    assert line == {
        "schema": 1,
        "camera": "cam",
        "from": "2026-11-20T10:15:00.000Z",
        "to": "2026-11-20T10:15:10.000Z",
        "reason": "it ended the stream; then connection refused",
    }
