"""Table 2 on real images without Tiny-ImageNet: from five classes of CIFAR-10, upsized to 64 x 64,
to the other five.

A stand-in: the source task is smaller than Tiny-ImageNet and of the same photographs' kind as the
target. Rows, adapters and lambdas are Table 2's at `cpu`.

    bin/reproduce_table --table=halves --preset=cpu      # hours on two cores
"""

from igam_tf.core.errors import InputError
from igam_tf.experiments import table2
from igam_tf.experiments.configs import (
    Adversary,
    Data,
    Network,
    RobustRun,
    Schedule,
    Table,
    Weights,
)
from igam_tf.experiments.sizes import RATES, Sizes, Source

SIZES = Sizes(
    sources={
        "tiny_imagenet": Source(
            RobustRun(
                Data("cifar10_first5_64", train_size=20_000),
                Network("wide_resnet", 1, 2),
                Schedule(900, 32, RATES, (550, 800)),
                Adversary("8/255", "2/255", 7, ramp_steps=200),
            ),
            head=Schedule(1000, 64, (1e-3,), optimizer="adam"),
        )
    },
    target=Data("cifar10_last5", train_size=20_000),
    network=Network("wide_resnet", 1, 2),
    baselines={
        "Standard": (Schedule(1200, 64, RATES, (800, 1100)), None),
        "PGD7-trained": (
            Schedule(900, 64, RATES, (550, 800)),
            Adversary("8/255", "2/255", 7, ramp_steps=200),
        ),
    },
    baseline_head=Schedule(1000, 64, (1e-3,), optimizer="adam"),
    student=Schedule(1700, 64, (0.1, 0.01, 0.02, 0.002), (800, 1200, 1600)),
    steps_before_matching=1200,  # as Standard until then
    lambda_diff_factor=6.0,
    num_examples=500,
)


def declare(preset: str, seed: int, teacher: Weights | None) -> Table:
    """`teacher` stands for the robust network of the first half, at 64 x 64."""
    if preset != "cpu":
        raise InputError(f"table halves: it has the preset cpu alone, got {preset!r}")
    return table2.declare_at(SIZES, "halves", preset, seed, teacher)
