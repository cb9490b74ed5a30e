"""train_robust: PGD adversarial training of a classifier (Madry et al.).

It trains robust teachers on a source task, and the PGD-trained baseline. With --attack_steps=0 it
trains on clean images, which gives the Standard baseline.

  train_robust --dataset=shapes28 --network=mnist_cnn --optimizer=adam --learning_rates=0.001 \\
      --epsilon=0.1 --step_size=0.03 --attack_steps=5
  train_robust --dataset=cifar10 --network=wide_resnet --width=1 --epsilon=8/255 --step_size=2/255
"""

import dataclasses
from collections.abc import Sequence

from igam_tf.cli import shared
from igam_tf.core.command import Command
from igam_tf.experiments.configs import Adversary, Data, RobustRun


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainRobustFlags(shared.TrainingFlags):
    run: RobustRun = RobustRun(
        Data("shapes32"),
        shared.NETWORK,
        shared.schedule(64, 0.1, "momentum"),
        Adversary("8/255", "2/255", 7),
    )


COMMAND = Command("train_robust", __doc__, TrainRobustFlags)


def main(argv: Sequence[str] | None = None) -> int:
    return COMMAND.run(_run, argv)


def _run(flags: TrainRobustFlags) -> None:
    run = flags.run
    adversary = run.adversary if run.adversary and run.adversary.steps else None
    shared.train(
        flags, dataclasses.replace(run, network=run.network.canonical(), adversary=adversary)
    )
