"""The inputs of every attack: a model, and a checked batch of examples that fits it."""

import dataclasses
import secrets
from collections.abc import Callable, Hashable, Iterator
from typing import Any

import keras
import numpy as np

from igam_tf.attacks import programs
from igam_tf.core.bounds import Bounds, as_bounds
from igam_tf.core.errors import InputError
from igam_tf.core.structure import last_layers
from igam_tf.layers import bounds_of, check_statistics

PROBABILITIES = (
    "the model gives probabilities, attacks need logits; end it before its softmax "
    "(a Dense layer with activation=None)"
)


@dataclasses.dataclass(frozen=True, eq=False)
class AttackInputs:
    """A model and the examples to attack.

    Attributes:
      model: Keras model or callable, images to logits.
      images: float32 [B, H, W, C] within `bounds`.
      labels: int64 [B].
      bounds: the model's pixel range.
      statistics: BatchNorm mode, `"moving"` or `"batch"`; nothing is updated.
      seed: of all random draws.
      indices: int32 [B], the examples' own numbers. A draw depends on (seed, number) alone, so
        that no result depends on how examples are batched.
      targets: int64 [B], the classes of a targeted attack; None for an untargeted one.
      on_share: attacks of several program calls report to it the share of their work that is done.
    """

    model: Any
    images: np.ndarray
    labels: np.ndarray
    bounds: Bounds
    statistics: str
    seed: int
    indices: np.ndarray
    targets: np.ndarray | None = None
    on_share: Callable[[float], None] = lambda share: None

    @classmethod
    def of(
        cls,
        model: Any,
        x: Any,
        y: Any,
        *,
        bounds: Any = None,
        statistics: str = "moving",
        seed: int | None = None,
        indices: Any = None,
        targets: Any = None,
    ) -> "AttackInputs":
        """Checks and converts an attack's arguments.

        Args:
          bounds: `Bounds` or (low, high); None asks the model.
          seed: None draws one.
          indices: None numbers the examples 0, 1, 2 ...

        Raises:
          InputError: shapes, types or values that do not fit together or to the model.
        """
        limits, images, labels = checked(model, x, y, bounds)
        numbers = np.asarray(np.arange(len(labels)) if indices is None else indices, np.int32)
        if numbers.shape != labels.shape:
            raise InputError(
                f"indices: expected {len(labels)} numbers, got the shape {numbers.shape}"
            )
        return cls(
            model,
            images,
            labels,
            limits,
            check_statistics(statistics, model),
            secrets.randbelow(2**31) if seed is None else int(seed),
            numbers,
            None if targets is None else _checked_targets(model, labels, targets),
        )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def image_shape(self) -> tuple[int, ...]:
        return self.images.shape[1:]

    def select(self, places: np.ndarray) -> "AttackInputs":
        """The examples at those places of this batch."""
        return dataclasses.replace(
            self,
            images=self.images[places],
            labels=self.labels[places],
            indices=self.indices[places],
            targets=None if self.targets is None else self.targets[places],
        )

    def batches(self, size: int | None) -> Iterator["AttackInputs"]:
        """Consecutive parts of `size` examples; one part where it is None."""
        if size is not None and size < 1:
            raise InputError(f"batch_size: expected at least 1, got {size}")
        step = size or len(self)
        for start in range(0, len(self), step):
            yield self.select(np.arange(start, min(start + step, len(self))))

    def on(self, model: Any) -> "AttackInputs":
        """The same examples for another model.

        Raises:
          InputError: the examples do not fit that model, it has another pixel range, or it cannot
            run in that BatchNorm mode.
        """
        checked(model, self.images, self.labels, self.bounds)
        try:
            own = bounds_of(model)
        except InputError:  # the model does not say
            own = self.bounds
        if own != self.bounds:
            raise InputError(f"surrogate: it takes pixels in {own}, the model {self.bounds}")
        return dataclasses.replace(
            self, model=model, statistics=check_statistics(self.statistics, model)
        )

    def places_to_attack(self, survivors: np.ndarray) -> np.ndarray:
        """Places of the examples that an attack goes on with.

        These are the survivors, bool [B]. With the batch's statistics they are all examples, since
        each changes the model's outputs on the others.
        """
        return np.flatnonzero(survivors) if self.statistics == "moving" else np.arange(len(self))

    def logits(self) -> np.ndarray:
        """The model's logits on the images, float32 [B, classes]."""
        return programs.logits(self.model, self.images, self.statistics)

    def correct(self, images: np.ndarray) -> np.ndarray:
        """Whether the model classifies these images [B, H, W, C] correctly, bool [B]."""
        return programs.logits(self.model, images, self.statistics).argmax(-1) == self.labels

    def require_images(self, name: str, images: np.ndarray) -> np.ndarray:
        """The adversarial images of the attack `name`, checked.

        Raises:
          InputError: another shape, or pixels outside the range or not finite.
        """
        if images.shape != self.images.shape:
            raise InputError(
                f"attacks: {name}: expected images of the shape {self.images.shape}, "
                f"got {images.shape}"
            )
        slack = 1e-5 * self.bounds.range
        low, high = self.bounds.low - slack, self.bounds.high + slack
        if not (images.min() >= low and images.max() <= high):
            raise InputError(
                f"attacks: {name}: expected pixels within {self.bounds}, "
                f"got {images.min():g} to {images.max():g}"
            )
        return images

    def compiled(
        self, key: Hashable, build: Callable[..., Callable[..., Any]]
    ) -> Callable[..., Any]:
        """A program for this model, image shape and BatchNorm mode, built at its first use.

        Args:
          key: everything else that is compiled into the program.
          build: takes the image shape, the mode and a function that returns the model.
        """
        return programs.compiled(
            self.model,
            (key, self.image_shape, self.statistics),
            lambda reference: build(self.image_shape, self.statistics, reference),
        )


