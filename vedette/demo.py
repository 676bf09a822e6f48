"""`vedette demo`: the whole chain at work on a camera that this machine plays itself."""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from shared_utils.clock import Clock, SystemClock
from shared_utils.config import Config, load_config
from shared_utils.errors import StorageError
from vedette import screen
from vedette.demo_report import examine, print_naming, print_report
from vedette.loopback import LOOPBACK, free_port
from vedette.missing_models import find_any_pack, missing_object_model
from vedette.run import Machine, assembled
from vedette.run_machine import Ticker
from vedette.screen_state import Snapshot, describe_model, latest_detections, take_snapshot
from vedette.supervisor_child import Service, python_service

CAMERA = "yard"
SCENE_NAME = "scene.mp4"
SCREEN_SECONDS = 0.5
PLAIN_SECONDS = 10.0
DETECTIONS_SHOWN = 6
NO_PACK = "there is no InsightFace pack in MODELS_DIR. What they need, and on which terms: vedette models list"
OWN_VARIABLES = ("RTSP_URL", "REDIS_URL", "VIDEO_DIR", "STATE_DIR", "MODELS_DIR")

Show = Callable[[Snapshot], None]


@dataclass(frozen=True, slots=True)
class DemoFolder:
    """Where the files of the demo lie. Recordings of earlier runs are left alone."""

    root: Path
    started_at: datetime

    @property
    def scene(self) -> Path:
        return self.root / SCENE_NAME

    @property
    def config_file(self) -> Path:
        """Rewritten by each run; `vedette status --config demo/vedette.yml` looks at the newest."""
        return self.root / "vedette.yml"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def video(self) -> Path:
        return self.root / "video" / f"{self.started_at:%Y%m%dT%H%M%S}Z"


def run_demo(root: Path, seconds: float, environment: Mapping[str, str], console: Console) -> None:
    """Returns if at least one segment was recorded, queued, analysed and logged. Raises VedetteError otherwise."""
    clock = SystemClock()
    began = clock.monotonic()
    folder = DemoFolder(root.resolve(), clock.now())
    make_scene(folder.scene, console)
    port = free_port()
    clean = clean_environment(environment)
    models_dir = Path(environment.get("MODELS_DIR") or "models")
    pack = find_any_pack(models_dir)
    write_config(folder, port, models_dir, pack)
    config = load_config(folder.config_file, video_dir=folder.video, environment=clean)
    for line in (
        missing_object_model(config) or f"Objects are found by {describe_model(config.objects.model)}.",
        f"Faces are found by {pack}." if pack else f"Faces are left out: {NO_PACK}",
    ):
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    parts = assembled(
        config,
        folder.config_file,
        clean,
        log_dir=folder.logs,
        console=None,
        clock=clock,
        before=[emulator(folder, port, clean)],
    )
    first_picture = FirstPicture(clock, began)
    with parts as machine, shown(machine, config, seconds, clock, console) as show:

        def look() -> None:
            if machine.run.phase in {"stopping", "ended"}:  # Redis ends too, which is no news
                return
            snapshot = take_snapshot(config, machine.queues, clock.now())
            first_picture.look_at(snapshot)
            show(snapshot)

        with Ticker(SCREEN_SECONDS, look):
            machine.run.run(seconds)
    report = examine(config.video, clock, with_faces=pack is not None)
    print_report(report, folder.video, folder.logs, first_picture.after_seconds, console)
    if report.strangers:
        print_naming(folder.config_file, console)
    report.raise_if_incomplete(folder.logs)


def make_scene(path: Path, console: Console) -> None:
    """Render the scene unless this version's is there already."""
    from rtsp_emulator.demo_scene import make_demo_scene  # imports OpenCV and PyAV

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with _folder_errors(path.parent), Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Rendering the demo scene, once", total=1.0)
        make_demo_scene(path, progress=lambda share: bar.update(task, completed=share))


