"""The settings of the three trainers, and the two protocols."""

import dataclasses
import types
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from igam_tf.core.bounds import Amount
from igam_tf.core.settings.choices import GRADIENTS_OF, MATCHED_TO, STATISTICS
from igam_tf.core.settings.fields import Setting, Settings, optional, values_of


@dataclasses.dataclass(frozen=True)
class Adversary(Settings):
    """The PGD attack of adversarial training."""

    epsilon: Annotated[
        Amount, Setting("Radius: n/255 of the pixel range, or a number in its unit.")
    ] = 0.0
    step_size: Annotated[Amount, Setting("Attack step, like epsilon.")] = 0.0
    steps: Annotated[
        int, Setting("PGD steps per image; 0: plain training.", at_least=0, flag="attack_steps")
    ] = 0
    ramp_steps: Annotated[
        int,
        Setting(
            "Iterations over which epsilon and step_size grow from 0; a large rate needs some.",
            at_least=0,
        ),
    ] = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlainSettings(Settings):
    """What plain and adversarial training share."""

    weight_decay: Annotated[float, Setting("Factor on half the squared kernels.", at_least=0)] = (
        2e-4
    )
    seed: Annotated[int, Setting("Of the random starts.")] = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdversarialSettings(Adversary, PlainSettings):
    """The settings of `AdversarialTrainer`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FinetuneSettings(Settings):
    """The settings of `HeadTrainer`."""

    statistics: Annotated[
        str, Setting("BatchNorm mode of the frozen body (the release: batch).", choices=STATISTICS)
    ] = "batch"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Protocol(Settings):
    """Where the paper's equations and the release's code differ: each field is a setting of `Igam`."""

    gradient_of: Annotated[
        str,
        Setting(
            "What input gradients are of: the labelled class's probability (softmax) or the cross-entropy (Eq. 8, 9).",
            choices=GRADIENTS_OF,
        ),
    ] = "softmax"
    diff_reduction: Annotated[
        str,
        Setting(
            "L_diff as a sum over the batch or a mean over its images.", choices=("sum", "mean")
        ),
    ] = "sum"
    adversarial_reduction: Annotated[
        str,
        Setting(
            "L_adv as a mean over the 2B gradients or a sum of the two expectations (Eq. 10).",
            choices=("mean", "sum"),
        ),
    ] = "mean"
    discriminator_update: Annotated[
        str,
        Setting(
            "Input gradients of the discriminator's step: of the updated student, computed once more "
            "(second_forward), or those of the student's own step (Algorithm 1), at no second forward.",
            choices=("second_forward", "same_gradients"),
        ),
    ] = "second_forward"
    teacher_statistics: Annotated[
        str,
        Setting(
            "BatchNorm mode of the frozen teacher; either way nothing is written to it.",
            choices=STATISTICS,
        ),
    ] = "batch"


PROTOCOLS: Mapping[str, Protocol] = types.MappingProxyType(
    {
        "release": Protocol(),
        "paper": Protocol(
            gradient_of="xent",
            diff_reduction="mean",
            adversarial_reduction="sum",
            discriminator_update="same_gradients",
            teacher_statistics="moving",
        ),
    }
)

if TYPE_CHECKING:
    _Overrides = Protocol  # the same names
else:
    _Overrides = optional(Protocol, "The protocol's by default.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class IgamSettings(_Overrides):
    """The settings of `Igam`. Fields of `Protocol` that are not None override the protocol's."""

    lambda_adv: Annotated[float, Setting("Weight of the adversarial term.", at_least=0)]
    lambda_diff: Annotated[float, Setting("Weight of the l2 term.", at_least=0)]
    steps_before_matching: Annotated[
        int,
        Setting(
            "First iterations, on cross-entropy and decay alone, without the discriminator.",
            at_least=0,
        ),
    ] = 0
    disc_every: Annotated[int, Setting("Iterations per discriminator step.", at_least=1)] = 5
    gradient_crop: Annotated[
        int | None,
        Setting(
            "Side of the central window of both gradients that the discriminator sees (§4.3.2); all by "
            "default. L_diff stays on the whole image.",
            at_least=1,
        ),
    ] = None
    weight_decay: Annotated[
        float,
        Setting(
            "Factor on half the squared kernels, the student's and the discriminator's.", at_least=0
        ),
    ] = 2e-4
    protocol: Annotated[
        str | Protocol,
        Setting(
            "The paper's equations or the release's code: a bundle of settings.",
            choices=tuple(PROTOCOLS),
        ),
    ] = "release"
    matched_to: Annotated[
        str,
        Setting(
            "What stands for the teacher's gradients, in both terms and in the metrics. Controls: those of "
            "the batch's next image (other_images), or zero, a penalty on the student's own gradients that "
            "needs no teacher.",
            choices=MATCHED_TO,
            identity="if set",
        ),
    ] = "teacher"

    def bundle(self) -> Protocol:
        """The protocol with the overrides."""
        named = self.protocol if isinstance(self.protocol, Protocol) else PROTOCOLS[self.protocol]
        overrides: dict[str, Any] = {
            n: v for n, v in values_of(self, Protocol).items() if v is not None
        }
        return dataclasses.replace(named, **overrides)
