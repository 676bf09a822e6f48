"""`vedette watch`: a video comes out, from files and cameras, with people drawn in; or a reason why not."""

import json
import stat
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from shared_utils.config import CameraConfig
from tests.support.as_segment import existing
from tests.support.clips import make_clip
from tests.support.emulator import Emulator
from tests.support.own_folder import work_in
from vedette.cli import app

PASSWORD = "hunter2secret"


def run(folder: Path, *arguments: str, settings: dict[str, object] | None = None) -> Result:
    config = folder / "vedette.yml"
    config.write_text(json.dumps({"objects": {"model": "hog"}, "video_dir": str(folder / "video"), **(settings or {})}))
    return CliRunner().invoke(app, ["watch", *arguments, "--config", str(config)])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    work_in(tmp_path, monkeypatch)
    return tmp_path


def described(path: Path) -> tuple[str, tuple[int, int], int, float]:
    """Codec, size, frames and seconds of a video, all decoded."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        times = [float(frame.time) for frame in container.decode(stream)]
        return (
            stream.codec_context.name,
            (stream.codec_context.width, stream.codec_context.height),
            len(times),
            times[-1],
        )


def test_a_file_becomes_a_video_that_plays_everywhere(folder: Path) -> None:
    """H.264 in MP4, every frame at its time."""
    clip = make_clip(folder / "clip.mp4", seconds=3, width=322, height=180)
    result = run(folder, str(clip))

    codec, size, count, last = described(folder / "watch-clip.mp4")
    with av.open(str(clip)) as container:
        expected = sum(1 for _ in container.decode(video=0))
    assert result.exit_code == 0, result.output
    assert (codec, size, count) == ("h264", (322, 180), expected)
    assert last == pytest.approx(3.0, abs=0.2)
    assert "Faces are not looked for" in result.output
    assert "The video is watch-clip.mp4" in result.output
    assert list(folder.glob("*.part")) == []


def test_odd_sizes_can_be_encoded(folder: Path) -> None:
    """H.264 knows even ones only."""
    path = folder / "odd.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=5)
        stream.width, stream.height, stream.pix_fmt = 161, 121, "yuvj444p"
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(np.zeros((121, 161, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))

    assert run(folder, str(path), "--out", "even.mp4").exit_code == 0
    assert described(folder / "even.mp4")[1] == (160, 120)


@pytest.mark.parametrize(
    ("what", "words"), [("absent.mp4", "No such file"), ("letter.txt", "cannot be watched"), (".", "cannot be watched")]
)
def test_what_is_no_video_is_wrong_use(folder: Path, what: str, words: str) -> None:
    """And leaves no empty file."""
    (folder / "letter.txt").write_text("Dear Sir or Madam")
    result = run(folder, what)

    assert result.exit_code == 2
    assert words in " ".join(result.output.split())
    assert list(folder.glob("*.mp4")) == []


def test_a_camera_is_watched_for_a_while(folder: Path) -> None:
    """Its frames are shown as they come; its password is in no output."""
    clip = make_clip(folder / "usual.mp4", seconds=4, width=320, height=180, gop_seconds=1)
    with Emulator({"usual": clip}, user="viewer", password=PASSWORD) as emulator:
        cameras = {"door": {"url": emulator.url("usual")}}
        result = run(folder, "door", "--seconds", "2", settings={"cameras": cameras})

    assert result.exit_code == 0, result.output
    assert 1.0 < described(folder / "watch-door.mp4")[3] <= 2.2
    assert PASSWORD not in result.output


def test_a_camera_that_does_not_answer_is_told_without_its_password(folder: Path) -> None:
    """The message is what people post when they ask for help."""
    cameras = {"door": {"url": f"rtsp://viewer:{PASSWORD}@127.0.0.1:9/usual"}}
    result = run(folder, "door", settings={"cameras": cameras})

    assert result.exit_code == 1
    assert "Camera 'door' cannot be watched: connection refused" in " ".join(result.output.split())
    assert PASSWORD not in result.output


def test_a_private_camera_is_not_shown(folder: Path) -> None:
    """Invariant 8."""
    camera = CameraConfig.model_validate({"url": "rtsp://10.0.0.5/s"})
    assert camera.privacy == "none"
    result = run(folder, "door", settings={"cameras": {"door": {"url": "rtsp://10.0.0.5/s", "privacy": "blur"}}})

    assert result.exit_code == 2
    assert "privacy: blur" in result.output


def test_what_is_watched_is_not_written_over(folder: Path) -> None:
    """Recorded footage would be lost to a drawn copy of itself."""
    clip = make_clip(folder / "clip.mp4", seconds=1, width=64, height=48)
    before = clip.read_bytes()
    result = run(folder, str(clip), "--out", "./clip.mp4")

    assert result.exit_code == 2
    assert "is what is watched" in result.output
    assert clip.read_bytes() == before


def player(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The only program that is found, under the name of a player."""
    program = folder / "bin" / "ffplay"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")


def test_a_window_gets_a_video(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a player reads from its input is a stream that it knows."""
    player(folder, f"cat > {folder}/seen.mkv", monkeypatch)
    clip = make_clip(folder / "clip.mp4", seconds=2, width=320, height=180)
    result = run(folder, str(clip), "--show")

    assert result.exit_code == 0, result.output
    assert described(folder / "seen.mkv")[0] == "h264"
    assert not (folder / "watch-clip.mp4").exists()


def test_closing_the_window_ends_it_quietly(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is how one stops watching."""
    player(folder, "exit 0", monkeypatch)
    clip = make_clip(folder / "clip.mp4", seconds=3, width=320, height=180)
    result = run(folder, str(clip), "--show")

    assert result.exit_code == 0, result.output
    assert "Traceback" not in result.output


def test_without_a_display_it_is_said_what_to_do(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most of these machines have none."""
    player(folder, "echo 'Could not initialize SDL - No available video device' >&2; exit 1", monkeypatch)
    clip = make_clip(folder / "clip.mp4", seconds=3, width=320, height=180)
    result = run(folder, str(clip), "--show")

    assert result.exit_code == 2, result.output
    assert "No available video device" in " ".join(result.output.split())
    assert "Leave --show out: a file is written." in " ".join(result.output.split())


def test_without_a_player_it_is_said_which_there_are(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list is easier to install from."""
    monkeypatch.setenv("PATH", str(folder))
    clip = make_clip(folder / "clip.mp4", seconds=2, width=320, height=180)
    result = run(folder, str(clip), "--show")

    assert result.exit_code == 2
    assert "none of ffplay, mpv, vlc is installed" in " ".join(result.output.split())


def test_real_people_are_named(folder: Path, models_dir: Path, media_dir: Path) -> None:
    """Enrolled from one photo, named in a film."""
    existing(models_dir / "insightface" / "models" / "local_mbf")
    clip = existing(media_dir / "videos" / "short_hamilton_clip.mp4")
    photo = existing(media_dir / "faces" / "named" / "lin_manuel_miranda" / "lin-manuel-miranda.png")
    settings: dict[str, object] = {"faces": {"model": "local_mbf", "threads": 1}, "models_dir": str(models_dir)}
    config = folder / "vedette.yml"
    config.write_text(json.dumps({"video_dir": str(folder / "video"), **settings}))
    added = CliRunner().invoke(app, ["faces", "add", "Lin-Manuel", str(photo), "--config", str(config)])
    result = run(folder, str(clip), "--looks", "2", settings=settings)

    assert added.exit_code == 0, added.output
    assert result.exit_code == 0, result.output
    assert ": Lin-Manuel and" in " ".join(result.output.split())
