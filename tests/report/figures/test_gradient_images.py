"""Input gradients in figures: their values, their grey levels and their places."""

import numpy as np
import pytest
import tensorflow as tf

from igam_tf import gradients as definition
from igam_tf.core.bounds import UNIT, Bounds
from igam_tf.core.errors import InputError
from igam_tf.report.figures import gradient_images

from ... import tiny
from .samples import pictures


@pytest.mark.parametrize("statistics", ["moving", "batch"])
def test_gradients_are_of_the_cross_entropy(statistics: str) -> None:
    model, other = tiny.classifier(1), tiny.classifier(2)
    x, y = tiny.batch()
    arrays = gradient_images.input_gradients({"a": model, "b": other}, x, y, statistics)
    assert list(arrays) == ["a", "b"]
    expected = definition.input_gradient(model, x, y, "xent", statistics)
    np.testing.assert_array_equal(arrays["a"], expected)
    assert not np.array_equal(arrays["a"], arrays["b"])


def test_the_releases_gradient_is_the_same_picture_as_a_negative() -> None:
    model = tiny.classifier(1)
    x, y = tiny.batch()
    probability = tf.gather(tf.nn.softmax(model(x)), y, batch_dims=1).numpy()
    assert probability.max() < 0.999  # or there would be nothing to compare
    ours, release = (
        gradient_images.input_gradients({"a": model}, x, y, of=of)["a"]
        for of in ("xent", "softmax")
    )
    np.testing.assert_allclose(
        gradient_images.as_images(ours) - 0.5, 0.5 - gradient_images.as_images(release), atol=1e-4
    )


def test_images_of_gradients_are_clipped_signed_and_scaled_one_by_one() -> None:
    gradients = pictures(2) - 100
    gradients[0, 0, 0] = 1e6  # an outlier
    images = gradient_images.as_images(gradients)
    assert images.shape == gradients.shape
    assert images[0, 0, 0, 0] == 1  # clipped
    scale = 6 * np.sqrt(np.mean(gradients[1] ** 2))
    np.testing.assert_allclose(images[1], 0.5 + gradients[1] / scale, rtol=1e-5)
    np.testing.assert_allclose(gradient_images.as_images(1000 * gradients), images, rtol=1e-5)
    np.testing.assert_array_equal(np.sign(images[1] - 0.5), np.sign(gradients[1]))


def test_no_gradient_is_grey() -> None:
    np.testing.assert_array_equal(gradient_images.as_images(np.zeros((1, 4, 4, 3))), 0.5)


@pytest.mark.parametrize(
    ("count", "expected"),
    [(3, [0, 1, 4]), (4, [0, 1, 4, 2]), (6, [0, 1, 4, 2, 5, 3]), (9, [0, 1, 4, 2, 5, 3])],
)
def test_one_of_each_class_in_turn(count: int, expected: list[int]) -> None:
    assert gradient_images.one_of_each(np.array([7, 2, 7, 7, 0, 2]), count).tolist() == expected


def labels(figure) -> list[str]:
    texts = [text for axes in figure.axes for text in (axes.get_title(), axes.get_ylabel())]
    return [text for text in texts if text]


@pytest.mark.parametrize("models", [1, 3, 4, 9])
def test_every_picture_has_its_place(models: int) -> None:
    images = pictures(2)
    gradients = {f"model {index}": pictures(2, seed=index + 1) - 120 for index in range(models)}
    figure = gradient_images.gradient_grid(images, gradients, ["class 3", "class 1"])
    assert len(figure.axes) == 2 * (models + 1)
    assert sorted(labels(figure)) == sorted(["Image", *gradients, "class 3", "class 1"])
    positions = {
        axes.get_images()[0].get_array().tobytes(): axes.get_position() for axes in figure.axes
    }
    places = {
        name: [positions[picture.tobytes()] for picture in strip]
        for name, strip in {
            "Image": images / 255,
            **{k: gradient_images.as_images(v) for k, v in gradients.items()},
        }.items()
    }
    first, second = places["Image"]
    for strip in places.values():
        for picture, image in zip(strip, (first, second), strict=True):
            if models <= 3:  # beside its image
                assert picture.y0 == image.y0
            else:
                assert picture.x0 == image.x0
    corners = {
        (round(place.x0, 6), round(place.y0, 6)) for strip in places.values() for place in strip
    }
    assert len(corners) == len(figure.axes)
    assert all(
        0 <= place.x0 < place.x1 <= 1 and 0 <= place.y0 < place.y1 <= 1
        for place in positions.values()
    )


@pytest.mark.parametrize("bounds", [UNIT, Bounds(-1.0, 1.0)])
def test_images_of_other_ranges_and_one_channel(bounds: Bounds) -> None:
    images = pictures(2, (6, 6, 1)) / 255 * bounds.range + bounds.low
    figure = gradient_images.gradient_grid(images, {"a": images}, bounds=bounds)
    pixels = figure.axes[0].get_images()[0].get_array()
    np.testing.assert_allclose(pixels, (images[0, :, :, 0] - bounds.low) / bounds.range, atol=1e-6)
    assert labels(figure) == ["Image", "a"]


@pytest.mark.parametrize(
    ("images", "gradients", "message"),
    [
        (pictures(0), {"a": pictures(0)}, "expected images and models, got 0 and 1"),
        (pictures(1), {}, "expected images and models, got 1 and 0"),
        (pictures(2), {"a": pictures(2), "b": pictures(1)}, r"\(2, 8, 8, 3\), b has another"),
    ],
)
def test_what_is_refused(images, gradients, message) -> None:
    with pytest.raises(InputError, match=message):
        gradient_images.gradient_grid(images, gradients)
