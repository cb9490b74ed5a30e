"""Records: numbers of a loop over the attacks themselves, the same in any batches; intervals, JSON, mistakes."""

import dataclasses
import json
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import attacks, gradients, layers
from igam_tf.attacks.spec import AttackSpec
from igam_tf.data import Split
from igam_tf.errors import InputError
from igam_tf.evaluation import Count, EvalRecord, evaluate

from . import tiny

SIZE = 23
X, Y = tiny.batch(SIZE)
NAMES = ("fgsm", "pgd2", "pgd5", "pgd3-margin")
AMOUNTS = {"epsilon": "6/255", "step_size": "2/255"}
HIDDEN = np.random.default_rng(4).normal(0, 0.1, (X[0].size, 6)).astype(np.float32)
OUT = np.random.default_rng(5).normal(size=(6, tiny.CLASSES)).astype(np.float32)


def curved(x: tf.Tensor) -> tf.Tensor:
    """A network that large steps fool and lose again."""
    return tf.sin(tf.reshape(x, (-1, HIDDEN.shape[0])) @ HIDDEN) @ OUT


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return tiny.classifier()


def labels_for(model: Any) -> np.ndarray:
    """The model's own on most images, so that there is something to lose."""
    own = gradients.logits_of(model, X, "moving").numpy().argmax(1)
    return np.where(np.arange(SIZE) % 5, own, Y)


@pytest.fixture(scope="module")
def labels(model: keras.Model) -> np.ndarray:
    return labels_for(model)


def by_hand(model: Any, y: np.ndarray, statistics: str, batch_size: int, seed: int) -> dict[str, Count]:
    """Each attack alone, batch by batch."""
    right: dict[str, list[bool]] = {name: [] for name in ("clean", *NAMES)}
    never: dict[str, list[bool]] = {name: [] for name in NAMES}
    for start in range(0, SIZE, batch_size):
        x_part, y_part = X[start : start + batch_size], y[start : start + batch_size]

        def correct(x: np.ndarray, truth: np.ndarray = y_part) -> np.ndarray:
            return gradients.logits_of(model, x, statistics).numpy().argmax(1) == truth

        clean = correct(x_part)
        right["clean"].extend(clean)
        amounts: dict[str, Any] = {"epsilon": 6, "bounds": (0, 255), "statistics": statistics}
        right["fgsm"].extend(correct(attacks.fgsm(model, x_part, y_part, **amounts)))
        never["fgsm"].extend(clean & right["fgsm"][start:])
        for name, steps in (("pgd2", 2), ("pgd5", 5), ("pgd3-margin", 3)):
            path = [
                correct(
                    attacks.pgd(
                        model,
                        x_part,
                        y_part,
                        step_size=2,
                        steps=k,
                        loss="margin" if "margin" in name else "xent",
                        seed=seed,
                        indices=np.arange(start, start + len(y_part)),
                        **amounts,
                    )
                )
                for k in range(steps + 1)
            ]
            right[name].extend(path[-1])
            never[name].extend(clean & np.all(path, 0))
    return {
        name: Count(int(sum(right[name])), SIZE, int(sum(never[name])) if name in never else None) for name in right
    }


@pytest.mark.parametrize("statistics", ["moving", "batch"])
def test_numbers_are_those_of_the_attacks(model: keras.Model, labels: np.ndarray, statistics: str) -> None:
    record = evaluate(model, (X, labels), attacks=NAMES, statistics=(statistics,), batch_size=10, seed=3, **AMOUNTS)
    assert record.results == {statistics: by_hand(model, labels, statistics, 10, 3)}
    assert len({record.count(name, statistics).correct for name in ("clean", "pgd2", "pgd5")}) == 3  # or: told little


def test_never_fooled_is_not_the_same_as_right_at_the_end() -> None:
    y = labels_for(curved)
    record = evaluate(curved, (X, y), attacks=NAMES, batch_size=10, seed=3, bounds=(0, 255), **AMOUNTS)
    assert record.results == {"moving": by_hand(curved, y, "moving", 10, 3)}
    assert record.count("pgd5").never_fooled < record.count("pgd5").correct


def test_batches_make_no_difference_with_moving_statistics(model: keras.Model, labels: np.ndarray) -> None:
    records = [evaluate(model, (X, labels), attacks=NAMES, batch_size=size, **AMOUNTS) for size in (4, 23, 100)]
    assert records[0].results == records[1].results == records[2].results


def test_modes_are_evaluated_each_on_its_own(model: keras.Model, labels: np.ndarray) -> None:
    both = evaluate(model, (X, labels), attacks=("pgd2",), statistics=("batch", "moving"), **AMOUNTS)
    assert list(both.results) == ["batch", "moving"]
    for mode in both.results:
        alone = evaluate(model, (X, labels), attacks=("pgd2",), statistics=(mode,), **AMOUNTS)
        assert alone.results[mode] == both.results[mode]
    assert both.results["batch"] != both.results["moving"]


