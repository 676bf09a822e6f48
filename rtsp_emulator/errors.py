"""What can go wrong before a camera is on the air, and what a client may hear."""

from shared_utils.errors import VedetteError, WrongUseError


class SourceError(WrongUseError):
    """A CAMERA=SOURCE that cannot be streamed: the file is missing, unreadable or holds no video."""


class NotCarriedError(VedetteError):
    """A clip that RTP cannot carry as it is; converting it once makes it so."""

    def __init__(self, why: str, *, video_is_fine: bool = False) -> None:
        super().__init__(why)
        self.video_is_fine = video_is_fine  # only the sound has to be converted


class InterruptedConversionError(VedetteError):
    """The emulator was told to stop while it converted a clip."""


class MissingPackagesError(WrongUseError):
    """The GStreamer backend was asked for where its system packages are not installed."""


class RtspError(VedetteError):
    """A request that is answered with an error status; the connection goes on unless `closes` is set."""

    def __init__(self, status: int, why: str, *, closes: bool = False) -> None:
        super().__init__(why)
        self.status, self.closes = status, closes
