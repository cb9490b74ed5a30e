"""Writes a model as a SavedModel, a `.keras` file or weights: checked, complete or not at all."""

import dataclasses
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from igam_tf import adapters, models
from igam_tf.attacks import inputs, programs
from igam_tf.core.bounds import PIXELS, Bounds, as_bounds
from igam_tf.core.errors import InputError
from igam_tf.core.settings.choices import EXPORT_FORMATS
from igam_tf.experiments import trained
from igam_tf.export import endpoints, metadata
from igam_tf.export.replacing import replacing, require_free
from igam_tf.export.saved_gradients import drop_unsaved
from igam_tf.layers import bounds_of, check_statistics

_SUFFIXES = {"keras": ".keras", "weights": ".weights.h5"}
TOLERANCE = 1e-5  # relative l2, between a model's logits and its SavedModel's


@dataclasses.dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
      out: the directory or file.
      format: `"savedmodel"`, `"keras"` or `"weights"`.
      metadata: as `igam_tf.export.metadata.describe`; of a SavedModel also `gradients` and
        `endpoints`, the type and shape of every signature's inputs and outputs.
    """

    out: pathlib.Path
    format: str
    metadata: dict[str, Any]


def export(
    model: keras.Model,
    out: pathlib.Path | str,
    *,
    format: str = "savedmodel",
    gradients: str = "softmax",
    statistics: str = "moving",
    encoded: bool = False,
    bounds: Any = None,
    class_names: Sequence[str] | None = None,
    origin: metadata.Origin | None = None,
    overwrite: bool = False,
) -> Exported:
    """Writes a model for use elsewhere.

    A SavedModel has the endpoints of `igam_tf.export.endpoints.build` and needs TensorFlow alone.
    Before it reaches `out` it is loaded, and its logits on random images are compared with the
    model's. `.keras` and `.weights.h5` files are for Python with igam_tf. A SavedModel has its
    metadata as the asset `metadata.json` (`loaded.metadata.asset_path`), the other formats in the
    file `OUT.json` beside them.

    Args:
      model: a Keras model, images [B, H, W, C] of a known size to logits [B, classes]. A random
        pad in it pads at the centre, as in evaluations.
      out: a directory; with `format="keras"` a file `*.keras`, with `"weights"` a file
        `*.weights.h5`.
      gradients, statistics, encoded: see `endpoints.build`. In the other formats the BatchNorm mode
        is only recorded.
      bounds: pixel range, `Bounds` or (low, high); by default the model's.
      class_names: one per class, for the metadata.
      origin: where the model comes from, for the metadata.
      overwrite: replace an export of the same format at `out`.

    Raises:
      InputError: unknown settings, a model of another sort or without this BatchNorm mode, an
        `out` that exists, or a SavedModel with other logits. Nothing is written then.
    """
    if format not in EXPORT_FORMATS:
        raise InputError(f"format: expected one of {', '.join(EXPORT_FORMATS)}, got {format!r}")
    if format != "savedmodel" and (encoded or gradients != "softmax"):
        raise InputError(
            f"format: {format} has no endpoints; gradients and encoded are for savedmodel"
        )
    target = _named(pathlib.Path(out), format)
    if format == "savedmodel":
        targets = [target]
        is_export = (target / "saved_model.pb").is_file()
    else:
        targets = [target.with_name(target.name + ".json"), target]
        is_export = not any(path.is_dir() for path in targets)
    require_free(targets, overwrite, is_export)
    limits = _checked(model, bounds, statistics)
    description = metadata.describe(
        model, limits, statistics, class_names, origin or metadata.Origin()
    )
    if format != "savedmodel":
        _write_keras(model, targets, description)
        return Exported(target, format, description)
    traced = endpoints.build(model, limits, gradients, statistics, encoded)
    description = {**description, "endpoints": _shapes(traced), "gradients": gradients}
    with replacing(targets) as temporary:
        _save(traced, temporary, target.name, description)
        _verify(model, temporary / target.name, limits, statistics)
    return Exported(target, format, description)


def export_from(
    source: pathlib.Path | str,
    out: pathlib.Path | str,
    *,
    kind: str | None = None,
    adapter: Sequence[str] = (),
    image_shape: tuple[int, int, int] | None = None,
    records: Sequence[pathlib.Path | str] = (),
    **settings: Any,
) -> Exported:
    """Exports a trained model on disk: a run directory, a `.keras` file or a TensorFlow 1
    checkpoint.

    Args:
      source: the directory or file.
      out: as for `export`.
      kind: of a checkpoint that holds several networks.
      adapter: parts (`igam_tf.adapters.parse`) to put before the model. For checkpoints, which hold
        no adapter; a fine-tuned run has its own.
      image_shape: of the images that the adapter takes; their range is `bounds`, by default
        [0, 255].
      records: evaluation records for the metadata, beside those in a run directory.
      settings: as for `export`. The class names of a run directory are those of its data set,
        unless `class_names` replaces them.

    Raises:
      InputError: as `export`; there is no such model, or the adapter does not fit it.
    """
    model = trained.load_model(source, kind)
    if bool(adapter) != (image_shape is not None):
        raise InputError("adapter: it needs image_shape, the size of its images, and the reverse")
    if image_shape is not None:
        bounds = PIXELS if settings.get("bounds") is None else as_bounds(settings["bounds"])
        model = models.adapted(model, adapters.parse(adapter), image_shape, bounds)
    origin = metadata.origin_of(source, kind, records)
    if settings.get("class_names") is None:
        settings["class_names"] = (origin.environment or {}).get("class_names")
    return export(model, out, origin=origin, **settings)


def _named(target: pathlib.Path, format: str) -> pathlib.Path:
    """The target, if its name goes with the format."""
    suffix = _SUFFIXES.get(format)
    if suffix and not target.name.endswith(suffix):
        raise InputError(f"{target}: expected a file *{suffix} for format {format}")
    if not suffix and target.name.endswith((*_SUFFIXES.values(), ".h5", ".pb")):
        raise InputError(
            f"{target}: a SavedModel is a directory; for a file choose another format "
            "(keras or weights)"
        )
    return target


def _checked(model: keras.Model, bounds: Any, statistics: str) -> Bounds:
    """The pixel range of a model that can be exported."""
    shapes = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    if not isinstance(model, keras.Model) or not all(map(_is_known, shapes, (4, 2))):
        raise InputError(
            f"{getattr(model, 'name', model)}: expected a Keras model of images "
            "[B, height, width, channels] of a known size to logits [B, classes], "
            f"got {shapes[0]} to {shapes[1]}"
        )
    limits = bounds_of(model) if bounds is None else as_bounds(bounds)
    try:
        check_statistics(statistics, model)
    except InputError as error:
        raise InputError(f"statistics: {error}") from error
    inputs.checked(model, *_sample(model, limits), limits)
    return limits


def _is_known(shape: Any, rank: int) -> bool:
    return isinstance(shape, tuple) and len(shape) == rank and None not in shape[1:]


def _sample(model: keras.Model, bounds: Bounds) -> tuple[np.ndarray, np.ndarray]:
    """A few random images in the model's range, with labels."""
    images = np.random.default_rng(0).uniform(bounds.low, bounds.high, (4, *model.input_shape[1:]))
    return images.astype(np.float32), np.zeros(4, np.int64)


