"""export_model: exports a trained model as a SavedModel that needs TensorFlow alone.

SOURCE is a run directory, a .keras file, a TensorFlow 1 checkpoint or a network of RobustBench
(robustbench:ARCHITECTURE:PATH). OUT is a new directory.

  export_model runs/STUDENT student
  export_model runs/FINETUNED teacher --gradients=both --encoded --class_names=names.txt
  export_model checkpoints/modelIGAM-320000 teacher --kind=igam_teacher --statistics=batch \\
      --adapter=resize_legacy:64 --image_shape=32,32,3
  export_model runs/STUDENT student.keras --format=keras

A SavedModel has the endpoints serve, serve_uint8, input_gradient, attack and, with --encoded,
serve_encoded (docs/export.md). The other formats are for Python with igam_tf. All formats have
metadata: classes, pixel range, configuration, evaluation.
"""

import dataclasses
import pathlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from igam_tf.cli import shared
from igam_tf.core.command import Command
from igam_tf.core.settings import Setting, Settings
from igam_tf.core.settings.choices import EXPORT_FORMATS, EXPORT_GRADIENTS, STATISTICS

if TYPE_CHECKING:
    from igam_tf.export import Exported


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportModelFlags(Settings):
    source: Annotated[str, Setting(f"The model: {shared.MODEL}.", positional=True)]
    out: Annotated[str, Setting("The new directory or file.", positional=True)]
    kind: shared.Kind = None
    format: Annotated[
        str,
        Setting(
            "savedmodel (a directory), keras (OUT is *.keras) or weights (OUT is *.weights.h5).",
            choices=EXPORT_FORMATS,
        ),
    ] = "savedmodel"
    gradients: Annotated[
        str,
        Setting(
            "Endpoint input_gradient differentiates the labelled class's probability (softmax) or "
            "the cross-entropy (xent). both: softmax, and xent as input_gradient_xent.",
            choices=EXPORT_GRADIENTS,
        ),
    ] = "softmax"
    statistics: Annotated[
        str,
        Setting(
            "BatchNorm mode of every endpoint. With batch an image's result depends on its batch.",
            choices=STATISTICS,
        ),
    ] = "moving"
    encoded: Annotated[bool, Setting("Add serve_encoded, which takes JPEG and PNG strings.")] = (
        False
    )
    bounds: Annotated[
        tuple[float, float] | None,
        Setting("LOW,HIGH: the pixel range of a model that does not state its own."),
    ] = None
    adapter: Annotated[
        tuple[str, ...],
        Setting(
            "Adapter to put before the model, as in finetune_teacher. A TensorFlow 1 checkpoint "
            "holds no adapter."
        ),
    ] = ()
    image_shape: Annotated[
        tuple[int, int, int] | None,
        Setting("HEIGHT,WIDTH,CHANNELS of the images before --adapter.", at_least=1),
    ] = None
    class_names: Annotated[
        pathlib.Path | None,
        Setting(
            "A text file with the name of one class per line; by default the names of the data set "
            "that a run directory was trained on, if it has any."
        ),
    ] = None
    evaluations: Annotated[
        tuple[str, ...],
        Setting(
            "Records for the metadata, written by evaluate --output. The records in a run "
            "directory are always included."
        ),
    ] = ()
    overwrite: Annotated[bool, Setting("Replace an export of the same format at OUT.")] = False


COMMAND = Command("export_model", __doc__, ExportModelFlags)


def main(argv: Sequence[str] | None = None) -> int:
    return COMMAND.run(_run, argv)


_TITLES = {"savedmodel": "SavedModel", "keras": "Keras file", "weights": "weights"}


def _run(flags: ExportModelFlags) -> None:
    from igam_tf import export

    exported = export.export_from(
        flags.source,
        flags.out,
        kind=flags.kind,
        adapter=flags.adapter,
        image_shape=flags.image_shape,
        records=flags.evaluations,
        format=flags.format,
        gradients=flags.gradients,
        statistics=flags.statistics,
        encoded=flags.encoded,
        bounds=flags.bounds,
        class_names=_lines(flags.class_names) if flags.class_names else None,
        overwrite=flags.overwrite,
    )
    print(_text(exported, flags.out))


def _lines(path: pathlib.Path) -> list[str]:
    return [line.strip() for line in path.read_text().splitlines() if line.strip()]


def _text(exported: "Exported", out: str) -> str:
    """A summary of the export, the signature of each endpoint and three lines of example code."""
    from igam_tf.core.bounds import Bounds

    metadata = exported.metadata
    images, bounds = _shape("images", metadata["image_shape"]), Bounds(*metadata["bounds"])
    count = metadata["classes"]["count"]
    records = ", ".join(metadata["origin"]["evaluations"]) or "none"
    lines = [
        f"{out}: {_TITLES[exported.format]} of {metadata['model']}, "
        f"{metadata['parameters']:,} parameters, {count} classes",
        f"{images} with pixels in {bounds}; BatchNorm statistics: {metadata['statistics']}; "
        f"evaluation records: {records}",
    ]
    for name, specs in metadata.get("endpoints", {}).items():
        sides = [
            ", ".join(_typed(*item) for item in specs[side].items())
            for side in ("inputs", "outputs")
        ]
        lines.append(f"  {name}({sides[0]}) -> {sides[1]}")
    return "\n".join([*lines, "", *_snippet(exported, out)])


def _typed(name: str, spec: dict[str, Any]) -> str:
    kind, shape = spec["dtype"], spec["shape"]
    return f"{name}: {kind} {_shape('', shape[1:])}" if shape else f"{name}: {kind}"


def _shape(name: str, sides: Sequence[int]) -> str:
    return f"{name} [{', '.join(['B', *map(str, sides)])}]".strip()


def _snippet(exported: "Exported", out: str) -> list[str]:
    if exported.format == "savedmodel":
        return [
            "import tensorflow as tf",
            f"model = tf.saved_model.load({out!r})",
            f'print(model.serve(tf.zeros({[1, *exported.metadata["image_shape"]]}))["labels"])',
        ]
    if exported.format == "keras":
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


if __name__ == "__main__":
    sys.exit(main())
