"""Photographs as people have them: the right pixels, or a reason that a person understands."""

import io
import os
import socket
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from shared_utils.errors import WrongUseError
from vedette.faces import photos
from vedette.faces.photos import PhotoError, find_photos, read_photo, shown

ORIENTATION = 0x0112
RED_AT_THE_TOP = ("red above", (200, 30, 20), (20, 30, 200))


def two_halves(width: int = 64, height: int = 96) -> Pillow.Image:
    """Red above, blue below."""
    picture = Pillow.new("RGB", (width, height), RED_AT_THE_TOP[2])
    picture.paste(RED_AT_THE_TOP[1], (0, 0, width, height // 2))
    return picture


def saved(picture: Pillow.Image, path: Path, **options: object) -> Path:
    picture.save(path, **options)  # type: ignore[arg-type]
    return path


def refusal(path: Path) -> str:
    with pytest.raises(PhotoError) as refused:
        read_photo(path)
    return str(refused.value)


def is_red(pixel: np.ndarray) -> bool:
    blue, _, red = (int(value) for value in pixel)
    return red > blue + 100


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "tiff", "gif"])
def test_every_usual_format_is_read_with_its_colours(tmp_path: Path, suffix: str) -> None:
    """The recogniser was trained on faces with red and blue in their places."""
    photo = read_photo(saved(two_halves(), tmp_path / f"photo.{suffix}"))

    assert photo.image.shape == (96, 64, 3)
    assert photo.image.dtype == np.uint8
    assert is_red(photo.image[10, 32])
    assert not is_red(photo.image[80, 32])


@pytest.mark.parametrize(
    ("orientation", "held"),
    [(3, Pillow.Transpose.ROTATE_180), (6, Pillow.Transpose.ROTATE_90), (8, Pillow.Transpose.ROTATE_270)],
)
@pytest.mark.parametrize("suffix", ["jpg", "png", "tiff", "webp"])
def test_a_photo_is_turned_the_way_it_is_looked_at(
    tmp_path: Path, orientation: int, held: Pillow.Transpose, suffix: str
) -> None:
    """Phones write every photo as the sensor lies; no detector finds a face that lies on its side."""
    exif = Pillow.Exif()
    exif[ORIENTATION] = orientation
    path = saved(two_halves().transpose(held), tmp_path / f"photo.{suffix}", exif=exif)

    image = read_photo(path).image

    assert image.shape == (96, 64, 3)
    assert is_red(image[10, 32])
    assert not is_red(image[80, 32])


def test_print_colours_become_screen_colours(tmp_path: Path) -> None:
    """CMYK comes from print shops, and read as RGB it is a negative."""
    image = read_photo(saved(two_halves().convert("CMYK"), tmp_path / "print.jpg", quality=95)).image

    assert is_red(image[10, 32])
    assert not is_red(image[80, 32])


def test_sixteen_bits_are_scaled_not_cut(tmp_path: Path) -> None:
    """Cut off at 255, every scan of 16 bits is a white page."""
    grey = np.linspace(0, 65535, 64 * 96).reshape(96, 64).astype(np.uint16)
    image = read_photo(saved(Pillow.fromarray(grey), tmp_path / "scan.png")).image

    assert image[0, 0, 0] < 10
    assert 110 < image[48, 0, 0] < 145
    assert image[95, 63, 0] > 245


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_laid_on_white(tmp_path: Path, mode: str) -> None:
    """Behind a cut-out portrait lies whatever the program left there, often a second face in garish colours."""
    cut_out = Pillow.new("RGBA", (40, 40), (0, 255, 0, 0))
    cut_out.paste((10, 10, 10, 255), (10, 10, 30, 30))
    image = read_photo(saved(cut_out.convert(mode), tmp_path / "cut.png")).image

    assert image[2, 2].tolist() == [255, 255, 255]
    assert image[20, 20].max() < 30


