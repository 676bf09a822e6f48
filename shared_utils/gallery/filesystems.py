"""Whether a folder lies on a network filesystem, where a database would be damaged sooner or later."""

import re
from pathlib import Path

from shared_utils.gallery.errors import NetworkFilesystemError

MOUNTS = Path("/proc/self/mountinfo")
# SQLite's write-ahead log needs memory that all processes share, and locks that all of them see.
_NETWORK = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "davfs", "gfs2", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2"}
    | {"orangefs", "smb2", "smb3", "smbfs", "vboxsf"}
)
_NETWORK_FUSE = re.compile(
    r"fuse\.(sshfs|rclone|s3fs|glusterfs|ceph|ceph-fuse|davfs2?|curlftpfs|goofys|gcsfuse|juicefs|seaweedfs|blobfuse2?|smbnetfs)"
)


def require_local(folder: Path, mounts: Path = MOUNTS) -> None:
    """Raises NetworkFilesystemError. Where the system does not tell its mounts, every folder is let through."""
    found = filesystem_of(folder, mounts)
    if found is not None and (found in _NETWORK or _NETWORK_FUSE.fullmatch(found)):
        raise NetworkFilesystemError(folder, found)


def filesystem_of(folder: Path, mounts: Path = MOUNTS) -> str | None:
    """The type of the filesystem that a folder lies on, or will lie on; None if it cannot be told."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    place = folder.resolve()
    found, depth = None, 0
    for line in lines:
        point, kind = _mount(line)
        if point is not None and place.is_relative_to(point) and len(point.parts) >= depth:
            found, depth = kind, len(point.parts)  # a later mount at the same point covers the earlier one
    return found


def _mount(line: str) -> tuple[Path | None, str]:
    """Where something is mounted, and of which type: the fifth field, and the first after the lone dash."""
    head, dash, tail = line.partition(" - ")
    fields = head.split(" ")
    if not dash or len(fields) < 5:
        return None, ""
    point = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), fields[4])
    return Path(point), tail.split(" ")[0]
