"""Runs at the paper's sizes that several tables share; published rows come from `appendix`."""

import dataclasses

from igam_tf.experiments.appendix import APPENDIX, SCRIPTS
from igam_tf.experiments.configs import (
    Adversary,
    Data,
    FinetuneRun,
    Network,
    RobustRun,
    Schedule,
    StudentRun,
    Weights,
)

# Both of the release's scripts have this schedule; rows without a script take it over.
_SCRIPT = SCRIPTS["2", "IGAM-Upsize"]
_SCHEDULE = Schedule(_SCRIPT.steps, _SCRIPT.batch_size, _SCRIPT.learning_rates, _SCRIPT.boundaries)


def mnist_teacher(seed: int) -> RobustRun:
    """MadryLab's MNIST recipe: 100,000 steps of batch 50, PGD of 40 steps of 0.01 at 0.3."""
    return RobustRun(
        Data("mnist", augmented=False),
        Network("mnist_cnn"),
        Schedule(100_000, 50, (1e-4,), optimizer="adam"),
        Adversary(0.3, 0.01, 40),
        weight_decay=0.0,
        seed=seed,
    )


def baselines(dataset: str, seed: int) -> tuple[RobustRun, RobustRun]:
    """Standard, and MadryLab's CIFAR-10 recipe: 80,000 steps of batch 128, PGD of 7 steps of 2 at 8."""
    standard = RobustRun(Data(dataset), Network("wide_resnet"), _SCHEDULE, seed=seed)
    madry = Schedule(80_000, 128, (0.1, 0.01, 0.001), (40_000, 60_000))
    return standard, dataclasses.replace(standard, schedule=madry, adversary=Adversary("8/255", "2/255", 7))


def cifar10_teacher(seed: int) -> RobustRun:
    """MadryLab's robust CIFAR-10 network: the PGD7 recipe on per-image standardised input.

    A student's twin, as the PGD7 rows of the tables are, standardises otherwise.
    """
    robust = baselines("cifar10", seed)[1]
    return dataclasses.replace(robust, network=Network("wide_resnet", normalization="per_image"))


def tiny_imagenet_teacher(seed: int) -> RobustRun:
    """The release's: 320,000 steps of batch 16, PGD of 7 steps of 2 at 8, on zero-mean, unit-norm images of 64 x 64."""
    return RobustRun(
        Data("tiny_imagenet"),
        Network("wide_resnet"),
        Schedule(320_000, 16, (0.1, 0.01, 0.001), (160_000, 240_000)),
        Adversary("8/255", "2/255", 7),
        seed=seed,
    )


def finetuned(
    dataset: str,
    teacher: RobustRun | Weights,
    adapter: tuple[str, ...],
    epochs: int,
    seed: int,
    normalization: str | None = None,
) -> FinetuneRun:
    """A head trained for whole epochs of 50,000 images at batch 64, by Adam at 0.001 (the release's)."""
    batch_size = _SCRIPT.finetune_batch_size
    schedule = Schedule(epochs * (50_000 // batch_size), batch_size, (_SCRIPT.finetune_rate,), optimizer="adam")
    return FinetuneRun(Data(dataset), teacher, schedule, adapter, seed=seed, normalization=normalization)


# The release rebuilds its Tiny-ImageNet teacher without the zero mean that it was trained with.
REBUILT = {"tiny_imagenet": "l2"}


def student(table: str, row: str, teacher: RobustRun | Weights, seed: int) -> StudentRun:
    """A row of Appendix A under the release's schedule; where the release has a script for it, with that one's values."""
    published = APPENDIX[table, row]
    script = SCRIPTS.get((table, row))
    return StudentRun(
        Data(published.target, pixel_noise=script.pixel_noise if script else 0.0),
        Network("wide_resnet"),
        finetuned(
            published.target,
            teacher,
            published.adapter,
            published.finetune_epochs,
            seed,
            REBUILT.get(published.source),
        ),
        _SCHEDULE,
        lambda_adv=float(published.lambda_adv),
        lambda_diff=float(published.lambda_diff),
        steps_before_matching=_SCRIPT.steps_before_matching,
        disc_every=script.disc_every if script else published.disc_every,
        disc_layers=published.disc_layers,
        disc_channels=published.disc_channels,
        gradient_crop=published.gradient_crop,
        weight_decay=_SCRIPT.weight_decay,
        seed=seed,
    )
