"""train_robust: PGD adversarial training of a classifier (Madry et al.).

It makes robust teachers (a MNIST CNN on a source task) and the PGD-trained baseline; with --attack_steps=0 it trains
plainly, which is the Standard baseline.

  train_robust --dataset=shapes28 --network=mnist_cnn --optimizer=adam --learning_rates=0.001 --epsilon=0.1 \\
      --step_size=0.03 --attack_steps=5
  train_robust --dataset=cifar10 --network=wide_resnet --width=1 --epsilon=8/255 --step_size=2/255
"""

from collections.abc import Sequence
from typing import Any

from absl import flags

from igam_tf.cli import shared
from igam_tf.cli.command import Command

_COMMAND = Command("train_robust", __doc__)
shared.define_training_data(_COMMAND, "shapes32")
shared.define_network(_COMMAND, "wide_resnet")
shared.define_schedule(_COMMAND, 600, 64, ["0.1"], "momentum")
shared.define_run(_COMMAND)
_VALUES = _COMMAND.flags
flags.DEFINE_string(
    "epsilon", "8/255", "Radius: n/255 of the pixel range, or a number in its unit.", flag_values=_VALUES
)
flags.DEFINE_string("step_size", "2/255", "Attack step, like --epsilon.", flag_values=_VALUES)
flags.DEFINE_integer("attack_steps", 7, "PGD steps per image; 0: plain training.", lower_bound=0, flag_values=_VALUES)
flags.DEFINE_integer(
    "ramp_steps", 0, "Iterations over which the attack grows from 0.", lower_bound=0, flag_values=_VALUES
)
flags.DEFINE_float("weight_decay", 2e-4, "On half the squared kernels.", lower_bound=0, flag_values=_VALUES)


def main(argv: Sequence[str] | None = None) -> int:
    return _COMMAND.run(_run, argv)


def _run(values: Any) -> None:
    from igam_tf.experiments.configs import Adversary, RobustRun

    adversary = Adversary(values.epsilon, values.step_size, values.attack_steps, values.ramp_steps)
    shared.train(
        values,
        RobustRun(
            shared.data_config(values),
            shared.network_config(values),
            shared.schedule_config(values),
            adversary if values.attack_steps else None,
            values.weight_decay,
            values.seed,
        ),
    )
