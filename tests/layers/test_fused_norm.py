"""BatchNorm's second derivatives in closed form against elementary operations in float64."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from igam_tf.layers import batch_norm, fused_norm

from .. import tiny

SHAPE = (4, 5, 6, 7)


def second_derivatives(
    norm: Callable[..., Any], dtype: tf.DType, of: list[str], count: int = 2
) -> list[np.ndarray]:
    """Gradients of a random sum of the first derivatives that `of` names."""
    rng = np.random.default_rng(0)
    shapes = {"x": SHAPE, "gamma": SHAPE[-1:], "beta": SHAPE[-1:], "weights": SHAPE}
    at = {name: tf.constant(rng.normal(1.0, 2.0, shape), dtype) for name, shape in shapes.items()}
    along = [tf.constant(rng.normal(size=shapes[name]), dtype) for name in of]

    def derived(level: int) -> tf.Tensor:
        if level == 0:
            outputs = norm(at["x"], at["gamma"], at["beta"], 1e-3)[0]
            return tf.reduce_sum(tf.sin(outputs) * at["weights"])
        with tf.GradientTape() as tape:
            tape.watch(list(at.values()))
            value = derived(level - 1)
        names = of if level == 1 else ["x"]
        first = tape.gradient(value, [at[name] for name in names])
        return tf.add_n([tf.reduce_sum(g * a) for g, a in zip(first, along, strict=False)])

    with tf.GradientTape() as tape:
        tape.watch(list(at.values()))
        value = derived(count - 1)
    return [g.numpy() for g in tape.gradient(value, list(at.values()))]


@pytest.mark.parametrize("of", [["x"], ["gamma"], ["x", "gamma", "beta"]], ids="+".join)
def test_second_derivatives(of: list[str]) -> None:
    derivatives = second_derivatives(fused_norm.batch_norm, tf.float32, of)
    expected = second_derivatives(batch_norm._batch_norm, tf.float64, of)
    for actual, reference in zip(derivatives, expected, strict=True):
        assert tiny.relative(actual, reference) < 3e-6


def test_a_compiled_graph_derives_only_what_the_images_gradient_needs() -> None:
    """The graph omits the second derivatives from dgamma and dbeta, which are zero."""
    rng = np.random.default_rng(0)
    gamma, beta = tf.Variable(tf.ones(7)), tf.Variable(tf.zeros(7))

    @tf.function(autograph=False)
    def penalty_gradient(x: tf.Tensor) -> Any:
        with tf.GradientTape() as outer:
            with tf.GradientTape(watch_accessed_variables=False) as inner:
                inner.watch(x)
                value = tf.reduce_sum(tf.sin(fused_norm.batch_norm(x, gamma, beta, 1e-3)[0]))
            penalty = tf.reduce_sum(tf.square(inner.gradient(value, x)))
        return outer.gradient(penalty, [gamma, beta])

    x = tf.constant(rng.normal(size=SHAPE), tf.float32)
    graph = penalty_gradient.get_concrete_function(x).graph
    wide = [
        op for op in graph.get_operations() if op.type == "AddN" and op.outputs[0].shape.rank == 4
    ]
    assert {len(op.inputs) for op in wide} <= {2, 3}


def test_third_derivatives_are_refused() -> None:
    with pytest.raises(NotImplementedError, match="no third derivatives"):
        second_derivatives(fused_norm.batch_norm, tf.float32, ["x"], 3)
