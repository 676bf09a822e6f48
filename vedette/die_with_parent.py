"""Become another program that ends when its parent does.

Run as `python -I -S die_with_parent.py PARENT_PID PROGRAM ARGUMENTS`. A preexec function would do the same inside the
forked child, but Python code there may deadlock when the parent has threads (any of them may hold a lock at the fork).
This file runs after exec in a process of its own, asks the kernel for a SIGTERM at the parent's death, and execs the
program: same process id, nothing left in between. The kernel counts the death of the *thread* that started the child:
start children in a thread that stays.
It imports nothing but the standard library, so that it starts in a few milliseconds.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def command_that_dies_with_us(command: Sequence[str]) -> list[str]:
    """The command line that runs `command` so that it receives SIGTERM when this process ends, however it ends."""
    return [sys.executable, "-I", "-S", str(Path(__file__).resolve()), str(os.getpid()), *command]


def main(arguments: Sequence[str]) -> None:
    """Never returns: the process becomes the program, or ends if the parent is gone already."""
    parent, *command = arguments
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit("the parent ended before its child could start")
    os.execvp(command[0], command)  # noqa: S606  the point of this file: no shell, same process


if __name__ == "__main__":
    main(sys.argv[1:])
