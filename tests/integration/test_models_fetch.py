"""`vedette models fetch` against a real HTTP server: what arrives is whole, checked and in its place, or not there."""

import hashlib
import io
import os
import pty
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from shared_utils.model_fetch import download
from shared_utils.models import load_sources
from tests.support.tiny_onnx import tiny_detector
from vedette.commands.models import models_app

SAFE = {0: "hen", 1: "fox"}  # labels for which no known picture is asked


@dataclass
class Server:
    """Files by name; a name in `cut` is sent half, though its whole length was promised."""

    port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def address(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"


@pytest.fixture
def server() -> Iterator[Server]:
    """A web server on this machine."""
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.lstrip("/")
            state.asked.append(name)
            if name not in state.files:
                self.send_error(404, "Not Found")
                return
            content = state.files[name]
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if name in state.cut else content)

        def log_message(self, *arguments: object) -> None:
            """Keep the test output clean."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.port = httpd.server_port
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,))
    thread.start()
    yield state
    httpd.shutdown()
    httpd.server_close()
    thread.join()


@dataclass(frozen=True)
class Bench:
    """A list of models made for the test, and the folder they go to."""

    sources: Path
    models_dir: Path

    def fetch(self, *names: str, answer: str | None = None, licence: str = "") -> Result:
        yes = ["--yes"] if answer is None else []
        environment = {"INSIGHTFACE_LICENCE": licence}
        return CliRunner().invoke(models_app, ["fetch", *names, *self.options, *yes], input=answer, env=environment)

    @property
    def options(self) -> list[str]:
        return ["--sources", str(self.sources), "--models-dir", str(self.models_dir)]

    def there(self) -> list[str]:
        """Every file below the folder but the lock, which is empty and stays."""
        files = (path for path in self.models_dir.rglob("*") if path.is_file() and not path.name.endswith("-lock"))
        return sorted(str(path.relative_to(self.models_dir)) for path in files)


@pytest.fixture
def bench(tmp_path: Path, server: Server) -> Bench:
    """hens.onnx, foxes.onnx (with a checksum) and the pack faces, all served."""
    detector = tiny_detector(tmp_path / "served.onnx", labels=SAFE).read_bytes()
    server.files = {"hens.onnx": detector, "foxes.onnx": detector, "faces.zip": packed({"det.onnx": detector})}
    entries = [
        entry("hens.onnx", server.address("hens.onnx"), "default = true"),
        entry("foxes.onnx", server.address("foxes.onnx"), f'sha256 = "{hashlib.sha256(detector).hexdigest()}"'),
        entry("faces", server.address("faces.zip"), 'folder = "insightface/models/faces"\nfiles = ["det.onnx"]'),
    ]
    sources = tmp_path / "models.toml"
    sources.write_text("\n".join(entries), encoding="utf-8")
    return Bench(sources, tmp_path / "models")


def entry(name: str, address: str, more: str = "") -> str:
    return (
        f'[[model]]\nname = "{name}"\nabout = "for tests"\naddress = "{address}"\n'
        f'licence = "for tests only"\nterms = "https://example.org/terms"\n{more}\n'
    )


def packed(files: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return archive.getvalue()


def test_without_a_name_the_default_weights_are_brought(bench: Bench, server: Server) -> None:
    """The first thing that a new user types."""
    result = bench.fetch()

    assert result.exit_code == 0, result.output
    assert (bench.models_dir / "hens.onnx").read_bytes() == server.files["hens.onnx"]
    assert bench.there() == ["hens.onnx"]
    assert "for tests only" in result.output
    assert "https://example.org/terms" in result.output


def test_other_users_can_read_what_was_brought(bench: Bench) -> None:
    """Workers in containers run as another user than the one who fetched."""
    bench.fetch("hens.onnx", "faces")

    for path in ("hens.onnx", "insightface/models/faces/det.onnx"):
        assert (bench.models_dir / path).stat().st_mode & 0o444 == 0o444
    assert (bench.models_dir / "insightface/models/faces").stat().st_mode & 0o555 == 0o555


def test_what_is_there_and_usable_is_not_fetched_again(bench: Bench, server: Server) -> None:
    """`make up` runs this every time, with or without a network."""
    bench.fetch("hens.onnx", "foxes.onnx", "faces")
    server.asked.clear()

    result = bench.fetch("hens.onnx", "foxes.onnx", "faces")

    assert result.exit_code == 0
    assert server.asked == []


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_nothing_is_brought_before_the_licence_is_accepted(bench: Bench, server: Server, answer: str) -> None:
    """Weights for research only must not arrive by accident."""
    result = bench.fetch("faces", answer=answer)

    assert result.exit_code == 2
    assert "licence was not accepted" in result.output
    assert server.asked == []
    assert bench.there() == []


def test_after_a_yes_the_weights_are_brought(bench: Bench) -> None:
    """The question is a question."""
    result = bench.fetch("faces", answer="y\n")

    assert result.exit_code == 0, result.output
    assert bench.there() == ["insightface/models/faces/det.onnx"]


PACK = "insightface/models/buffalo_l/det.onnx"


@pytest.fixture
def with_faces(bench: Bench, server: Server) -> Bench:
    """The list has the pack, too, that the configuration names when it says nothing."""
    more = 'folder = "insightface/models/buffalo_l"\nfiles = ["det.onnx"]'
    pack = entry("buffalo_l", server.address("faces.zip"), more)
    bench.sources.write_text(f"{bench.sources.read_text()}\n{pack}", encoding="utf-8")
    return bench


def test_the_pack_for_faces_does_not_come_with_the_others_unasked(with_faces: Bench, server: Server) -> None:
    """In a container nobody can be asked, and the yes of the command line is one to the licence of YOLOv8."""
    result = with_faces.fetch()

    assert result.exit_code == 0, result.output
    assert with_faces.there() == ["hens.onnx"]
    assert server.asked == ["hens.onnx"]
    assert "Licence: for tests only" in result.output.partition("buffalo_l")[2]
    for way in ("vedette models fetch buffalo_l", "docker compose run --rm models buffalo_l", "=accepted in .env"):
        assert way in result.output


def test_the_pack_for_faces_comes_once_its_licence_is_accepted_in_writing(with_faces: Bench) -> None:
    """`make up` brings it then, without a question in the middle of a start."""
    result = with_faces.fetch(licence="accepted")

    assert result.exit_code == 0, result.output
    assert with_faces.there() == ["hens.onnx", PACK]
    assert "Licence: for tests only" in result.output.partition("buffalo_l")[2]


@pytest.mark.parametrize("licence", ["yes", "no", "1", "ACCEPTED"])
def test_only_the_word_accepted_accepts(with_faces: Bench, server: Server, licence: str) -> None:
    """A guess at what somebody meant is no consent."""
    result = with_faces.fetch(licence=licence)

    assert result.exit_code == 2
    assert server.asked == []


@pytest.mark.parametrize(("answer", "brought"), [("y", [PACK]), ("n", [])])
def test_at_a_terminal_the_pack_for_faces_is_asked_for(with_faces: Bench, answer: str, brought: list[str]) -> None:
    """A no is an answer: what was brought before it stays, and the command has not failed."""
    ours, theirs = pty.openpty()
    os.write(ours, f"y\n{answer}\n".encode())  # the first for hens.onnx

    command = [sys.executable, "-m", "vedette", "models", "fetch", *with_faces.options]
    ended = subprocess.run(command, stdin=theirs, capture_output=True, text=True, timeout=60, check=False)
    os.close(ours)
    os.close(theirs)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert with_faces.there() == ["hens.onnx", *brought]
    assert ("Until then nobody is recognised" in ended.stdout) == (answer == "n")


def test_the_pack_is_not_spoken_of_where_no_camera_asks_for_faces(with_faces: Bench, tmp_path: Path) -> None:
    """Whoever has decided against faces is not asked about them again."""
    config = tmp_path / "vedette.yml"
    config.write_text("cameras: {front: {url: 'rtsp://10.0.0.5/live', analyses: [objects]}}\n")

    result = with_faces.fetch("--config", str(config))

    assert result.exit_code == 0, result.output
    assert "buffalo_l" not in result.output


Spoil = Callable[[Server, Bench], None]


def not_found(server: Server, bench: Bench) -> None:
    server.files.clear()


def cut_short(server: Server, bench: Bench) -> None:
    server.cut = set(server.files)


def a_web_page(server: Server, bench: Bench) -> None:
    server.files = dict.fromkeys(server.files, b"<html>Please log in</html>")


def nobody_listens(server: Server, bench: Bench) -> None:
    text = bench.sources.read_text(encoding="utf-8")
    bench.sources.write_text(text.replace(f":{server.port}/", ":1/"), encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (not_found, "the server answered 404"),
        (cut_short, "the connection ended after"),
        (a_web_page, "is not usable"),
        (nobody_listens, "Connection refused"),
    ],
)
@pytest.mark.parametrize("name", ["hens.onnx", "foxes.onnx", "faces"])
def test_a_failed_download_says_why_and_leaves_nothing(
    bench: Bench, server: Server, name: str, spoil: Spoil, says: str
) -> None:
    """A half file would be found by the worker and fail there, far from its cause."""
    spoil(server, bench)

    result = bench.fetch(name)

    assert result.exit_code == 1
    assert says in result.output
    assert "Traceback" not in result.output
    assert bench.there() == []


def test_a_wrong_checksum_is_refused(bench: Bench, server: Server, tmp_path: Path) -> None:
    """A good model that is not the published one may be somebody's work."""
    server.files["foxes.onnx"] = tiny_detector(tmp_path / "other.onnx", labels=SAFE, scores=(0.1, 0.2)).read_bytes()

    result = bench.fetch("foxes.onnx")

    assert result.exit_code == 1
    assert "SHA-256" in result.output
    assert bench.there() == []


