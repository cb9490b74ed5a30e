"""Every loss against its formula in NumPy."""

import keras
import numpy as np
import pytest

from igam_tf import losses
from igam_tf.core.errors import InputError

LOGITS = np.array(
    [[2.0, -1.0, 0.5], [0.0, 3.0, 1.0], [1.0, 1.5, 1.5], [-2.0, 0.0, 4.0]], np.float32
)
LABELS = np.array([0, 2, 1, 2])
PROBABILITIES = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)
TRUE = PROBABILITIES[np.arange(4), LABELS]


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.int64])
@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (losses.cross_entropy, -np.log(TRUE)),
        (losses.true_class_probability, TRUE),
        (losses.margin, [-1.5, 2.0, 0.0, -4.0]),
    ],
)
def test_classification_losses(loss: object, expected: np.ndarray, kind: type) -> None:
    np.testing.assert_allclose(loss(LABELS.astype(kind), LOGITS), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("scale", [1, 50])
def test_kl_divergence(scale: float) -> None:
    own, others = (scale * logits.astype(np.float64) for logits in (LOGITS, LOGITS[::-1]))
    p, q = (np.exp(z) / np.exp(z).sum(1, keepdims=True) for z in (own, others))
    expected = [
        sum(a * (np.log(a) - np.log(b)) for a, b in zip(*rows, strict=True) if a > 0)
        for rows in zip(p, q, strict=True)
    ]
    values = losses.kl_divergence(own.astype(np.float32), others.astype(np.float32))
    np.testing.assert_allclose(values, expected, rtol=1e-5)
    np.testing.assert_array_equal(losses.kl_divergence(LOGITS, LOGITS), np.zeros(4))


LOGITS_OF_FIVE = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
LABELS_OF_FIVE, TARGETS_OF_FIVE = np.arange(40) % 5, (np.arange(40) // 8 + np.arange(40) + 1) % 5


@pytest.mark.parametrize(("scale", "shift"), [(1, 0), (1000, 0), (1, 4)])
def test_dlr(scale: float, shift: float) -> None:
    """Fooled or not; the same for scaled or shifted logits."""
    values = losses.dlr(LABELS_OF_FIVE, scale * LOGITS_OF_FIVE + shift)
    for value, label, logits in zip(values, LABELS_OF_FIVE, LOGITS_OF_FIVE, strict=True):
        first, _, third = np.sort(logits)[::-1][:3]
        expected = (np.delete(logits, label).max() - logits[label]) / (first - third)
        assert float(value) == pytest.approx(expected, rel=1e-4)
        assert (float(value) > 0) == (logits.argmax() != label)


@pytest.mark.parametrize(("scale", "shift"), [(1, 0), (1000, 0), (1, 4)])
def test_targeted_dlr(scale: float, shift: float) -> None:
    values = losses.targeted_dlr(LABELS_OF_FIVE, TARGETS_OF_FIVE, scale * LOGITS_OF_FIVE + shift)
    for value, label, target, logits in zip(
        values, LABELS_OF_FIVE, TARGETS_OF_FIVE, LOGITS_OF_FIVE, strict=True
    ):
        first, _, third, fourth = np.sort(logits)[::-1][:4]
        expected = (logits[target] - logits[label]) / (first - (third + fourth) / 2)
        assert float(value) == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_dlr_of_equal_logits_is_zero() -> None:
    assert float(losses.dlr([1], np.ones((1, 4), np.float32))[0]) == 0
    assert float(losses.targeted_dlr([1], [2], np.ones((1, 4), np.float32))[0]) == 0


def test_attack_losses_by_name() -> None:
    assert losses.attack_loss("xent") is losses.cross_entropy
    assert losses.attack_loss("margin") is losses.margin
    assert losses.attack_loss("dlr") is losses.dlr
    with pytest.raises(
        InputError, match=r"^loss: expected one of xent, margin, dlr, or a callable, got 'cw'"
    ):
        losses.attack_loss("cw")


def test_weight_decay_counts_trainable_kernels_alone() -> None:
    model = keras.Sequential(
        [
            keras.Input((4, 4, 2)),
            keras.layers.Conv2D(3, 2, bias_initializer="ones"),
            keras.layers.BatchNormalization(gamma_initializer="ones"),
            keras.layers.Flatten(),
            keras.layers.Dense(2, bias_initializer="ones"),
        ]
    )
    convolution, dense = model.layers[0], model.layers[-1]
    expected = [0.5 * float(np.sum(layer.kernel.numpy() ** 2)) for layer in (convolution, dense)]
    assert float(losses.weight_decay(model)) == pytest.approx(sum(expected), rel=1e-6)
    convolution.trainable = False
    assert float(losses.weight_decay(model)) == pytest.approx(expected[1], rel=1e-6)
    dense.trainable = False
    assert float(losses.weight_decay(model)) == 0


@pytest.mark.parametrize(
    ("reduction", "expected"), [("sum", 2 * 3 * 4 * 9.0), ("mean", 3 * 4 * 9.0)]
)
def test_gradient_difference(reduction: str, expected: float) -> None:
    difference = losses.gradient_difference(
        np.full((2, 3, 4), 5.0), np.full((2, 3, 4), 2.0), reduction
    )
    assert float(difference) == expected


def test_the_discriminators_first_half_is_the_students() -> None:
    logits = np.array([[0.0, 0.0], [2.0, -1.0], [0.5, 0.5], [1.0, 3.0]], np.float32)
    np.testing.assert_array_equal(losses.discriminator_labels(logits), [0, 0, 1, 1])
    chance, student, teacher = np.log(2), np.log1p(np.exp(-3)), np.log1p(np.exp(-2))
    assert float(losses.discriminator_loss(logits)) == pytest.approx(
        (2 * chance + student + teacher) / 4, rel=1e-6
    )


@pytest.mark.parametrize(
    ("logits", "expected"),
    [
        ((1.0, 4.0), -3.0),
        ((1.0, 4.0, 2.0), -3.0 / (4 - 1)),
        ((1.0, 4.0, 2.0, 0.0), -3.0 / (4 - 0.5)),
        ((1.0, 4.0, 2.0, 0.0, -9.0), -3.0 / (4 - 0.5)),
    ],
)
def test_targeted_dlr_by_number_of_classes(logits: tuple[float, ...], expected: float) -> None:
    (loss,) = losses.targeted_dlr([1], [0], np.array([logits], np.float32))
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
