"""Small checkpoints, written by TensorFlow, in which no two weights are equal."""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from madry_checkpoints.networks import DiscriminatorNames, MnistCnn, WideResnet

# kind: scope, network
NETWORKS: dict[str, tuple[str, Any]] = {
    "mnist_challenge": ("", MnistCnn((3, 5), 11, 10)),
    "cifar10_challenge": ("", WideResnet(1, 2, 3, 10, None, moving_averages=True)),
    "igam_student": ("classifier/", WideResnet(2, 1, 3, 7, None, moving_averages=True)),
    "igam_teacher": ("", WideResnet(1, 1, 3, 10, 7, moving_averages=False)),
    "igam_discriminator": ("discriminator/", DiscriminatorNames(3, 4, 3, 4 * 4 * 16)),
    "igam_tiny_source": ("", WideResnet(1, 1, 3, 200, None, moving_averages=True)),
}
KINDS = tuple(NETWORKS)

Arrays = dict[str, np.ndarray]


def arrays(kind: str, **sizes: Any) -> Arrays:
    """A small network's weights under the original names, some of its sizes changed."""
    scope, network = NETWORKS[kind]
    random = np.random.default_rng(KINDS.index(kind))
    weights = dataclasses.replace(network, **sizes).weights()
    return {
        scope + name: random.uniform(0.1, 1, weight.shape).astype(np.float32)
        for name, weight in weights.items()
    }


def slots(weights: Mapping[str, np.ndarray]) -> Arrays:
    accumulators = {
        f"{name}/{slot}": -array
        for name, array in weights.items()
        for slot in ("Momentum", "Adam", "Adam_1")
    }
    powers = {
        name: np.asarray(0.9, np.float32)
        for name in ("beta1_power", "beta2_power", "beta1_power_1")
    }
    return {**accumulators, **powers, "global_step": np.asarray(17, np.int64)}


def release_file() -> Arrays:
    """All of what a `modelIGAM-*` file of the release holds."""
    together = {**arrays("igam_teacher"), **arrays("igam_student"), **arrays("igam_discriminator")}
    return {**together, **slots(together)}


def save(values: Mapping[str, np.ndarray], prefix: pathlib.Path) -> str:
    """Writes a checkpoint with TensorFlow and returns its prefix."""
    import tensorflow as tf

    prefix.parent.mkdir(parents=True, exist_ok=True)
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=list(values),
        shape_and_slices=[""] * len(values),
        tensors=[tf.constant(value) for value in values.values()],
    )
    return str(prefix)


def same(values: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> bool:
    """Names, types, shapes and bits."""
    return values.keys() == expected.keys() and all(
        (values[name].dtype, values[name].shape, values[name].tobytes())
        == (expected[name].dtype, expected[name].shape, expected[name].tobytes())
        for name in expected
    )
