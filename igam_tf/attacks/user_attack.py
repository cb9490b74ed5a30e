"""Users' attacks that are not subclasses of `Attack`: the methods they need, and a wrapper."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from igam_tf.attacks.attack import Attack, AttackResult
from igam_tf.attacks.inputs import AttackInputs
from igam_tf.core.bounds import Bounds
from igam_tf.core.errors import InputError


@runtime_checkable
class AttackLike(Protocol):
    """The methods that `evaluate` calls. `Attack` has them; an object of a user's own may too."""

    @property
    def name(self) -> str:
        """The name in records: letters, digits and `_ . + = -`."""

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
class UserAttack(Attack):
    """A user's own object. Its images are checked, and the model judges them."""

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
                f"attacks: {self.name}: expected run to return an AttackResult, "
                f"got {type(result).__name__}"
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
      InputError: neither. Names are for `resolve`.
    """
    if isinstance(attack, Attack):
        return attack
    if isinstance(attack, (str, type)) or not isinstance(attack, AttackLike):
        raise InputError(
            "attacks: expected a name, or an object with name, describe and run, "
            f"got {getattr(attack, '__name__', None) or repr(attack)}"
        )
    return UserAttack(attack=attack)
