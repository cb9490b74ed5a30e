"""The one error of this package."""

from igam_tf.errors import InputError


class CheckpointError(InputError):
    """A checkpoint, archive or model is not what it should be: the message names the file or variable and the remedy."""
