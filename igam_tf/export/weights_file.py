"""Loads exported weights. TensorFlow and Keras load SavedModels and `.keras` files themselves."""

import json
import pathlib

import keras

from igam_tf import adapters, models  # noqa: F401  # registers their layers with Keras
from igam_tf.core.errors import InputError


def load_weights(path: pathlib.Path | str) -> keras.Model:
    """The model whose weights were exported to `path`.

    Args:
      path: `*.weights.h5`; the model is built from the `architecture` in `PATH.json`.

    Raises:
      InputError: one of the two files is missing or damaged, or they do not fit each other.
    """
    file = pathlib.Path(path)
    sidecar = file.with_name(file.name + ".json")
    for required in (file, sidecar):
        if not required.is_file():
            raise InputError(
                f"{required}: there is no such file; "
                "weights are exported with their metadata beside them"
            )
    try:
        model = keras.models.model_from_json(
            json.dumps(json.loads(sidecar.read_text())["architecture"])
        )
        model.load_weights(file)
    except Exception as error:  # Keras raises whatever the damaged part raised
        raise InputError(
            f"{file}: not the readable weights of {sidecar.name} ({type(error).__name__})"
        ) from error
    return model