def test_nothing_is_written_to_the_model(model: keras.Model, labels: np.ndarray) -> None:
    before = tiny.values(model)
    evaluate(model, (X, labels), statistics=("moving", "batch"), **AMOUNTS)
    assert tiny.equal(tiny.values(model), before)


def test_no_attack_is_clean_accuracy(model: keras.Model, labels: np.ndarray) -> None:
    expected = evaluate(model, (X, labels), attacks=("fgsm",), **AMOUNTS).count()
    record = evaluate(model, (X, labels), attacks=())
    assert record.results == {"moving": {"clean": expected}}
    assert record.attacks == {}


def test_stored_pixels_are_scaled_and_counted(model: keras.Model) -> None:
    """A `Split` of bytes for a model on [0, 1]."""
    unit = tiny.classifier(high=1.0)
    stored = Split(np.round(X).astype(np.uint8), Y, 1 / 255)
    expected = evaluate(unit, (stored.pixels()[:7], Y[:7]), attacks=("fgsm",))
    found = evaluate(unit, stored, attacks=("fgsm",), num_examples=7)
    assert found.results == expected.results
    assert (found.n, found.bounds) == (7, (0.0, 1.0))
    assert evaluate(unit, stored, attacks=(), num_examples=1000).n == SIZE


def test_the_record_says_what_was_done(model: keras.Model, labels: np.ndarray) -> None:
    own = AttackSpec("mine", 4, "1/255", 2, False, "margin")
    record = evaluate(model, (X, labels), attacks=("fgsm", "pgd2", own), batch_size=8, seed=5)
    assert (record.n, record.batch_size, record.seed, record.bounds) == (SIZE, 8, 5, (0.0, 255.0))
    for name, expected in {
        "fgsm": (8.0, 8.0, 1, False, "xent", "8/255 (8 of [0, 255])"),
        "pgd2": (8.0, 2.0, 2, True, "xent", "8/255 (8 of [0, 255])"),
        "mine": (4.0, 1.0, 2, False, "margin", "4/255 (4 of [0, 255])"),
    }.items():
        found = record.attacks[name]
        fields = ("epsilon", "step_size", "steps", "random_start", "loss", "epsilon_shown")
        assert tuple(found[field] for field in fields) == expected
        assert (found["name"], found["norm"]) == (name, "linf")
    assert list(record.attacks) == ["fgsm", "pgd2", "mine"]
    assert {"tensorflow", "revision", "machine"} <= set(record.environment)


def test_bounds_given_by_name_are_used() -> None:
    """For models that do not say theirs."""
    plain = keras.Sequential([keras.Input(tiny.SHAPE), keras.layers.Flatten(), keras.layers.Dense(tiny.CLASSES)])
    with pytest.raises(InputError, match="does not say its pixel range"):
        evaluate(plain, (X, Y))
    record = evaluate(plain, (X, Y), attacks=("fgsm",), epsilon="1/255", bounds=(0, 510))
    assert record.attacks["fgsm"]["epsilon"] == 2
    assert record.bounds == (0, 510)


def test_progress_is_told_after_every_batch(model: keras.Model, labels: np.ndarray) -> None:
    told: list[tuple[str, int, int, float]] = []
    record = evaluate(
        model,
        (X, labels),
        attacks=("fgsm", "pgd2"),
        statistics=("moving", "batch"),
        batch_size=10,
        progress=lambda *news: told.append(news),
        **AMOUNTS,
    )
    parts = [(f"{m}, {a}", k, SIZE) for m in ("moving", "batch") for a in ("fgsm", "pgd2") for k in (10, 20, 23)]
    assert [news[:3] for news in told] == parts
    assert [told[k][3] for k in (2, 5)] == [record.accuracy("fgsm"), record.accuracy("pgd2")]
    assert told[11][3] == record.accuracy("pgd2", "batch")


def test_asking_a_record() -> None:
    record = _record()
    assert record.accuracy() == 0.8
    assert record.accuracy("pgd5") == 0.2
    assert record.accuracy("pgd5", "batch") == 0.3
    assert record.count("pgd5").never_fooled == 1
    for question in (("pgd7",), ("clean", "train")):
        with pytest.raises(InputError, match=r"^record: there is no '.*' with statistics '.*', only .*pgd5"):
            record.accuracy(*question)


