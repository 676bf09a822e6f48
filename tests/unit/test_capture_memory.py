"""Memory that threads share: with many cameras it must not grow for as long as each of them has something new."""

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

# Twelve threads that all hold memory at once, and what glibc says of its arenas then.
PROGRAM = """
import ctypes, sys, threading
from capture_service.memory import share_memory_among_threads
if sys.argv[1] == "shared":
    share_memory_among_threads()
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
together = threading.Barrier(13)
def hold():
    libc.malloc(5000)
    together.wait()
    together.wait()
threads = [threading.Thread(target=hold) for _ in range(12)]
for thread in threads:
    thread.start()
together.wait()
report = ctypes.c_void_p(libc.fopen(sys.argv[2].encode(), b"w"))
libc.malloc_info(0, report)
libc.fclose(report)
together.wait()
"""


def arenas(report: Path, how: str) -> int:
    subprocess.run([sys.executable, "-c", PROGRAM, how, str(report)], check=True, cwd=Path(__file__).parents[2])
    return report.read_text().count("<heap nr=")


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="this C library is not glibc")
def test_threads_share_two_arenas(tmp_path: Path) -> None:
    """Each camera has two threads; an arena for each keeps what its decoder gave back."""
    assert arenas(tmp_path / "each.xml", "each") > 2
    assert arenas(tmp_path / "shared.xml", "shared") <= 2
