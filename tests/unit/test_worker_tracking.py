"""Detections joined into tracks."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import pytest

from shared_utils.analysis.tracking import SegmentTracker
from tests.support.as_segment import existing
from tests.support.tracking_score import followed, idf1, read_detections, read_ground_truth
from video_worker.detectors import Detection


def seen(label: str, left: float, score: float = 0.8, top: float = 100.0) -> Detection:
    return Detection(label, score, (left, top, left + 40.0, top + 100.0))


def face(left: float, top: float) -> Detection:
    return Detection("face", 0.8, (left, top, left + 20.0, top + 25.0))


def tracked(frames: Sequence[Sequence[Detection]], pause_seconds: float = 1 / 3) -> SegmentTracker:
    tracker = SegmentTracker(frames_per_second=3)
    for number, detections in enumerate(frames):
        tracker.add(number * pause_seconds, detections)
    return tracker


def test_a_person_who_walks_on_keeps_one_id_although_their_boxes_do_not_touch() -> None:
    """At three frames a second a walking person has left their own box by the next frame."""
    tracker = tracked([[seen("person", 45.0 * number)] for number in range(8)])

    assert [len(track.sightings) for track in tracker.tracks] == [8]


def test_what_is_seen_once_has_a_track_too() -> None:
    """Somebody who passes the gate within half a second must be in the log."""
    tracker = tracked([[], [seen("person", 10)], []])

    (track,) = tracker.tracks
    assert track.track_id == 1
    assert [sighting.t for sighting in track.sightings] == [1 / 3]


def test_a_weak_detection_begins_a_track_as_well() -> None:
    """The detector's least score is the only limit; a second one hidden in the tracker would surprise."""
    tracker = tracked([[seen("person", 10, score=0.26)]])

    assert [track.score for track in tracker.tracks] == [0.26]


def test_every_detection_belongs_to_exactly_one_track() -> None:
    """What the snapshot shows and what the log lists must be the same."""
    frames = [[seen("person", 30.0 * n), seen("person", 600.0 - 30 * n), seen("dog", 200, top=300)] for n in range(9)]

    tracker = tracked(frames)

    sightings = [sighting.detection for track in tracker.tracks for sighting in track.sightings]
    assert sorted(sightings, key=repr) == sorted((one for frame in frames for one in frame), key=repr)


def test_two_people_have_two_ids_that_are_unique_in_the_segment() -> None:
    """`count` is the number of tracks."""
    tracker = tracked([[seen("person", 10), seen("dog", 10, top=400), seen("person", 500)]] * 3)

    assert sorted(track.track_id for track in tracker.tracks) == [1, 2, 3]
    assert sorted(track.label for track in tracker.tracks) == ["dog", "person", "person"]


def test_a_person_hidden_for_a_second_comes_back_as_themselves() -> None:
    """A lamp post in front of the door must not make two visitors of one."""
    walk = [[seen("person", 20.0 * number)] if number not in {3, 4} else [] for number in range(9)]

    assert len(tracked(walk).tracks) == 1


def test_somebody_who_comes_a_minute_later_is_somebody_else() -> None:
    """Nothing tells that it is the same person, so nothing may claim it."""
    assert len(tracked([[seen("person", 10)], [seen("person", 10)]], pause_seconds=60).tracks) == 2


def test_a_vehicle_that_the_model_wavers_about_is_one_object_under_its_likelier_label() -> None:
    """A van is a car in one frame and a truck in the next; it is still one van."""
    labels = ["car", "truck", "car", "car"]

    tracker = tracked([[seen(label, 20.0 * number)] for number, label in enumerate(labels)])

    assert [track.label for track in tracker.tracks] == ["car"]


def test_a_person_and_the_bicycle_under_them_are_two_objects() -> None:
    """Their boxes overlap in every frame."""
    tracker = tracked([[seen("person", 20.0 * number), seen("bicycle", 20.0 * number)] for number in range(4)])

    assert {track.label: len(track.sightings) for track in tracker.tracks} == {"person": 4, "bicycle": 4}


def test_ids_begin_anew_in_every_segment() -> None:
    """The same segment analysed twice gives the same line."""
    frames = [[seen("person", 30.0 * number), seen("dog", 400)] for number in range(4)]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, second = tracked(frames), tracked(frames)

    assert first.tracks == second.tracks