def write_config(folder: DemoFolder, port: int, models_dir: Path, pack: str | None) -> None:
    """The configuration of the demo, with faces if there is a pack for them. JSON is YAML."""
    analyses = ["objects", "faces"] if pack else ["objects"]
    settings = {
        "cameras": {CAMERA: {"url": f"rtsp://{LOOPBACK}:{port}/{CAMERA}", "analyses": analyses}},
        **({"faces": {"model": pack}} if pack else {}),
        "storage": {"keep_free_gb": 0.2},
        "video_dir": str(folder.video),
        "models_dir": str(models_dir.resolve()),
    }
    with _folder_errors(folder.root):
        folder.root.mkdir(parents=True, exist_ok=True)
        folder.config_file.write_text(json.dumps(settings, indent=2) + "\n")
        # The nearest .env counts: without this one, that of the current folder would have its say in the demo.
        (folder.root / ".env").write_text("# The demo reads no settings from elsewhere.\n")


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Without the variables that configure the user's own cameras: the demo must not touch those."""
    return {
        name: value
        for name, value in environment.items()
        if name not in OWN_VARIABLES and not name.upper().startswith("VEDETTE_")
    }


def emulator(folder: DemoFolder, port: int, environment: Mapping[str, str]) -> Service:
    """The camera. Its film begins when capture connects, so that nothing of it is missed."""
    arguments = ["--host", LOOPBACK, "--port", str(port), "--control-port", "0", "--wait-for-client"]
    return python_service(
        "rtsp_emulator",
        [*arguments, f"{CAMERA}={folder.scene}"],
        environment,
        ready_line=lambda line: line.startswith('{"rtsp_port"'),
    )


class FirstPicture:
    """How long it took until a camera streamed."""

    def __init__(self, clock: Clock, began: float) -> None:
        self._clock, self._began = clock, began
        self.after_seconds: float | None = None

    def look_at(self, snapshot: Snapshot) -> None:
        if self.after_seconds is None and any(camera.fps for camera in snapshot.cameras):
            self.after_seconds = self._clock.monotonic() - self._began


@contextmanager
def shown(machine: Machine, config: Config, seconds: float, clock: Clock, console: Console) -> Iterator[Show]:
    """The live screen on a terminal, a line now and then elsewhere."""
    began: list[float] = []  # when everything ran

    def progress() -> screen.Progress:
        if machine.run.phase != "starting" and not began:
            began.append(clock.monotonic())
        passed = clock.monotonic() - began[0] if began else 0.0
        return screen.Progress("Vedette demo", machine.run.phase, passed, seconds)

    if not console.is_terminal:
        plain = PlainProgress(console)
        yield lambda snapshot: plain.show(progress(), snapshot)
        return
    with ExitStack() as stack:
        live = stack.enter_context(Live(console=console, screen=True, auto_refresh=False))

        def draw(snapshot: Snapshot) -> None:
            detections = latest_detections(config.video_dir, clock, DETECTIONS_SHOWN)
            live.update(screen.draw(progress(), snapshot, detections, machine.output.troubles()), refresh=True)

        yield draw


class PlainProgress:
    """One line every ten seconds, and whenever the phase changes, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said_at, self._phase = float("-inf"), ""

    def show(self, progress: screen.Progress, snapshot: Snapshot) -> None:
        now = time.monotonic()
        if now - self._said_at < PLAIN_SECONDS and progress.phase == self._phase:
            return
        self._said_at, self._phase = now, progress.phase
        self._console.print(plain_line(progress, snapshot), soft_wrap=True, markup=False, highlight=False)


def plain_line(progress: screen.Progress, snapshot: Snapshot) -> str:
    """The live screen in one line."""
    cameras = [
        f"{camera.name} {camera.state}{f' {camera.fps:.1f} frames/s' if camera.fps else ''}"
        f"{', moving' if camera.moving else ''}{', recording' if camera.recording else ''}, {camera.segments} segments"
        for camera in snapshot.cameras
    ]
    queues = [
        f"{queue.name} {queue.waiting} waiting, {queue.in_work} in work, {queue.dead} dead" for queue in snapshot.queues
    ]
    workers = [f"{describe_model(worker.model)}: {worker.done} done" for worker in snapshot.workers]
    trouble = [f"Redis is away: {snapshot.redis_trouble}"] if snapshot.redis_trouble else []
    parts = " | ".join([*cameras, *(trouble or queues), *workers])
    return f"{progress.seconds:3.0f} s, {progress.phase}: {parts}"


@contextmanager
def _folder_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"The demo cannot write to {folder}: {os.strerror(error.errno) if error.errno else error}. "
            "Run it where you may write, or name another folder with --folder."
        ) from error
