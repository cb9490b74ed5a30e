"""An attack as data: what is printed beside every number it gives."""

import dataclasses
import re

from igam_tf.bounds import Amount
from igam_tf.errors import InputError

_NAME = re.compile(r"(?:(?P<fgsm>fgsm)|pgd(?P<steps>[1-9]\d*))(?P<margin>-margin)?")


@dataclasses.dataclass(frozen=True)
class AttackSpec:
    """FGSM (one step of epsilon from the clean image) or PGD; `name` is `fgsm` or `pgdK`, `-margin` behind it for that loss."""

    name: str
    epsilon: Amount
    step_size: Amount
    steps: int
    random_start: bool
    loss: str

    @classmethod
    def named(cls, name: str, epsilon: Amount = "8/255", step_size: Amount = "2/255") -> "AttackSpec":
        """The attack of that name: `fgsm`, `pgd20`, `pgd100-margin`.

        Raises:
          InputError: no such attack.
        """
        match = _NAME.fullmatch(name)
        if not match:
            raise InputError(f"attacks: expected fgsm or pgdK, each with -margin behind it if wanted, got {name!r}")
        loss = "margin" if match["margin"] else "xent"
        if match["fgsm"]:
            return cls(name, epsilon, epsilon, 1, False, loss)
        return cls(name, epsilon, step_size, int(match["steps"]), True, loss)

    @property
    def trajectory(self) -> tuple[Amount, Amount, bool, str]:
        """What attacks must share to be read off one trajectory: all but the number of steps."""
        return self.epsilon, self.step_size, self.random_start, self.loss
