"""`evaluate` against a loop over the attacks; modes, batches, what a record holds, progress."""

import re
from typing import Any

import keras
import numpy as np
import pytest

from igam_tf import attacks
from igam_tf.attacks import PGD
from igam_tf.core.errors import InputError
from igam_tf.data import Split
from igam_tf.evaluation import Count, EvalRecord, evaluate

from .. import tiny
from .samples import (
    ALL_ATTACKS,
    AMOUNTS,
    FIVE,
    RANGE,
    SIZE,
    SMALL,
    X,
    Y,
    chain,
    curved,
    five,
    model,
    mostly_own,
    predictions,
    related,
    without_environment,
)

NAMES = ("fgsm", "pgd2", "pgd5", "pgd3-margin")


def loop_over_attacks(
    subject: Any, y: np.ndarray, statistics: str, batch_size: int, seed: int
) -> dict[str, Count]:
    """Each attack alone, batch by batch."""
    correct: dict[str, list[bool]] = {name: [] for name in ("clean", *NAMES)}
    never_fooled: dict[str, list[bool]] = {name: [] for name in NAMES}
    for start in range(0, SIZE, batch_size):
        part = np.arange(start, min(start + batch_size, SIZE))
        data = (subject, X[part], y[part])

        def judged(x: np.ndarray, truth: np.ndarray = y[part]) -> np.ndarray:
            return predictions(subject, x, statistics) == truth

        clean = judged(X[part])
        correct["clean"].extend(clean)
        amounts: dict[str, Any] = {"epsilon": 6, "statistics": statistics, **RANGE}
        one_step = judged(attacks.fgsm(*data, **amounts))
        correct["fgsm"].extend(one_step)
        never_fooled["fgsm"].extend(clean & one_step)
        for name in NAMES[1:]:
            steps, loss = int(name[3]), "margin" if "margin" in name else "xent"
            settings = {"step_size": 2, "loss": loss, "seed": seed, "indices": part, **amounts}
            path = [judged(attacks.pgd(*data, steps=k, **settings)) for k in range(steps + 1)]
            correct[name].extend(path[-1])
            never_fooled[name].extend(clean & np.all(path, 0))
    return {
        name: Count(int(sum(flags)), SIZE, int(sum(never_fooled[name])) if name in NAMES else None)
        for name, flags in correct.items()
    }


@pytest.mark.parametrize("statistics", ["moving", "batch"])
def test_numbers_are_those_of_the_attacks(statistics: str) -> None:
    y = mostly_own(model())
    settings = {"statistics": (statistics,), "batch_size": 10, "seed": 3, **AMOUNTS}
    record = evaluate(model(), (X, y), attacks=NAMES, **settings)
    assert record.results == {statistics: loop_over_attacks(model(), y, statistics, 10, 3)}
    counts = {record.count(name).correct for name in ("clean", "pgd2", "pgd5")}
    assert len(counts) == 3  # or this test would tell little


def test_never_fooled_is_less_than_correct_at_the_last_step() -> None:
    y = mostly_own(curved)
    settings = {"batch_size": 10, "seed": 3, **RANGE, **AMOUNTS}
    record = evaluate(curved, (X, y), attacks=NAMES, **settings)
    assert record.results == {"moving": loop_over_attacks(curved, y, "moving", 10, 3)}
    assert record.count("pgd5").never_fooled < record.count("pgd5").correct


def test_batches_make_no_difference_with_moving_statistics() -> None:
    data = (X, mostly_own(model()))
    records = [
        evaluate(model(), data, attacks=NAMES, batch_size=size, **AMOUNTS) for size in (4, 23, 100)
    ]
    assert records[0].results == records[1].results == records[2].results


def test_batches_make_no_difference_to_any_attack() -> None:
    settings = {"attacks": ALL_ATTACKS, "surrogate": related, "seed": 3, **SMALL}
    records = [evaluate(five, (X, FIVE), batch_size=size, **settings) for size in (5, 100)]
    assert records[0].results == records[1].results
    assert records[0].flags == records[1].flags
    counts = dict(records[0].results["moving"])
    del counts["clean"]
    assert all(0 < count.correct < SIZE - 3 for count in counts.values())


def test_modes_are_evaluated_each_on_its_own() -> None:
    settings = {"dataset": (X, mostly_own(model())), "attacks": ("pgd2",), **AMOUNTS}
    record = evaluate(model(), statistics=("batch", "moving"), **settings)
    assert list(record.results) == ["batch", "moving"]
    for mode in record.results:
        alone = evaluate(model(), statistics=(mode,), **settings)
        assert alone.results[mode] == record.results[mode]
    assert record.results["batch"] != record.results["moving"]


def test_nothing_is_written_to_the_model() -> None:
    before = tiny.values(model())
    evaluate(model(), (X, mostly_own(model())), statistics=("moving", "batch"), **AMOUNTS)
    assert tiny.equal(tiny.values(model()), before)


def test_no_attack_is_clean_accuracy() -> None:
    data = (X, mostly_own(model()))
    expected = evaluate(model(), data, attacks=("fgsm",), **AMOUNTS).count()
    record = evaluate(model(), data, attacks=())
    assert record.results == {"moving": {"clean": expected}}
    assert record.attacks == {}


def test_stored_pixels_are_scaled_and_counted() -> None:
    """A `Split` of bytes for a model on [0, 1]."""
    unit = tiny.classifier(high=1.0)
    stored = Split(np.round(X).astype(np.uint8), Y, 1 / 255)
    expected = evaluate(unit, (stored.pixels()[:7], Y[:7]), attacks=("fgsm",))
    record = evaluate(unit, stored, attacks=("fgsm",), num_examples=7)
    assert record.results == expected.results
    assert (record.n, record.bounds) == (7, (0.0, 1.0))
    assert evaluate(unit, stored, attacks=(), num_examples=1000).n == SIZE


