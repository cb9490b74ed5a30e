"""IGAM's hyperparameters row by row, as published: Appendix A of the paper, and the release's two
shell scripts.
"""

import dataclasses
import types
from collections.abc import Mapping
from typing import Any

from igam_tf.core.settings import values_of
from igam_tf.core.settings.training import IgamSettings
from igam_tf.experiments.configs import DiscriminatorSize, Schedule


@dataclasses.dataclass(frozen=True, kw_only=True)
class Matching(IgamSettings, DiscriminatorSize):
    """The part of a student's run that the paper states row by row."""

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Keywords of `StudentRun`, some of them changed."""
        return {**values_of(self, Matching), **changes}


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishedStudent(Matching):
    """A student of the paper: Appendix A's values, with the adapter and the teacher's fine-tuning
    that §5 states.

    `adapter` is for `igam_tf.adapters.parse`. Where it crops, `gradient_crop` is the window of
    §4.3.2.
    """

    source: str
    target: str
    adapter: tuple[str, ...] = ()
    finetune_epochs: int


def _grey(target: str, **settings: Any) -> PublishedStudent:
    """From MNIST: colour images as grey ones of 28 x 28 in [0, 1]."""
    adapter = ("mean", "crop:28", "scale:1/255")
    return PublishedStudent(
        source="mnist",
        target=target,
        adapter=adapter,
        finetune_epochs=10,
        gradient_crop=28,
        **settings,
    )


def _downwards(adapter: str, **settings: Any) -> PublishedStudent:
    return PublishedStudent(
        source="tiny_imagenet",
        target="cifar10",
        adapter=(adapter,),
        finetune_epochs=6,
        disc_layers=4,
        disc_channels=8,
        **settings,
    )


def _to_tiny_imagenet(source: str, adapter: str, **settings: Any) -> PublishedStudent:
    return PublishedStudent(
        source=source,
        target="tiny_imagenet",
        adapter=(adapter,),
        finetune_epochs=5,
        disc_layers=4,
        disc_channels=8,
        **settings,
    )


# By table or figure, then row. Unless a row says otherwise, the discriminator has 5 layers, of 16
# channels at first, and steps with every fifth iteration.
APPENDIX: Mapping[tuple[str, str], PublishedStudent] = types.MappingProxyType(
    {
        ("1", "IGAM-MNIST"): _grey("cifar10", lambda_adv=1.0, lambda_diff=100.0, disc_every=10),
        ("2", "IGAM-TransposeConv"): _downwards("transposed:64", lambda_adv=1.0, lambda_diff=10.0),
        ("2", "IGAM-RandomPad"): _downwards("pad_random:64", lambda_adv=1.0, lambda_diff=10.0),
        ("2", "IGAM-Pad"): _downwards("pad:64", lambda_adv=2.0, lambda_diff=20.0),
        ("2", "IGAM-Upsize"): _downwards("resize_legacy:64", lambda_adv=5.0, lambda_diff=10.0),
        ("3", "IGAM-MNIST"): _grey("cifar100", lambda_adv=0.1, lambda_diff=200.0),
        ("3", "IGAM-CIFAR10"): PublishedStudent(
            source="cifar10",
            target="cifar100",
            finetune_epochs=6,
            lambda_adv=2.0,
            lambda_diff=10.0,
            disc_every=10,
        ),
        ("figure 5", "CIFAR10-Resize"): _to_tiny_imagenet(
            "cifar10", "resize_mean:32", lambda_adv=0.1, lambda_diff=200.0
        ),
        ("figure 5", "CIFAR10-Crop"): _to_tiny_imagenet(
            "cifar10", "crop:32", lambda_adv=2.0, lambda_diff=50.0, gradient_crop=32
        ),
        ("figure 5", "CIFAR100-Resize"): _to_tiny_imagenet(
            "cifar100", "resize_mean:32", lambda_adv=0.1, lambda_diff=200.0
        ),
        ("figure 5", "CIFAR100-Crop"): _to_tiny_imagenet(
            "cifar100", "crop:32", lambda_adv=0.5, lambda_diff=200.0, gradient_crop=32
        ),
    }
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Script(Matching):
    """What one of the release's shell scripts sets; of a row, it overrules the appendix."""

    steps_before_matching: int = 280_000
    pixel_noise: float = 0.0
    schedule: Schedule = Schedule(320_000, 32, (0.1, 0.01, 0.001), (160_000, 240_000))
    finetune_batch_size: int = 64
    finetune_rate: float = 1e-3


SCRIPTS: Mapping[tuple[str, str], Script] = types.MappingProxyType(
    {
        ("3", "IGAM-CIFAR10"): Script(lambda_adv=2.0, lambda_diff=10.0, pixel_noise=8.0),
        ("2", "IGAM-Upsize"): Script(
            lambda_adv=5.0, lambda_diff=10.0, disc_layers=4, disc_channels=8
        ),
    }
)
