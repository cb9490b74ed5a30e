"""Whether a model takes gradients of its own when it classifies."""

from typing import Any

import tensorflow as tf

from igam_tf import gradients

# The name scopes in which TensorFlow builds the gradients of tapes and of tf.gradients.
GRADIENT_SCOPES = ("gradient_tape", "gradients")


def takes_gradients(model: Any, image_shape: tuple[int, ...], statistics: str) -> bool:
    """Whether the graph of a forward pass, with all of its functions, has gradients in it.

    Args:
      model: Keras model or callable, images to logits.
      statistics: BatchNorm mode, `"moving"` or `"batch"`.
    """

    def forward(images: tf.Tensor) -> tf.Tensor:
        return gradients.logits_of(model, images, statistics)

    spec = tf.TensorSpec((None, *image_shape), tf.float32)
    graph = tf.function(forward, autograph=False).get_concrete_function(spec).graph.as_graph_def()
    functions = (node for function in graph.library.function for node in function.node_def)
    return any(
        scope in node.name.split("/")[:-1]
        for node in (*graph.node, *functions)
        for scope in GRADIENT_SCOPES
    )
