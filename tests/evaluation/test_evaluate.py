"""Records: numbers of a loop over the attacks themselves, the same in any batches; intervals, JSON,
mistakes.
"""

import dataclasses
import json
import pathlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import adapters, attacks, gradients, layers, models
from igam_tf.attacks import PGD, Chain, resolve
from igam_tf.core.errors import InputError
from igam_tf.data import Split
from igam_tf.evaluation import Count, EvalRecord, calibration, evaluate
from igam_tf.evaluation.running import ModeRun

from .. import tiny

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


def by_hand(
    model: Any, y: np.ndarray, statistics: str, batch_size: int, seed: int
) -> dict[str, Count]:
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
        name: Count(int(sum(right[name])), SIZE, int(sum(never[name])) if name in never else None)
        for name in right
    }


@pytest.mark.parametrize("statistics", ["moving", "batch"])
def test_numbers_are_those_of_the_attacks(
    model: keras.Model, labels: np.ndarray, statistics: str
) -> None:
    record = evaluate(
        model,
        (X, labels),
        attacks=NAMES,
        statistics=(statistics,),
        batch_size=10,
        seed=3,
        **AMOUNTS,
    )
    assert record.results == {statistics: by_hand(model, labels, statistics, 10, 3)}
    assert (
        len({record.count(name, statistics).correct for name in ("clean", "pgd2", "pgd5")}) == 3
    )  # or: told little


def test_never_fooled_is_not_the_same_as_right_at_the_end() -> None:
    y = labels_for(curved)
    record = evaluate(
        curved, (X, y), attacks=NAMES, batch_size=10, seed=3, bounds=(0, 255), **AMOUNTS
    )
    assert record.results == {"moving": by_hand(curved, y, "moving", 10, 3)}
    assert record.count("pgd5").never_fooled < record.count("pgd5").correct


def test_batches_make_no_difference_with_moving_statistics(
    model: keras.Model, labels: np.ndarray
) -> None:
    records = [
        evaluate(model, (X, labels), attacks=NAMES, batch_size=size, **AMOUNTS)
        for size in (4, 23, 100)
    ]
    assert records[0].results == records[1].results == records[2].results


def test_modes_are_evaluated_each_on_its_own(model: keras.Model, labels: np.ndarray) -> None:
    both = evaluate(
        model, (X, labels), attacks=("pgd2",), statistics=("batch", "moving"), **AMOUNTS
    )
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
    own = PGD(
        label="mine", epsilon=4, step_size="1/255", steps=2, random_start=False, loss="margin"
    )
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
    plain = keras.Sequential(
        [keras.Input(tiny.SHAPE), keras.layers.Flatten(), keras.layers.Dense(tiny.CLASSES)]
    )
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
    parts = [
        (f"{m}, {a}", k, SIZE)
        for m in ("moving", "batch")
        for a in ("fgsm", "pgd2")
        for k in (10, 20, 23)
    ]
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
        with pytest.raises(
            InputError, match=r"^record: there is no '.*' with statistics '.*', only .*pgd5"
        ):
            record.accuracy(*question)


