"""train_robust: adversarial training by PGD (Madry et al. 2018) or TRADES (Zhang et al. 2019).

It trains robust teachers on a source task, and robust baselines. With --attack_steps=0 it trains on
clean images, which gives the Standard baseline.

  train_robust --dataset=shapes28 --network=mnist_cnn --optimizer=adam --learning_rates=0.001 \\
      --epsilon=0.1 --step_size=0.03 --attack_steps=5
  train_robust --dataset=cifar10 --network=wide_resnet --width=1 --epsilon=8/255 --step_size=2/255
  train_robust --dataset=cifar10 --objective=trades --beta=6 --attack_steps=10 --validation=0.1 \\
      --best_weights --ema=0.999
"""

import dataclasses
import sys
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
    run, adversary = flags.run, flags.run.adversary
    if adversary and not adversary.steps and adversary.objective == "pgd":
        adversary = None
    shared.train(
        flags, dataclasses.replace(run, network=run.network.canonical(), adversary=adversary)
    )


if __name__ == "__main__":
    sys.exit(main())
