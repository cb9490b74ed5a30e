"""Small trained models in the package, to try attacks, exports and reports on in seconds.

Each is a run directory of Table 1 at the preset `demo`, seed 0, on embedded data: configuration,
environment and weights. They are examples; the README says what the demo's numbers are worth.

    source      the robust model on `shapes28`, [B, 28, 28, 1] in [0, 1]
    teacher     the source behind its adapter, with a head for `shapes32`
    standard    the student's network, plainly trained
    igam        the student
    pgd7        the student's network, adversarially trained

All but `source` take [B, 32, 32, 3] in [0, 255].
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
      InputError: an unknown name.
    """
    if name not in NAMES:
        raise InputError(f"pretrained: expected one of {', '.join(NAMES)}, got {name!r}")
    return pathlib.Path(__file__).parent / name


def load(name: str) -> "keras.Model":
    """A model of images [B, H, W, C] in its pixel range (`layers.bounds_of`) to logits.

    Raises:
      InputError: an unknown name.
    """
    from igam_tf.experiments import trained

    return trained.load_model(path(name))