def _record() -> EvalRecord:
    results = {
        mode: {"clean": Count(8, 10), "pgd5": Count(right, 10, 1)}
        for mode, right in (("moving", 2), ("batch", 3))
    }
    attack = {"name": "pgd5", "epsilon": 8.0, "random_start": True}
    return EvalRecord(
        10,
        100,
        0,
        (0.0, 255.0),
        {"pgd5": attack},
        results,
        {"revision": None, "devices": ["CPU:0"]},
    )


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
        (
            {"dataset": (X[:0], Y[:0])},
            "evaluate: need examples, a mode and a positive batch, got 0",
        ),
        ({"num_examples": 0}, "evaluate: need examples"),
        ({"num_examples": -2}, "evaluate: need examples"),
        ({"statistics": ()}, "evaluate: need examples, a mode"),
        ({"batch_size": 0}, "evaluate: need examples"),
        ({"attacks": ("fgsm", "pgd")}, "attacks: expected fgsm.*; got 'pgd'"),
        ({"attacks": ("pgd2", "pgd2")}, "attacks: every name needs to differ, got pgd2, pgd2"),
        ({"attacks": (PGD(label="clean"),)}, "attacks: expected a name of letters, digits"),
        (
            {"attacks": (PGD,)},
            "attacks: expected a name, or an object with name, describe and run, got PGD",
        ),
        (
            {"dataset": 7},
            r"dataset: expected a Dataset, a Split, \(images, labels\) or a tf.data.Dataset, got int",
        ),
        (
            {"statistics": ("moving", "train")},
            "statistics: expected .*moving, batch.*, got '?train'?",
        ),
        (
            {"epsilon": 256},
            r"epsilon: expected 0 to 255, the width of the pixel range \[0, 255\], got 256",
        ),
        (
            {"epsilon": "eight"},
            "epsilon: expected a number or a fraction such as 8/255, got 'eight'",
        ),
        ({"step_size": -1}, "step_size: expected 0 to 255"),
        ({"dataset": (X - 1, Y)}, r"images: expected pixels within \[0, 255\]"),
        ({"dataset": (X, Y), "bounds": (0, 1)}, r"images: expected pixels within \[0, 1\]"),
        ({"bounds": (1, 0)}, "bounds: low must be below high"),
        ({"dataset": (X, Y.astype(np.float32))}, "labels: expected integers, got float32"),
        (
            {"dataset": (X, np.eye(3, dtype=int)[Y])},
            r"expected images \[B, H, W, C\] and labels \[B\]",
        ),
        ({"dataset": (X, Y[:-1])}, "expected a label for each image, got 23 images, 22 labels"),
        ({"dataset": (X[:, 1:], Y)}, r"images: the model takes \(8, 8, 3\), got \(7, 8, 3\)$"),
        ({"dataset": (X[..., :1], Y)}, r"images: the model takes \(8, 8, 3\), got \(8, 8, 1\)$"),
        ({"dataset": (X, Y + 1)}, "labels: the model has 3 classes, got labels 1 to 3$"),
        ({"dataset": (X, Y - 1)}, "labels: the model has 3 classes, got labels -1 to 1$"),
        (
            {"attacks": ("transfer-pgd2",)},
            "surrogate: transfer-pgd2 needs a model to compute its images on$",
        ),
        ({"attack_head": "teacher"}, "attack_head: expected one of target, source, got 'teacher'$"),
        ({"attack_head": "source"}, ".*: no fine-tuned teacher, it has no source head$"),
        ({"dataset": (X[..., 0], Y)}, r"expected images \[B, H, W, C\] and labels \[B\]"),
    ],
)
def test_mistakes(model: keras.Model, arguments: dict[str, object], message: str) -> None:
    called: list[object] = []
    with pytest.raises(InputError, match=f"^{message}") as error:
        evaluate(
            **{
                "model": model,
                "dataset": (X, Y),
                "progress": lambda *news: called.append(news),
                **arguments,
            }
        )
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


CLASSES = 5
RELATED = np.random.default_rng(6).normal(0, 0.01, HIDDEN.shape).astype(np.float32)
WIDE = np.random.default_rng(5).normal(size=(6, CLASSES)).astype(np.float32)
RANGE: dict[str, Any] = {"bounds": (0, 255)}


def five(x: tf.Tensor) -> tf.Tensor:
    """Of five classes, since APGD on targeted DLR needs four."""
    return tf.sin(tf.reshape(x, (-1, HIDDEN.shape[0])) @ HIDDEN / 10) @ WIDE


def related(x: tf.Tensor) -> tf.Tensor:
    """Close enough to `five` that attacks pass over."""
    return tf.sin(tf.reshape(x, (-1, HIDDEN.shape[0])) @ (HIDDEN + RELATED) / 10) @ WIDE


