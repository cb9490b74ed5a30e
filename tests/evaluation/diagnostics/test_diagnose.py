"""Every check warns of its own fault, and none of an adversarially trained network."""

import json
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import attacks, data, gradients
from igam_tf.core.errors import InputError
from igam_tf.evaluation import diagnostics
from igam_tf.evaluation.diagnostics.outcomes import other_mode
from igam_tf.layers import BatchNorm, PixelRange

from . import samples

CHECKS = (
    "step_size",
    "nondeterministic",
    "nan_gradients",
    "zero_gradients",
    "logit_scale",
    "softmax_outputs",
    "few_classes",
    "inference_gradients",
    "still_falling",
    "margin_beats_xent",
    "one_step_beats_many",
    "noise_beats_gradient",
    "black_box_beats_white_box",
    "transfer_beats_white_box",
    "large_epsilon",
    "batch_statistics",
)


def diagnosed(
    model: Any, split: data.Split | None = None, **settings: Any
) -> diagnostics.Diagnosis:
    defaults = {"bounds": (0, 255), "queries": 100, "num_examples": None, **samples.ATTACK}
    return diagnostics.diagnose(model, split or samples.test_split(), **{**defaults, **settings})


def own_labels(model: Callable[[tf.Tensor], tf.Tensor]) -> data.Split:
    """Images labelled with the model's own predictions."""
    images = samples.test_split().images
    return data.Split(images, model(tf.constant(images)).numpy().argmax(1))


@pytest.fixture(scope="module")
def healthy() -> diagnostics.Diagnosis:
    return diagnosed(samples.robust(), surrogate=samples.robust())


def test_an_adversarially_trained_network_passes(healthy: diagnostics.Diagnosis) -> None:
    assert [check.name for check in healthy.checks] == list(CHECKS)
    assert {check.name: check.says for check in healthy.checks if check.verdict != "PASS"} == {}
    falling = healthy.check("still_falling").evidence
    clean = healthy.settings["clean_right"] / healthy.settings["n"]
    assert 0.2 < falling["after"] < clean - 0.1  # or there were nothing to compare
    assert clean > 0.9


UNDIFFERENTIABLE = ("zero_gradients", "black_box_beats_white_box", "large_epsilon")


@pytest.mark.parametrize(
    ("make", "settings", "expected"),
    [
        (
            lambda: samples.large_logits,
            {},
            ("zero_gradients", "logit_scale", "margin_beats_xent", "large_epsilon"),
        ),
        (lambda: samples.signs, {}, UNDIFFERENTIABLE),
        (
            lambda: samples.cut,
            {"surrogate": samples.linear},
            (*UNDIFFERENTIABLE, "transfer_beats_white_box"),
        ),
        pytest.param(
            lambda: samples.rippled,
            {},
            ("one_step_beats_many", "still_falling"),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            lambda: samples.linear,
            {"step_size": 2, "steps": 4},
            ("step_size", "still_falling", "one_step_beats_many"),
            marks=pytest.mark.slow,
        ),
        (samples.noisy, {}, ("nondeterministic",)),
        pytest.param(samples.wrong_averages, {}, ("batch_statistics",), marks=pytest.mark.slow),
    ],
    ids=["large_logits", "signs", "cut", "rippled", "hurried", "noisy", "wrong_averages"],
)
def test_hidden_faults_are_reported(
    make: Callable[[], Any], settings: dict[str, Any], expected: tuple[str, ...]
) -> None:
    diagnosis = diagnosed(make(), **settings)
    assert {check.name for check in diagnosis.warnings} == set(expected)
    assert all(check.says and check.meaning and check.evidence for check in diagnosis.warnings)
    json.dumps(diagnosis.to_dict(), allow_nan=False)


def test_rounded_pixels() -> None:
    """No gradient at all, and one draw of noise, PGD's start, against the best of ten."""
    diagnosis = diagnosed(samples.four_pixels, own_labels(samples.four_pixels))
    assert {check.name for check in diagnosis.warnings} == {
        *UNDIFFERENTIABLE,
        "noise_beats_gradient",
    }
    assert "does not depend on the images differentiably" in diagnosis.check("zero_gradients").says
    assert diagnosis.measures["alignment"] is None


@pytest.mark.parametrize(
    ("model", "name"), [("broken", "nan_gradients"), ("probabilities", "softmax_outputs")]
)
def test_outputs_that_are_no_logits(model: str, name: str) -> None:
    diagnosis = diagnosed(getattr(samples, model), num_examples=20, queries=1, steps=1)
    assert diagnosis.check(name).verdict == "WARN"
    assert name in diagnostics.diagnosis_text(diagnosis)
    json.dumps(diagnosis.to_dict(), allow_nan=False)


