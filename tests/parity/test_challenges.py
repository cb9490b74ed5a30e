"""MadryLab's two challenges: logits, losses, input gradients and PGD of their checkpoints.

golden/README.md explains the arrays, REFERENCE.md the tolerances; both are beside this checkout.
"""

import dataclasses
import pathlib
from collections.abc import Mapping

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import attacks, gradients, losses, models

from ..tiny import relative
from . import names


@dataclasses.dataclass(frozen=True)
class Challenge:
    model: keras.Model
    expected: Mapping[str, np.ndarray]
    image_shape: tuple[int, int, int]

    @property
    def images(self) -> np.ndarray:
        return self.expected["x"].reshape(-1, *self.image_shape)


def variables(checkpoint: pathlib.Path) -> dict[str, np.ndarray]:
    reader = tf.train.load_checkpoint(str(checkpoint))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


@pytest.fixture(scope="module")
def mnist(golden: pathlib.Path) -> Challenge:
    folder = golden / "mnist_challenge"
    values = variables(folder / "checkpoint-200")
    model = models.mnist_cnn()
    order = ["Variable", *(f"Variable_{i}" for i in range(1, 8))]
    names.load(values, dict(zip(order, model.weights, strict=True)))
    return Challenge(model, np.load(folder / "expected.npz"), (28, 28, 1))


@pytest.fixture
def cifar10(golden: pathlib.Path) -> Challenge:
    folder = golden / "cifar10_challenge"
    model = models.wide_resnet(10, width=1, normalization="per_image")
    names.load(variables(folder / "checkpoint-40"), names.weights(model))
    return Challenge(model, np.load(folder / "expected.npz"), (32, 32, 3))


def check_forward(challenge: Challenge, prefix: str, statistics: str) -> None:
    """Logits, cross-entropies and the gradient of their sum."""
    expected, y = challenge.expected, challenge.expected["y"]
    logits = gradients.logits_of(challenge.model, challenge.images, statistics)
    np.testing.assert_allclose(logits, expected[f"{prefix}logits"], rtol=1e-4, atol=1e-5)
    xent = losses.cross_entropy(y, logits).numpy()
    np.testing.assert_allclose(xent, expected[f"{prefix}xent_per_example"], rtol=1e-4, atol=1e-5)
    assert xent.sum() == pytest.approx(float(expected[f"{prefix}xent_sum"]), rel=1e-4)
    gradient = gradients.input_gradient(challenge.model, challenge.images, y, "xent", statistics)
    assert relative(gradient, expected[f"{prefix}grad_sum_xent_x"]) < 1e-3


def test_mnist(mnist: Challenge) -> None:
    check_forward(mnist, "", "moving")
    correct = np.argmax(mnist.model(mnist.images), -1) == mnist.expected["y"]
    assert correct.mean() == mnist.expected["accuracy"]


def test_mnist_pgd(mnist: Challenge) -> None:
    expected, y = mnist.expected, mnist.expected["y"]
    settings = {"epsilon": 0.3, "step_size": 0.01, "steps": 40, "random_start": False}
    x_adv = attacks.pgd(mnist.model, mnist.images, y, **settings)
    assert np.mean(np.abs(x_adv.ravel() - expected["pgd_x"].ravel()) < 1e-5) >= 0.9
    logits = mnist.model(x_adv)
    assert np.sum(losses.cross_entropy(y, logits)) == pytest.approx(
        float(expected["pgd_xent_sum"]), rel=1e-2
    )
    assert np.mean(np.argmax(logits, -1) == y) == expected["pgd_accuracy"]
    logits = mnist.model(expected["pgd_x"].reshape(mnist.images.shape))
    np.testing.assert_allclose(logits, expected["pgd_logits"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("prefix", "statistics"), [("eval_", "moving"), ("train_", "batch")])
def test_cifar10(cifar10: Challenge, prefix: str, statistics: str) -> None:
    check_forward(cifar10, prefix, statistics)
    mean = float(cifar10.expected[f"{prefix}xent_sum"]) / len(cifar10.images)
    assert mean == pytest.approx(float(cifar10.expected[f"{prefix}mean_xent"]), rel=1e-6)


def test_cifar10_weight_decay(cifar10: Challenge) -> None:
    assert float(losses.weight_decay(cifar10.model)) == pytest.approx(
        float(cifar10.expected["weight_decay_loss"]), rel=1e-4
    )


def test_cifar10_pgd(cifar10: Challenge) -> None:
    expected, y = cifar10.expected, cifar10.expected["y"]
    x_adv = attacks.pgd(
        cifar10.model, cifar10.images, y, epsilon=8, step_size=2, steps=7, random_start=False
    )
    assert np.mean(np.abs(x_adv - expected["eval_pgd_x"]) < 1e-4) >= 0.97
    xent = np.mean(losses.cross_entropy(y, cifar10.model(x_adv)))
    assert xent == pytest.approx(float(expected["eval_pgd_mean_xent"]), rel=1e-2)
    logits = cifar10.model(expected["eval_pgd_x"])
    np.testing.assert_allclose(logits, expected["eval_pgd_logits"], rtol=1e-4, atol=1e-5)


def test_cifar10_moving_averages_after_one_forward(cifar10: Challenge) -> None:
    weights = names.weights(cifar10.model)
    cifar10.model(cifar10.images, training=True)
    keys = [key for key in cifar10.expected if key.startswith("after_one_train_forward|")]
    assert len(keys) == 6
    for key in keys:
        np.testing.assert_allclose(
            weights[key.split("|")[1]], cifar10.expected[key], rtol=1e-4, atol=1e-7
        )