FIVE = five(X).numpy().argmax(1)
FIVE[:3] = (FIVE[:3] + 1) % CLASSES  # wrong from the start
STAGES = ("square30", "apgd3-ce", "apgd9-t")


def chain(epsilon: float) -> Chain:
    """Like `strong`, but short, and from the weakest to the strongest."""
    return Chain(label="strong", stages=tuple(resolve(stage, epsilon) for stage in STAGES))


def in_turn(
    model: Any, y: np.ndarray, epsilon: float, statistics: str, batch_size: int
) -> tuple[list[np.ndarray], np.ndarray]:
    """The stages by hand: who stands after each, and the images that it ends at."""

    def right(x: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        return gradients.logits_of(model, x, statistics).numpy().argmax(1) == y[chosen]

    batches = np.split(np.arange(SIZE), range(batch_size, SIZE, batch_size))
    standing, images = np.concatenate([right(X[some], some) for some in batches]), X.copy()
    after = [standing]
    for call in (
        lambda *given, **named: attacks.square(*given, queries=30, **named),
        lambda *given, **named: attacks.apgd(*given, steps=3, **named),
        lambda *given, **named: attacks.apgd(*given, steps=9, loss="targeted_dlr", **named),
    ):
        left = np.flatnonzero(standing) if statistics == "moving" else np.arange(SIZE)
        standing = standing.copy()
        for some in (left[start : start + batch_size] for start in range(0, len(left), batch_size)):
            settings = {
                "epsilon": epsilon,
                "bounds": (0, 255),
                "statistics": statistics,
                "seed": 3,
                "indices": some,
            }
            found = call(model, X[some], y[some], **settings)
            was = standing[some]
            images[some[was]] = found[was]
            standing[some] &= right(found, some)
        after.append(standing)
    return after, images


def small() -> keras.Model:
    """Of five classes, with BatchNorm."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input(tiny.SHAPE)
    x = layers.PixelRange(0.0, 255.0)(inputs)
    x = keras.layers.Rescaling(1 / 255)(x)
    x = layers.BatchNorm()(keras.layers.Conv2D(4, 3, strides=4)(x))
    return tiny.shaken(
        keras.Model(
            inputs, keras.layers.Dense(CLASSES)(keras.layers.Flatten()(layers.LeakyReLU()(x)))
        )
    )


@pytest.mark.parametrize("statistics", ["moving", "batch"])
def test_a_chain_is_its_stages_in_turn(monkeypatch: pytest.MonkeyPatch, statistics: str) -> None:
    """On survivors with moving statistics; on everyone where the batch is part of the model."""
    subject, epsilon = (five, 0.5) if statistics == "moving" else (small(), 8.0)
    y = (
        FIVE
        if statistics == "moving"
        else gradients.logits_of(subject, X, statistics).numpy().argmax(1)
    )
    compute, sizes = ModeRun._part, []

    def counting(run: ModeRun, group: Any, places: np.ndarray) -> Any:
        sizes.append((group[0].name, len(places)))
        return compute(run, group, places)

    monkeypatch.setattr(ModeRun, "_part", counting)
    images: dict[str, np.ndarray] = {}
    record = evaluate(
        subject, (X, y), attacks=(chain(epsilon),), statistics=(statistics,), batch_size=10, seed=3, images=images, **RANGE
    )  # fmt: skip
    after, expected = in_turn(subject, y, epsilon, statistics, 10)
    names = ["clean", "strong: square30", "strong: apgd3-ce", "strong"]
    assert list(record.results[statistics]) == names
    for name, standing in zip(names, after, strict=True):
        np.testing.assert_array_equal(record.right(name), standing)
        assert record.count(name) == Count(int(standing.sum()), SIZE)
    np.testing.assert_allclose(images[f"{statistics}/strong"], expected, atol=1e-3)
    counts = [int(standing.sum()) for standing in after]
    assert counts[0] > counts[1] > counts[-1] > 0  # or this test would tell little
    whole = counts[:-1] if statistics == "moving" else [SIZE] * 3
    assert {stage: sum(n for name, n in sizes if name == stage) for stage in STAGES} == dict(
        zip(STAGES, whole, strict=True)
    )
    assert list(record.attacks) == list(STAGES)


def test_strong_by_name() -> None:
    """All of them fooled at once, so that its full length costs nothing."""
    record = evaluate(five, (X, FIVE), attacks=("strong",), epsilon=100, step_size=0, **RANGE)
    assert list(record.results["moving"]) == [
        "clean",
        "strong: apgd-ce",
        "strong: apgd-t",
        "strong",
    ]
    assert list(record.attacks) == ["apgd-ce", "apgd-t", "square"]
    assert record.count("strong").correct == 0 < record.count().correct


@pytest.mark.parametrize("start", [five(X).numpy().argmin(1), FIVE])
def test_images_of_a_chain_begin_as_the_clean_ones(start: np.ndarray) -> None:
    """Where nothing is right to begin with there is no stage; what was in the dictionary is
    replaced.
    """
    images = {"moving/strong": np.full_like(X, -1)}
    record = evaluate(five, (X, start), attacks=(chain(100),), images=images, **RANGE)
    wrong = ~record.right()
    assert wrong.any()
    np.testing.assert_array_equal(images["moving/strong"][wrong], X[wrong])


L2 = PGD(label="l2", epsilon=5, step_size=2, steps=3, loss="margin", restarts=3, norm="l2")
ALL = (
    "fgsm",
    "pgd2",
    "pgd5",
    L2,
    "apgd5-ce",
    "square30",
    "transfer-fgsm",
    "transfer-pgd4",
    chain(0.5),
)
SMALL: dict[str, Any] = {"epsilon": 0.5, "step_size": 0.2, **RANGE}


def test_batches_make_no_difference_to_any_attack() -> None:
    settings = {"attacks": ALL, "surrogate": related, "seed": 3, **SMALL}
    records = [evaluate(five, (X, FIVE), batch_size=size, **settings) for size in (5, 100)]
    assert records[0].results == records[1].results
    assert records[0].flags == records[1].flags
    assert all(
        0 < count.correct < SIZE - 3
        for name, count in records[0].results["moving"].items()
        if name != "clean"
    )


def test_a_transfer_attack_is_made_on_one_model_and_judged_by_another() -> None:
    names = ("transfer-fgsm", "transfer-pgd4", "pgd4", "transfer-pgd2")
    images: dict[str, np.ndarray] = {}
    record = evaluate(
        five, (X, FIVE), attacks=names, surrogate=related, images=images, seed=3, **SMALL
    )
    made = {
        "transfer-fgsm": attacks.fgsm(related, X, FIVE, epsilon=0.5, **RANGE),
        "transfer-pgd4": attacks.pgd(related, X, FIVE, steps=4, seed=3, **SMALL),
        "pgd4": attacks.pgd(five, X, FIVE, steps=4, seed=3, **SMALL),
        "transfer-pgd2": attacks.pgd(related, X, FIVE, steps=2, seed=3, **SMALL),
    }
    for name, expected in made.items():
        np.testing.assert_array_equal(images[f"moving/{name}"], expected)
        np.testing.assert_array_equal(record.right(name), five(expected).numpy().argmax(1) == FIVE)
        assert (record.count(name).never_fooled is None) is ("transfer" in name)
    assert (
        record.count("pgd4").correct
        < record.count("transfer-pgd4").correct
        < record.count().correct
    )
    assert record.attacks["transfer-pgd4"]["through"] == "surrogate"


@pytest.mark.parametrize("adapter", [None, adapters.ChannelMean])
def test_attacks_on_the_source_head_are_judged_by_the_target_head(
    adapter: Callable[[], Any] | None,
) -> None:
    shape = tiny.SHAPE if adapter is None else (8, 8, 1)
    teacher = tiny.shaken(models.with_new_head(tiny.classifier(2, shape), tiny.CLASSES), 5, 0.3)
    source = keras.Model(teacher.input, teacher.get_layer("source_logits").output)
    adapt = adapter() if adapter else tf.identity
    subject = models.adapted(
        teacher, adapter() if adapter else None, tiny.SHAPE, layers.bounds_of(teacher)
    )
    y = gradients.logits_of(subject, X).numpy().argmax(1)
    images: dict[str, np.ndarray] = {}
    record = evaluate(
        subject, (X, y), attacks=("fgsm",), attack_head="source", epsilon=20, images=images
    )
    made_on = [
        attacks.fgsm(lambda x, m=m: m(adapt(x)), X, y, epsilon=20, **RANGE)
        for m in (source, teacher)
    ]
    np.testing.assert_allclose(images["moving/fgsm"], made_on[0], atol=1e-3)
    assert np.abs(made_on[0] - made_on[1]).max() == pytest.approx(40)  # or it might be either
    judged = gradients.logits_of(subject, made_on[0]).numpy().argmax(1) == y
    np.testing.assert_array_equal(record.right("fgsm"), judged)
    assert record.attacks["fgsm"]["through"] == "source head"
    assert record.attacks["fgsm"]["shown"].endswith("computed on the source head")


def test_the_source_head_of_a_recalibrated_teacher_is_recalibrated_too() -> None:
    """One without moving averages of its own, like the release's, has no other."""
    inputs = keras.Input(tiny.SHAPE)
    x = keras.layers.Flatten()(
        layers.BatchNorm(moving_averages=False)(layers.PixelRange(0.0, 255.0)(inputs))
    )
    teacher = models.with_new_head(
        keras.Model(inputs, keras.layers.Dense(tiny.CLASSES)(x)), tiny.CLASSES
    )
    settings = {"attacks": ("fgsm",), "epsilon": 20, "attack_head": "source", "batch_size": 10}
    images: dict[str, np.ndarray] = {}
    evaluate(
        teacher, (X, Y), statistics=("recalibrated",), calibration=(X[::-1], Y), images=images, **settings
    )  # fmt: skip
    copy = calibration.recalibrated(teacher, Split(X[::-1], Y), 10)
    source = keras.Model(copy.input, copy.get_layer("source_logits").output)
    np.testing.assert_array_equal(
        images["recalibrated/fgsm"], attacks.fgsm(source, X, Y, epsilon=20, **RANGE)
    )


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (lambda x: tf.nn.softmax(five(x)), "the model gives probabilities, attacks need logits"),
        (lambda x: five(x) + np.nan, "its logits are not all finite$"),
        (lambda x: tf.where(five(x) > 0, np.inf, five(x)), "its logits are not all finite$"),
        (
            lambda x: five(x)[:, :, None],
            r"its logits have the shape \(23, 5, 1\), expected \[B, classes\]$",
        ),
        (lambda x: five(x)[:, 0], r"its logits have the shape \(23,\), expected \[B, classes\]$"),
        (lambda x: five(x)[:, :4], "labels: the model has 4 classes, got labels up to 4$"),
    ],
)
def test_outputs_that_are_no_logits(
    outputs: Callable[[tf.Tensor], tf.Tensor], message: str
) -> None:
    """By a first look, before any work; without attacks too."""
    called: list[object] = []
    for names in ((), ("fgsm",)):
        with pytest.raises(InputError, match=message) as error:
            evaluate(
                outputs,
                (X, FIVE),
                attacks=names,
                progress=lambda *news: called.append(news),
                **RANGE,
            )
        assert "\n" not in str(error.value)
    assert not called
    assert evaluate(lambda x: tf.nn.log_softmax(five(x)), (X, FIVE), attacks=(), **RANGE).n == SIZE