def checked(model: Any, x: Any, y: Any, bounds: Any) -> tuple[Bounds, np.ndarray, np.ndarray]:
    """The pixel range, float32 images [B, H, W, C] and int64 labels [B] of an attack.

    Raises:
      InputError: shapes, types or values that do not fit together or to the model.
    """
    limits = bounds_of(model) if bounds is None else as_bounds(bounds)
    images, labels = np.asarray(x), np.asarray(y)
    if images.ndim != 4 or labels.shape != images.shape[:1] or not len(labels):
        raise InputError(
            "expected images [B, H, W, C] and labels [B], "
            f"got shapes {images.shape} and {labels.shape}"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise InputError(f"labels: expected integers, got {labels.dtype}")
    _require_fit(model, images, labels)
    require_logits(model)
    images = images.astype(np.float32)
    slack = 1e-6 * limits.range
    if not (images.min() >= limits.low - slack and images.max() <= limits.high + slack):
        raise InputError(
            f"images: expected pixels within {limits}, got {images.min():g} to {images.max():g}"
        )
    return limits, images, labels.astype(np.int64)


def require_logits(model: Any) -> None:
    """Raises an InputError for a model whose last layer, nested or not, is a softmax."""
    for last in last_layers(model):
        activation = getattr(last, "activation", None)
        if isinstance(last, keras.layers.Softmax) or activation is keras.activations.softmax:
            raise InputError(f"{model.name}: {PROBABILITIES}")


def _require_fit(model: Any, images: np.ndarray, labels: np.ndarray) -> None:
    """Raises an InputError for images or labels that do not fit the model's own shapes.

    Keras' own error for such images is long, and it accepts labels that the model lacks.
    """
    input_shape = getattr(model, "input_shape", None)
    output_shape = getattr(model, "output_shape", None)
    if isinstance(input_shape, tuple) and any(
        side not in (None, size) for side, size in zip(input_shape, images.shape, strict=False)
    ):
        raise InputError(f"images: the model takes {input_shape[1:]}, got {images.shape[1:]}")
    classes = output_shape[-1] if isinstance(output_shape, tuple) else None
    classes = classes or labels.max() + 1
    if not 0 <= labels.min() <= labels.max() < classes:
        raise InputError(
            f"labels: the model has {classes} classes, got labels {labels.min()} to {labels.max()}"
        )


def _checked_targets(model: Any, labels: np.ndarray, targets: Any) -> np.ndarray:
    classes = (getattr(model, "output_shape", None) or (np.inf,))[-1]
    targets = np.asarray(targets)
    if (
        targets.shape != labels.shape
        or not np.issubdtype(targets.dtype, np.integer)
        or not 0 <= targets.min() <= targets.max() < classes
    ):
        raise InputError(
            f"targets: expected {len(labels)} integer classes below {classes}, got {targets!r}"
        )
    return targets.astype(np.int64)
