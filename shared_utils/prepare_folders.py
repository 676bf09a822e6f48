"""`python -m shared_utils.prepare_folders FOLDER… --models FOLDER`: make mounted folders usable for the services' user.

A bind mount that Docker makes, or that root cloned, belongs to root, and the services run without rights. Started as
root by compose once before them, this gives such a folder itself (never what lies in it) to `PUID:PGID`. A folder of
anybody else is left alone: the message says what to set.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = 0


def prepare(folder: Path, uid: int, gid: int) -> str | None:
    """Make one folder and hand it over; None if the user can write to it, else what is wrong."""
    folder.mkdir(parents=True, exist_ok=True)
    owner = folder.stat()
    if owner.st_uid == ROOT and uid != ROOT:
        os.chown(folder, uid, gid)
        return None
    if owner.st_uid == uid or (owner.st_gid == gid and owner.st_mode & 0o020) or owner.st_mode & 0o002:
        return None
    return (
        f"{folder} belongs to user {owner.st_uid}, but the services run as {uid}. "
        f"Set PUID={owner.st_uid} and PGID={owner.st_gid} in .env, then start again."
    )


def prepare_models(folder: Path, uid: int, gid: int) -> str | None:
    """As `prepare`, but a folder with weights in it stays its owner's: workers only read it, others may share it."""
    if any(folder.rglob("*.onnx")):
        return None
    return prepare(folder, uid, gid)


def prepare_photos(folder: Path, uid: int, gid: int) -> None:
    """As `prepare`, for a folder that most people never use: it is no reason not to start, and photos stay theirs."""
    if not folder.is_dir() or not any(folder.iterdir()):
        prepare(folder, uid, gid)


def main(arguments: Sequence[str]) -> int:
    """0 if every folder can be used, else 1."""
    parser = argparse.ArgumentParser(prog="python -m shared_utils.prepare_folders")
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    parser.add_argument("--models", type=Path, metavar="FOLDER", help="where weights lie or will be brought to")
    parser.add_argument("--photos", type=Path, metavar="FOLDER", help="where photos of people will lie, or none")
    options = parser.parse_args(arguments)
    uid, gid = int(os.environ.get("PUID", "1000")), int(os.environ.get("PGID", "1000"))
    found = [prepare(folder, uid, gid) for folder in options.folders]
    if options.models is not None:
        found.append(prepare_models(options.models, uid, gid))
    if options.photos is not None:
        prepare_photos(options.photos, uid, gid)
    problems = [problem for problem in found if problem]
    for problem in problems:
        sys.stderr.write(f"Error: {problem}\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