def test_models_that_end_in_a_softmax(model: keras.Model) -> None:
    """Their own layer says so; within another model the outputs do."""
    ending = keras.Model(model.input, keras.layers.Softmax()(model.output), name="shares")
    for subject in (ending, models.adapted(ending, None, tiny.SHAPE, layers.bounds_of(model))):
        with pytest.raises(
            InputError, match="shares: the model gives probabilities, attacks need logits"
        ):
            evaluate(subject, (X, Y))


def test_doubts_are_recorded() -> None:
    names = ("fgsm", "pgd2", "pgd5", chain(8))
    record = evaluate(five, (X[:4], FIVE[:4]), attacks=names, epsilon=8, step_size=2, **RANGE)
    assert record.doubts == ["pgd2: 2 steps of 2 do not reach its radius 8"]
    assert EvalRecord.from_json(record.to_json()).doubts == record.doubts


def test_an_l2_radius_may_exceed_the_range() -> None:
    record = evaluate(five, (X, FIVE), attacks=("pgd2-l2",), epsilon=300, step_size=300, **RANGE)
    assert (record.attacks["pgd2-l2"]["epsilon"], record.attacks["pgd2-l2"]["norm"]) == (300, "l2")
    assert record.attacks["pgd2-l2"]["shown"].startswith(
        "l2, eps 300/255 (300 of [0, 255]), 2 steps of 300"
    )


