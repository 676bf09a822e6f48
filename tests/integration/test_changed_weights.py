"""Other weights in a folder of the same name: what the old ones made is compared with nothing that they make."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from face_worker.analysis import FaceAnalysis
from face_worker.engines import Engines
from shared_utils.analysis.detections import Floats
from shared_utils.analysis.segment_worker import Segment
from shared_utils.clock import SystemClock
from shared_utils.config import FacesConfig
from shared_utils.embedding_models import pack_of
from shared_utils.faces.engine import FaceEngine, load_engine
from shared_utils.gallery.appearances import write_appearances
from shared_utils.gallery.clusters import cluster_strangers, unknown_clusters
from shared_utils.gallery.database import GalleryDatabase
from shared_utils.gallery.index import refresh
from shared_utils.gallery.matching import Match, Matcher
from shared_utils.gallery.naming import name_cluster, reject_track
from shared_utils.gallery.records import NewEmbedding, TrackKey
from shared_utils.gallery.snapshot import WatchedSnapshot, read_snapshot, snapshot_path
from shared_utils.gallery.store import Gallery
from shared_utils.models import PACKS_FOLDER
from shared_utils.segments import VideoDir
from tests.support.as_segment import existing
from tests.support.face_engines import BlockEngine, unit
from tests.support.face_site import OPTIONS, FaceSite, enrol, load
from tests.support.gallery_parts import appearance
from tests.support.own_folder import work_in
from tests.support.tiny_pack import picture, tiny_pack, write_recogniser
from vedette.cli import app
from vedette.faces.enrol import as_png
from vedette.faces.photos import read_photo

PACK = "local_mbf"
OLD, NEW = "toy:aaaaaaaa", "toy:bbbbbbbb"
SHA256 = "0" * 64


def command(folder: Path, pack: str, *arguments: str | Path) -> str:
    """What a `vedette faces` command says, in one line; it succeeds."""
    config = folder / "vedette.yml"
    config.write_text(f"faces: {{model: {pack}}}\nvideo_dir: {folder / 'video'}\n")
    words = ["faces", *(str(argument) for argument in arguments), "--config", str(config)]
    result = CliRunner().invoke(app, words, env={"MODELS_DIR": str(folder / "models"), "COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return " ".join(result.output.replace("│", " ").split())


def opened(folder: Path) -> Gallery:
    """The gallery as `command` has it."""
    video = VideoDir(folder / "video")
    return Gallery(GalleryDatabase(video.root / "state", SystemClock()), video)


def who(folder: Path, engine: FaceEngine, embedding: Floats) -> Match:
    snapshot = read_snapshot(snapshot_path(VideoDir(folder / "video")))
    return Matcher(snapshot, engine.embedding_model, 0.4, 0.05).match(embedding)


def loaded(folder: Path, pack: str) -> FaceEngine:
    return load_engine(FacesConfig(model=pack, threads=1), folder / "models")


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    work_in(tmp_path, monkeypatch)
    return tmp_path


def test_a_worker_with_other_weights_names_nobody_by_the_old_ones(tmp_path: Path) -> None:
    """Its embeddings are as long, and could be equal by chance: a stranger would be called Anna."""
    site = FaceSite(tmp_path / "video", BlockEngine(weights="fedcba9876543210"))
    enrol(site.video, {"Anna": unit(0)}, BlockEngine().embedding_model)

    site.worker.handle(site.add_segment())

    assert (site.line["detected"], site.line["model"]) == (["unknown"], "block-faces")
    assert [one.model for one in site.appearances("block-faces")] == ["block-faces:fedcba98"]


def test_a_worker_says_once_that_it_knows_nobody_by_its_weights(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Otherwise it looks as if recognition had stopped working overnight."""
    site = FaceSite(tmp_path / "video", BlockEngine(weights="fedcba9876543210"))
    enrol(site.video, {"Anna": unit(0)}, BlockEngine().embedding_model)
    task, engines = site.add_segment(), Engines(site.engine, load)
    analysis = FaceAnalysis(site.video, engines, WatchedSnapshot(site.video).current, OPTIONS)

    for _ in range(2):
        analysis.analyse(task, Segment(site.video.resolve(task.filename), 6.0))

    told = [record.getMessage() for record in caplog.records if "vedette faces reembed" in record.getMessage()]
    assert len(told) == 1
    assert "nobody by the weights block-faces:fedcba98" in told[0]


def test_a_worker_names_whom_its_own_weights_know(tmp_path: Path) -> None:
    site = FaceSite(tmp_path / "video", BlockEngine(weights="fedcba9876543210"))
    enrol(site.video, {"Anna": unit(0)}, site.engine.embedding_model)

    site.worker.handle(site.add_segment())

    assert site.line["detected"] == ["Anna"]