@pytest.mark.parametrize(
    "evil", ["../../evil.onnx", "/srv/evil.onnx", "faces/../../evil.onnx", "sub/evil.onnx", "..\\evil"]
)
def test_an_archive_writes_nothing_outside_its_folder(bench: Bench, server: Server, tmp_path: Path, evil: str) -> None:
    """Names in an archive are somebody else's text."""
    server.files["faces.zip"] = packed({"det.onnx": server.files["hens.onnx"], evil: b"evil"})

    result = bench.fetch("faces")

    assert result.exit_code == 1
    assert "does not belong there" in result.output
    assert bench.there() == []
    assert not list(tmp_path.rglob("evil*"))


def test_an_archive_with_one_folder_of_its_name_is_laid_flat(bench: Bench, server: Server) -> None:
    """Some packs are made so; the face worker looks for the files themselves."""
    server.files["faces.zip"] = packed({"faces/det.onnx": server.files["hens.onnx"]})

    result = bench.fetch("faces")

    assert result.exit_code == 0, result.output
    assert bench.there() == ["insightface/models/faces/det.onnx"]


def test_an_archive_without_the_models_it_should_hold_is_refused(bench: Bench, server: Server) -> None:
    """Another release may have other contents."""
    server.files["faces.zip"] = packed({"other.onnx": server.files["hens.onnx"]})

    result = bench.fetch("faces")

    assert result.exit_code == 1
    assert "det.onnx is not usable: it is missing" in result.output
    assert bench.there() == []