def test_flags_and_images_say_the_same() -> None:
    """Of bytes too: the model on the images that are handed out is right where the record says so."""
    stored = Split(np.round(X).astype(np.uint8), FIVE)
    images: dict[str, np.ndarray] = {}
    settings = {"attacks": ALL, "surrogate": related, "batch_size": 10, **SMALL}
    record = evaluate(five, stored, images=images, **settings)
    longest = [
        "fgsm",
        "pgd5",
        "l2",
        "apgd5-ce",
        "square30",
        "transfer-fgsm",
        "transfer-pgd4",
        "strong",
    ]
    assert sorted(images) == sorted(f"moving/{name}" for name in longest)
    again = EvalRecord.from_json(record.to_json())
    for name in longest:
        found = images[f"moving/{name}"]
        assert (found.shape, found.dtype) == (X.shape, np.float32)
        assert 0 <= found.min() <= found.max() <= 255
        change = found - stored.pixels()
        lengths = (
            np.linalg.norm(change.reshape(SIZE, -1), axis=1)
            if name == "l2"
            else np.abs(change).max((1, 2, 3))
        )
        radius = 5 if name == "l2" else 0.5
        assert 0.99 * radius < lengths.max() <= radius + 1e-3
        np.testing.assert_array_equal(record.right(name), five(found).numpy().argmax(1) == FIVE)
        np.testing.assert_array_equal(again.right(name), record.right(name))
        assert record.right(name).sum() == record.count(name).correct < record.count().correct
    others: dict[str, np.ndarray] = {}
    assert plain(evaluate(five, stored, images=others, **settings)) == plain(record)
    for name, found in images.items():
        np.testing.assert_array_equal(others[name], found)
    evaluate(five, stored, images=others, seed=1, **settings)
    assert {name for name in images if np.array_equal(others[name], images[name])} == {
        "moving/fgsm",
        "moving/transfer-fgsm",
    }