def test_the_record_holds_all_settings() -> None:
    settings = {"epsilon": 4, "step_size": "1/255", "steps": 2, "random_start": False}
    own = PGD(label="mine", loss="margin", **settings)
    record = evaluate(model(), (X, Y), attacks=("fgsm", "pgd2", own), batch_size=8, seed=5)
    assert (record.n, record.batch_size, record.seed, record.bounds) == (SIZE, 8, 5, (0.0, 255.0))
    expected = {
        "fgsm": (8.0, 8.0, 1, False, "xent", "8/255 (8 of [0, 255])"),
        "pgd2": (8.0, 2.0, 2, True, "xent", "8/255 (8 of [0, 255])"),
        "mine": (4.0, 1.0, 2, False, "margin", "4/255 (4 of [0, 255])"),
    }
    fields = ("epsilon", "step_size", "steps", "random_start", "loss", "epsilon_shown")
    assert list(record.attacks) == list(expected)
    for name, values in expected.items():
        entry = record.attacks[name]
        assert tuple(entry[field] for field in fields) == values
        assert (entry["name"], entry["norm"]) == (name, "linf")
    assert {"tensorflow", "revision", "machine"} <= set(record.environment)


def test_bounds_are_for_models_that_do_not_say_theirs() -> None:
    layers = [keras.Input(tiny.SHAPE), keras.layers.Flatten(), keras.layers.Dense(tiny.CLASSES)]
    silent = keras.Sequential(layers)
    with pytest.raises(InputError, match="does not say its pixel range"):
        evaluate(silent, (X, Y))
    record = evaluate(silent, (X, Y), attacks=("fgsm",), epsilon="1/255", bounds=(0, 510))
    assert record.attacks["fgsm"]["epsilon"] == 2
    assert record.bounds == (0, 510)


def test_progress_is_reported_after_every_batch() -> None:
    reports: list[tuple[str, int, int, float]] = []
    record = evaluate(
        model(),
        (X, mostly_own(model())),
        attacks=("fgsm", "pgd2"),
        statistics=("moving", "batch"),
        batch_size=10,
        progress=lambda *report: reports.append(report),
        **AMOUNTS,
    )
    parts = [
        (f"{mode}, {attack}", done, SIZE)
        for mode in ("moving", "batch")
        for attack in ("fgsm", "pgd2")
        for done in (10, 20, 23)
    ]
    assert [report[:3] for report in reports] == parts
    assert [reports[k][3] for k in (2, 5)] == [record.accuracy("fgsm"), record.accuracy("pgd2")]
    assert reports[11][3] == record.accuracy("pgd2", "batch")


def test_doubts_are_recorded() -> None:
    names = ("fgsm", "pgd2", "pgd5", chain(8))
    record = evaluate(five, (X[:4], FIVE[:4]), attacks=names, epsilon=8, step_size=2, **RANGE)
    assert record.doubts == [
        "pgd2: 2 steps of 2 do not reach its radius 8",
        "apgd9-t: the model has 5 classes, so it has 4 targets instead of 9",
    ]
    assert EvalRecord.from_json(record.to_json()).doubts == record.doubts


def test_an_l2_radius_may_exceed_the_range() -> None:
    record = evaluate(five, (X, FIVE), attacks=("pgd2-l2",), epsilon=300, step_size=300, **RANGE)
    settings = record.attacks["pgd2-l2"]
    assert (settings["epsilon"], settings["norm"]) == (300, "l2")
    assert re.match(r"l2, eps 300/255 \(300 of \[0, 255\]\), 2 steps of 300", settings["shown"])


def test_flags_and_images_agree() -> None:
    """The model on the returned images is correct where the record says so, from bytes too."""
    stored = Split(np.round(X).astype(np.uint8), FIVE)
    images: dict[str, np.ndarray] = {}
    settings = {"attacks": ALL_ATTACKS, "surrogate": related, "batch_size": 10, **SMALL}
    record = evaluate(five, stored, images=images, **settings)
    # Of attacks on one trajectory, the longest one's images.
    names = [getattr(attack, "name", attack) for attack in ALL_ATTACKS if attack != "pgd2"]
    assert sorted(images) == sorted(f"moving/{name}" for name in names)
    read = EvalRecord.from_json(record.to_json())
    for name in names:
        x_adv = images[f"moving/{name}"]
        assert (x_adv.shape, x_adv.dtype) == (X.shape, np.float32)
        assert 0 <= x_adv.min() <= x_adv.max() <= 255
        change = (x_adv - stored.pixels()).reshape(SIZE, -1)
        order, radius = (2, 5) if name == "l2" else (np.inf, 0.5)
        lengths = np.linalg.norm(change, order, axis=1)
        assert 0.99 * radius < lengths.max() <= radius + 1e-3
        np.testing.assert_array_equal(record.right(name), five(x_adv).numpy().argmax(1) == FIVE)
        np.testing.assert_array_equal(read.right(name), record.right(name))
        assert record.right(name).sum() == record.count(name).correct < record.count().correct
    second: dict[str, np.ndarray] = {}
    rerun = evaluate(five, stored, images=second, **settings)
    assert without_environment(rerun) == without_environment(record)
    assert all(np.array_equal(second[name], x_adv) for name, x_adv in images.items())
    evaluate(five, stored, images=second, seed=1, **settings)
    same = {name for name, x_adv in images.items() if np.array_equal(second[name], x_adv)}
    assert same == {"moving/fgsm", "moving/transfer-fgsm"}
