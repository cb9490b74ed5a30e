"""The exceptions that commands print as one line."""


class InputError(ValueError):
    """Bad input: the message names the value and what was expected. Commands exit with 2."""


class DivergedError(RuntimeError):
    """The loss or a weight is no longer finite; the last good state is kept. Commands exit with 1."""