class Killed(Exception):
    pass


LONG: dict[str, Any] = {"attacks": ("pgd2", "pgd5", chain(0.5)), "batch_size": 6, **SMALL}


def plain(record: EvalRecord) -> dict[str, Any]:
    return {
        name: value for name, value in dataclasses.asdict(record).items() if name != "environment"
    }


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[int]]]:
    """Attack and examples of every part that is worked out."""
    compute, calls = ModeRun._part, []

    def counting(run: ModeRun, group: Any, places: np.ndarray) -> Any:
        calls.append((group[0].name, places.tolist()))
        return compute(run, group, places)

    monkeypatch.setattr(ModeRun, "_part", counting)
    return calls


@pytest.mark.parametrize("where", ["moving, pgd5", "moving, strong-apgd3-ce"])
def test_a_killed_evaluation_goes_on_where_it_stopped(
    tmp_path: pathlib.Path, made: list[Any], where: str
) -> None:
    whole_images: dict[str, np.ndarray] = {}
    whole = evaluate(five, (X, FIVE), images=whole_images, **LONG)
    every = list(made)
    made.clear()

    def killed(label: str, done: int, *rest: Any) -> None:
        if label == where and done == 12:
            raise Killed

    parts = tmp_path / "parts"
    with pytest.raises(Killed):
        evaluate(five, (X, FIVE), images={}, parts_dir=parts, progress=killed, **LONG)
    finished = list(made)
    made.clear()
    for part in list(parts.glob("*.npz")):
        part.with_name("tmp-77-" + part.name.replace("-0", "-9")).write_bytes(b"half of it")
    told: list[tuple[Any, ...]] = []
    images: dict[str, np.ndarray] = {}
    record = evaluate(
        five, (X, FIVE), images=images, parts_dir=parts, progress=lambda *news: told.append(news), **LONG
    )  # fmt: skip
    assert plain(record) == plain(whole)
    for name, found in whole_images.items():
        np.testing.assert_array_equal(images[name], found)
    assert finished + made == every
    assert len(finished) == (2 if where == "moving, pgd5" else 4 + 4 + 2)
    assert len(told) == len(every)
    assert not parts.exists()