def test_the_numbers_are_those_of_the_attacks(healthy: diagnostics.Diagnosis) -> None:
    x, y = samples.test_split().images, samples.test_split().labels
    model = samples.robust()
    curve = attacks.pgd_curve(model, x, y, epsilon=16, step_size=4, record_at=(10, 50), seed=0)
    falling = healthy.check("still_falling").evidence
    assert falling["before"] == np.mean(curve.clean & curve.last[10])
    assert falling["after"] == np.mean(curve.clean & curve.last[50])
    fgsm = gradients.logits_of(model, attacks.fgsm(model, x, y, epsilon=16)).numpy().argmax(1) == y
    assert healthy.check("one_step_beats_many").evidence["one"] == np.mean(curve.clean & fgsm)
    margin = attacks.pgd_curve(
        model, x, y, epsilon=16, step_size=4, record_at=(10,), seed=0, loss="margin"
    )
    survivors = curve.never_fooled[50] & margin.never_fooled[10]
    assert healthy.check("black_box_beats_white_box").evidence["left"] == survivors.sum()


def test_batches_and_repetition_change_nothing() -> None:
    reports: list[tuple[str, int, int]] = []
    whole = diagnosed(samples.linear, num_examples=50, queries=20)
    parts = diagnosed(
        samples.linear,
        num_examples=50,
        queries=20,
        batch_size=20,
        progress=lambda name, done, total, share: reports.append((name, done, total)),
    )
    assert parts.settings == {**whole.settings, "batch_size": 20}
    for one, other in zip(whole.checks, parts.checks, strict=True):
        assert one.name == "nondeterministic" or one == other
    assert reports[:3] == [("gradients", 20, 50), ("gradients", 40, 50), ("gradients", 50, 50)]
    assert ("square", 50, 50) in reports


def test_batch_statistics_can_be_the_mode_in_question() -> None:
    diagnosis = diagnosed(
        samples.robust(), statistics="batch", num_examples=60, queries=5, steps=2, step_size=16
    )
    assert diagnosis.settings["statistics"] == "batch"
    assert {"batch", "moving"} <= set(diagnosis.check("batch_statistics").evidence)


def network(*layers: keras.layers.Layer) -> keras.Model:
    head = [keras.layers.Flatten(), keras.layers.Dense(samples.CLASSES)]
    return keras.Sequential([keras.Input(samples.SHAPE), PixelRange(0, 255), *layers, *head])


@pytest.mark.parametrize(
    ("layers", "statistics", "reason"),
    [
        ((), "moving", "the model has no BatchNorm"),
        (
            (keras.layers.BatchNormalization(name="stock"),),
            "moving",
            "stock BatchNormalization (stock)",
        ),
        ((BatchNorm(moving_averages=False),), "batch", "the model has no moving averages"),
    ],
)
def test_there_may_be_no_other_mode(
    layers: tuple[keras.layers.Layer, ...], statistics: str, reason: str
) -> None:
    mode, why = other_mode(network(*layers), statistics)
    assert mode is None
    assert why.startswith(reason)


def test_checks_that_do_not_apply_are_skipped() -> None:
    diagnosis = diagnosed(samples.linear, num_examples=20, queries=1, steps=1)
    reasons = {check.name: check.says for check in diagnosis.checks if check.verdict == "SKIP"}
    assert reasons == {
        "batch_statistics": "not a Keras model: its BatchNorm mode is its own",
        "transfer_beats_white_box": "no surrogate was given",
    }


def test_too_few_correct_examples_are_not_compared() -> None:
    split = own_labels(samples.linear)
    wrong = data.Split(
        split.images[:20], (split.labels[:20] + (np.arange(20) > 4)) % samples.CLASSES
    )
    diagnosis = diagnosed(samples.linear, wrong, queries=1, steps=1)
    assert {check.verdict for check in diagnosis.checks[8:]} == {"SKIP"}
    assert "only 5 images are correct" in diagnosis.check("large_epsilon").says
    none = data.Split(split.images[:20], (split.labels[:20] + 1) % samples.CLASSES)
    assert (
        diagnosed(samples.linear, none, queries=1, steps=1).check("zero_gradients").verdict
        == "SKIP"
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epsilon": 256}, "epsilon: expected 0 to 255"),
        ({"epsilon": 0}, "epsilon and step_size must be above 0"),
        ({"step_size": 0}, "epsilon and step_size must be above 0"),
        ({"steps": 0}, "expected examples, and at least 1 of each"),
        ({"queries": 0}, "expected examples, and at least 1 of each"),
        ({"batch_size": 0}, "expected examples, and at least 1 of each"),
        ({"num_examples": 0}, "expected examples, and at least 1 of each"),
        ({"bounds": None}, "does not say its pixel range"),
        ({"bounds": (0, 1)}, r"images: expected pixels within \[0, 1\]"),
        ({"statistics": "train"}, "statistics: expected one of moving, batch"),
        ({"statistics": "batch"}, "needs a Keras model"),
    ],
)
def test_errors(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        diagnosed(samples.linear, **settings)
