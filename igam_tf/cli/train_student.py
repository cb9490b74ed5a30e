"""train_student: phase 2, trains a student by input gradient adversarial matching (paper §4.2).

  train_student --teacher=runs/FINETUNED --dataset=shapes32 --lambda_adv=1 --lambda_diff=1000 \\
      --gradient_crop=28 --steps=600 --steps_before_matching=300

The published lambdas hold for pixels in [0, 255] and the reductions of the release, which is the
default protocol.
"""

import dataclasses
import sys
from collections.abc import Sequence
from typing import Annotated

from igam_tf.cli import shared
from igam_tf.core.command import Command
from igam_tf.core.settings import Setting
from igam_tf.experiments.configs import Data, StudentRun


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainStudentFlags(shared.TrainingFlags):
    teacher: Annotated[str, Setting(f"The fine-tuned teacher: {shared.MODEL}.")]
    kind: shared.Kind = None
    run: StudentRun = StudentRun(
        Data("shapes32"),
        shared.NETWORK,
        shared.UNKNOWN,
        shared.schedule(32, 0.1, "momentum"),
        lambda_adv=1.0,
        lambda_diff=10.0,
    )


COMMAND = Command("train_student", __doc__, TrainStudentFlags)


def main(argv: Sequence[str] | None = None) -> int:
    return COMMAND.run(_run, argv)


def _run(flags: TrainStudentFlags) -> None:
    from igam_tf.experiments import trained

    teacher = trained.weights(flags.teacher, flags.kind)
    shared.train(
        flags,
        dataclasses.replace(flags.run, network=flags.run.network.canonical(), teacher=teacher),
    )


if __name__ == "__main__":
    sys.exit(main())
