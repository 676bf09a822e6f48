"""The error tree: the caller's mistake, what may be tried again, and what may not.

Every message says what happened, to which camera, segment or key, and what to do about it.
"""


class VedetteError(Exception):
    """Anything that Vedette itself reports."""


class WrongUseError(VedetteError):
    """The caller's mistake: a command, an option or a file that cannot be right. Ends a process with 2."""


class ConfigError(WrongUseError):
    """The configuration is unreadable or does not say what it must."""


class TemporaryError(VedetteError):
    """The other side is away or busy; worth trying again."""


class PermanentError(VedetteError):
    """Trying again gives the same result."""


class SegmentError(PermanentError):
    """One segment cannot be used; the others can."""


class ModelError(PermanentError):
    """Weights are missing, unreadable or not what they should be."""


class StorageError(TemporaryError):
    """The video folder cannot be read or written now."""
