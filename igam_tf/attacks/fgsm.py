"""FGSM: PGD of one step of epsilon."""

import dataclasses
import re
from collections.abc import Hashable
from typing import ClassVar

from igam_tf import losses
from igam_tf.attacks.ascent import SteepestStep, StepRule, Uint8FirstStep
from igam_tf.attacks.balls import LINF
from igam_tf.attacks.pgd import PGD
from igam_tf.core.bounds import Amount


@dataclasses.dataclass(frozen=True, kw_only=True)
class FGSM(PGD):
    """One step of epsilon without a random start (Goodfellow et al. 2015).

    Attributes:
      uint8_first_step: repeats a slip of the release (`igam_tf.attacks.Uint8FirstStep`).
    """

    PATTERN: ClassVar[re.Pattern[str]] = re.compile(
        r"fgsm(?P<loss>-margin|-dlr)?(?P<uint8>-uint8)?"
    )
    GRAMMAR: ClassVar[str] = "fgsm[-margin|-dlr][-uint8]"

    uint8_first_step: bool = False
    step_size: Amount = dataclasses.field(init=False, default=0)
    steps: int = dataclasses.field(init=False, default=1)
    random_start: bool = dataclasses.field(init=False, default=False)
    restarts: int = dataclasses.field(init=False, default=1)
    step_rule: StepRule = dataclasses.field(init=False, default=SteepestStep())

    def __post_init__(self) -> None:
        object.__setattr__(self, "step_size", self.epsilon)
        if self.uint8_first_step:
            object.__setattr__(self, "step_rule", Uint8FirstStep())
        super().__post_init__()

    @classmethod
    def from_match(cls, match: re.Match[str], epsilon: Amount, step_size: Amount) -> "FGSM":
        loss = (match["loss"] or "-xent")[1:]
        return cls(epsilon=epsilon, loss=loss, uint8_first_step=bool(match["uint8"]))

    @property
    def default_name(self) -> str:
        loss = [losses.loss_name(self.loss)] if self.loss != "xent" else []
        ball = [self.ball.name] if self.ball != LINF else []
        return "-".join(["fgsm", *loss, *ball, *(["uint8"] if self.uint8_first_step else [])])

    @property
    def trajectory(self) -> Hashable:
        return dataclasses.replace(self, label=None)
