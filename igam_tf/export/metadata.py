"""The description beside an exported model: plain data, the same for every format."""

import dataclasses
import inspect
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import keras

from igam_tf import adapters
from igam_tf.core import runtime
from igam_tf.core.bounds import Bounds
from igam_tf.core.errors import InputError
from igam_tf.core.structure import walk
from igam_tf.evaluation.records import EvalRecord
from igam_tf.experiments import trained
from igam_tf.layers import PerImageStandardization, UnitNorm


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where an exported model comes from.

    Attributes:
      source: `{"path", "sha256", "kind"}` of its weights on disk.
      config, environment: of the run that trained it, as its directory has them.
      evaluations: records of the model (`EvalRecord.to_json`) by file name.
    """

    source: dict[str, Any] | None = None
    config: dict[str, Any] | None = None
    environment: dict[str, Any] | None = None
    evaluations: dict[str, Any] = dataclasses.field(default_factory=dict)


def origin_of(
    path: pathlib.Path | str, kind: str | None = None, records: Sequence[pathlib.Path | str] = ()
) -> Origin:
    """The origin of a trained model on disk.

    Args:
      path, kind: as for `igam_tf.experiments.trained.load_model`. Of a run directory (or the
        `model.keras` in it) the configuration, the environment and all evaluation records are read.
      records: further evaluation records of it, as `bin/evaluate --output` writes them.

    Raises:
      InputError: there is no such model, or a file is not an evaluation record or not JSON.
    """
    weights = trained.weights(path, kind)
    source = {"path": str(path), "sha256": weights.sha256, "kind": kind}
    place = pathlib.Path(path)
    directory = place.parent if place.name == "model.keras" else place
    patterns = ("evaluation-*.json", "strong-*.json")
    own = [file for pattern in patterns for file in sorted(directory.glob(pattern))]
    evaluations = {file.name: _record(file) for file in [*own, *map(pathlib.Path, records)]}
    return Origin(
        source,
        _optional(directory / "config.json"),
        _optional(directory / "environment.json"),
        evaluations,
    )


def describe(
    model: keras.Model,
    bounds: Bounds,
    statistics: str,
    class_names: Sequence[str] | None,
    origin: Origin,
) -> dict[str, Any]:
    """The model's inputs, classes, normalisation, adapter, origin and architecture as plain data.

    Raises:
      InputError: not one name per class.
    """
    classes = int(model.output_shape[-1])
    if class_names is not None and len(class_names) != classes:
        raise InputError(
            f"class_names: the model has {classes} classes, got {len(class_names)} names"
        )
    return {
        "format": 1,
        "model": model.name,
        "parameters": model.count_params(),
        "image_shape": list(model.input_shape[1:]),
        "bounds": [bounds.low, bounds.high],
        "classes": {"count": classes, "names": None if class_names is None else list(class_names)},
        "normalization": _normalization(model),
        "adapter": _adapter(model),
        "statistics": statistics,
        "origin": dataclasses.asdict(origin),
        "environment": runtime.environment(),
        "architecture": json.loads(model.to_json()),
    }


def _normalization(model: keras.Model) -> str | None:
    """The name of the input normalisation; None for a model without one of the three."""
    for layer in walk(model):
        if isinstance(layer, PerImageStandardization):
            return "per_image"
        if isinstance(layer, UnitNorm):
            return "unit_norm" if layer.zero_mean else "l2"
    return None


def _adapter(model: keras.Model) -> list[dict[str, Any]]:
    """The affine maps between an image and the network, in order, with their settings."""
    common = inspect.signature(keras.layers.Layer.__init__).parameters
    return [
        {
            "part": type(layer).__name__,
            **{key: v for key, v in layer.get_config().items() if key not in common},
        }
        for layer in walk(model)
        if type(layer).__module__ == adapters.__name__
    ]


def _optional(path: pathlib.Path) -> Any:
    return _json(path) if path.is_file() else None


def _record(path: pathlib.Path) -> Any:
    text = json.dumps(_json(path))
    try:
        EvalRecord.from_json(text)
    except (TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path}: no evaluation record (evaluate --output writes one)") from error
    return json.loads(text)


def _json(path: pathlib.Path) -> Any:
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise InputError(f"{path}: not readable as JSON ({error})") from error