def test_who_is_known_by_the_old_weights_only_is_told_and_made_known(own_folder: Path) -> None:
    """Somebody copies better weights over the old ones and changes no setting: nothing else would say so."""
    recogniser = tiny_pack(own_folder / "models" / PACKS_FOLDER / "tiny") / "tiny_w16.onnx"
    old, image = loaded(own_folder, "tiny"), picture((80, 64))
    crop = old.crop(image, old.find(image)[0])
    with opened(own_folder) as gallery:
        face = NewEmbedding(old.embedding_model, old.embed_crops([crop])[0], 0.9, "a.png", SHA256, crop=as_png(crop))
        gallery.add("Anna", [face])
    assert "none by" not in command(own_folder, "tiny", "list")

    write_recogniser(recogniser, seed=1)
    new = loaded(own_folder, "tiny")
    embedding = new.embed_crops([crop])[0]

    assert (new.name, new.embedding_size) == (old.name, old.embedding_size)
    assert not who(own_folder, new, embedding).known
    listed = command(own_folder, "tiny", "list")
    assert f"none by {new.embedding_model}" in listed
    assert "'vedette faces reembed'" in listed
    assert f"known by {new.embedding_model} now" in command(own_folder, "tiny", "reembed")
    assert "none by" not in command(own_folder, "tiny", "list")
    assert who(own_folder, new, embedding).name == "Anna"


def test_a_real_recogniser_that_was_replaced_knows_people_once_it_was_shown_them(
    own_folder: Path, models_dir: Path, media_dir: Path
) -> None:
    """Two trainings of one network: as long, and meaningless to each other."""
    pack = own_folder / "models" / PACKS_FOLDER / PACK
    shutil.copytree(existing(models_dir / PACKS_FOLDER / PACK), pack, copy_function=shutil.copyfile)
    pack.chmod(0o755)
    other = existing(models_dir / "insightface" / "alt" / "mobilefacenet_relu6_128.onnx")
    photo = min(existing(media_dir / "faces" / "named" / "obama").iterdir())
    command(own_folder, PACK, "add", "Anna", photo)
    old = loaded(own_folder, PACK)

    shutil.copyfile(other, next(pack.glob("mobilefacenet*.onnx")))
    new, image = loaded(own_folder, PACK), read_photo(photo).image
    embedding = new.embed(image, new.find(image, portrait=True)[:1])[0]

    assert (new.name, new.embedding_size) == (old.name, old.embedding_size)
    assert not who(own_folder, new, embedding).known
    command(own_folder, PACK, "reembed")
    assert who(own_folder, new, embedding).similarity > 0.99


def test_strangers_of_two_weights_are_never_put_together(tmp_path: Path) -> None:
    """The same face twice, were it by the same weights; the second one cannot be told from a chance."""
    with opened(tmp_path) as gallery:
        for one in (appearance(1, model=OLD), appearance(1, minutes=5, model=NEW)):
            write_appearances(gallery.video, one.segment_id, pack_of(one.model), [one])
        assert refresh(gallery.database, gallery.video).unreadable == ()

        for model in (OLD, NEW):
            cluster_strangers(gallery.database, model, 0.4)

        (old,), (new,) = (unknown_clusters(gallery.database, model) for model in (OLD, NEW))
        assert (old.appearances, new.appearances) == (1, 1)
        name_cluster(gallery, new.number, "Anna")
        assert gallery.identity("Anna").embeddings == {NEW: 1}
        assert list(read_snapshot(snapshot_path(gallery.video)).models) == [NEW]


def test_a_segment_that_is_analysed_again_leaves_nothing_of_the_old_weights(tmp_path: Path) -> None:
    """Its file has the same name: rows of the old one would tell of faces that lie in no file."""
    with opened(tmp_path) as gallery:
        for model in (OLD, NEW):
            one = appearance(1, model=model)
            write_appearances(gallery.video, one.segment_id, "toy", [one])
            refresh(gallery.database, gallery.video)
            cluster_strangers(gallery.database, model, 0.4)

        assert unknown_clusters(gallery.database, OLD) == []
        assert [cluster.appearances for cluster in unknown_clusters(gallery.database, NEW)] == [1]


def test_what_a_person_is_not_is_known_by_the_weights_that_saw_it(tmp_path: Path) -> None:
    """A track is named as its line names it, by the pack; its face is of certain weights."""
    one = appearance(1, model=NEW)
    with opened(tmp_path) as gallery:
        gallery.add("Anna", [NewEmbedding(OLD, one.embedding, 0.9, "a.png", SHA256)])
        write_appearances(gallery.video, one.segment_id, "toy", [one])
        refresh(gallery.database, gallery.video)

        reject_track(gallery, TrackKey(one.segment_id, "toy", one.track_id), "Anna")

        models = read_snapshot(snapshot_path(gallery.video)).models
        with gallery.database.reading() as connection:
            assert connection.execute("select model from rejections").fetchall() == [(NEW,)]
        assert len(models[OLD].rejected) == 0


def test_a_file_of_faces_by_no_model_is_left_out(tmp_path: Path) -> None:
    """What somebody else left there must not end the command that reads all of them."""
    one = appearance(1, model="toy:" + "b" * 300)
    with opened(tmp_path) as gallery:
        path = write_appearances(gallery.video, one.segment_id, "toy", [one])

        assert path is not None
        assert refresh(gallery.database, gallery.video).unreadable == (str(path.relative_to(gallery.video.faces)),)


def test_a_file_of_faces_is_of_one_recogniser(tmp_path: Path) -> None:
    """Its header names one model for all of them."""
    both = [appearance(1, 1, model=OLD), appearance(2, 2, model=NEW)]

    with pytest.raises(ValueError, match="is not of"), opened(tmp_path) as gallery:
        write_appearances(gallery.video, both[0].segment_id, "toy", both)