def test_unusable_weights_are_replaced_and_kept_aside(bench: Bench, server: Server) -> None:
    """A copy that was cut short must not block; a file that somebody put there must not vanish."""
    bench.models_dir.mkdir()
    (bench.models_dir / "hens.onnx").write_bytes(b"half a mod")

    result = bench.fetch("hens.onnx")

    assert result.exit_code == 0, result.output
    assert (bench.models_dir / "hens.onnx").read_bytes() == server.files["hens.onnx"]
    assert (bench.models_dir / "hens.onnx.previous").read_bytes() == b"half a mod"


def test_what_a_killed_run_left_behind_is_cleared(bench: Bench) -> None:
    """Or every interrupted try would keep some hundred megabytes."""
    left_over = bench.models_dir / ".bringing-killed"
    left_over.mkdir(parents=True)
    (left_over / "hens.onnx").write_bytes(b"half")

    bench.fetch("hens.onnx")

    assert bench.there() == ["hens.onnx"]


def test_two_at_a_time_bring_it_once(bench: Bench, server: Server) -> None:
    """Two containers may start together on one volume."""
    source = load_sources(bench.sources)["hens.onnx"]

    with ThreadPoolExecutor(2) as both:
        places = [brought.result() for brought in [both.submit(download, source, bench.models_dir) for _ in range(2)]]

    assert places == [bench.models_dir / "hens.onnx"] * 2
    assert server.asked == ["hens.onnx"]
    assert bench.there() == ["hens.onnx"]


def test_an_unknown_name_lists_the_known_ones(bench: Bench) -> None:
    """The name is the only thing one can get wrong."""
    result = bench.fetch("hen.onnx")

    assert result.exit_code == 2
    assert "known are hens.onnx, foxes.onnx, faces" in result.output


def test_a_folder_that_cannot_be_written_says_so(bench: Bench) -> None:
    """A file in the way stands for any folder that cannot be made; permissions do not stop root."""
    bench.models_dir.write_bytes(b"")

    result = bench.fetch("hens.onnx")

    assert result.exit_code == 1
    assert "cannot be written" in result.output
    assert "MODELS_DIR" in result.output


def test_the_list_shows_licences_and_what_is_there(bench: Bench) -> None:
    """Before fetching one wants to know."""
    bench.fetch("hens.onnx")
    options = ["--sources", str(bench.sources), "--models-dir", str(bench.models_dir)]

    result = CliRunner(env={"COLUMNS": "160"}).invoke(models_app, ["list", *options])

    lines: Sequence[str] = result.output.splitlines()
    assert any("hens.onnx" in line and "for tests only" in line and "yes" in line for line in lines)
    assert any("foxes.onnx" in line and "no" in line for line in lines)