def test_one_bit_and_one_pixel_are_pictures_too(tmp_path: Path) -> None:
    """Nothing in the way to the detector may divide by their size."""
    assert read_photo(saved(Pillow.new("1", (1, 1), 1), tmp_path / "dot.png")).image.tolist() == [[[255, 255, 255]]]


def test_a_large_photo_is_made_smaller(tmp_path: Path) -> None:
    """24 megapixels of a phone: the detector would take seconds, and finds no more in them."""
    image = read_photo(saved(two_halves(6000, 4000), tmp_path / "large.jpg")).image

    assert image.shape == (1707, 2560, 3)
    assert is_red(image[100, 1000])


def test_a_strip_of_one_pixel_keeps_a_pixel(tmp_path: Path) -> None:
    """Made smaller by a quarter, its height would be none."""
    assert read_photo(saved(two_halves(20_000, 1), tmp_path / "strip.png")).image.shape == (1, 2560, 3)


def test_a_picture_that_unpacks_to_gigabytes_is_refused_before_it_does(tmp_path: Path) -> None:
    """A kilobyte of PNG can claim any size; decoding it would take the machine down that also records."""
    path = saved(two_halves(8, 8), tmp_path / "bomb.png")
    data = bytearray(path.read_bytes())
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    import zlib

    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    path.write_bytes(data)

    assert "megapixels" in refusal(path)


def test_more_than_120_megapixels_are_refused_with_their_size(tmp_path: Path) -> None:
    """Whoever stitched a panorama learns what to do."""
    path = saved(Pillow.new("1", (12_000, 11_000)), tmp_path / "panorama.png")

    assert "has 12000x11000 pixels; more than 120 megapixels are not read, make it smaller" in refusal(path)


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_an_animation_is_refused(tmp_path: Path, suffix: str) -> None:
    """Which of its faces is meant, only its owner knows."""
    frames = [two_halves(), two_halves().transpose(Pillow.Transpose.FLIP_TOP_BOTTOM)]
    path = tmp_path / f"moving.{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:])

    assert refusal(path) == "is an animation of 2 pictures; save the one that shows the face best"


@pytest.mark.parametrize(("suffix", "kind"), [("tiff", "TIFF"), ("jpg", "MPO")])
def test_further_pictures_that_are_no_movement_do_no_harm(tmp_path: Path, suffix: str, kind: str) -> None:
    """Phones add a depth map to a JPEG, scanners a preview to a TIFF."""
    path = tmp_path / f"photo.{suffix}"
    two_halves().save(path, kind, save_all=True, append_images=[two_halves(32, 48)])

    assert read_photo(path).image.shape == (96, 64, 3)


@pytest.mark.parametrize("kept", [0.5, 0.98])
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff"])
def test_a_photo_that_is_cut_off_is_refused(tmp_path: Path, suffix: str, kept: float) -> None:
    """Half a download may hold the whole face, or a grey one; nobody would look."""
    rng = np.random.default_rng(1)
    path = saved(Pillow.fromarray(rng.integers(0, 255, (90, 90, 3), np.uint8)), tmp_path / f"cut.{suffix}")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])

    assert "is damaged or cut off" in refusal(path)


def test_what_is_no_picture_says_what_is_read(tmp_path: Path) -> None:
    """The list of formats is the next question."""
    path = tmp_path / "letter.jpg"
    path.write_text("Dear Sir or Madam")

    assert refusal(path) == "is no picture (JPEG, PNG, WebP, BMP, TIFF and GIF are read)"


@pytest.mark.parametrize("name", ["IMG_1.HEIC", "renamed.jpg"])
def test_the_format_of_phones_that_is_not_read_is_named(tmp_path: Path, name: str) -> None:
    """Every iPhone makes them, and 'no picture' would be taken for a fault."""
    path = tmp_path / name
    path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(64))

    assert "HEIC" in refusal(path)
    assert "save it as JPEG or PNG" in refusal(path)


