"""An attack as data: what is printed beside every number it gives."""

import dataclasses
import re

from igam_tf.bounds import Amount
from igam_tf.errors import InputError

_NAME = re.compile(r"(?:(?P<fgsm>fgsm)|pgd(?P<steps>[1-9]\d*))(?P<margin>-margin)?(?:-x(?P<restarts>[1-9]\d*))?")


@dataclasses.dataclass(frozen=True)
class AttackSpec:
    """FGSM (one step of epsilon from the clean image) or PGD.

    `name` is `fgsm` or `pgdK`, then `-margin` for that loss, then `-xR` for R random restarts.
    """

    name: str
    epsilon: Amount
    step_size: Amount
    steps: int
    random_start: bool
    loss: str
    restarts: int = 1

    @classmethod
    def named(cls, name: str, epsilon: Amount = "8/255", step_size: Amount = "2/255") -> "AttackSpec":
        """The attack of that name: `fgsm`, `pgd20`, `pgd100-margin`, `pgd20-x10`.

        Raises:
          InputError: no such attack.
        """
        match = _NAME.fullmatch(name)
        if not match or (match["fgsm"] and match["restarts"]):
            raise InputError(
                f"attacks: expected fgsm or pgdK, then -margin if wanted, then for PGD -xR for R restarts, got {name!r}"
            )
        loss = "margin" if match["margin"] else "xent"
        if match["fgsm"]:
            return cls(name, epsilon, epsilon, 1, False, loss)
        return cls(name, epsilon, step_size, int(match["steps"]), True, loss, int(match["restarts"] or 1))

    @property
    def trajectory(self) -> tuple[Amount, Amount, bool, str, int]:
        """What attacks must share to be read off one trajectory: all but the number of steps."""
        return self.epsilon, self.step_size, self.random_start, self.loss, self.restarts


@dataclasses.dataclass(frozen=True)
class Suite:
    """Attacks that are run together, with their amounts in the model's pixel unit."""

    dataset: str
    epsilon: Amount
    step_size: Amount
    attacks: tuple[str, ...]


# MadryLab's challenges, by the images a model takes. CIFAR-10's published PGD is 20 steps of 1, by a user's finding: the
# challenge's shipped configuration says 10 steps of 2.
_MADRY = {
    (28, 28, 1): Suite("mnist", 0.3, 0.01, ("fgsm", "pgd100", "pgd100-x50")),
    (32, 32, 3): Suite("cifar10", 8, 1, ("fgsm", "pgd20", "pgd20-x10")),
}


def madry_suite(image_shape: tuple[int, ...]) -> Suite:
    """The protocol of the challenge whose images a model takes.

    Raises:
      InputError: neither challenge's images.
    """
    if image_shape not in _MADRY:
        raise InputError(f"suite madry: it is for models of {' or '.join(map(str, _MADRY))} images, got {image_shape}")
    return _MADRY[image_shape]
