"""Trained models on disk.

They are finished runs, `.keras` files, TensorFlow 1 checkpoints and networks of RobustBench.
"""

import hashlib
import json
import pathlib
from collections.abc import Iterator

import keras

import madry_checkpoints
from igam_tf import adapters, layers, models
from igam_tf.core import imports
from igam_tf.core.errors import InputError
from igam_tf.data import Dataset
from igam_tf.experiments.configs import Weights
from madry_checkpoints.location import prefix_of

# Keras can load a saved model once the modules of its layers are imported.
_PARTS = (adapters, layers, models)


def load_model(path: pathlib.Path | str, kind: str | None = None) -> keras.Model:
    """A trained model.

    Args:
      path: a finished run's directory, a `.keras` file, a TensorFlow 1 checkpoint (prefix, or
        directory with a `checkpoint` file), or `robustbench:ARCHITECTURE:PATH[:OPTION=VALUE...]`
        (`igam_tf.models.robustbench_source`).
      kind: of a checkpoint that holds several networks (`madry_checkpoints.detect`).

    Raises:
      InputError: there is no model, or it cannot be read.
    """
    if source := models.robustbench_source(str(path)):
        return source.load()
    file = _keras_file(path)
    if file is None:
        return madry_checkpoints.load_model(path, kind)
    _import_networks(pathlib.Path(path))
    try:
        return keras.saving.load_model(file, compile=False)
    except Exception as error:  # Keras raises whatever the damaged part raised
        raise InputError(f"{file}: not a readable Keras model ({type(error).__name__})") from error


def _import_networks(directory: pathlib.Path) -> None:
    """Imports the modules of a run's own networks, and of its teachers', whose classes Keras needs.

    Without a run's configuration the working directory is importable.
    """
    imports.make_importable()
    file = directory / "config.json"
    try:
        config = json.loads(file.read_text("utf-8"))
        while isinstance(config, dict):
            source = str(config.get("network", {}).get("kind", ""))
            if ":" in source and not source.startswith("keras:"):
                imports.load(source, "network")
            config = config.get("teacher")
            if isinstance(config, dict) and "path" in config:
                _import_networks(pathlib.Path(str(config["path"])))
    except (OSError, ValueError, AttributeError):
        return


def load_for(dataset: Dataset, path: pathlib.Path | str, kind: str | None = None) -> keras.Model:
    """As `load_model`, for a data set.

    Raises:
      InputError: also where the data set's image shape or class count is not the model's.
    """
    model = load_model(path, kind)
    shape, classes = tuple(model.input_shape[1:]), model.output_shape[-1]
    if shape != dataset.image_shape or classes != dataset.num_classes:
        raise InputError(
            f"{path}: takes {shape} images of {classes} classes; {dataset.name} has "
            f"{dataset.image_shape} and {dataset.num_classes}"
        )
    return model


def weights(path: pathlib.Path | str, kind: str | None = None) -> Weights:
    """A trained model on disk as part of a configuration, identified by its content.

    Raises:
      InputError: there is no model.
    """
    digest = hashlib.sha256((kind or "").encode())
    if source := models.robustbench_source(str(path)):
        digest.update(repr((source.architecture, sorted(source.options.items()))).encode())
    for file in _files(path):
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return Weights(digest.hexdigest(), str(path), kind)


def _keras_file(path: pathlib.Path | str) -> pathlib.Path | None:
    """The `.keras` file that `path` names, None if it names a checkpoint."""
    place = pathlib.Path(path)
    file = place / "model.keras" if place.is_dir() else place
    if file.is_file() and file.suffix == ".keras":
        return file
    is_prefix = place.with_name(place.name + ".index").is_file()
    if is_prefix or place.suffix == ".index" or (place.is_dir() and any(place.glob("*.index"))):
        return None
    raise InputError(
        f"{path}: expected the directory of a finished run, a .keras file, a TensorFlow 1 "
        "checkpoint or robustbench:ARCHITECTURE:PATH"
    )


def _files(path: pathlib.Path | str) -> Iterator[pathlib.Path]:
    """The files whose bytes are the model, in a fixed order."""
    if source := models.robustbench_source(str(path)):
        file = pathlib.Path(source.path)
        if not file.is_file():
            raise InputError(f"{file}: is not a file")
        yield file
        return
    keras_file = _keras_file(path)
    if keras_file is not None:
        yield keras_file
        return
    prefix = pathlib.Path(prefix_of(path))
    yield prefix.with_name(prefix.name + ".index")
    yield from sorted(prefix.parent.glob(f"{prefix.name}.data-*"))
