"""Attacks that are published together, with the data and amounts that they are published for."""

import dataclasses

from igam_tf.core.bounds import Amount
from igam_tf.core.errors import InputError


@dataclasses.dataclass(frozen=True)
class Suite:
    """Attacks that are run together, with their amounts in the model's pixel unit."""

    dataset: str
    epsilon: Amount
    step_size: Amount
    attacks: tuple[str, ...]


# MadryLab's challenges, by the images a model takes. CIFAR-10's published PGD is 20 steps of 1, by
# a user's finding: the challenge's shipped configuration says 10 steps of 2.
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
        shapes = " or ".join(map(str, _MADRY))
        raise InputError(f"suite madry: it is for models of {shapes} images, got {image_shape}")
    return _MADRY[image_shape]
