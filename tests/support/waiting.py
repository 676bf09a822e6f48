"""Waiting for what happens in other threads and processes."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 60.0  # the machine may be busy


def wait_until(what: str, condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Fail with `what` if the condition does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain: {what}"
        time.sleep(0.02)
