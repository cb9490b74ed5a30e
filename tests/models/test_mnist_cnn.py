"""MadryLab's MNIST network: its size, its initial weights, its range."""

import numpy as np

from igam_tf import models
from igam_tf.core.bounds import UNIT
from igam_tf.layers import bounds_of


def test_it_is_the_challenges_network() -> None:
    model = models.mnist_cnn()
    assert model.count_params() == 3_274_634
    assert [tuple(v.shape) for v in model.weights] == [
        (5, 5, 1, 32), (32,), (5, 5, 32, 64), (64,), (3136, 1024), (1024,), (1024, 10), (10,)
    ]  # fmt: skip
    assert bounds_of(model) == UNIT
    hidden = model.get_layer("hidden")
    assert np.unique(hidden.bias.numpy()).tolist() == [np.float32(0.1)]
    assert np.abs(hidden.kernel.numpy()).max() <= 0.2  # truncated at two standard deviations
    assert abs(hidden.kernel.numpy().std() - 0.088) < 1e-3


def test_sizes_are_parameters() -> None:
    model = models.mnist_cnn(3, channels=(2, 4), hidden=8)
    assert model(np.zeros((5, 28, 28, 1))).shape == (5, 3)
    assert model.get_layer("hidden").kernel.shape == (7 * 7 * 4, 8)
