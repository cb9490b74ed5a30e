"""The networks: each function builds a Keras model with logits as output and its pixel range."""

from igam_tf.models.composition import (
    adapted,
    renormalized,
    source_view,
    target_head,
    with_new_head,
)
from igam_tf.models.discriminator import discriminator
from igam_tf.models.mnist_cnn import mnist_cnn
from igam_tf.models.robustbench import robustbench
from igam_tf.models.robustbench.model_source import RobustbenchSource, robustbench_source
from igam_tf.models.user_networks import user_network
from igam_tf.models.wide_resnet import wide_resnet

__all__ = [
    "RobustbenchSource",
    "adapted",
    "discriminator",
    "mnist_cnn",
    "renormalized",
    "robustbench",
    "robustbench_source",
    "source_view",
    "target_head",
    "user_network",
    "wide_resnet",
    "with_new_head",
]
