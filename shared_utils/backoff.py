"""The growing pause between attempts at something that is away."""


class Backoff:
    """Pauses of 1, 2, 4 … seconds up to the longest; `reset` after a success."""

    def __init__(self, first_seconds: float = 1.0, longest_seconds: float = 30.0) -> None:
        self._first, self._longest = first_seconds, longest_seconds
        self._next = first_seconds

    def next_pause(self) -> float:
        """Seconds to wait before the next attempt."""
        pause, self._next = self._next, min(self._next * 2, self._longest)
        return min(pause, self._longest)

    def reset(self) -> None:
        """Begin again with the shortest pause."""
        self._next = self._first
