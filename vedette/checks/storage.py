"""Whether the video folder can be written and has room for what the storage settings promise."""

import os
import shutil
import tempfile
from pathlib import Path

from capture_service.retention_index import find_segments
from shared_utils.config import StorageConfig
from shared_utils.segments import VideoDir
from vedette.checks.finding import Finding, ok, problem, warning

SUBJECT = "video folder"
GB = 1_000_000_000


def check_storage(video_dir: Path, storage: StorageConfig) -> list[Finding]:
    """Looks at the folder, or at the one it would be made in. A file is written for a moment and removed."""
    folder = _nearest_folder(video_dir)
    trouble = _why_not_writable(video_dir, folder)
    if trouble:
        fix = f"Give the user {os.getuid()} the right to write there, or set VIDEO_DIR to another folder."
        return [problem(SUBJECT, f"{video_dir.absolute()} cannot be written: {trouble}", fix)]
    made = "" if folder == video_dir else " (will be made)"
    return [ok(SUBJECT, f"{video_dir.absolute()} can be written{made}"), _room(folder, video_dir, storage)]


def _nearest_folder(path: Path) -> Path:
    """The path itself if something is there, else the nearest folder above it that exists."""
    return next((above for above in (path, *path.absolute().parents) if above.exists()), Path("/"))


def _why_not_writable(video_dir: Path, folder: Path) -> str | None:
    if not folder.is_dir():
        return f"{folder} is not a folder"
    try:
        with tempfile.TemporaryFile(dir=folder, prefix=".vedette-check-"):
            pass
        # also folders below, which somebody else may have made
        refused = [below for below in video_dir.iterdir() if below.is_dir() and not os.access(below, os.W_OK)]
    except FileNotFoundError:
        return None
    except OSError as error:
        return error.strerror or str(error)
    return f"{refused[0].name}/ in it belongs to somebody else" if refused else None


def _room(folder: Path, video_dir: Path, storage: StorageConfig) -> Finding:
    free_gb = shutil.disk_usage(folder).free / GB
    used_gb = sum(segment.size_bytes for segment in find_segments(VideoDir(video_dir))) / GB
    text = f"{free_gb:.1f} GB free, {used_gb:.1f} GB of segments kept (at most {storage.max_disk_usage_gb:g} GB)"
    if free_gb < storage.keep_free_gb and used_gb == 0:
        fix = "Free some space, or lower storage.keep_free_gb: nothing can be recorded."
        return problem("disk space", f"{text}; storage.keep_free_gb asks for {storage.keep_free_gb:g} GB free", fix)
    room_gb = used_gb + max(free_gb - storage.keep_free_gb, 0)
    if room_gb < storage.max_disk_usage_gb:
        fix = "Old segments will go earlier than they need to: lower storage.max_disk_usage_gb or use a larger disk."
        return warning("disk space", f"{text}; there is room for {room_gb:.1f} GB only", fix)
    return ok("disk space", text)
