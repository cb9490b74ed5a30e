"""An attack as data: what is printed beside every number it gives."""

import dataclasses
import functools
import re
from collections.abc import Sequence

from igam_tf.bounds import Amount, Bounds
from igam_tf.errors import InputError

_NAME = re.compile(
    r"""(?P<transfer>transfer-)?(?:
        fgsm(?P<fgsm_loss>-margin|-dlr)?(?P<uint8>-uint8)?
      | pgd(?P<pgd>[1-9]\d*)(?P<pgd_loss>-margin|-dlr)?(?P<l2>-l2)?(?:-x(?P<pgd_restarts>[1-9]\d*))?
      | apgd(?P<apgd>[1-9]\d*)?-(?P<apgd_loss>ce|dlr|t)(?:-x(?P<apgd_restarts>[1-9]\d*))?
      | (?P<square>square)(?P<queries>[1-9]\d*)?
    )""",
    re.VERBOSE,
)
_GRAMMAR = (
    "fgsm[-margin|-dlr][-uint8], pgdK[-margin|-dlr][-l2][-xR] (K steps, R restarts), apgd[K]-ce|-dlr|-t[-xR], squareQ (Q "
    "queries), transfer- before any of them, or strong"
)
METHODS = ("pgd", "apgd", "square")
_APGD_LOSSES = {"ce": "xent", "dlr": "dlr", "t": "targeted_dlr"}


@dataclasses.dataclass(frozen=True)
class AttackSpec:
    """One attack with all its settings.

    Attributes:
      name: what it is called in records; see `named`.
      epsilon, step_size: in the model's pixel unit or as a fraction of its range; APGD and Square set their own steps.
      steps: gradient steps; of Square, queries.
      method: `"pgd"` (FGSM too), `"apgd"` or `"square"`.
      uint8_first_step: the release's slip (`igam_tf.attacks.fgsm`).
      through: the model that it is made on, if not the one attacked: `"surrogate"` or `"source head"`.
    """

    name: str
    epsilon: Amount
    step_size: Amount
    steps: int
    random_start: bool
    loss: str
    restarts: int = 1
    method: str = "pgd"
    norm: str = "linf"
    uint8_first_step: bool = False
    through: str = ""

    def __post_init__(self) -> None:
        if self.method not in METHODS or (self.norm != "linf" and self.method != "pgd"):
            raise InputError(
                f"attacks: {self.name}: expected one of {', '.join(METHODS)}, with pgd alone in another norm than linf, "
                f"got {self.method!r} in {self.norm!r}"
            )

    @classmethod
    def named(cls, name: str, epsilon: Amount = "8/255", step_size: Amount = "2/255") -> "AttackSpec":
        """The attack of that name: `fgsm`, `pgd20`, `pgd100-margin`, `pgd20-x10`, `apgd-ce`, `square`, `transfer-pgd20`.

        Raises:
          InputError: no such attack.
        """
        found = _NAME.fullmatch(name)
        if not found:
            raise InputError(f"attacks: expected {_GRAMMAR}; got {name!r}")
        through = "surrogate" if found["transfer"] else ""
        loss = (found["fgsm_loss"] or found["pgd_loss"] or "-xent")[1:]
        if found["pgd"]:
            norm, restarts = "l2" if found["l2"] else "linf", int(found["pgd_restarts"] or 1)
            return cls(name, epsilon, step_size, int(found["pgd"]), True, loss, restarts, norm=norm, through=through)
        if found["square"]:
            queries = int(found["queries"] or 5000)
            return cls(name, epsilon, 0, queries, True, "margin", method="square", through=through)
        if found["apgd_loss"]:
            loss, restarts = _APGD_LOSSES[found["apgd_loss"]], int(found["apgd_restarts"] or 1)
            return cls(name, epsilon, 0, int(found["apgd"] or 100), True, loss, restarts, "apgd", through=through)
        slip = bool(found["uint8"])
        return cls(name, epsilon, epsilon, 1, False, loss, uint8_first_step=slip, through=through)

    @property
    def trajectory(self) -> tuple[object, ...]:
        """What attacks must share to be read off one trajectory: all but name and number of steps.

        Only PGD can be read so, and only on the model that it is made on.
        """
        alone = self.method != "pgd" or bool(self.through)
        return (
            self.name if alone else "",
            *(self.epsilon, self.step_size, self.random_start, self.loss, self.restarts),
            *(self.norm, self.uint8_first_step),
        )

    def amounts(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> tuple[float, float]:
        """Radius and step size in the range's unit; without the images' shape, l2 radii are taken up to the range alone."""
        radius = functools.partial(bounds.radius, norm=self.norm, image_shape=image_shape)
        return radius(self.epsilon), radius(self.step_size, name="step_size")

    def describe(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> str:
        """All of it in one line, amounts as shares of the pixel range and in its unit."""
        radius, step_size = self.amounts(bounds, image_shape)
        epsilon = f"{self.norm}, eps {bounds.describe(radius)}"
        made = f", made on the {self.through}" if self.through else ""
        restarts = f", {self.restarts} restarts" if self.restarts > 1 else ""
        if self.method == "square":
            return f"{epsilon}, {self.steps} queries, black box{made}"
        start = "random start" if self.random_start else "no random start"
        if self.method == "apgd":
            targets = " towards 9 classes" if self.loss == "targeted_dlr" else ""
            return f"{epsilon}, {self.steps} steps, {start}{restarts}, loss {self.loss}{targets}{made}"
        step = f"{self.steps} steps of {step_size:g}"
        slip = ", first step in 8 bits that wrap around" if self.uint8_first_step else ""
        return f"{epsilon}, {step}, {start}{restarts}, loss {self.loss}, right at the last step{slip}{made}"

    def doubts(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> list[str]:
        """What makes a PGD weaker than its radius says, one sentence each."""
        if self.method != "pgd":
            return []
        epsilon, step = self.amounts(bounds, image_shape)
        doubts = []
        if step > epsilon:
            doubts.append(f"{self.name}: its step {step:g} is larger than its radius {epsilon:g}")
        if self.steps * step < epsilon * (1 - 1e-9):
            doubts.append(f"{self.name}: {self.steps} steps of {step:g} do not reach its radius {epsilon:g}")
        return doubts


@dataclasses.dataclass(frozen=True)
class Chain:
    """Attacks one after the other, each on the examples that none before it fooled: the worst case of them all."""

    name: str
    stages: tuple[AttackSpec, ...]


def parse(name: str, epsilon: Amount = "8/255", step_size: Amount = "2/255") -> AttackSpec | Chain:
    """An attack, or the chain `strong`: APGD on cross-entropy, APGD on targeted DLR, then Square.

    `strong` is AutoAttack's line without FAB, and its APGD-T runs on 9 targets; it is not AutoAttack.

    Raises:
      InputError: no such attack.
    """
    if name == "strong":
        return Chain(name, tuple(AttackSpec.named(stage, epsilon) for stage in ("apgd-ce", "apgd-t", "square")))
    return AttackSpec.named(name, epsilon, step_size)


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
