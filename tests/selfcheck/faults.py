"""Parts of a step, each with one fault that a check of a machine must find."""

import functools
from typing import Any

import keras
import tensorflow as tf

from igam_tf.layers import BatchNorm
from igam_tf.selfcheck.matching_step import MatchingParts, normalized_network, wide_network
from igam_tf.training import Igam


@tf.custom_gradient
def _twisted(x: tf.Tensor) -> Any:
    """The same values and first derivatives; second ones are 1 % too large."""

    @tf.custom_gradient
    def first(upstream: tf.Tensor) -> Any:
        return upstream, lambda above: 1.01 * above

    return x, first


class TwistedNorm(BatchNorm):
    """Its second derivatives are wrong."""

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: Any = None) -> tf.Tensor:
        return _twisted(super().call(inputs, training, mask))


class Float32TwistedNorm(BatchNorm):
    """Its second derivatives are wrong where the fused kernel computes them."""

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: Any = None) -> tf.Tensor:
        outputs = super().call(inputs, training, mask)
        return _twisted(outputs) if inputs.dtype == tf.float32 else outputs


class AveragedSum(Igam):
    """The mean over replicas of their sums of L_diff stands for the sum over the batch."""

    def _objective(self, *arguments: Any, **keywords: Any) -> Any:
        # Not by a patch of `replicas`: replicas are threads, whose patches would outlive this one.
        parts = super()._objective(*arguments, **keywords)
        count = tf.distribute.get_strategy().num_replicas_in_sync
        surplus = parts["diff"] * (1 - 1 / count)
        loss = parts["loss"] - self.settings.lambda_diff * surplus
        return {**parts, "loss": loss, "diff": parts["diff"] - surplus}


def stock_wide_network() -> keras.Model:
    """The wide residual network with Keras' BatchNormalization."""

    def stock(layer: Any) -> Any:
        if not isinstance(layer, BatchNorm):
            return layer.__class__.from_config(layer.get_config())
        return keras.layers.BatchNormalization(epsilon=layer.epsilon, name=layer.name)

    return keras.models.clone_model(wide_network(), clone_function=stock)


def normalized(norm: type[keras.layers.Layer]) -> MatchingParts:
    return MatchingParts(functools.partial(normalized_network, norm), normalized_network)


# The check, the argument of `all_checks` and the faulty part.
FAULTS: dict[str, tuple[str, str, MatchingParts]] = {
    "stock BatchNorm in the student": (
        *("igam_step", "matching"),
        MatchingParts(stock_wide_network, wide_network),
    ),
    "a wrong second derivative": ("batch_norm", "normalized", normalized(TwistedNorm)),
    "a wrong one of the fused kernel": ("batch_norm", "normalized", normalized(Float32TwistedNorm)),
    "an averaged sum of L_diff": (
        *("replicas", "replicated"),
        MatchingParts(normalized_network, normalized_network, AveragedSum),
    ),
}
