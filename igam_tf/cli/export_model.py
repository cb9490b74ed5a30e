"""export_model: a trained model for use elsewhere, as a SavedModel that needs TensorFlow alone.

SOURCE is a run directory, a .keras file or a TensorFlow 1 checkpoint; OUT a directory that is not there yet.

  export_model runs/STUDENT student
  export_model runs/FINETUNED teacher --gradients=both --encoded --class_names=names.txt
  export_model checkpoints/modelIGAM-320000 teacher --kind=igam_teacher --statistics=batch \\
      --adapter=resize_legacy:64 --image_shape=32,32,3
  export_model runs/STUDENT student.keras --format=keras

A SavedModel has the endpoints serve, input_gradient, attack and, with --encoded, serve_encoded; docs/export.md describes them.
The other formats are for Python with igam_tf. All come with metadata: classes, pixel range, configuration, evaluation.
"""

import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from absl import flags

from igam_tf.cli import shared
from igam_tf.cli.command import Command
from igam_tf.errors import InputError

if TYPE_CHECKING:
    from igam_tf.export import Exported

_COMMAND = Command("export_model", __doc__, positional="source out")
_VALUES = _COMMAND.flags
shared.define_kind(_COMMAND)
flags.DEFINE_enum(
    "format",
    "savedmodel",
    ["savedmodel", "keras", "weights"],
    "savedmodel (a directory), keras (OUT is *.keras) or weights (OUT is *.weights.h5).",
    flag_values=_VALUES,
)
flags.DEFINE_enum(
    "gradients",
    "softmax",
    ["softmax", "xent", "both"],
    "input_gradient is of the labelled class's probability (softmax) or of the loss (xent); both adds input_gradient_xent.",
    flag_values=_VALUES,
)
flags.DEFINE_enum(
    "statistics",
    "moving",
    ["moving", "batch"],
    "BatchNorm mode of every endpoint; batch: an image's result depends on its batch.",
    flag_values=_VALUES,
)
flags.DEFINE_bool("encoded", False, "Add serve_encoded, which takes JPEG and PNG strings.", flag_values=_VALUES)
flags.DEFINE_list("bounds", None, "LOW,HIGH: pixel range of a model that does not say its own.", flag_values=_VALUES)
flags.DEFINE_list(
    "adapter",
    [],
    "Parts to put before the model, as for finetune_teacher; for checkpoints, which hold no adapter.",
    flag_values=_VALUES,
)
flags.DEFINE_list("image_shape", None, "HEIGHT,WIDTH,CHANNELS that --adapter takes.", flag_values=_VALUES)
flags.DEFINE_string("class_names", None, "File with a class's name in each line.", flag_values=_VALUES)
flags.DEFINE_list(
    "evaluations",
    [],
    "Records of bin/evaluate --output, for the metadata; a run's own are taken anyway.",
    flag_values=_VALUES,
)
flags.DEFINE_bool("overwrite", False, "Replace an export of the same format at OUT.", flag_values=_VALUES)


_TITLES = {"savedmodel": "SavedModel", "keras": "Keras file", "weights": "weights"}


def main(argv: Sequence[str] | None = None) -> int:
    return _COMMAND.run(_run, argv)


def _run(values: Any) -> None:
    from igam_tf import export

    bounds = None if values.bounds is None else shared.numbers("bounds", values.bounds, float)
    shape = None if values.image_shape is None else shared.numbers("image_shape", values.image_shape, int)
    if shape is not None and (len(shape) != 3 or min(shape) < 1):
        raise InputError(f"image_shape: expected HEIGHT,WIDTH,CHANNELS, got {','.join(values.image_shape)!r}")
    done = export.export_from(
        values.target,
        values.out,
        kind=values.kind,
        adapter=values.adapter,
        image_shape=shape,
        records=values.evaluations,
        format=values.format,
        gradients=values.gradients,
        statistics=values.statistics,
        encoded=values.encoded,
        bounds=bounds,
        class_names=_lines(values.class_names) if values.class_names else None,
        overwrite=values.overwrite,
    )
    print(_text(done, values.out))


def _lines(path: str) -> list[str]:
    return [line.strip() for line in pathlib.Path(path).read_text().splitlines() if line.strip()]


def _text(done: "Exported", out: str) -> str:
    """What was written, each signature, and three lines that call it."""
    from igam_tf.bounds import Bounds

    said = done.metadata
    images, bounds = _shape("images", said["image_shape"]), Bounds(*said["bounds"])
    count = said["classes"]["count"]
    records = ", ".join(said["origin"]["evaluations"]) or "none"
    lines = [
        f"{out}: {_TITLES[done.format]} of {said['model']}, {said['parameters']:,} parameters, {count} classes",
        f"{images} with pixels in {bounds}; BatchNorm statistics: {said['statistics']}; evaluation records: {records}",
    ]
    for name, specs in said.get("endpoints", {}).items():
        sides = [", ".join(_typed(*item) for item in specs[side].items()) for side in ("inputs", "outputs")]
        lines.append(f"  {name}({sides[0]}) -> {sides[1]}")
    return "\n".join([*lines, "", *_snippet(done, out)])


def _typed(name: str, spec: dict[str, Any]) -> str:
    kind, shape = spec["dtype"], spec["shape"]
    return f"{name}: {kind} {_shape('', shape[1:])}" if shape else f"{name}: {kind}"


def _shape(name: str, sides: Sequence[int]) -> str:
    return f"{name} [{', '.join(['B', *map(str, sides)])}]".strip()


def _snippet(done: "Exported", out: str) -> list[str]:
    if done.format == "savedmodel":
        return [
            "import tensorflow as tf",
            f"model = tf.saved_model.load({out!r})",
            f'print(model.serve(tf.zeros({[1, *done.metadata["image_shape"]]}))["labels"])',
        ]
    if done.format == "keras":
        return [
            "import keras",
            "from igam_tf import adapters, models  # so that Keras knows their layers",
            f"model = keras.saving.load_model({out!r})",
        ]
    return [
        "from igam_tf import export",
        f"model = export.load_weights({out!r})",
        "print(model.input_shape, model.output_shape)",
    ]
