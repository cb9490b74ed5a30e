"""train_student: phase 2, input gradient adversarial matching (paper §4.2).

  train_student --teacher=runs/FINETUNED --dataset=shapes32 --lambda_adv=1 --lambda_diff=1000 --gradient_crop=28 \\
      --steps=600 --steps_before_matching=300

Published lambdas hold for pixels in [0, 255] and the release's reductions, which are the default protocol.
"""

from collections.abc import Sequence
from typing import Any

from absl import flags

from igam_tf.cli import shared
from igam_tf.cli.command import Command

_COMMAND = Command("train_student", __doc__)
shared.define_training_data(_COMMAND, "shapes32")
shared.define_network(_COMMAND, "wide_resnet")
shared.define_schedule(_COMMAND, 600, 32, ["0.1"], "momentum")
shared.define_run(_COMMAND)
_VALUES = _COMMAND.flags
flags.DEFINE_string(
    "teacher",
    None,
    "The fine-tuned teacher: a run directory of finetune_teacher, a .keras file or a TensorFlow 1 checkpoint (required).",
    flag_values=_VALUES,
)
flags.DEFINE_list("adapter", [], "For a teacher without one inside; parts as in finetune_teacher.", flag_values=_VALUES)
flags.DEFINE_float("lambda_adv", 1.0, "Weight of the adversarial term.", lower_bound=0, flag_values=_VALUES)
flags.DEFINE_float("lambda_diff", 10.0, "Weight of the l2 term.", lower_bound=0, flag_values=_VALUES)
flags.DEFINE_integer(
    "steps_before_matching", 0, "First iterations, on cross-entropy alone.", lower_bound=0, flag_values=_VALUES
)
flags.DEFINE_integer("disc_every", 5, "Iterations per discriminator step.", lower_bound=1, flag_values=_VALUES)
flags.DEFINE_integer("disc_layers", 5, "Discriminator: convolutions.", lower_bound=1, flag_values=_VALUES)
flags.DEFINE_integer("disc_channels", 16, "Discriminator: first channels.", lower_bound=1, flag_values=_VALUES)
flags.DEFINE_integer(
    "gradient_crop",
    None,
    "Side of the central window of the gradients that the discriminator sees; all by default.",
    lower_bound=1,
    flag_values=_VALUES,
)
flags.DEFINE_enum(
    "matched_to",
    "teacher",
    ["teacher", "other_images", "zero"],
    "What the student's gradients are matched to; all but teacher are controls.",
    flag_values=_VALUES,
)
flags.DEFINE_float("weight_decay", 2e-4, "On half the squared kernels.", lower_bound=0, flag_values=_VALUES)
flags.DEFINE_enum(
    "protocol", "release", ["release", "paper"], "Bundle of the five settings below.", flag_values=_VALUES
)
for _name, _choices, _text in (
    ("gradient_of", ["softmax", "xent"], "What input gradients are of."),
    ("diff_reduction", ["sum", "mean"], "L_diff over the batch."),
    ("adversarial_reduction", ["mean", "sum"], "L_adv: mean over 2B, or sum of the two expectations."),
    ("discriminator_update", ["second_forward", "same_gradients"], "Gradients of the discriminator's step."),
    ("teacher_statistics", ["moving", "batch"], "BatchNorm mode of the teacher."),
):
    flags.DEFINE_enum(_name, None, _choices, f"{_text} The protocol's by default.", flag_values=_VALUES)
shared.define_kind(_COMMAND)
flags.mark_flag_as_required("teacher", flag_values=_VALUES)


def main(argv: Sequence[str] | None = None) -> int:
    return _COMMAND.run(_run, argv)


_SHARED_NAMES = (
    "lambda_adv", "lambda_diff", "steps_before_matching", "disc_every", "disc_layers", "disc_channels", "gradient_crop",
    "weight_decay", "protocol", "gradient_of", "diff_reduction", "adversarial_reduction", "discriminator_update",
    "teacher_statistics", "matched_to", "seed",
)  # fmt: skip


def _run(values: Any) -> None:
    from igam_tf.experiments import trained
    from igam_tf.experiments.configs import StudentRun

    shared.train(
        values,
        StudentRun(
            data=shared.data_config(values),
            network=shared.network_config(values),
            teacher=trained.weights(values.teacher, values.kind),
            schedule=shared.schedule_config(values),
            adapter=tuple(values.adapter),
            **{name: values[name].value for name in _SHARED_NAMES},
        ),
    )
