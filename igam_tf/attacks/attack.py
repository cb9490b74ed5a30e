"""An attack: a frozen object that turns a model and examples into adversarial images."""

import abc
import dataclasses
import re
from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

import numpy as np

from igam_tf.attacks.inputs import AttackInputs
from igam_tf.core.bounds import Bounds
from igam_tf.core.errors import InputError

_NAME = re.compile(r"[\w.+=-]+")


@dataclasses.dataclass(frozen=True, eq=False)
class AttackResult:
    """The outcome of an attack on a batch.

    Attributes:
      x_adv: adversarial images, float32 [B, H, W, C] in the model's pixel range.
      correct: bool [B], whether the model classifies `x_adv` correctly.
      never_fooled: bool [B], whether it is correct on the clean image and at every step; None for
        attacks that do not record it.
    """

    x_adv: np.ndarray
    correct: np.ndarray
    never_fooled: np.ndarray | None = None

    @classmethod
    def joined(cls, parts: Sequence["AttackResult"]) -> "AttackResult":
        """The results of consecutive batches as one."""
        never_fooled = [part.never_fooled for part in parts if part.never_fooled is not None]
        return cls(
            np.concatenate([part.x_adv for part in parts]),
            np.concatenate([part.correct for part in parts]),
            np.concatenate(never_fooled) if never_fooled else None,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attack(abc.ABC):
    """An attack with all its settings. Subclasses are frozen dataclasses.

    A subclass defines `default_name`, `describe` and `generate`.

    Attributes:
      label: the name in records; None for `default_name`.
    """

    PATTERN: ClassVar[re.Pattern[str]]
    GRAMMAR: ClassVar[str]

    label: str | None = None

    @property
    @abc.abstractmethod
    def default_name(self) -> str:
        """The name that follows from the settings, such as `pgd20-margin`."""

    @abc.abstractmethod
    def describe(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> str:
        """All settings in one line, amounts as shares of the pixel range and in its unit."""

    @abc.abstractmethod
    def generate(self, inputs: AttackInputs) -> np.ndarray:
        """Adversarial images of one batch, float32 [B, H, W, C]."""

    @property
    def name(self) -> str:
        return self.label or self.default_name

    @property
    def trajectory(self) -> Hashable | None:
        """Attacks with equal trajectories are read off one run; None for an attack of its own."""
        return None

    @property
    def takes_targets(self) -> bool:
        """Whether `run` accepts targets."""
        return False

    def run_group(self, attacks: Sequence["Attack"], inputs: AttackInputs) -> list[AttackResult]:
        """One batch's results for attacks of this trajectory, of which this one is the longest."""
        x_adv = inputs.require_images(self.name, self.generate(inputs))
        return [AttackResult(x_adv, inputs.correct(x_adv)) for _ in attacks]

    def run(
        self,
        model: Any,
        x: Any,
        y: Any,
        *,
        bounds: Any = None,
        statistics: str = "moving",
        seed: int | None = None,
        indices: Any = None,
        targets: Any = None,
        batch_size: int | None = None,
    ) -> AttackResult:
        """Attacks a model and tells which examples it still classifies correctly.

        Args:
          model: Keras model or callable, images to logits.
          x: images [B, H, W, C] within the bounds; y: integer labels [B].
          bounds: pixel range, `Bounds` or (low, high); None asks the model.
          statistics: BatchNorm mode, `"moving"` or `"batch"`; nothing is updated. With `"batch"` no
            example leaves the batch, since its statistics are part of the model.
          seed: of all random draws; None draws one.
          indices: the examples' own numbers [B], by default 0, 1, 2 ... An example's random draws
            depend on (seed, number) alone, not on its batch.
          targets: integer classes [B] for a targeted attack, which lowers the loss of these. An
            example still counts as correct where the model predicts `y`.
          batch_size: images at a time; None takes all at once.

        Raises:
          InputError: any argument out of its range, with the range; targets for an attack that
            takes none.
        """
        inputs = self._inputs(
            model,
            x,
            y,
            bounds=bounds,
            statistics=statistics,
            seed=seed,
            indices=indices,
            targets=targets,
        )
        return AttackResult.joined(
            [self.run_group([self], part)[0] for part in inputs.batches(batch_size)]
        )

    def perturb(
        self, model: Any, x: Any, y: Any, *, batch_size: int | None = None, **arguments: Any
    ) -> np.ndarray:
        """The adversarial images alone, without a pass to judge them; arguments as `run`."""
        parts = self._inputs(model, x, y, **arguments).batches(batch_size)
        return np.concatenate(
            [part.require_images(self.name, self.generate(part)) for part in parts]
        )

    def _inputs(
        self, model: Any, x: Any, y: Any, *, targets: Any = None, **arguments: Any
    ) -> AttackInputs:
        if targets is not None and not self.takes_targets:
            raise InputError(f"targets: {self.name} takes none")
        return AttackInputs.of(model, x, y, targets=targets, **arguments)

    def on_surrogate(self, surrogate: Any) -> "Attack":
        """This attack, with `surrogate` in those of its transfer attacks that have none yet."""
        return self

    def doubts(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> list[str]:
        """Settings that make the attack weaker than its radius says, one sentence each."""
        return []

    def class_doubts(self, num_classes: int) -> list[str]:
        """What a model of so few classes changes in the attack, one sentence each.

        Raises:
          InputError: the attack needs more classes.
        """
        return []

    @property
    def averages_draws(self) -> bool:
        """Whether it averages over the random numbers that a model draws."""
        return False

    def cost(self, num_classes: int) -> tuple[int, int]:
        """The most input gradients, and forward passes beside these, for one example."""
        return 0, 0

    def settings(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> dict[str, Any]:
        """Every setting as plain data, for records."""
        fields = {
            f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "label"
        }
        return {
            "name": self.name,
            "attack": type(self).__name__,
            **{name: _plain(value) for name, value in fields.items()},
            "shown": self.describe(bounds, image_shape),
        }


def require_name(name: str) -> str:
    """The name, checked: records and files can carry it.

    Raises:
      InputError: they cannot.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name == "clean":
        raise InputError(
            f"attacks: expected a name of letters, digits and _ . + = -, other than clean, "
            f"got {name!r}; label= sets another"
        )
    return name


def few_targets(name: str, num_targets: int, num_classes: int) -> list[str]:
    """The sentence of `Attack.class_doubts` about a targeted attack, where it applies."""
    if num_targets < num_classes:
        return []
    return [
        f"{name}: the model has {num_classes} classes, so it has {num_classes - 1} targets instead "
        f"of {num_targets}"
    ]


def _plain(value: Any) -> Any:
    """A setting for JSON: itself if it is plain, else its import path or its repr."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    return repr(value)
