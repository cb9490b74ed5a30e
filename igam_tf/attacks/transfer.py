"""Transfer attacks: computed on a surrogate model and judged on the target model."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from igam_tf.attacks.attack import Attack
from igam_tf.attacks.inputs import AttackInputs
from igam_tf.attacks.user_attack import as_attack
from igam_tf.core.bounds import Bounds
from igam_tf.core.errors import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Transfer(Attack):
    """An attack whose images are computed on `surrogate` and judged on the target model.

    Attributes:
      attack: the attack on the surrogate.
      surrogate: Keras model or callable for the same images and classes; None until `on_surrogate`
        sets it, as `evaluate(surrogate=...)` does.
      surrogate_name: the surrogate's name in records.
    """

    attack: Attack
    surrogate: Any = None
    surrogate_name: str = "surrogate"

    def __post_init__(self) -> None:
        object.__setattr__(self, "attack", as_attack(self.attack))

    @property
    def default_name(self) -> str:
        return f"transfer-{self.attack.name}"

    def describe(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> str:
        attack = self.attack.describe(bounds, image_shape)
        return f"{attack}, computed on the {self.surrogate_name}"

    def require_surrogate(self) -> None:
        """Raises an InputError if there is no surrogate."""
        if self.surrogate is None:
            raise InputError(f"surrogate: {self.name} needs a model to compute its images on")

    def generate(self, inputs: AttackInputs) -> np.ndarray:
        self.require_surrogate()
        return self.attack.generate(inputs.on(self.surrogate))

    @property
    def takes_targets(self) -> bool:
        return self.attack.takes_targets

    def on_surrogate(self, surrogate: Any) -> Attack:
        if self.surrogate is not None:
            return self
        return dataclasses.replace(self, surrogate=surrogate)

    def doubts(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> list[str]:
        attack = dataclasses.replace(self.attack, label=self.name)
        return attack.doubts(bounds, image_shape)

    def cost(self, num_classes: int) -> tuple[int, int]:
        return self.attack.cost(num_classes)

    def settings(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> dict[str, Any]:
        return {
            **self.attack.settings(bounds, image_shape),
            "name": self.name,
            "shown": self.describe(bounds, image_shape),
            "through": self.surrogate_name,
        }
