"""The discriminator: its sizes, and that only the direction of a gradient matters."""

import numpy as np
import pytest

from igam_tf import models
from igam_tf.core.errors import InputError


@pytest.mark.parametrize(
    ("layers", "base", "last"), [(5, 16, (None, 1, 1, 256)), (4, 8, (None, 2, 2, 64))]
)
def test_the_releases_sizes(layers: int, base: int, last: tuple[int | None, ...]) -> None:
    model = models.discriminator((32, 32, 3), layers, base)
    assert model.get_layer(f"act{layers - 1}").output.shape == last
    assert model.get_layer("conv0").kernel.shape == (4, 4, 3, base)
    assert model.get_layer("conv0").use_bias
    assert model.output_shape == (None, 2)


def test_length_and_mean_of_a_gradient_do_not_matter() -> None:
    model = models.discriminator((8, 8, 3), 2, 4)
    gradients = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype(np.float32)
    scaled = gradients * np.array([1e-3, 1.0, 7.0, 1e3], np.float32).reshape(-1, 1, 1, 1)
    np.testing.assert_allclose(model(1e-2 * scaled + 1e-2), model(gradients), rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize(
    "settings", [{"num_layers": 0}, {"base_channels": 0}, {"input_shape": (0, 8, 3)}]
)
def test_errors(settings: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"^discriminator: sizes must be positive"):
        models.discriminator(**{"input_shape": (8, 8, 3), **settings})
