"""Exceptions that commands print as one line."""


class InputError(ValueError):
    """Bad input; the message names the value and what was expected. Exit code 2."""


class DivergedError(RuntimeError):
    """The loss or a weight is not finite; the last finite state is on disk. Exit code 1."""


class FailedError(RuntimeError):
    """A part of the work failed, and the rest is done. Exit code 1."""


class WorkerLostError(RuntimeError):
    """Another worker of TF_CONFIG has ended; all must start again. Exit code 75."""


class StorageError(OSError):
    """A file cannot be written; what was on disk before is whole. Exit code 1."""
