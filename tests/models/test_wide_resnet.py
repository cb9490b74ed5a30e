"""MadryLab's wide ResNet: its structure (its numbers are in the parity tests)."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import models
from igam_tf.core.bounds import PIXELS
from igam_tf.core.errors import InputError
from igam_tf.layers import BatchNorm, bounds_of

from .. import tiny


def test_structure() -> None:
    model = models.wide_resnet(7, width=2, blocks=2)
    kernels = [tuple(v.shape) for v in model.weights if v.path.endswith("kernel")]
    stages = [(16, 32), (32, 32), (32, 64), (64, 64), (64, 128), (128, 128)]
    units = [(3, 3, *channels) for i, o in stages for channels in ((i, o), (o, o))]
    assert sorted(kernels) == sorted([(3, 3, 3, 16), *units, (128, 7)])
    strided = [layer.name for layer in model.layers if getattr(layer, "strides", (1, 1)) == (2, 2)]
    assert strided == ["unit_2_0_conv1", "unit_3_0_conv1"]
    assert model.get_layer("unit_last_act").output.shape == (None, 8, 8, 128)
    assert bounds_of(model) == PIXELS


def test_initial_weights() -> None:
    model = models.wide_resnet(10, width=4, blocks=1)
    kernel = model.get_layer("unit_3_0_conv2").kernel.numpy()
    assert kernel.std() == pytest.approx(np.sqrt(2 / (9 * 256)), rel=0.01)
    assert np.abs(kernel).max() > 3.5 * kernel.std()  # normal, not truncated
    dense = model.get_layer("logits")
    assert np.abs(dense.kernel.numpy()).max() == pytest.approx(np.sqrt(3 / 256), rel=0.01)
    assert not dense.bias.numpy().any()


def test_only_the_first_skip_starts_behind_its_activation() -> None:
    """With silenced residuals what reaches the last unit is the skips' doing alone."""
    model = tiny.shaken(models.wide_resnet(3, width=1, blocks=1, input_shape=tiny.SHAPE))
    for stage in (1, 2, 3):
        model.get_layer(f"unit_{stage}_0_conv2").kernel.assign(
            0 * model.get_layer(f"unit_{stage}_0_conv2").kernel
        )
    outputs = [model.get_layer(name).output for name in ("unit_1_0_1_act", "unit_3_0_add")]
    first, last = keras.Model(model.input, outputs)(tiny.batch()[0])
    pooled = tf.nn.avg_pool2d(first, 4, 4, "VALID")
    np.testing.assert_allclose(
        last, tf.pad(pooled, [[0, 0]] * 3 + [[24, 24]]), rtol=1e-5, atol=1e-6
    )


def test_without_moving_averages_none_of_its_layers_has_them() -> None:
    model = models.wide_resnet(3, width=1, blocks=1, input_shape=tiny.SHAPE, moving_averages=False)
    normalizations = [layer for layer in model.layers if isinstance(layer, BatchNorm)]
    assert len(normalizations) == 7
    assert not any(layer.moving_averages for layer in normalizations)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 0}, "wide_resnet: sizes must be positive, got .*width=0"),
        ({"blocks": -1}, "wide_resnet: sizes must be positive, got .*blocks=-1"),
        ({"num_classes": 0}, "wide_resnet: sizes must be positive, got num_classes=0"),
        ({"normalization": "zca"}, "normalization: expected one of"),
    ],
)
def test_errors(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        models.wide_resnet(**{"num_classes": 10, "width": 1, **settings})
