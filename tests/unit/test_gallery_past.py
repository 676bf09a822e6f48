"""Names in past log lines: set, changed and taken out, and nothing else in the log touched."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from shared_utils.clock import to_iso
from shared_utils.gallery import past
from shared_utils.gallery.appearances import write_appearances
from shared_utils.gallery.clusters import cluster_strangers, unknown_clusters
from shared_utils.gallery.index import refresh
from shared_utils.gallery.naming import name_cluster, reject_track
from shared_utils.gallery.past import Told
from shared_utils.gallery.records import TrackKey
from shared_utils.gallery.store import Gallery
from shared_utils.logs import FACES_LOG, JsonlLog, LogUnavailableError, ResultLog, to_bytes
from shared_utils.segments import segment_id
from tests.support.fixed_clock import FixedClock
from tests.support.galleries import gallery_in, open_gallery_in, photo
from tests.support.gallery_parts import MODEL, MORNING, appearance

ANN, POSTMAN = 1, 2
TORN = b'{"ok":true,"filename":"hall-2026'


def line_of(minutes: float, *faces: tuple[int, str, str | None], model: str = MODEL) -> dict[str, Any]:
    """A line of the faces log: (track, name, identity) of each face."""
    started_at = MORNING + timedelta(minutes=minutes)
    segment = segment_id("hall", started_at)
    return {
        "ok": True,
        "filename": f"{segment}.mp4",
        "detected": sorted({name for _, name, _ in faces}),
        "count": len(faces),
        "timestamp": to_iso(started_at),
        "schema": 1,
        "segment_id": segment,
        "camera": "hall",
        "event_id": None,
        "started_at": to_iso(started_at),
        "model": model,
        "frames_analysed": 3,
        "seconds": 0.5,
        "faces": [
            {"track_id": track, "name": name, "identity_id": identity, "similarity": 0.3, "quality": 0.8,
             "first_t": 0.0, "last_t": 2.0, "path": [[0.0, 1, 2, 3, 4, 0.9]]}
            for track, name, identity in faces
        ],
        "error": None,
    }  # fmt: skip


def write_log(folder: Path, name: str, *lines: dict[str, Any], end: bytes = b"") -> Path:
    path = folder / "video" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(to_bytes(line) for line in lines) + end)
    return path


def names_in(path: Path) -> list[list[tuple[str, str | None]]]:
    lines = [json.loads(raw) for raw in path.read_bytes().splitlines() if raw.endswith(b"}")]
    return [[(face["name"], face["identity_id"]) for face in line["faces"]] for line in lines]


def cluster_of(gallery: Gallery) -> int:
    refresh(gallery.database, gallery.video)
    cluster_strangers(gallery.database, MODEL, 0.5)
    return unknown_clusters(gallery.database, MODEL)[0].number


def test_naming_a_cluster_renames_its_past_tracks_and_nothing_else(tmp_path: Path) -> None:
    """'Who was at the door last week?' is asked of the log, and a name that comes later must be in it."""
    other_model = line_of(0, (1, "unknown", None), model="other")
    old = write_log(
        tmp_path, "faces_log-2026-10.jsonl", line_of(0, (1, "unknown", None), (2, "unknown", None)), end=TORN
    )
    new = write_log(tmp_path, "faces_log.jsonl", other_model, line_of(5, (1, "unknown", None)), line_of(9), end=TORN)
    before = old.read_bytes(), new.read_bytes()
    with open_gallery_in(tmp_path) as gallery:
        for minutes in (0, 5):
            one = appearance(POSTMAN, minutes=minutes)
            write_appearances(gallery.video, one.segment_id, MODEL, [one])

        pat = name_cluster(gallery, cluster_of(gallery), "Pat").identity

        assert gallery.told == Told(lines=2, tracks=2)
    assert names_in(old) == [[("Pat", pat.id), ("unknown", None)]]
    assert names_in(new) == [[("unknown", None)], [("Pat", pat.id)], []]
    renamed = f'"name":"Pat","identity_id":"{pat.id}"'.encode()
    undone = [path.read_bytes().replace(renamed, b'"name":"unknown","identity_id":null') for path in (old, new)]
    detected = (b'"detected":["Pat","unknown"]', b'"detected":["Pat"]')
    for data, kept, wanted in zip(undone, before, detected, strict=True):
        assert wanted in data
        assert data.replace(wanted, b'"detected":["unknown"]') == kept


def test_the_line_of_a_renamed_track_keeps_its_form(tmp_path: Path) -> None:
    """Other people's programs read the first five keys, and workers know their lines by the beginning."""
    path = write_log(tmp_path, "faces_log.jsonl", line_of(0, (1, "unknown", None)))
    with open_gallery_in(tmp_path) as gallery:
        one = appearance(POSTMAN)
        write_appearances(gallery.video, one.segment_id, MODEL, [one])
        name_cluster(gallery, cluster_of(gallery), "Zoë")

    line = json.loads(path.read_bytes())
    assert list(line) == list(line_of(0))
    assert (line["detected"], line["count"], line["faces"][0]["similarity"]) == (["Zoë"], 1, 0.3)