@pytest.mark.parametrize(
    "changed",
    [
        {"attacks": ("pgd2", "pgd5", chain(0.4))},
        {"attacks": ("pgd2", chain(0.5), "pgd5", "fgsm")},
        {"epsilon": 2},
        {"step_size": 0.1},
        {"seed": 1},
        {"batch_size": 7},
        {"num_examples": 20},
        {"bounds": (0, 256)},
        {"images": {}},
        {"model": related},
        {"dataset": (X, (FIVE + 1) % CLASSES)},
        {"dataset": (X[::-1].copy(), FIVE)},
        {"dataset": (np.concatenate([X[:10], X[10:] * 0.9]), FIVE)},  # the first ones are the same
    ],
)
def test_parts_of_other_settings_are_refused(
    tmp_path: pathlib.Path, made: list[Any], changed: dict[str, Any]
) -> None:
    settings = {"model": five, "dataset": (X, FIVE), "parts_dir": tmp_path, **LONG}

    def killed(*news: Any) -> None:
        raise Killed

    with pytest.raises(Killed):
        evaluate(progress=killed, **settings)
    assert len(made) == 1
    with pytest.raises(
        InputError, match="holds an unfinished evaluation with other settings; remove it"
    ) as error:
        evaluate(**{**settings, **changed})
    assert "\n" not in str(error.value)
    assert len(made) == 1


def test_parts_of_another_surrogate_are_refused(tmp_path: pathlib.Path) -> None:
    settings: dict[str, Any] = {
        "attacks": "transfer-pgd2",
        "parts_dir": tmp_path,
        "batch_size": 6,
        **SMALL,
    }

    def killed(*news: Any) -> None:
        raise Killed

    with pytest.raises(Killed):
        evaluate(five, (X, FIVE), surrogate=related, progress=killed, **settings)
    with pytest.raises(InputError, match="holds an unfinished evaluation with other settings"):
        evaluate(five, (X, FIVE), surrogate=five, **settings)
    assert evaluate(five, (X, FIVE), surrogate=related, **settings).n == SIZE


def test_parts_of_another_model_or_calibration_are_refused(
    tmp_path: pathlib.Path, model: keras.Model
) -> None:
    settings = {
        "attacks": ("fgsm",),
        "batch_size": 10,
        "statistics": ("recalibrated",),
        "parts_dir": tmp_path,
    }

    def killed(*news: Any) -> None:
        raise Killed

    with pytest.raises(Killed):
        evaluate(model, (X, Y), calibration=(X, Y), progress=killed, **settings)
    for subject, images in ((tiny.classifier(1), X), (model, X[::-1])):
        with pytest.raises(InputError, match="holds an unfinished evaluation with other settings"):
            evaluate(subject, (X, Y), calibration=(images, Y), **settings)
    assert evaluate(model, (X, Y), calibration=(X, Y), **settings).n == SIZE
