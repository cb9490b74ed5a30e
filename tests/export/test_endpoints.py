"""The functions of a SavedModel: signatures, answers, what they refuse."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import attacks, gradients

from .. import tiny


def test_the_signatures(loaded: Any) -> None:
    serving = {"serve", "serve_uint8", "serve_encoded", "serving_default"}
    assert set(loaded.signatures) == serving | {"input_gradient", "attack"}
    x, y = tiny.batch()
    answers = loaded.signatures["serving_default"](images=tf.constant(x))
    assert {name: (value.dtype, value.shape) for name, value in answers.items()} == {
        "logits": (tf.float32, (6, 3)),
        "probabilities": (tf.float32, (6, 3)),
        "labels": (tf.int64, (6,)),
    }
    adversarial = loaded.signatures["attack"](
        images=tf.constant(x),
        labels=tf.constant(y),
        epsilon=tf.constant(8.0),
        step_size=tf.constant(2.0),
        steps=tf.constant(3),
        seed=tf.constant(1),
    )
    np.testing.assert_array_equal(
        adversarial["adversarial"], loaded.attack(x, y, 8.0, 2.0, 3, 1)["adversarial"]
    )
    assert not np.array_equal(
        adversarial["adversarial"], loaded.attack(x, y, 8.0, 2.0, 3, 2)["adversarial"]
    )


def test_the_answers(loaded: Any, model: keras.Model) -> None:
    """In `test_alone.py` with a batch's statistics; here with moving averages."""
    x, y = tiny.batch()
    assert tiny.relative(loaded.serve(x)["logits"], gradients.logits_of(model, x)) <= 1e-6
    for labels in (y, y.astype(np.int32)):
        gradient = loaded.input_gradient(x, labels)["gradient"]
        assert tiny.relative(gradient, gradients.input_gradient(model, x, y, "softmax")) <= 1e-6
    adversarial = loaded.attack(x, y, 8.0, 2.0, 4, -3)["adversarial"]
    expected = attacks.pgd(model, x, y, epsilon=8, step_size=2, steps=4, seed=-3)
    np.testing.assert_allclose(adversarial, expected, atol=1e-3)


def test_encoded_images_are_decoded_and_resized(loaded: Any) -> None:
    rng = np.random.default_rng(0)
    fitting = rng.integers(0, 256, (8, 8, 3), np.uint8)
    other = rng.integers(0, 256, (20, 13, 1), np.uint8)
    texts = [
        tf.io.encode_png(fitting),
        tf.io.encode_png(other),
        tf.io.encode_jpeg(fitting, quality=100),
    ]
    expected = [
        fitting,
        tf.image.resize(np.repeat(other, 3, -1), (8, 8), antialias=True),
        tf.io.decode_jpeg(texts[2]),
    ]
    pixels = np.stack([np.asarray(image, np.float32) for image in expected])
    decoded, served = loaded.serve_encoded(tf.stack(texts)), loaded.serve(pixels)
    assert tiny.relative(decoded["logits"], served["logits"]) <= 1e-6
    with pytest.raises(tf.errors.InvalidArgumentError, match="Unknown image file format"):
        loaded.serve_encoded(tf.constant(["no image"]))


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"labels": np.array([3])}, "labels: expected 0 to 2"),
        ({"labels": np.array([-1])}, "labels: expected 0 to 2"),
        ({"images": np.full((1, *tiny.SHAPE), 256, np.float32)}, "images: expected 0 to 255"),
        ({"images": np.full((1, *tiny.SHAPE), -1, np.float32)}, "images: expected 0 to 255"),
        ({"images": np.full((1, *tiny.SHAPE), np.nan, np.float32)}, "images: expected 0 to 255"),
        ({"epsilon": 300.0}, "epsilon: expected 0 to 255"),
        ({"step_size": -1.0}, "step_size: expected 0 to 255"),
        ({"steps": -1}, "steps: expected 0 or more"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_what_an_attack_refuses(loaded: Any, inputs: dict[str, Any], message: str) -> None:
    right = {"images": np.zeros((1, *tiny.SHAPE), np.float32), "labels": np.array([0])}
    settings = {**right, "epsilon": 8.0, "step_size": 2.0, "steps": 1, "seed": 0, **inputs}
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        loaded.attack(**settings)
    if "labels" in inputs:
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            loaded.input_gradient(right["images"], inputs["labels"])
