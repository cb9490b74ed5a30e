"""finetune_teacher: phase 1, a new logit layer on a frozen robust teacher (paper §4.1).

The result is one model from target images to target classes, adapter inside.

  finetune_teacher --teacher=runs/TEACHER --dataset=shapes32 --adapter=mean,crop:28,scale:1/255
"""

from collections.abc import Sequence
from typing import Any

from absl import flags

from igam_tf.cli import shared
from igam_tf.cli.command import Command

_COMMAND = Command("finetune_teacher", __doc__)
shared.define_training_data(_COMMAND, "shapes32")
shared.define_schedule(_COMMAND, 600, 64, ["0.001"], "adam")
shared.define_run(_COMMAND)
_VALUES = _COMMAND.flags
flags.DEFINE_string(
    "teacher",
    None,
    "The robust model: a run directory, a .keras file or a TensorFlow 1 checkpoint (required).",
    flag_values=_VALUES,
)
flags.DEFINE_list(
    "adapter",
    [],
    "Target image to teacher input, parts in order: mean, crop:SIZE, scale:FACTOR, resize:SIZE, resize_legacy:SIZE, "
    "resize_mean:SIZE, pad:SIZE, pad_random:SIZE, transposed:SIZE.",
    flag_values=_VALUES,
)
flags.DEFINE_enum(
    "statistics",
    "batch",
    ["moving", "batch"],
    "BatchNorm mode of the frozen body (the release: batch).",
    flag_values=_VALUES,
)
flags.DEFINE_enum(
    "normalization",
    None,
    ["per_image", "unit_norm", "l2"],
    "Rebuild the teacher with this input normalisation instead of its own; the release does so (l2) with its Tiny-ImageNet "
    "teacher, which was trained on unit_norm.",
    flag_values=_VALUES,
)
shared.define_kind(_COMMAND)
flags.mark_flag_as_required("teacher", flag_values=_VALUES)


def main(argv: Sequence[str] | None = None) -> int:
    return _COMMAND.run(_run, argv)


def _run(values: Any) -> None:
    from igam_tf.experiments import trained
    from igam_tf.experiments.configs import FinetuneRun

    shared.train(
        values,
        FinetuneRun(
            shared.data_config(values),
            trained.weights(values.teacher, values.kind),
            shared.schedule_config(values),
            tuple(values.adapter),
            values.statistics,
            values.seed,
            values.normalization,
        ),
    )