def _write_keras(
    model: keras.Model, targets: Sequence[pathlib.Path], description: dict[str, Any]
) -> None:
    with replacing(targets) as temporary:
        sidecar, file = (temporary / target.name for target in targets)
        if file.name.endswith(".weights.h5"):
            model.save_weights(file)
        else:
            model.save(file)
        sidecar.write_text(json.dumps(description, indent=1) + "\n")


def _save(
    traced: endpoints.Endpoints, temporary: pathlib.Path, name: str, description: dict[str, Any]
) -> None:
    """As keras.export.ExportArchive, which takes no assets and only one type for each input."""
    asset = temporary / "metadata.json"
    asset.write_text(json.dumps(description, indent=1) + "\n")
    module, signatures = traced.module, traced.signatures
    used = {
        id(variable): variable
        for function in signatures.values()
        for variable in function.variables
    }
    module.weights = list(used.values())
    module.metadata = tf.saved_model.Asset(str(asset))
    tf.saved_model.save(
        module, str(temporary / name), {**signatures, "serving_default": signatures["serve"]}
    )
    drop_unsaved(temporary / name)


def _verify(model: keras.Model, path: pathlib.Path, bounds: Bounds, statistics: str) -> None:
    images, _ = _sample(model, bounds)
    expected = programs.logits(model, images, statistics)
    loaded = tf.saved_model.load(str(path))  # a name of its own: functions do not keep variables
    logits = loaded.serve(tf.constant(images))["logits"].numpy()
    error = float(np.linalg.norm(logits - expected) / max(float(np.linalg.norm(expected)), 1e-12))
    if not error <= TOLERANCE:
        raise InputError(
            f"{model.name}: its logits do not survive the export (relative error {error:g}); "
            "is it random at inference?"
        )


def _shapes(traced: endpoints.Endpoints) -> dict[str, Any]:
    """Type and shape of every signature's inputs and outputs."""

    def plain(specs: dict[str, Any]) -> dict[str, Any]:
        return {
            name: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}
            for name, spec in specs.items()
        }

    return {
        name: {
            "inputs": plain({spec.name: spec for spec in function.structured_input_signature[0]}),
            "outputs": plain(function.structured_outputs),
        }
        for name, function in traced.signatures.items()
    }