def test_a_merged_persons_past_is_the_others(tmp_path: Path) -> None:
    with open_gallery_in(tmp_path) as gallery:
        ann, anna = (gallery.add(name, [photo(ANN, look)]).identity for look, name in enumerate(("Ann", "Anna")))
        path = write_log(tmp_path, "faces_log.jsonl", line_of(0, (1, "Ann", ann.id), (2, "Anna", anna.id)))

        gallery.merge("Ann", "Anna")

    assert names_in(path) == [[("Ann", ann.id), ("Ann", ann.id)]]
    assert json.loads(path.read_bytes())["detected"] == ["Ann"]


def test_a_renamed_persons_past_has_the_new_name(tmp_path: Path) -> None:
    with open_gallery_in(tmp_path) as gallery:
        ann = gallery.add("Anm", [photo(ANN)]).identity
        path = write_log(tmp_path, "faces_log.jsonl", line_of(0, (1, "Anm", ann.id)))

        gallery.rename("Anm", "Ann")

    assert names_in(path) == [[("Ann", ann.id)]]


@pytest.mark.parametrize(("purge", "left"), [(True, "unknown"), (False, "Ann")])
def test_a_removed_person_stays_in_the_past_unless_it_is_purged(tmp_path: Path, purge: bool, left: str) -> None:
    """The log is a record of what happened; that somebody asks to be forgotten is the exception."""
    with open_gallery_in(tmp_path) as gallery:
        ann = gallery.add("Ann", [photo(ANN)]).identity
        path = write_log(tmp_path, "faces_log.jsonl", line_of(0, (1, "Ann", ann.id)), line_of(1, (1, "Ann", "another")))

        gallery.remove("Ann", purge=purge)

    assert [name for line in names_in(path) for name, _ in line] == [left, "Ann"]
    assert (ann.id in path.read_text()) is not purge


def test_a_rejected_track_is_unknown_in_the_log(tmp_path: Path) -> None:
    with open_gallery_in(tmp_path) as gallery:
        ann = gallery.add("Ann", [photo(ANN)]).identity
        path = write_log(tmp_path, "faces_log.jsonl", line_of(0, (1, "Ann", ann.id), (2, "Ann", ann.id)))
        one = appearance(POSTMAN, 2, name="Ann")
        write_appearances(gallery.video, one.segment_id, MODEL, [one])
        refresh(gallery.database, gallery.video)

        reject_track(gallery, TrackKey(one.segment_id, MODEL, 2), "Ann")

    assert names_in(path) == [[("Ann", ann.id), ("unknown", None)]]


def test_what_the_log_was_not_told_is_told_by_the_next_command(tmp_path: Path) -> None:
    """A kill between the gallery and the log, or a log that could not be written: the name must not be half given."""
    with gallery_in(tmp_path) as gallery:
        ann = gallery.add("Anm", [photo(ANN)]).identity
        path = write_log(tmp_path, "faces_log.jsonl", line_of(0, (1, "Anm", ann.id)))
        path.with_name("faces_log.jsonl.part").mkdir()  # what takes the log's place cannot be written
        with pytest.raises(LogUnavailableError):
            gallery.rename("Anm", "Ann")
    assert names_in(path) == [[("Anm", ann.id)]]
    path.with_name("faces_log.jsonl.part").rmdir()

    with open_gallery_in(tmp_path):
        pass

    assert names_in(path) == [[("Ann", ann.id)]]


def test_a_name_that_a_worker_wrote_late_is_taken_out_by_the_next_command(tmp_path: Path) -> None:
    """It read the snapshot before the purge, and was in the middle of a segment. Her face is in its sidecar, too."""
    clock = FixedClock(MORNING)
    with gallery_in(tmp_path, clock) as gallery:
        ann = gallery.add("Ann", [photo(ANN)]).identity
        path = write_log(tmp_path, "faces_log.jsonl", line_of(0, (1, "Ann", ann.id)))
        gallery.remove("Ann", purge=True)
    write_log(tmp_path, "faces_log.jsonl", line_of(0, (1, "unknown", None)), line_of(5, (1, "Ann", ann.id)))
    late = replace(appearance(ANN, minutes=5, name="Ann"), identity_id=ann.id)
    sidecar = write_appearances(gallery.video, late.segment_id, MODEL, [late])
    clock.advance(7200)

    with gallery_in(tmp_path, clock) as gallery:
        first = gallery.told
    with gallery_in(tmp_path, clock) as again, again.database.reading() as connection:
        left = connection.execute("select count(*) from renamings").fetchone()[0]

    assert names_in(path) == [[("unknown", None)], [("unknown", None)]]
    assert sidecar is not None
    assert not sidecar.exists()
    assert (first, left) == (Told(1, 1), 0)