def _record() -> EvalRecord:
    results = {
        mode: {"clean": Count(8, 10), "pgd5": Count(right, 10, 1)} for mode, right in (("moving", 2), ("batch", 3))
    }
    attack = {"name": "pgd5", "epsilon": 8.0, "random_start": True}
    return EvalRecord(10, 100, 0, (0.0, 255.0), {"pgd5": attack}, results, {"revision": None, "devices": ["CPU:0"]})


def test_there_and_back_through_json(model: keras.Model) -> None:
    for record in (_record(), evaluate(model, (X, Y), statistics=("moving", "batch"))):
        text = record.to_json()
        assert EvalRecord.from_json(text) == record
        assert json.loads(text)["results"] == {
            mode: {name: dataclasses.asdict(count) for name, count in counts.items()}
            for mode, counts in record.results.items()
        }


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [
        (8, 10, 0.4902, 0.9433),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (50, 100, 0.4038, 0.5962),
        (1, 1, 0.2065, 1.0),
        (430, 1000, 0.3996, 0.4609),
    ],
)
def test_wilson_intervals(correct: int, n: int, low: float, high: float) -> None:
    count = Count(correct, n)
    assert count.interval == pytest.approx((low, high), abs=5e-5)
    assert 0 <= count.interval[0] <= count.interval[1] <= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dataset": (X[:0], Y[:0])}, "evaluate: need examples, a mode and a positive batch, got 0"),
        ({"num_examples": 0}, "evaluate: need examples"),
        ({"num_examples": -2}, "evaluate: need examples"),
        ({"statistics": ()}, "evaluate: need examples, a mode"),
        ({"batch_size": 0}, "evaluate: need examples"),
        ({"attacks": ("fgsm", "pgd")}, "attacks: expected fgsm.*; got 'pgd'"),
        ({"attacks": ("pgd2", "pgd2")}, "attacks: every name needs to differ, also from clean, got pgd2, pgd2"),
        ({"attacks": (AttackSpec("clean", 8, 2, 3, True, "xent"),)}, "attacks: every name needs to differ"),
        ({"attacks": (AttackSpec("odd", 8, 2, -3, True, "xent"),)}, "pgd: need 0 <= record_at"),
        ({"statistics": ("moving", "train")}, "statistics: expected .*moving, batch.*, got '?train'?"),
        ({"epsilon": 256}, r"epsilon: expected 0 to 255, the width of the pixel range \[0, 255\], got 256"),
        ({"epsilon": "eight"}, "epsilon: expected a number or a fraction such as 8/255, got 'eight'"),
        ({"step_size": -1}, "step_size: expected 0 to 255"),
        ({"dataset": (X - 1, Y)}, r"images: expected pixels within \[0, 255\]"),
        ({"dataset": (X, Y), "bounds": (0, 1)}, r"images: expected pixels within \[0, 1\]"),
        ({"bounds": (1, 0)}, "bounds: low must be below high"),
        ({"dataset": (X, Y.astype(np.float32))}, "labels: expected integers, got float32"),
        ({"dataset": (X, np.eye(3, dtype=int)[Y])}, r"expected images \[B, H, W, C\] and labels \[B\]"),
        ({"dataset": (X, Y[:-1])}, "expected a label for each image, got 23 images, 22 labels"),
        ({"dataset": (X[:, 1:], Y)}, r"images: the model takes \(8, 8, 3\), got \(7, 8, 3\)$"),
        ({"dataset": (X[..., :1], Y)}, r"images: the model takes \(8, 8, 3\), got \(8, 8, 1\)$"),
        ({"dataset": (X, Y + 1)}, "labels: the model has 3 classes, got labels 1 to 3$"),
        ({"dataset": (X, Y - 1)}, "labels: the model has 3 classes, got labels -1 to 1$"),
        ({"dataset": (X[..., 0], Y)}, r"expected images \[B, H, W, C\] and labels \[B\]"),
    ],
)
def test_mistakes(model: keras.Model, arguments: dict[str, object], message: str) -> None:
    called: list[object] = []
    with pytest.raises(InputError, match=f"^{message}") as error:
        evaluate(**{"model": model, "dataset": (X, Y), "progress": lambda *news: called.append(news), **arguments})
    assert "\n" not in str(error.value)
    assert not called  # before any work


def test_a_model_without_moving_averages_is_refused_in_that_mode() -> None:
    inputs = keras.Input(tiny.SHAPE)
    x = layers.PixelRange(0.0, 255.0)(inputs)
    x = layers.BatchNorm(moving_averages=False)(x)
    model = keras.Model(inputs, keras.layers.Dense(tiny.CLASSES)(keras.layers.Flatten()(x)))
    with pytest.raises(InputError, match="no moving averages"):
        evaluate(model, (X, Y), attacks=("fgsm",))
    assert evaluate(model, (X, Y), attacks=("fgsm",), statistics=("batch",)).n == SIZE
