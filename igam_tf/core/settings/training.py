"""The settings of the three trainers and of what their runs save, and the two protocols."""

import dataclasses
import types
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from igam_tf.core.bounds import Amount
from igam_tf.core.settings.choices import GRADIENTS_OF, MATCHED_TO, OBJECTIVES, STATISTICS
from igam_tf.core.settings.fields import Setting, Settings, optional, values_of


@dataclasses.dataclass(frozen=True)
class Adversary(Settings):
    """The objective of adversarial training, and the attack inside it."""

    epsilon: Annotated[
        Amount, Setting("Radius: n/255 of the pixel range, or a number in pixel units.")
    ] = 0.0
    step_size: Annotated[Amount, Setting("Step size of the attack, in the form of epsilon.")] = 0.0
    steps: Annotated[
        int,
        Setting(
            "Attack steps per image; 0 trains on clean images.", at_least=0, flag="attack_steps"
        ),
    ] = 0
    ramp_steps: Annotated[
        int,
        Setting(
            "Iterations over which epsilon and step_size grow from 0. A high learning rate "
            "needs some.",
            at_least=0,
        ),
    ] = 0
    objective: Annotated[
        str,
        Setting(
            "The loss: cross-entropy on adversarial images (pgd; Madry et al. 2018), or "
            "cross-entropy on clean images plus beta times KL(clean || adversarial) (trades; Zhang "
            "et al. 2019).",
            choices=OBJECTIVES,
            identity="if set",
        ),
    ] = "pgd"
    beta: Annotated[
        float, Setting("Weight of the KL term of trades.", at_least=0, identity="if set")
    ] = 6.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class FinalWeights(Settings):
    """Which weights a training run saves; by default those of the last iteration."""

    ema: Annotated[
        float,
        Setting(
            "Decay of an exponential moving average of the trained network's weights, such as "
            "0.999, which the run saves instead of them; 0 for none.",
            at_least=0,
            identity="if set",
        ),
    ] = 0.0
    best_weights: Annotated[
        bool,
        Setting(
            "Validate under an attack after every epoch, and save the weights of the best epoch. "
            "Needs --validation or a data set with a validation split.",
            identity="if set",
        ),
    ] = False
    validation_attack: Annotated[
        str, Setting("With --best_weights, the attack, by its name.", identity="if set")
    ] = "pgd10"
    validation_epsilon: Annotated[
        Amount | None,
        Setting(
            "With --best_weights, the attack's radius, in the form of --epsilon; by default that "
            "of the training attack, or 8/255 without one. Its step size is a quarter.",
            identity="if set",
        ),
    ] = None
    validation_examples: Annotated[
        int | None,
        Setting(
            "With --best_weights, how many validation images are attacked, the first ones; empty "
            "for all.",
            at_least=1,
            identity="if set",
        ),
    ] = 200


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlainSettings(Settings):
    """The settings that plain and adversarial training share."""

    weight_decay: Annotated[
        float, Setting("Factor of half the sum of squared kernels.", at_least=0)
    ] = 2e-4
    seed: Annotated[int, Setting("Seed of the random starts.")] = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdversarialSettings(Adversary, PlainSettings):
    """The settings of `AdversarialTrainer`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FinetuneSettings(Settings):
    """The settings of `FinetuneTrainer`."""

    statistics: Annotated[
        str,
        Setting("BatchNorm mode of the frozen teacher (the release: batch).", choices=STATISTICS),
    ] = "batch"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Protocol(Settings):
    """The differences between paper and release; each field is also a setting of `Igam`."""

    gradient_of: Annotated[
        str,
        Setting(
            "The differentiated quantity: the labelled class's probability (softmax) or the "
            "cross-entropy (xent; Eq. 8, 9).",
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
            "Input gradients for the discriminator's step: recomputed with the updated student "
            "(second_forward), or those of the student's step (same_gradients; Algorithm 1).",
            choices=("second_forward", "same_gradients"),
        ),
    ] = "second_forward"
    teacher_statistics: Annotated[
        str,
        Setting(
            "BatchNorm mode of the frozen teacher. Neither mode updates its moving averages.",
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
    _Overrides = Protocol  # for mypy: fields of the same names
else:
    _Overrides = optional(Protocol, "By default the protocol's.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class IgamSettings(_Overrides):
    """The settings of `Igam`. Fields of `Protocol` that are not None override the protocol's."""

    lambda_adv: Annotated[float, Setting("Weight of the adversarial loss L_adv.", at_least=0)]
    lambda_diff: Annotated[float, Setting("Weight of the l2 loss L_diff.", at_least=0)]
    steps_before_matching: Annotated[
        int,
        Setting(
            "Initial iterations on cross-entropy and weight decay, without the discriminator.",
            at_least=0,
        ),
    ] = 0
    disc_every: Annotated[int, Setting("Iterations per discriminator step.", at_least=1)] = 5
    gradient_crop: Annotated[
        int | None,
        Setting(
            "Side of the central window to which both gradients are cropped for the discriminator "
            "(§4.3.2); by default there is no crop. L_diff uses the whole image.",
            at_least=1,
        ),
    ] = None
    weight_decay: Annotated[
        float,
        Setting(
            "Factor of half the sum of squared kernels, of student and discriminator.", at_least=0
        ),
    ] = 2e-4
    protocol: Annotated[
        str | Protocol,
        Setting(
            "A bundle of settings: the paper's equations or the release's code.",
            choices=tuple(PROTOCOLS),
        ),
    ] = "release"
    matched_to: Annotated[
        str,
        Setting(
            "The gradients to match, in both terms and the metrics: the teacher's, or for control "
            "experiments the teacher's of the batch's next image (other_images) or zero, which "
            "only penalises the student's gradients.",
            choices=MATCHED_TO,
            identity="if set",
        ),
    ] = "teacher"

    def bundle(self) -> Protocol:
        """The protocol with the overrides applied."""
        base = self.protocol if isinstance(self.protocol, Protocol) else PROTOCOLS[self.protocol]
        values: dict[str, Any] = values_of(self, Protocol)
        overrides = {name: value for name, value in values.items() if value is not None}
        return dataclasses.replace(base, **overrides)
