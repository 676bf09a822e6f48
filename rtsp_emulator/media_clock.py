"""The clock of one camera's encoder: it follows the wall clock, or lags behind it when the camera is slow."""


class MediaClock:
    """Media seconds since the camera began, against monotonic seconds."""

    def __init__(self) -> None:
        self._wall, self._media, self._speed = 0.0, 0.0, 1.0

    def begin(self, now: float) -> None:
        """Media time is zero now."""
        self._wall, self._media = now, 0.0

    def media_time(self, now: float) -> float:
        return self._media + (now - self._wall) * self._speed

    def wall_time(self, media_seconds: float) -> float:
        """When this media time comes, at the present speed."""
        return self._wall + (media_seconds - self._media) / self._speed

    def run_at(self, speed: float, now: float) -> None:
        """Go on from where the clock stands at another speed; 1 is real time."""
        if speed != self._speed:
            self._wall, self._media, self._speed = now, self.media_time(now), speed
