"""What can go wrong with one camera. All of it is worth trying again; other cameras are not concerned."""

from shared_utils.errors import TemporaryError
from shared_utils.secrets import without_password


class CaptureError(TemporaryError):
    """One camera cannot be captured now. `reason` is short, without secrets, and the same for the same cause."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class CameraUnreachableError(CaptureError):
    """The camera did not answer, or refused us."""

    def __init__(self, camera: str, url: str, reason: str, advice: str) -> None:
        super().__init__(
            f"Camera {camera!r} cannot be opened at {without_password(url)}: {reason}. {advice}",
            without_password(reason),
        )


class LoginRefusedError(CameraUnreachableError):
    """The camera does not accept our user name and password."""


class CameraLostError(CaptureError):
    """The camera was delivering and does no more."""

    def __init__(self, camera: str, reason: str) -> None:
        super().__init__(f"Camera {camera!r} was lost: {reason}. It is connected again by itself.", reason)


class CameraTakenError(CaptureError):
    """Another process records this camera into the same folder."""

    def __init__(self, camera: str, lock: str) -> None:
        super().__init__(
            f"Camera {camera!r} is being recorded by another process (it holds {lock}). "
            "Stop that one, or leave this camera out of one of the two configurations.",
            "another process records this camera",
        )
