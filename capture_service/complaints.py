"""A disk that stays full fails every try in the same words; people need them once, and now and then a reminder."""

from shared_utils.clock import Clock

REMIND_SECONDS = 600.0


class Complaints:
    """Remembers what was complained about. For one thread."""

    def __init__(self, clock: Clock, remind_seconds: float = REMIND_SECONDS) -> None:
        self._clock, self._remind_seconds = clock, remind_seconds
        self._told: dict[str, float] = {}  # monotonic seconds

    def is_news(self, text: str) -> bool:
        """Whether these words were not said within the last ten minutes; they count as said now."""
        now = self._clock.monotonic()
        self._told = {words: at for words, at in self._told.items() if now - at < self._remind_seconds}
        if text in self._told:
            return False
        self._told[text] = now
        return True
