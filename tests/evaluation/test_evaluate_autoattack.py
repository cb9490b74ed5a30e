"""AutoAttack in `evaluate`: batches, interruptions, and the warnings of its own checks."""

import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from igam_tf.attacks import APGD, FAB, Chain, Square
from igam_tf.evaluation import evaluate

from .samples import FIVE, RANGE, SIZE, X, five, without_environment

EPSILON = {"linf": 0.4, "l2": 4.0}
NAMES = {"linf": ["apgd5-ce", "apgd5-t", "fab5", "square40"]}
NAMES["l2"] = [f"{name}-l2" for name in NAMES["linf"]]


def short(norm: str) -> Chain:
    """AutoAttack's attacks with few steps."""
    amounts: dict[str, Any] = {"epsilon": EPSILON[norm], "norm": norm}
    stages = (
        APGD(steps=5, **amounts),
        APGD(steps=5, loss="targeted_dlr", **amounts),
        FAB(steps=5, **amounts),
        Square(queries=40, **amounts),
    )
    return Chain(label="autoattack", stages=stages)


class Interruption(Exception):
    pass


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_verdicts_are_the_same_for_other_batches_and_after_a_kill_in_any_stage(
    tmp_path: pathlib.Path, norm: str
) -> None:
    images: dict[str, np.ndarray] = {}
    settings: dict[str, Any] = {"attacks": short(norm), "seed": 2, "batch_size": 8, **RANGE}
    whole = evaluate(five, (X, FIVE), images=images, **settings)
    counts = [count.correct for count in whole.results["moving"].values()]
    assert counts[0] > counts[1] >= counts[-1] > 0  # or this test would tell little
    for name in NAMES[norm]:

        def interrupt(label: str, *rest: Any, name: str = name) -> None:
            if label.endswith(f"-{name}"):
                raise Interruption

        parts = tmp_path / name
        with pytest.raises(Interruption):
            evaluate(five, (X, FIVE), images={}, parts_dir=parts, progress=interrupt, **settings)
        rerun: dict[str, np.ndarray] = {}
        record = evaluate(five, (X, FIVE), images=rerun, parts_dir=parts, **settings)
        assert without_environment(record) == without_environment(whole)
        np.testing.assert_array_equal(rerun["moving/autoattack"], images["moving/autoattack"])
    other = evaluate(five, (X, FIVE), **{**settings, "batch_size": 5})
    assert other.flags == whole.flags
    offsets = (images["moving/autoattack"] - X).reshape(SIZE, -1)
    order = np.inf if norm == "linf" else 2
    assert np.linalg.norm(offsets, order, axis=1).max() <= EPSILON[norm] + 1e-3


def warnings(subject: Any, **settings: Any) -> list[str]:
    record = evaluate(subject, (X, FIVE), **{"epsilon": 0.4, **RANGE, **settings})
    return record.doubts


def test_fewer_classes_than_targets_are_all_attacked_and_named() -> None:
    assert warnings(five, attacks=short("linf")) == [
        "apgd5-t: the model has 5 classes, so it has 4 targets instead of 9",
        "fab5: the model has 5 classes, so it has 4 targets instead of 9",
    ]


def test_random_numbers_in_the_model_are_named() -> None:
    def noisy(x: tf.Tensor) -> tf.Tensor:
        return five(x) + tf.random.normal(tf.shape(five(x)), stddev=0.05)

    averaged = APGD(steps=2, eot_samples=3, epsilon=0.4)
    (warning,) = warnings(noisy, attacks=["fgsm", averaged, "pgd2"], step_size=0.3)
    assert warning.startswith("fgsm, pgd2: the model draws random numbers (between two passes ")
    assert warning.endswith("autoattack-rand averages over draws")
    assert warnings(five, attacks=["fgsm", averaged]) == []


def test_square_that_beats_the_gradient_attacks_is_named() -> None:
    def masked(x: tf.Tensor) -> tf.Tensor:
        return five(tf.round(x)) + 0 * tf.reduce_sum(x, [1, 2, 3])[:, None]

    stages = (APGD(steps=2, epsilon=2), FAB(steps=2, epsilon=2), Square(queries=300, epsilon=2))
    (_, warning) = warnings(masked, attacks=Chain(label="three", stages=stages))
    assert warning.startswith("three: square300 fools ")
    assert "images that survive the gradient attacks, which may be masked" in warning
