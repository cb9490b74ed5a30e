"""The error of this package, and lists of names for its message."""

from collections.abc import Sequence

from igam_tf.core.errors import InputError


class CheckpointError(InputError):
    """A checkpoint, archive or model is wrong; the message names the file or variable."""


def shorten(names: Sequence[str], limit: int = 4) -> str:
    """The first `limit` names, and how many more there are."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
