"""finetune_teacher: phase 1, trains a new logit layer on a frozen robust teacher (paper §4.1).

The result is one model from target images to target classes. It contains the adapter.

  finetune_teacher --teacher=runs/TEACHER --dataset=shapes32 --adapter=mean,crop:28,scale:1/255
  finetune_teacher --teacher=robustbench:DMWideResNet:Gowal2021.pt --dataset=cifar100
"""

import dataclasses
import sys
from collections.abc import Sequence
from typing import Annotated

from igam_tf.cli import shared
from igam_tf.core.command import Command
from igam_tf.core.settings import Setting
from igam_tf.experiments.configs import Data, FinetuneRun


@dataclasses.dataclass(frozen=True, kw_only=True)
class FinetuneTeacherFlags(shared.TrainingFlags):
    teacher: Annotated[str, Setting(f"The robust model: {shared.MODEL}.")]
    kind: shared.Kind = None
    run: FinetuneRun = FinetuneRun(
        Data("shapes32"), shared.UNKNOWN, shared.schedule(64, 0.001, "adam")
    )


COMMAND = Command("finetune_teacher", __doc__, FinetuneTeacherFlags)


def main(argv: Sequence[str] | None = None) -> int:
    return COMMAND.run(_run, argv)


def _run(flags: FinetuneTeacherFlags) -> None:
    from igam_tf.experiments import trained

    shared.train(
        flags, dataclasses.replace(flags.run, teacher=trained.weights(flags.teacher, flags.kind))
    )


if __name__ == "__main__":
    sys.exit(main())