def test_an_empty_file_says_so(tmp_path: Path) -> None:
    """A copy that failed leaves one."""
    path = tmp_path / "empty.jpg"
    path.touch()

    assert refusal(path) == "is empty"


def test_a_file_that_is_absent_says_so(tmp_path: Path) -> None:
    """A typing error is the most usual mistake."""
    assert refusal(tmp_path / "photo.jpg") == "does not exist"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    """The message of the system is the reason."""
    path = saved(two_halves(), tmp_path / "secret.jpg")
    path.chmod(0)

    assert refusal(path) == "cannot be read: Permission denied"


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    """Opening a pipe that nobody writes to never ends."""
    os.mkfifo(tmp_path / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket.jpg"))

        assert refusal(tmp_path / "pipe.jpg") == "is no file"
        assert refusal(tmp_path / "socket.jpg") == "is no file"
    assert refusal(tmp_path) == "is no file"
    assert refusal(Path("/dev/zero")) == "is no file"


def test_a_link_leads_to_its_photo(tmp_path: Path) -> None:
    """Photo programs keep albums as folders of links."""
    saved(two_halves(), tmp_path / "photo.png")
    (tmp_path / "link.png").symlink_to("photo.png")
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "gone.png").symlink_to("nothing.png")

    assert read_photo(tmp_path / "link.png").sha256 == read_photo(tmp_path / "photo.png").sha256
    assert refusal(tmp_path / "gone.png") == "does not exist"
    assert refusal(tmp_path / "loop.png").startswith("cannot be read")


def test_a_file_of_hundreds_of_megabytes_is_not_read(tmp_path: Path) -> None:
    """A video with the wrong suffix would fill the memory."""
    path = tmp_path / "film.jpg"
    with path.open("wb") as handle:
        handle.truncate(photos.MOST_BYTES + 1)

    assert refusal(path) == "is 100 MB large; more than 100 MB is not read"


def test_a_folder_gives_its_pictures_in_order(tmp_path: Path) -> None:
    """Folders of photos hold thumbnails' databases, hidden copies and notes, too."""
    for name in ("b.JPG", "a.png", "notes.txt", ".hidden.jpg", "c.heic"):
        (tmp_path / name).touch()
    (tmp_path / "folder.jpg").mkdir()

    assert [path.name for path in find_photos([tmp_path])] == ["a.png", "b.JPG", "c.heic"]


def test_a_photo_that_is_named_twice_is_one(tmp_path: Path) -> None:
    """`anna/ anna/best.jpg` is easily typed."""
    (tmp_path / "best.jpg").touch()

    assert find_photos([tmp_path, tmp_path / "best.jpg"]) == [tmp_path / "best.jpg"]


def test_a_folder_without_photos_is_wrong_use(tmp_path: Path) -> None:
    """Nothing added, and no reason given, would look like success."""
    with pytest.raises(WrongUseError, match="has no photos in it"):
        find_photos([tmp_path])


def test_a_folder_of_folders_is_several_people(tmp_path: Path) -> None:
    """All of them under one name would spoil the gallery."""
    (tmp_path / "anna").mkdir()

    with pytest.raises(WrongUseError, match="another person's"):
        find_photos([tmp_path])


def test_names_that_are_no_text_can_be_shown() -> None:
    """Old archives carry names in other encodings; printing one must not end the command."""
    path = Path(os.fsdecode(b"M\xfcller\n\x1b[31m.jpg"))

    assert shown(path) == "M�ller��[31m.jpg"
    shown(path).encode()


def test_the_same_bytes_have_the_same_hash(tmp_path: Path) -> None:
    """By it a photo that was added already is known, whatever it is called now."""
    first = saved(two_halves(), tmp_path / "a.png")
    buffer = io.BytesIO(first.read_bytes())
    (tmp_path / "b.png").write_bytes(buffer.getvalue())

    assert read_photo(first).sha256 == read_photo(tmp_path / "b.png").sha256
