"""The video folder is unmounted under running services: nothing is put below it, and all goes on when it is back."""

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from shared_utils.folder_mark import MARK_NAME
from tests.support.redis_server import RedisServer
from tests.support.rig import CAMERAS, Rig
from tests.support.waiting import wait_until

OUTAGE_SECONDS = 10.0  # longer than the ring of packets reaches back, or nothing is lost at all
CERTAINLY_A_GAP_SECONDS = 3.0


def mount(*arguments: str) -> None:
    if subprocess.run(["mount", *arguments], check=False, capture_output=True).returncode != 0:
        pytest.skip("nothing can be mounted here: the container forbids it")


class Disk:
    """A folder that is mounted at another place, like a disk that can be taken away."""

    def __init__(self, contents: Path, place: Path) -> None:
        self.contents, self.place = contents, place
        self.is_mounted = False  # os.path.ismount does not see a folder mounted within its own filesystem

    def mount(self) -> None:
        mount("--bind", str(self.contents), str(self.place))
        self.is_mounted = True

    def unmount(self) -> None:
        """Lazily, as a disk goes that was pulled: whatever is open stays open."""
        self.is_mounted = False
        subprocess.run(["umount", "--lazy", str(self.place)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if os.geteuid() != 0:
        pytest.skip("only root may mount a folder")
    disk = Disk(tmp_path / "disk", tmp_path / "video")
    disk.contents.mkdir()
    disk.place.mkdir()
    disk.mount()
    yield disk
    if disk.is_mounted:
        disk.unmount()


@pytest.mark.timeout(300)
def test_an_unmounted_folder_costs_its_time_and_nothing_else(
    tmp_path: Path, disk: Disk, own_redis: RedisServer
) -> None:
    """An NFS server restarts, somebody pulls a plug: footage below the mount point would be found by nobody."""
    rig = Rig(tmp_path / "rig", own_redis, video=disk.place, camera={"pre_roll_seconds": 0})
    with rig:
        rig.wait_for_segments(3)
        signal_all(rig.workers, signal.SIGSTOP)
        rig.wait_for_segments(6)
        disk.unmount()
        signal_all(rig.workers, signal.SIGCONT)
        wait_until("the workers notice", lambda: b"is postponed" in (rig.folder / "workers.log").read_bytes())
        wait_until("the three cameras notice", lambda: told(rig) == {"one", "two", "three"})
        time.sleep(OUTAGE_SECONDS)
        below = sorted(path.name for path in disk.place.rglob("*"))
        disk.mount()
        rig.wait_for_segments(6)
        wait_until("what was being written is finished", lambda: not leftovers(disk.contents))
        tally = rig.finish()
    disk.unmount()

    assert below == []
    assert sorted(path.name for path in disk.place.rglob("*")) == []
    disk.mount()
    assert (tally.lost, tally.twice, tally.failed, tally.dead) == (0, 0, 0, 0)
    assert tally.results == tally.segments >= 12
    logged = [gap["camera"] for gap in rig.logged_gaps()]
    for camera in CAMERAS:
        missing = [seconds for seconds in rig.gaps_seconds(camera) if seconds > CERTAINLY_A_GAP_SECONDS]
        assert logged.count(camera) >= len(missing), missing
    assert all(line["error"] is None for line in rig.lines())
    assert (disk.contents / MARK_NAME).exists()
    rig.assert_whole()


def signal_all(processes: "Iterable[subprocess.Popen[bytes]]", number: signal.Signals) -> None:
    for process in processes:
        process.send_signal(number)


def told(rig: Rig) -> set[str]:
    """The cameras whose recording was refused."""
    text = (rig.folder / "capture.log").read_text()
    return {name for name in ("one", "two", "three") if f"camera {name}: The video folder" in text}


def leftovers(video: Path) -> list[Path]:
    """Of each camera the newest part is being written; others are leftovers."""
    return [part for folder in video.glob("segments/*/*") for part in sorted(folder.glob("*.mp4.part"))[:-1]]
