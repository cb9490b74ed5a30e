"""What an attack is: a frozen object that turns a model and examples into adversarial images."""

import abc
import dataclasses
import re
from collections.abc import Hashable, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from igam_tf.attacks.inputs import AttackInputs
from igam_tf.core.bounds import Bounds
from igam_tf.core.errors import InputError

_NAME = re.compile(r"[\w.+=-]+")


@dataclasses.dataclass(frozen=True, eq=False)
class AttackResult:
    """What an attack does to a batch.

    Attributes:
      x_adv: adversarial images, float32 [B, H, W, C] in the model's pixel range.
      correct: bool [B], whether the model still gives an image's label after the attack.
      never_fooled: bool [B], whether it does so on the clean image and at every step up to the
        last; None where the attack does not tell.
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


@runtime_checkable
class AttackLike(Protocol):
    """What `evaluate` asks of an attack. `Attack` has it; so may any object of a user's own."""

    @property
    def name(self) -> str:
        """What records call it: letters, digits and `_ . + = -`."""

    def describe(self, bounds: Bounds) -> str:
        """All of its settings in one line."""

    def run(
        self,
        model: Any,
        x: np.ndarray,
        y: np.ndarray,
        *,
        bounds: Bounds,
        statistics: str,
        seed: int,
        indices: np.ndarray,
    ) -> AttackResult:
        """Attacks a batch; arguments as `Attack.run`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attack(abc.ABC):
    """An attack with all its settings. Subclasses are frozen dataclasses.

    A subclass gives `default_name`, `describe` and `generate`; the rest follows.

    Attributes:
      label: its name in records, if not the one that its settings make.
    """

    PATTERN: ClassVar[re.Pattern[str]]
    GRAMMAR: ClassVar[str]

    label: str | None = None

    @property
    @abc.abstractmethod
    def default_name(self) -> str:
        """The name that its settings make, such as `pgd20-margin`."""

    @abc.abstractmethod
    def describe(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> str:
        """All of it in one line, amounts as shares of the pixel range and in its unit."""

    @abc.abstractmethod
    def generate(self, inputs: AttackInputs) -> np.ndarray:
        """Adversarial images of one batch, float32 like its images."""

    @property
    def name(self) -> str:
        return self.label or self.default_name

    @property
    def trajectory(self) -> Hashable | None:
        """Attacks of the same trajectory are read off one run; None: it runs alone."""
        return None

    def run_group(self, attacks: Sequence["Attack"], inputs: AttackInputs) -> list[AttackResult]:
        """One batch's results for attacks that share this one's trajectory, of which it is the
        longest.
        """
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
        batch_size: int | None = None,
    ) -> AttackResult:
        """Attacks a model and says which examples it still classifies right.

        Args:
          model: Keras model or callable, images to logits.
          x: images [B, H, W, C] within the bounds; y: integer labels [B].
          bounds: pixel range, `Bounds` or (low, high); None asks the model.
          statistics: BatchNorm mode, `"moving"` or `"batch"`; nothing is updated. With `"batch"`
            nothing leaves the batch, since its statistics are part of the model.
          seed: of all random draws; None draws one.
          indices: the examples' own numbers [B], by default 0, 1, 2 ... What is drawn for an
            example depends on (seed, number) alone, whatever its batch.
          batch_size: images at a time; None takes all at once.

        Raises:
          InputError: any argument out of its range, with the range.
        """
        inputs = AttackInputs.of(
            model, x, y, bounds=bounds, statistics=statistics, seed=seed, indices=indices
        )
        return AttackResult.joined(
            [self.run_group([self], part)[0] for part in inputs.batches(batch_size)]
        )

    def perturb(
        self,
        model: Any,
        x: Any,
        y: Any,
        *,
        bounds: Any = None,
        statistics: str = "moving",
        seed: int | None = None,
        indices: Any = None,
        batch_size: int | None = None,
    ) -> np.ndarray:
        """The adversarial images alone, without a pass to judge them; arguments as `run`."""
        inputs = AttackInputs.of(
            model, x, y, bounds=bounds, statistics=statistics, seed=seed, indices=indices
        )
        parts = inputs.batches(batch_size)
        return np.concatenate(
            [part.require_images(self.name, self.generate(part)) for part in parts]
        )

    def on_surrogate(self, surrogate: Any) -> "Attack":
        """This attack, its transfer attacks computed on `surrogate` if they have none yet."""
        return self

    def doubts(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> list[str]:
        """What makes the attack weaker than its radius says, one sentence each."""
        return []

    def cost(self, num_classes: int) -> tuple[int, int]:
        """Input gradients, and forward passes beside these, for one example at most."""
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class UserAttack(Attack):
    """A user's own object, checked: its images must fit the model, which then judges them."""

    attack: AttackLike

    @property
    def default_name(self) -> str:
        return self.attack.name

    def describe(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> str:
        return str(self.attack.describe(bounds))

    def generate(self, inputs: AttackInputs) -> np.ndarray:
        result = self.attack.run(
            inputs.model,
            inputs.images,
            inputs.labels,
            bounds=inputs.bounds,
            statistics=inputs.statistics,
            seed=inputs.seed,
            indices=inputs.indices,
        )
        if not hasattr(result, "x_adv"):
            raise InputError(
                f"attacks: {self.name}: expected run to return an AttackResult, got {type(result).__name__}"
            )
        return np.asarray(result.x_adv, np.float32)

    def settings(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> dict[str, Any]:
        return {
            "name": self.name,
            "attack": type(self.attack).__name__,
            "shown": self.describe(bounds, image_shape),
        }


def as_attack(attack: Any) -> Attack:
    """An attack as an `Attack`: itself, or a user's object wrapped.

    Raises:
      InputError: neither; a name is for `resolve`.
    """
    if isinstance(attack, Attack):
        return attack
    if isinstance(attack, (str, type)) or not isinstance(attack, AttackLike):
        raise InputError(
            "attacks: expected a name, or an object with name, describe and run, "
            f"got {getattr(attack, '__name__', None) or repr(attack)}"
        )
    return UserAttack(attack=attack)


def require_name(name: str) -> str:
    """The name, if records and files can be called by it.

    Raises:
      InputError: they cannot.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name == "clean":
        raise InputError(
            f"attacks: expected a name of letters, digits and _ . + = -, other than clean, "
            f"got {name!r}; label= sets another"
        )
    return name


def _plain(value: Any) -> Any:
    """A setting for JSON: itself if it is plain, else all that tells it from another."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    return repr(value)
