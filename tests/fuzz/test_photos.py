"""Whatever lies in a folder of photos: a face that is added, or a reason in words, and never half a person."""

import io
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from shared_utils.analysis.detections import Image
from shared_utils.gallery.database import GalleryDatabase
from shared_utils.gallery.store import Gallery
from shared_utils.segments import VideoDir
from tests.support.fixed_clock import FixedClock
from tests.support.painted_faces import Painted, PaintedEngine, picture
from vedette.faces.enrol import EnrolOptions, enrol
from vedette.faces.photos import LONGEST_SIDE_PX, PhotoError, read_photo, shown

SECONDS = 10.0  # for one file on a busy machine; a decoder that hangs takes for ever
MEMORY_KB = 1_500_000  # above what is in use before: the largest picture that is read takes 0.5 GB
EXAMPLES = settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


def _file(image: Pillow.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _seeds() -> list[bytes]:
    """A photo with a good face in every format that is read, and what else their readers have branches for."""
    face = Pillow.fromarray(picture(Painted(20), size=(180, 160))[:, :, ::-1])
    moving = {"save_all": True, "append_images": [face.rotate(90)]}
    exif = Pillow.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera"
    return [
        _file(face, "JPEG", quality=95, exif=exif),
        _file(face, "JPEG", progressive=True),
        _file(face.convert("CMYK"), "JPEG"),
        _file(face, "MPO", **moving),
        _file(face, "PNG", exif=exif),
        _file(face.convert("P"), "PNG", transparency=0),
        _file(face.convert("I;16"), "PNG"),
        _file(face, "PNG", **moving),
        _file(face, "WEBP", lossless=True),
        _file(face, "WEBP", **moving),
        _file(face, "BMP"),
        _file(face.convert("P"), "BMP"),
        _file(face, "TIFF"),
        _file(face, "TIFF", compression="tiff_lzw"),
        _file(face, "TIFF", compression="jpeg"),
        _file(face.convert("P"), "GIF"),
        _file(face.convert("P"), "GIF", **moving),
    ]


SEEDS = _seeds()
HEADER = 64  # bytes at the beginning, where sizes and modes stand


@st.composite
def broken_files(draw: st.DrawFn) -> bytes:
    """One of the photos with a few bytes changed, mostly at its beginning, and maybe cut off, doubled or filled up."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 6))):
        place = draw(st.integers(0, min(HEADER, len(data) - 1)) | st.integers(0, len(data) - 1))
        data[place] = draw(st.integers(0, 255) | st.sampled_from([0, 0x7F, 0x80, 0xFF]))
    end = draw(st.just(len(data)) | st.integers(0, len(data)))
    return bytes(data[:end]) + draw(st.just(b"") | st.binary(max_size=64))


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[Gallery]:
    with Gallery(GalleryDatabase(tmp_path / "state", FixedClock()), VideoDir(tmp_path / "video")) as opened:
        yield opened


def most_memory_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def image_or_reason(path: Path) -> Image | str:
    try:
        return read_photo(path).image
    except PhotoError as error:
        return str(error)


@EXAMPLES
@given(data=broken_files())
def test_a_file_is_a_photo_or_has_a_reason(tmp_path: Path, data: bytes) -> None:
    """Photos come from old disks, other people's phones and the net."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    memory, began = most_memory_kb(), time.monotonic()
    image = image_or_reason(path)
    if isinstance(image, str):
        assert 5 < len(image) < 300
        assert image.isprintable()
    else:
        assert image.dtype == np.uint8
        assert image.shape[2:] == (3,)
        assert 0 < min(image.shape[:2]) <= max(image.shape[:2]) <= LONGEST_SIDE_PX
    assert time.monotonic() - began < SECONDS
    assert most_memory_kb() - memory < MEMORY_KB


@settings(EXAMPLES, max_examples=150)
@given(first=broken_files(), second=st.binary(max_size=300) | broken_files())
def test_the_gallery_has_what_was_said_to_be_added_and_nothing_else(
    gallery: Gallery, tmp_path: Path, first: bytes, second: bytes
) -> None:
    """Whatever a decoder makes of damage, it must not leave half a person."""
    paths = [tmp_path / "first.png", tmp_path / "second.png"]
    for path, data in zip(paths, (first, second), strict=True):
        path.write_bytes(data)

    done = enrol(gallery, PaintedEngine(), "Anna", paths, EnrolOptions(threshold=0.4))

    assert len(done.added) + len(done.refused) == len(paths)
    faces = gallery.embeddings("Anna") if gallery.has("Anna") else []
    assert sorted(face.source_sha256 for face in faces) == sorted(one.photo.sha256 for one in done.added)
    if faces:
        gallery.remove("Anna")


@EXAMPLES
@given(name=st.binary(min_size=1, max_size=60))
def test_any_name_of_a_file_can_be_shown(name: bytes) -> None:
    """What a message cannot print ends the command after the work is done."""
    import os

    text = shown(Path(os.fsdecode(name.replace(b"\0", b"0"))))

    assert text.isprintable()
    text.encode()


def test_the_photos_are_good_before_they_are_broken(tmp_path: Path, gallery: Gallery) -> None:
    """Otherwise nothing would be tried but refusals."""
    path = tmp_path / "photo"
    reasons = []
    for data in SEEDS:
        path.write_bytes(data)
        done = enrol(gallery, PaintedEngine(), "Anna", [path], EnrolOptions(threshold=0.4, insist=True))
        reasons += [refusal.text for refusal in done.refused]

    assert len([text for text in reasons if "animation" in text]) == 3
    assert gallery.identity("Anna").embeddings[PaintedEngine().embedding_model] >= 5
