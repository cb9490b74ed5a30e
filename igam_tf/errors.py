"""The one exception type for mistakes that a user can mend."""


class InputError(ValueError):
    """Bad input: the message names the value and what was expected. Commands print it as one line and exit with 2."""