def test_what_stands_still_keeps_its_track_while_it_is_carried_over() -> None:
    """A chair that is looked at every few seconds is one chair, and was seen as often as it was looked at."""
    chair = seen("chair", 10)
    tracker = SegmentTracker(frames_per_second=3)

    for number in range(30):
        looked_at = number % 10 == 0
        tracker.add(number / 3, [chair] if looked_at else [], [] if looked_at else [chair])

    assert [[round(one.t, 2) for one in track.sightings] for track in tracker.tracks] == [[0.0, 3.33, 6.67]]


def test_what_was_only_carried_over_has_no_track() -> None:
    """A line lists what somebody can look up in the video."""
    tracker = SegmentTracker(frames_per_second=3)

    tracker.add(0.0, [], [seen("chair", 10)])

    assert tracker.tracks == []


def test_a_carried_detection_that_equals_a_new_one_is_not_seen_twice() -> None:
    """Two chairs that stand one upon the other are two boxes, and one of them was looked at."""
    tracker = SegmentTracker(frames_per_second=3)

    tracker.add(0.0, [seen("chair", 10)], [seen("chair", 10)])

    assert sum(len(track.sightings) for track in tracker.tracks) == 1


@pytest.mark.parametrize("frames_per_second", [3, 5, 10])
def test_two_people_who_pass_each_other_keep_their_ids_although_one_hides_the_other(frames_per_second: float) -> None:
    """They meet in the middle of the picture, and only the one in front is found there."""
    tracker = SegmentTracker(frames_per_second)
    for number in range(round(8 * frames_per_second)):
        t = number / frames_per_second
        behind, in_front = seen("person", 30.0 + 60 * t), seen("person", 510.0 - 60 * t, top=112.0)
        hidden = abs(behind.box[0] - in_front.box[0]) < 30
        tracker.add(t, [in_front] if hidden else [in_front, behind])

    assert [{sighting.detection.box[1] for sighting in track.sightings} for track in tracker.tracks] == [
        {112.0},
        {100.0},
    ]


@pytest.mark.parametrize("frames_per_second", [3, 4, 5])
def test_faces_that_pass_in_a_row_keep_their_ids_although_they_leave_their_own_place(frames_per_second: float) -> None:
    """Where one was, the next one nearly is by the next frame: who takes the nearest box, names them all wrongly."""
    tracker = SegmentTracker(frames_per_second)
    tops = (100.0, 107.0, 114.0)
    for number in range(round(4 * frames_per_second)):
        t = number / frames_per_second
        tracker.add(t, [face(100 * t + 45 * place, top) for place, top in enumerate(tops)])

    assert [{sighting.detection.box[1] for sighting in track.sightings} for track in tracker.tracks] == [
        {top} for top in tops
    ]


def test_a_face_that_falls_by_more_than_its_height_between_two_looks_keeps_its_id() -> None:
    """Somebody runs down the stairs: no row of the picture that the face was in is one that it is in now."""
    tracker = tracked([[face(100.0, 40.0 * number)] for number in range(6)], pause_seconds=0.25)

    assert [len(track.sightings) for track in tracker.tracks] == [6]


def test_somebody_whom_the_detector_sees_twice_goes_on_with_the_surer_box() -> None:
    """Half a person found beside the whole one must not take the track along."""
    tracker = SegmentTracker(frames_per_second=5)
    for number in range(30):
        whole = seen("person", 12.0 * number, score=0.9)
        half = Detection("person", 0.3, (12.0 * number + 6, 102.0, 12.0 * number + 46, 198.0))
        tracker.add(number / 5, [half, whole] if number % 2 else [whole])

    surest = max(tracker.tracks, key=lambda track: len(track.sightings))
    assert [sighting.detection.score for sighting in surest.sightings] == [0.9] * 30


@pytest.mark.parametrize(("every", "least"), [(1, 0.48), (2, 0.50)])
def test_ids_stick_to_people_in_annotated_footage(media_dir: Path, every: int, least: float) -> None:
    """Ten people cross each other for half a minute. Perfect ids on these boxes would make 0.74."""
    folder = existing(media_dir / "tracking" / "PETS09-S2L1")
    counted, ignored = read_ground_truth(folder / "gt_every5.txt", scale=0.625)
    detections = read_detections(folder / "det.txt", scale=0.625)
    frames = range(1, 266, every)

    found = followed({frame: detections.get(frame, []) for frame in frames}, frames_per_second=10)

    assert idf1({frame: who for frame, who in counted.items() if frame in found}, ignored, found) >= least
