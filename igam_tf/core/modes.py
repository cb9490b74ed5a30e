"""How a layer behaves beyond `training`: one documented mechanism, and all that it decides.

Two layers of this package have a mode that Keras has no argument for. `BatchNorm` runs on moving
averages or on the statistics of the batch, whatever `trainable` says; `igam_tf.adapters.Pad` lies
at the centre or at a place drawn for an iteration. Keras 3 hands only `training` down through
models of any make, and its way to declare more such arguments is private. So the mode is a context:
`in_mode` sets it around a call, `current_mode` reads it inside.

It acts while a call is traced: it belongs inside a `tf.function` (or the function given to
`Dataset.map`), not around the call of one. `igam_tf.gradients.logits_of` is the function that takes
the mode as arguments and calls a model in it.
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
    """What a call outside of training does.

    Attributes:
      batch_statistics: `BatchNorm` uses the batch's statistics and updates nothing.
      step: int64 scalar, the iteration that random places are drawn for; None: they lie at the
        centre.
    """

    batch_statistics: bool = False
    step: tf.Tensor | None = None


def current_mode() -> Mode:
    """The mode of the call that is being traced."""
    return getattr(_local, "mode", Mode())


@contextlib.contextmanager
def in_mode(*, batch_statistics: bool | None = None, step: Any = None) -> Iterator[None]:
    """Sets the mode of the calls inside; what is None stays as it is outside.

    Args:
      batch_statistics: see `Mode`.
      step: integer, or integer scalar tensor or variable. Inside a compiled function it must be one
        of the latter, or all steps have the place of the first.
    """
    before = current_mode()
    changes: dict[str, Any] = {}
    if batch_statistics is not None:
        changes["batch_statistics"] = batch_statistics
    if step is not None:
        changes["step"] = tf.cast(step, tf.int64)
    _local.mode = dataclasses.replace(before, **changes)
    try:
        yield
    finally:
        _local.mode = before
