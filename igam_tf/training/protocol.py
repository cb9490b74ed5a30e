"""The settings in which the paper and the release differ, and their two bundles."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

from igam_tf import gradients, layers
from igam_tf.errors import InputError


@dataclasses.dataclass(frozen=True)
class Protocol:
    """Where the paper's equations and the release's code differ; each field is a setting of `Igam`.

    Attributes:
      gradient_of: what the input gradients are of: `"softmax"`, the labelled class's probability, or `"xent"` (Eq. 8, 9).
      diff_reduction: L_diff as `"sum"` over the batch or `"mean"` over its images.
      adversarial_reduction: L_adv as `"mean"` over the 2B gradients or `"sum"` of the two expectations (Eq. 10).
      discriminator_update: `"second_forward"`: on input gradients of the already updated student, computed anew;
        `"same_gradients"`: on those of the student's own step (Algorithm 1), at no second forward.
      teacher_statistics: BatchNorm mode of the frozen teacher; either way nothing is written to it.
    """

    gradient_of: str = "softmax"
    diff_reduction: str = "sum"
    adversarial_reduction: str = "mean"
    discriminator_update: str = "second_forward"
    teacher_statistics: str = "batch"

    _CHOICES: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "gradient_of": gradients.GRADIENTS_OF,
        "diff_reduction": ("sum", "mean"),
        "adversarial_reduction": ("mean", "sum"),
        "discriminator_update": ("second_forward", "same_gradients"),
        "teacher_statistics": layers.STATISTICS,
    }

    def __post_init__(self) -> None:
        for name, choices in self._CHOICES.items():
            if getattr(self, name) not in choices:
                raise InputError(f"{name}: expected one of {', '.join(choices)}, got {getattr(self, name)!r}")


PROTOCOLS: Mapping[str, Protocol] = {
    "release": Protocol(),
    "paper": Protocol("xent", "mean", "sum", "same_gradients", "moving"),
}
