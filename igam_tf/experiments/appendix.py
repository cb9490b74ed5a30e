"""IGAM's hyperparameters row by row, as published: Appendix A of the paper, and the release's two shell scripts."""

import dataclasses
import types
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Transfer:
    """A student of the paper: Appendix A's values, with the adapter and the teacher's fine-tuning that §5 states.

    `adapter` is for `igam_tf.adapters.parse`; `gradient_crop` is the window of §4.3.2 where the adapter crops.
    The discriminator has `disc_layers` convolutions, of `disc_channels` channels doubled from layer to layer.
    """

    source: str
    target: str
    adapter: tuple[str, ...]
    lambda_adv: float
    lambda_diff: float
    disc_layers: int
    disc_channels: int
    disc_every: int
    finetune_epochs: int
    gradient_crop: int | None = None


_GREY = ("mean", "crop:28", "scale:1/255")

# By table or figure, then row.
APPENDIX: Mapping[tuple[str, str], Transfer] = types.MappingProxyType(
    {
        ("1", "IGAM-MNIST"): Transfer("mnist", "cifar10", _GREY, 1, 100, 5, 16, 10, 10, 28),
        ("2", "IGAM-TransposeConv"): Transfer("tiny_imagenet", "cifar10", ("transposed:64",), 1, 10, 4, 8, 5, 6),
        ("2", "IGAM-RandomPad"): Transfer("tiny_imagenet", "cifar10", ("pad_random:64",), 1, 10, 4, 8, 5, 6),
        ("2", "IGAM-Pad"): Transfer("tiny_imagenet", "cifar10", ("pad:64",), 2, 20, 4, 8, 5, 6),
        ("2", "IGAM-Upsize"): Transfer("tiny_imagenet", "cifar10", ("resize_legacy:64",), 5, 10, 4, 8, 5, 6),
        ("3", "IGAM-MNIST"): Transfer("mnist", "cifar100", _GREY, 0.1, 200, 5, 16, 5, 10, 28),
        ("3", "IGAM-CIFAR10"): Transfer("cifar10", "cifar100", (), 2, 10, 5, 16, 10, 6),
        ("figure 5", "CIFAR10-Resize"): Transfer("cifar10", "tiny_imagenet", ("resize_mean:32",), 0.1, 200, 4, 8, 5, 5),
        ("figure 5", "CIFAR10-Crop"): Transfer("cifar10", "tiny_imagenet", ("crop:32",), 2, 50, 4, 8, 5, 5, 32),
        ("figure 5", "CIFAR100-Resize"): Transfer(
            "cifar100", "tiny_imagenet", ("resize_mean:32",), 0.1, 200, 4, 8, 5, 5
        ),
        ("figure 5", "CIFAR100-Crop"): Transfer("cifar100", "tiny_imagenet", ("crop:32",), 0.5, 200, 4, 8, 5, 5, 32),
    }
)


@dataclasses.dataclass(frozen=True)
class Script:
    """What one of the release's shell scripts sets; of a row, it overrules the appendix."""

    lambda_adv: float
    lambda_diff: float
    disc_every: int
    disc_layers: int
    disc_channels: int
    pixel_noise: float
    batch_size: int = 32
    steps: int = 320_000
    learning_rates: tuple[float, ...] = (0.1, 0.01, 0.001)
    boundaries: tuple[int, ...] = (160_000, 240_000)
    steps_before_matching: int = 280_000
    weight_decay: float = 2e-4
    finetune_batch_size: int = 64
    finetune_rate: float = 1e-3


SCRIPTS: Mapping[tuple[str, str], Script] = types.MappingProxyType(
    {
        ("3", "IGAM-CIFAR10"): Script(2, 10, 5, 5, 16, 8.0),
        ("2", "IGAM-Upsize"): Script(5, 10, 5, 4, 8, 0.0),
    }
)
