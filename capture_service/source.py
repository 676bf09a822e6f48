"""Where packets come from, as capture sees it."""

from collections.abc import Iterator
from typing import Protocol

from capture_service.packets import Received, StreamFormat


class Source(Protocol):
    """One connection to a camera. Only the thread that opened it may use it, closing included."""

    def open(self) -> StreamFormat:
        """Connect. Raises CameraUnreachableError."""

    def packets(self) -> Iterator[Received]:
        """What arrives. The end of the iteration means that the camera went away; so does CameraLostError."""

    def close(self) -> None:
        """May be called twice, and after a failed `open`."""
