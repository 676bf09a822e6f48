"""`python -m benchmarks [NAME …]`: measure against the naive way in the same run, print it, keep it in RESULTS.md."""

import argparse
import os
import platform
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2

from benchmarks import capture, delays, faces, faces_pairs, gallery, idle, many_cameras, motion, tracking, worker
from benchmarks.report import update_results

RESULTS = Path(__file__).with_name("RESULTS.md")
# Each returns its section as Markdown, beginning with its own "## " heading.
BENCHMARKS: dict[str, Callable[[], str]] = {
    "motion": motion.measure,
    "idle": idle.measure,
    "worker": worker.measure,
    "tracking": tracking.measure,
    "faces": faces.measure,
    "faces_pairs": faces_pairs.measure,
    "gallery": gallery.measure,
    "capture": capture.measure,
    "many_cameras": many_cameras.measure,
    "delays": delays.measure,
}


def machine() -> str:
    """What the figures were measured on, and how busy that was; ratios travel further than they do."""
    software = f"Python {platform.python_version()}, OpenCV {cv2.__version__}"
    load = f"load average {os.getloadavg()[2]:.1f} in the last quarter of an hour"  # what is measured included
    return f"{os.cpu_count()} cores, {platform.machine()}, {software}; {load}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"which to run (default: all): {', '.join(BENCHMARKS)}")
    names = parser.parse_args(arguments).names or list(BENCHMARKS)
    if unknown := sorted(set(names) - set(BENCHMARKS)):
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}")
    cv2.setNumThreads(1)  # as in the services; a naive way that is to have more says so
    for name in names:
        section = BENCHMARKS[name]().rstrip() + f"\n\nMeasured on {machine()}.\n"
        print(section)
        update_results(RESULTS, section)
    return 0


if __name__ == "__main__":
    sys.exit(main())