def test_renamings_are_told_in_the_order_in_which_they_were_decided(tmp_path: Path) -> None:
    """Two that wait together, because the log was away, must not end with the older name."""
    with gallery_in(tmp_path) as gallery:
        ann = gallery.add("A", [photo(ANN)]).identity
        path = write_log(tmp_path, "faces_log.jsonl", line_of(0, (1, "A", ann.id)))
        away = path.rename(path.with_suffix(".away"))
        gallery.rename("A", "B")
        gallery.rename("B", "C")
        away.rename(path)

    with open_gallery_in(tmp_path):
        pass

    assert names_in(path) == [[("C", ann.id)]]


def test_of_two_commands_at_once_the_later_has_the_last_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first still reads a long log when somebody puts its mistake right: the wrong name would stay for good."""
    path = write_log(tmp_path, "faces_log.jsonl", line_of(0, (1, "unknown", None)))
    tell = past.rename_in_log
    second: Thread | None = None

    def correct() -> None:
        with gallery_in(tmp_path) as other:
            name_cluster(other, number, "Pit")

    def while_another_corrects(*arguments: Any) -> Told:
        nonlocal second
        if second is None:
            second = Thread(target=correct)
            second.start()
            second.join(0.5)
        return tell(*arguments)

    with open_gallery_in(tmp_path) as gallery:
        one = appearance(POSTMAN)
        write_appearances(gallery.video, one.segment_id, MODEL, [one])
        number = cluster_of(gallery)
        monkeypatch.setattr(past, "rename_in_log", while_another_corrects)
        name_cluster(gallery, number, "Pat")
        assert second is not None
        second.join()
        pit = gallery.identity("Pit")

    assert names_in(path) == [[("Pit", pit.id)]]


def test_a_line_that_comes_after_its_faces_were_named_gets_the_name(tmp_path: Path) -> None:
    """The worker puts the faces on disk first: named in between, the track would be a stranger in the log for ever."""
    with open_gallery_in(tmp_path) as gallery:
        one = appearance(POSTMAN)
        write_appearances(gallery.video, one.segment_id, MODEL, [one])
        path = write_log(tmp_path, "faces_log.jsonl", line_of(9))
        pat = name_cluster(gallery, cluster_of(gallery), "Pat").identity
    write_log(tmp_path, "faces_log.jsonl", line_of(0, (1, "unknown", None)))

    with open_gallery_in(tmp_path):
        pass

    assert names_in(path) == [[("Pat", pat.id)]]


def test_a_purged_name_is_not_kept_among_what_is_to_be_told(tmp_path: Path) -> None:
    """What the log was told of them earlier waits for an hour to be told again, with their name in it."""
    write_log(tmp_path, "faces_log.jsonl", line_of(9))
    with open_gallery_in(tmp_path) as gallery:
        gallery.add("Anm Seldomname", [photo(ANN)])
        gallery.rename("Anm Seldomname", "Ann Seldomname")
        gallery.add("Ann Oftenseen", [photo(POSTMAN)])
        gallery.merge("Ann Seldomname", "Ann Oftenseen")

        gallery.remove("Ann Seldomname", purge=True)

    everything = b"".join(path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())
    assert b"Seldomname" not in everything


def test_a_worker_that_has_the_log_open_goes_on(tmp_path: Path) -> None:
    """The file it has read is replaced by another: it must neither lose a line nor write one twice."""
    clock = FixedClock(MORNING)
    worker = ResultLog(tmp_path / "video", FACES_LOG, clock)
    with open_gallery_in(tmp_path) as gallery:
        ann = gallery.add("Anm", [photo(ANN)]).identity
        worker.record(line_of(0, (1, "Anm", ann.id)))
        worker.record(line_of(1, (1, "unknown", None)))

        gallery.rename("Anm", "Ann")
        recorded = [worker.record(line_of(minutes, (1, "Ann", ann.id))) for minutes in (0, 1, 2)]

    assert recorded == [False, False, True]
    assert worker.succeeded(line_of(2)["segment_id"], MODEL, MORNING)
    lines = list(JsonlLog(tmp_path / "video", FACES_LOG, clock).lines())
    assert [line["detected"] for line in lines] == [["Ann"], ["unknown"], ["Ann"]]
