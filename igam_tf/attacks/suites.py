"""Published suites of attacks, with their data set and amounts."""

import dataclasses

from igam_tf.core.bounds import Amount
from igam_tf.core.errors import InputError


@dataclasses.dataclass(frozen=True)
class Suite:
    """Attacks that run together, on a data set.

    Attributes:
      epsilon, step_size: as the attacks take them.
      norm: of the attacks' ball.
    """

    dataset: str
    epsilon: Amount
    step_size: Amount
    attacks: tuple[str, ...]
    norm: str = "linf"


# MadryLab's challenges, by the shape of a model's images. CIFAR-10's published numbers are PGD with
# 20 steps of 1, although the challenge's shipped configuration says 10 steps of 2.
_MADRY = {
    (28, 28, 1): Suite("mnist", 0.3, 0.01, ("fgsm", "pgd100", "pgd100-x50")),
    (32, 32, 3): Suite("cifar10", 8, 1, ("fgsm", "pgd20", "pgd20-x10")),
}


# RobustBench's threat models for CIFAR-10 and CIFAR-100: attack, radius and norm.
_ROBUSTBENCH: dict[str, tuple[str, Amount, str]] = {
    "robustbench-linf": ("autoattack", "8/255", "linf"),
    "robustbench-l2": ("autoattack-l2", "0.5/1", "l2"),
}


def robustbench_suite(name: str, dataset: str) -> Suite:
    """AutoAttack at RobustBench's radius, on that data set.

    Args:
      name: `"robustbench-linf"` or `"robustbench-l2"`.
    """
    attack, epsilon, norm = _ROBUSTBENCH[name]
    return Suite(dataset, epsilon, "2/255", (attack,), norm)


def madry_suite(image_shape: tuple[int, ...]) -> Suite:
    """The MadryLab challenge for models of such images.

    Raises:
      InputError: neither challenge has such images.
    """
    if image_shape not in _MADRY:
        shapes = " or ".join(map(str, _MADRY))
        raise InputError(f"suite madry: it is for models of {shapes} images, got {image_shape}")
    return _MADRY[image_shape]
