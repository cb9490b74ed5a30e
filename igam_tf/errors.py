"""The two exceptions that commands turn into one line: a mistake of the user's, and training that diverged."""


class InputError(ValueError):
    """Bad input: the message names the value and what was expected. Commands print it as one line and exit with 2."""


class DivergedError(RuntimeError):
    """The loss or a weight is no longer a finite number; the last good state is kept. Commands exit with 1."""
