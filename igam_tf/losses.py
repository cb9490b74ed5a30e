"""Losses: of classifiers, of matching input gradients, of the discriminator."""

from collections.abc import Callable, Hashable
from typing import Any

import keras
import tensorflow as tf

from igam_tf.core.errors import InputError


def cross_entropy(labels: Any, logits: Any) -> tf.Tensor:
    """Softmax cross-entropy per example: integer labels [B], logits [B, K] to [B], at least
    float32.
    """
    return tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.cast(labels, tf.int32), logits=_wide(logits)
    )


def mean_cross_entropy(labels: Any, logits: Any, weights: tf.Tensor | None = None) -> tf.Tensor:
    """The mean over the batch, each example's part times its weight [B] where weights are given."""
    return tf.reduce_mean(_weighted(cross_entropy(labels, logits), weights))


def true_class_probability(labels: Any, logits: Any) -> tf.Tensor:
    """Softmax probability of the labelled class per example, [B]: what the release differentiates."""
    return tf.gather(tf.nn.softmax(_wide(logits)), tf.cast(labels, tf.int32), batch_dims=1)


def margin(labels: Any, logits: Any) -> tf.Tensor:
    """Largest other logit minus the labelled one, per example (Carlini-Wagner): positive when
    fooled.
    """
    logits = tf.convert_to_tensor(logits)
    one_hot = tf.one_hot(labels, tf.shape(logits)[-1], dtype=logits.dtype)
    true = tf.reduce_sum(one_hot * logits, -1)
    other = tf.reduce_max(tf.where(one_hot > 0, logits.dtype.min, logits), -1)
    return other - true


def dlr(labels: Any, logits: Any) -> tf.Tensor:
    """Difference of logits ratio per example (Croce and Hein 2020): the margin over the spread of
    the top three logits.

    Unlike cross-entropy it does not depend on the logits' scale. Needs three classes or more.
    """
    logits = tf.convert_to_tensor(logits)
    ordered = tf.sort(logits, -1, "DESCENDING")
    return margin(labels, logits) / (ordered[:, 0] - ordered[:, 2] + 1e-12)


def targeted_dlr(labels: Any, targets: Any, logits: Any) -> tf.Tensor:
    """DLR towards a target class, per example: target's logit minus the labelled one's, over a
    spread of the top four.
    """
    logits = tf.convert_to_tensor(logits)
    ordered = tf.sort(logits, -1, "DESCENDING")
    spread = ordered[:, 0] - 0.5 * (ordered[:, 2] + ordered[:, 3]) + 1e-12
    at = [
        tf.gather(logits, tf.cast(chosen, tf.int32), batch_dims=1) for chosen in (targets, labels)
    ]
    return (at[0] - at[1]) / spread


AttackLoss = str | Callable[[Any, Any], tf.Tensor]  # a name, or labels and logits to [B]

_ATTACK_LOSSES: dict[str, Callable[[Any, Any], tf.Tensor]]
_ATTACK_LOSSES = {"xent": cross_entropy, "margin": margin, "dlr": dlr}


def attack_loss(loss: AttackLoss) -> Callable[[Any, Any], tf.Tensor]:
    """The per-example loss that an attack raises.

    Args:
      loss: `"xent"`, `"margin"`, `"dlr"`, or a callable: integer labels [B], logits [B, K] to [B].

    Raises:
      InputError: neither of these.
    """
    if callable(loss):
        if not isinstance(loss, Hashable):  # what is compiled is found by its hash
            raise InputError(
                f"loss: expected a hashable callable, such as a frozen dataclass, got {loss!r}"
            )
        return loss
    if loss not in _ATTACK_LOSSES:
        names = ", ".join(_ATTACK_LOSSES)
        raise InputError(f"loss: expected one of {names}, or a callable, got {loss!r}")
    return _ATTACK_LOSSES[loss]


def loss_name(loss: AttackLoss) -> str:
    """What records call a loss."""
    return loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)


def weight_decay(model: keras.Model) -> tf.Tensor:
    """Half the sum of squares of the trainable kernels: no biases, no BatchNorm parameters (the
    release's "DW" variables).
    """
    kernels = [v for v in model.trainable_variables if v.name.endswith("kernel")]
    return (
        tf.add_n([tf.nn.l2_loss(tf.convert_to_tensor(k)) for k in kernels])
        if kernels
        else tf.zeros(())
    )


def gradient_difference(
    student: tf.Tensor, teacher: tf.Tensor, reduction: str = "sum", weights: tf.Tensor | None = None
) -> tf.Tensor:
    """Squared l2 distance of two batches of input gradients [B, ...] (Eq. 13).

    Args:
      reduction: `"sum"` adds up over the batch (the release); `"mean"` is the mean over its images.
      weights: factors [B] of the images' parts; None for 1.
    """
    squares = tf.math.squared_difference(student, teacher)
    if weights is not None:
        squares = _weighted(tf.reduce_sum(squares, range(1, squares.shape.rank)), weights)
    total = tf.reduce_sum(squares)
    return total if reduction == "sum" else total / tf.cast(tf.shape(student)[0], total.dtype)


def discriminator_loss(logits: tf.Tensor) -> tf.Tensor:
    """Mean cross-entropy of discriminator logits [2B, 2] whose first half are students' (0), the
    second teachers' (1).
    """
    return tf.reduce_mean(cross_entropy(discriminator_labels(logits), logits))


def discriminator_labels(logits: tf.Tensor) -> tf.Tensor:
    half = tf.shape(logits)[0] // 2
    return tf.concat([tf.zeros([half], tf.int32), tf.ones([half], tf.int32)], 0)


def _weighted(per_example: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
    return per_example if weights is None else per_example * tf.cast(weights, per_example.dtype)


def _wide(logits: Any) -> tf.Tensor:
    """At least float32: a softmax in bfloat16 has two digits."""
    logits = tf.convert_to_tensor(logits)
    return tf.cast(logits, tf.float32) if logits.dtype.size < 4 else logits
