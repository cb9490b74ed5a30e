"""Losses of classifiers, attacks, input gradient matching and the discriminator."""

from collections.abc import Callable, Hashable
from typing import Any

import keras
import tensorflow as tf

from igam_tf.core.errors import InputError


def cross_entropy(labels: Any, logits: Any) -> tf.Tensor:
    """Softmax cross-entropy [B] of integer labels [B] and logits [B, K], at least in float32."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.cast(labels, tf.int32), logits=_wide(logits)
    )


def mean_cross_entropy(labels: Any, logits: Any, weights: tf.Tensor | None = None) -> tf.Tensor:
    """The mean over the batch of cross-entropies, each times its weight [B] if given."""
    return weighted_mean(cross_entropy(labels, logits), weights)


def kl_divergence(reference: Any, logits: Any) -> tf.Tensor:
    """KL(softmax(reference) || softmax(logits)) [B] of logits [B, K], at least in float32."""
    expected, actual = (tf.nn.log_softmax(_wide(values)) for values in (reference, logits))
    return tf.reduce_sum(tf.exp(expected) * (expected - actual), -1)


def weighted_mean(values: tf.Tensor, weights: tf.Tensor | None = None) -> tf.Tensor:
    """The mean over the batch of values [B], each times its weight [B] if given."""
    return tf.reduce_mean(_weighted(values, weights))


def true_class_probability(labels: Any, logits: Any) -> tf.Tensor:
    """Softmax probability [B] of the labelled class, which the release differentiates."""
    return tf.gather(tf.nn.softmax(_wide(logits)), tf.cast(labels, tf.int32), batch_dims=1)


def margin(labels: Any, logits: Any) -> tf.Tensor:
    """The largest other logit minus the labelled one, [B] (Carlini-Wagner); positive if fooled."""
    logits = tf.convert_to_tensor(logits)
    one_hot = tf.one_hot(labels, tf.shape(logits)[-1], dtype=logits.dtype)
    true = tf.reduce_sum(one_hot * logits, -1)
    other = tf.reduce_max(tf.where(one_hot > 0, logits.dtype.min, logits), -1)
    return other - true


def dlr(labels: Any, logits: Any) -> tf.Tensor:
    """Difference of logits ratio [B]: the margin over the spread of the top three logits.

    Does not depend on the logits' scale (Croce and Hein 2020). Needs at least three classes.
    """
    logits = tf.convert_to_tensor(logits)
    ordered = tf.sort(logits, -1, "DESCENDING")
    return margin(labels, logits) / (ordered[:, 0] - ordered[:, 2] + 1e-12)


def targeted_dlr(labels: Any, targets: Any, logits: Any) -> tf.Tensor:
    """DLR towards target classes [B]: target's logit minus the labelled one, over their spread.

    The spread is that of the top four logits. AutoAttack has no loss for fewer classes: here three
    classes have the spread of DLR (first minus third logit), and two have none.
    """
    logits = tf.convert_to_tensor(logits)
    ordered = tf.sort(logits, -1, "DESCENDING")
    match logits.shape[-1]:
        case 2:
            spread = tf.ones_like(ordered[:, 0])
        case 3:
            spread = ordered[:, 0] - ordered[:, 2] + 1e-12
        case _:
            spread = ordered[:, 0] - 0.5 * (ordered[:, 2] + ordered[:, 3]) + 1e-12
    target, true = (
        tf.gather(logits, tf.cast(classes, tf.int32), batch_dims=1) for classes in (targets, labels)
    )
    return (target - true) / spread


AttackLoss = str | Callable[[Any, Any], tf.Tensor]  # a name, or (labels, logits) -> [B]

_ATTACK_LOSSES: dict[str, Callable[[Any, Any], tf.Tensor]]
_ATTACK_LOSSES = {"xent": cross_entropy, "margin": margin, "dlr": dlr}


def attack_loss(loss: AttackLoss) -> Callable[[Any, Any], tf.Tensor]:
    """The per-example loss that an attack maximises.

    Args:
      loss: `"xent"`, `"margin"`, `"dlr"`, or a callable: integer labels [B], logits [B, K] to [B].

    Raises:
      InputError: unknown name, or a callable without a hash.
    """
    if callable(loss):
        if not isinstance(loss, Hashable):  # compiled programs are cached by loss
            raise InputError(
                f"loss: expected a hashable callable, such as a frozen dataclass, got {loss!r}"
            )
        return loss
    if loss not in _ATTACK_LOSSES:
        names = ", ".join(_ATTACK_LOSSES)
        raise InputError(f"loss: expected one of {names}, or a callable, got {loss!r}")
    return _ATTACK_LOSSES[loss]


def loss_name(loss: AttackLoss) -> str:
    """The name of a loss in records."""
    return loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)


def weight_decay(model: keras.Model) -> tf.Tensor:
    """Half the sum of squares of the trainable kernels, without biases and BatchNorm parameters."""
    kernels = [v for v in model.trainable_variables if v.name.endswith("kernel")]
    squares = [tf.nn.l2_loss(tf.convert_to_tensor(kernel)) for kernel in kernels]
    return tf.add_n(squares) if squares else tf.zeros(())


def gradient_difference(
    student: tf.Tensor, teacher: tf.Tensor, reduction: str = "sum", weights: tf.Tensor | None = None
) -> tf.Tensor:
    """Squared l2 distance of two batches of input gradients [B, ...], a scalar (Eq. 13).

    Args:
      student, teacher: input gradients.
      reduction: `"sum"` over the batch (the release) or `"mean"` over its images.
      weights: factors [B] of the images' distances; None for 1.
    """
    squares = tf.math.squared_difference(student, teacher)
    if weights is not None:
        squares = _weighted(tf.reduce_sum(squares, range(1, squares.shape.rank)), weights)
    total = tf.reduce_sum(squares)
    return total if reduction == "sum" else total / tf.cast(tf.shape(student)[0], total.dtype)


def discriminator_loss(logits: tf.Tensor) -> tf.Tensor:
    """Mean cross-entropy of discriminator logits [2B, 2], first student (0), then teacher (1)."""
    return tf.reduce_mean(cross_entropy(discriminator_labels(logits), logits))


def discriminator_labels(logits: tf.Tensor) -> tf.Tensor:
    """Labels [2B] of such logits: B zeros, then B ones."""
    half = tf.shape(logits)[0] // 2
    return tf.concat([tf.zeros([half], tf.int32), tf.ones([half], tf.int32)], 0)


def _weighted(per_example: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
    return per_example if weights is None else per_example * tf.cast(weights, per_example.dtype)


def _wide(logits: Any) -> tf.Tensor:
    """Logits in at least float32: a softmax in bfloat16 has two digits."""
    logits = tf.convert_to_tensor(logits)
    return tf.cast(logits, tf.float32) if logits.dtype.size < 4 else logits
