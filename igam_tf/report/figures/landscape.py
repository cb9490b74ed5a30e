"""A model's decisions and losses on a plane around one image, for Figure 7.

The plane is spanned by the model's own adversarial direction and a random one.
"""

import dataclasses
from typing import Any

import keras
import numpy as np

from igam_tf import attacks, gradients, losses
from igam_tf.core.bounds import Amount, as_bounds
from igam_tf.core.errors import InputError
from igam_tf.layers import bounds_of


@dataclasses.dataclass(frozen=True)
class Landscape:
    """Classes and losses at image + a * adversarial direction + b * random direction, clipped to
    the pixel range.

    Attributes:
      predicted: int [R, R], the class at each point; b rises along rows, a along columns.
      cross_entropy: float32 [R, R], of the true class.
      offsets: float [R], the values of a and of b, rising, 0 among them; in 255ths of the pixel
        range.
      label: the true class.
      epsilon: the attack's radius, in 255ths of the pixel range.
    """

    predicted: np.ndarray
    cross_entropy: np.ndarray
    offsets: np.ndarray
    label: int
    epsilon: float


def landscape(
    model: keras.Model,
    image: np.ndarray,
    label: int,
    *,
    epsilon: Amount = "8/255",
    step_size: Amount = "2/255",
    steps: int = 20,
    extent: float = 2.0,
    resolution: int = 81,
    bounds: Any = None,
    seed: int = 0,
    batch_size: int = 256,
) -> Landscape:
    """Computes the plane around an image, in BatchNorm mode `"moving"`.

    The adversarial direction is the perturbation of PGD (l-infinity, cross-entropy, random start)
    divided by its largest absolute pixel. The random direction has +1 or -1 at every pixel. It
    depends only on `seed`, so all models share it. Both have l-infinity norm 1, so an offset is the
    largest change of a pixel. They are not orthogonal, but nearly so at thousands of pixels.

    Args:
      image: float32 [H, W, C] in the model's pixel range.
      label: its true class.
      epsilon, step_size, steps: of PGD.
      extent: the distance from the image to each edge of the plane, in epsilons.
      resolution: points on a side, an odd number of at least 3, so that the image is one of them.
      bounds: the pixel range; the model's own by default.
      seed: of PGD's random start and of the random direction.
      batch_size: points per call of the model.

    Raises:
      InputError: the resolution is even or too small, an amount is out of range, or PGD leaves the
        image unchanged.
    """
    require_resolution(resolution)
    if not extent > 0:
        raise InputError(f"extent: expected more than 0 epsilons, got {extent:g}")
    limits = bounds_of(model) if bounds is None else as_bounds(bounds)
    radius = limits.amount(epsilon)
    x_adv = attacks.pgd(
        model,
        image[None],
        np.array([label]),
        epsilon=epsilon,
        step_size=step_size,
        steps=steps,
        bounds=limits,
        seed=seed,
    )
    adversarial = x_adv[0] - image
    largest = np.abs(adversarial).max()
    if not largest > 0:
        raise InputError(
            f"landscape: PGD leaves the image as it is at epsilon {epsilon}, "
            "so there is no adversarial direction"
        )
    random = np.random.default_rng(seed).choice(np.array([-1, 1], np.float32), image.shape)
    offsets = np.linspace(-extent * radius, extent * radius, resolution)
    offsets[resolution // 2] = 0  # exactly
    b, a = np.meshgrid(offsets, offsets, indexing="ij")
    predicted, loss = [], []
    for start in range(0, a.size, batch_size):
        batch = slice(start, start + batch_size)
        along, across = (values.ravel()[batch, None, None, None] for values in (a, b))
        points = image + along * (adversarial / largest) + across * random
        points = np.clip(points, limits.low, limits.high).astype(np.float32)
        logits = gradients.logits_of(model, points)
        predicted.append(np.argmax(logits, -1))
        loss.append(np.asarray(losses.cross_entropy(np.full(len(points), label), logits)))
    shape = (resolution, resolution)
    return Landscape(
        np.concatenate(predicted).reshape(shape),
        np.concatenate(loss).reshape(shape).astype(np.float32),
        offsets / limits.range * 255,
        int(label),
        radius / limits.range * 255,
    )


def require_resolution(resolution: int) -> None:
    """Raises InputError if the resolution is even or below 3."""
    if resolution < 3 or resolution % 2 == 0:
        raise InputError(f"resolution: expected an odd number of 3 or more, got {resolution}")
