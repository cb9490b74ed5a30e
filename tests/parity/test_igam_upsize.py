"""The teacher's input from Tiny-ImageNet to CIFAR-10: images resized as in TensorFlow 1."""

import pathlib

import numpy as np

from igam_tf import layers
from igam_tf.adapters import Resize


def test_the_teachers_input(golden: pathlib.Path) -> None:
    expected = np.load(golden / "igam_upsize" / "expected.npz")
    resized = Resize(64, sampling="legacy")(expected["x"])
    np.testing.assert_allclose(resized, expected["teacher_upsized_input"], rtol=1e-4, atol=1e-5)
    normalized = layers.normalization("l2")(resized)
    standardized = expected["teacher_input_standardized"]
    np.testing.assert_allclose(normalized, standardized, rtol=1e-4, atol=1e-5)


def test_todays_resize_would_be_wrong(golden: pathlib.Path) -> None:
    expected = np.load(golden / "igam_upsize" / "expected.npz")
    resized = Resize(64, sampling="tf2")(expected["x"])
    assert np.abs(resized - expected["teacher_upsized_input"]).max() > 1
