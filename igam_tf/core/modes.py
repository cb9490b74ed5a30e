"""Layer modes that Keras has no call argument for.

`BatchNorm` uses moving averages or the statistics of the batch, independently of `trainable`.
`igam_tf.adapters.Pad` places images at the centre or at a random place of the iteration. Keras 3
passes only `training` down through every kind of model, so these modes are a context: `in_mode`
sets it around a call, and layers read `current_mode`. A third mode belongs to `tf.distribute`:
`BatchNorm` takes its batch statistics from each replica's part of the batch, or from all parts.

The context acts while a call is traced. Enter it inside a `tf.function` (or a function passed to
`Dataset.map`), not around the call of one. `igam_tf.gradients.logits_of` takes the first two modes
as arguments.
"""

import contextlib
import dataclasses
import threading
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

_local = threading.local()


@dataclasses.dataclass(frozen=True, eq=False)
class Mode:
    """The behaviour of layers; calls with `training=True` ignore `batch_statistics`.

    Attributes:
      batch_statistics: `BatchNorm` uses the statistics of the batch and updates nothing.
      synchronized: wherever `BatchNorm` uses the statistics of the batch, they are those of all
        replicas' parts of it.
      step: int64 scalar, the iteration whose random place `Pad` uses; None: the centre.
      updates: receives the updates of `BatchNorm`'s moving averages
        (`igam_tf.layers.batch_norm.one_exchange`); None: each layer makes its own at once.
    """

    batch_statistics: bool = False
    synchronized: bool = False
    step: tf.Tensor | None = None
    updates: list[Any] | None = None


def current_mode() -> Mode:
    """The mode of the innermost `in_mode`."""
    return getattr(_local, "mode", Mode())


@contextlib.contextmanager
def in_mode(
    *,
    batch_statistics: bool | None = None,
    synchronized: bool | None = None,
    step: Any = None,
    updates: list[Any] | None = None,
) -> Iterator[None]:
    """Sets the mode of calls inside the context; None leaves that part of the mode unchanged.

    Args:
      batch_statistics, synchronized, updates: see `Mode`.
      step: integer scalar. Inside a compiled function use a tensor or variable: a Python integer
        would be fixed by the first trace.
    """
    before = current_mode()
    changes: dict[str, Any] = {}
    if batch_statistics is not None:
        changes["batch_statistics"] = batch_statistics
    if synchronized is not None:
        changes["synchronized"] = synchronized
    if step is not None:
        changes["step"] = tf.cast(step, tf.int64)
    if updates is not None:
        changes["updates"] = updates
    _local.mode = dataclasses.replace(before, **changes)
    try:
        yield
    finally:
        _local.mode = before
