"""Small trained models that come with the package, to try attacks, exports and reports on in
seconds.

Each is a run directory of Table 1 at the preset `demo`, seed 0, on embedded data: its
configuration, what it was made with, and its weights. Examples to try commands on; as evidence they
are worth what README says of the demo.

    source      the robust teacher on `shapes28`, before its new head
    teacher     the same behind its adapter with a head for `shapes32`: takes [B, 32, 32, 3] in [0,
      255]
    standard    the student's network, plainly trained
    igam        the student
    pgd7        the student's network, adversarially trained
"""

import pathlib
from typing import TYPE_CHECKING

from igam_tf.core.errors import InputError

if TYPE_CHECKING:
    import keras

NAMES = ("source", "teacher", "standard", "igam", "pgd7")


def path(name: str) -> pathlib.Path:
    """The run directory of a model, for every command and function that takes one.

    Raises:
      InputError: no such model.
    """
    if name not in NAMES:
        raise InputError(f"pretrained: expected one of {', '.join(NAMES)}, got {name!r}")
    return pathlib.Path(__file__).parent / name


def load(name: str) -> "keras.Model":
    """A model, from images [B, H, W, C] in the pixel range that it carries to logits; starts
    TensorFlow.

    Raises:
      InputError: no such model.
    """
    from igam_tf.experiments import trained

    return trained.load_model(path(name))
