"""Any form of labelled images gives the same record; mismatches are refused in one line."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf.attacks import PGD, Chain
from igam_tf.core.bounds import PIXELS, UNIT
from igam_tf.core.errors import InputError
from igam_tf.data import Dataset, Split
from igam_tf.data.forms import split_of
from igam_tf.evaluation import evaluate
from igam_tf.evaluation.preconditions import bounds_for

from .. import tiny

X, Y = tiny.batch(10)
TASK = Dataset("task", Split(X[::-1].copy(), Y[::-1].copy()), Split(X, Y), tiny.CLASSES, PIXELS)


def stream(batch_size: int | None) -> tf.data.Dataset:
    examples = tf.data.Dataset.from_tensor_slices((X, Y))
    return examples if batch_size is None else examples.batch(batch_size)


FORMS: dict[str, Any] = {
    "dataset": TASK,
    "split": TASK.test,
    "arrays": (X, Y),
    "tensors": (tf.constant(X), tf.constant(Y)),
    "examples": stream(None),
    "batches": stream(4),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("count", [None, 7, 100])
def test_forms(form: str, count: int | None) -> None:
    split = split_of(FORMS[form], count)
    np.testing.assert_array_equal(split.pixels(), X[:count])
    np.testing.assert_array_equal(split.labels, Y[:count])


def test_the_same_record_from_every_form() -> None:
    model = tiny.classifier()
    records = [evaluate(model, form, attacks="fgsm", num_examples=8) for form in FORMS.values()]
    assert all(record.flags == records[0].flags for record in records)


def test_a_data_set_brings_its_training_images_for_recalibration() -> None:
    settings: dict[str, Any] = {"statistics": ("recalibrated",), "attacks": "fgsm", "batch_size": 5}
    own = evaluate(tiny.classifier(), TASK, **settings)
    explicit = evaluate(tiny.classifier(), TASK.test, calibration=TASK.train, **settings)
    assert own.flags == explicit.flags
    with pytest.raises(InputError, match="recalibrated needs clean training data"):
        evaluate(tiny.classifier(), TASK.test, **settings)


def test_a_data_set_as_calibration_is_its_training_images() -> None:
    settings: dict[str, Any] = {"statistics": ("recalibrated",), "attacks": "fgsm", "batch_size": 5}
    by_set, by_split = (
        evaluate(tiny.classifier(), TASK.test, calibration=calibration, **settings)
        for calibration in (TASK, TASK.train)
    )
    assert by_set.flags == by_split.flags
    message = r"^calibration: expected images in \[0, 255\], got pixels"
    for images in (X / 255, X + 10):
        with pytest.raises(InputError, match=message):
            evaluate(tiny.classifier(), TASK.test, calibration=(images, Y), **settings)


def test_two_attacks_of_one_name_in_chains() -> None:
    chains = [Chain(stages=(PGD(epsilon=e, steps=2),), label=f"chain{e}") for e in (2, 16)]
    with pytest.raises(InputError, match="two different ones are called pgd2; label="):
        evaluate(tiny.classifier(), TASK, attacks=chains)
    same = PGD(epsilon=2, steps=2)
    assert evaluate(tiny.classifier(), TASK, attacks=[chains[0], same]).n == len(X)


def test_a_surrogate_of_another_pixel_range() -> None:
    message = r"^surrogate: it takes pixels in \[0, 1\], the model \[0, 255\]$"
    unit = tiny.classifier(high=1.0)
    with pytest.raises(InputError, match=message):
        evaluate(tiny.classifier(), TASK, attacks="transfer-fgsm", surrogate=unit)


def test_a_surrogate_and_the_source_head_exclude_each_other() -> None:
    message = r"^attack_head: source computes every attack on the source head"
    with pytest.raises(InputError, match=message):
        evaluate(tiny.classifier(), TASK, surrogate=tiny.classifier(), attack_head="source")


def test_bounds() -> None:
    model = tiny.classifier()
    layers = [keras.Input(tiny.SHAPE), keras.layers.Flatten(), keras.layers.Dense(3)]
    silent = keras.Sequential(layers)
    assert bounds_for(model, TASK, None) == bounds_for(silent, TASK, None) == PIXELS
    assert bounds_for(model, TASK, (0, 1)) == UNIT
    with pytest.raises(InputError, match="does not say its pixel range"):
        bounds_for(silent, TASK.test, None)
    message = r"^dataset: task has pixels in \[0, 255\], the model takes \[0, 1\]$"
    with pytest.raises(InputError, match=message):
        evaluate(tiny.classifier(high=1.0), TASK)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ("cifar10", "dataset: expected a Dataset, a Split, .* got str"),
        ((X, Y, Y), "dataset: expected a Dataset, a Split, .* got tuple"),
        (stream(None).take(0), "dataset: the tf.data set is empty"),
        (stream(None).repeat(), "dataset: an endless tf.data set needs num_examples"),
        (stream(None).map(lambda x, y: x), r"dataset: expected \(images, labels\) elements"),
    ],
)
def test_other_forms_are_refused(dataset: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}"):
        split_of(dataset)
