"""Chains in `evaluate`: the stages in turn, their counts and images."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from igam_tf import attacks
from igam_tf.evaluation import Count, evaluate
from igam_tf.evaluation.running import ModeRun

from .samples import (
    FIVE,
    RANGE,
    SIZE,
    SMALL,
    STAGES,
    X,
    chain,
    five,
    five_with_batchnorm,
    predictions,
)


def stages_in_turn(
    subject: Any, y: np.ndarray, epsilon: float, statistics: str, batch_size: int
) -> tuple[list[np.ndarray], np.ndarray]:
    """A loop over the stages: the survivors after each, and the final images."""

    def correct(x: np.ndarray, places: np.ndarray) -> np.ndarray:
        return predictions(subject, x, statistics) == y[places]

    def batches(places: np.ndarray) -> list[np.ndarray]:
        return np.split(places, range(batch_size, len(places), batch_size))

    survivors = np.concatenate([correct(X[part], part) for part in batches(np.arange(SIZE))])
    images, after = X.copy(), [survivors]
    for attack, settings in (
        (attacks.square, {"queries": 30}),
        (attacks.apgd, {"steps": 3}),
        (attacks.apgd, {"steps": 9, "loss": "targeted_dlr"}),
    ):
        places = np.flatnonzero(survivors) if statistics == "moving" else np.arange(SIZE)
        survivors = survivors.copy()
        for part in batches(places):
            call = {"epsilon": epsilon, "statistics": statistics, "seed": 3, "indices": part}
            x_adv = attack(subject, X[part], y[part], **settings, **call, **RANGE)
            before = survivors[part]
            images[part[before]] = x_adv[before]
            survivors[part] &= correct(x_adv, part)
        after.append(survivors)
    return after, images


@pytest.mark.parametrize("statistics", ["moving", "batch"])
def test_a_chain_is_its_stages_in_turn(monkeypatch: pytest.MonkeyPatch, statistics: str) -> None:
    """On survivors with moving statistics; on all examples with batch statistics."""
    moving = statistics == "moving"
    subject, epsilon = (five, 0.5) if moving else (five_with_batchnorm(), 8.0)
    y = FIVE if moving else predictions(subject, X, statistics)
    compute, sizes = ModeRun._part, dict.fromkeys(STAGES, 0)

    def counting(run: ModeRun, group: Any, places: np.ndarray, *rest: Any) -> Any:
        sizes[group[0].name] += len(places)
        return compute(run, group, places, *rest)

    monkeypatch.setattr(ModeRun, "_part", counting)
    images: dict[str, np.ndarray] = {}
    settings = {"statistics": (statistics,), "batch_size": 10, "seed": 3, **RANGE}
    record = evaluate(subject, (X, y), attacks=(chain(epsilon),), images=images, **settings)
    after, expected = stages_in_turn(subject, y, epsilon, statistics, 10)
    names = ["clean", "strong: square30", "strong: apgd3-ce", "strong"]
    assert list(record.results[statistics]) == names
    counts = [int(survivors.sum()) for survivors in after]
    for name, survivors, count in zip(names, after, counts, strict=True):
        np.testing.assert_array_equal(record.right(name), survivors)
        assert record.count(name) == Count(count, SIZE)
    np.testing.assert_allclose(images[f"{statistics}/strong"], expected, atol=1e-3)
    assert counts[0] > counts[1] > counts[-1] > 0  # or this test would tell little
    assert list(sizes.values()) == (counts[:-1] if moving else [SIZE] * 3)
    assert list(record.attacks) == list(STAGES)


def test_strong_by_name() -> None:
    """At a radius that fools every example at once, so that its full length costs nothing."""
    record = evaluate(five, (X, FIVE), attacks=("strong",), epsilon=100, step_size=0, **RANGE)
    names = ["clean", "strong: apgd-ce", "strong: apgd-t", "strong"]
    assert list(record.results["moving"]) == names
    assert list(record.attacks) == ["apgd-ce", "apgd-t", "square"]
    assert record.count("strong").correct == 0 < record.count().correct


@pytest.mark.parametrize("labels", [five(X).numpy().argmin(1), FIVE])
def test_images_of_a_chain_begin_as_the_clean_ones(labels: np.ndarray) -> None:
    """Where no example is correct no stage runs; earlier images in the dictionary are replaced."""
    images = {"moving/strong": np.full_like(X, -1)}
    record = evaluate(five, (X, labels), attacks=(chain(100),), images=images, **RANGE)
    wrong = ~record.right()
    assert wrong.any()
    np.testing.assert_array_equal(images["moving/strong"][wrong], X[wrong])


class RecordedStages:
    """A progress callback that records what it hears."""

    def __init__(self) -> None:
        self.stages: dict[str, list[float]] = {}

    @contextlib.contextmanager
    def stage(self, label: str, total: int) -> Iterator[Any]:
        self.current = self.stages.setdefault(label, [])
        yield self.current.append

    def __call__(self, label: str, done: int, total: int, accuracy: float) -> None:
        self.current.append(done)


def test_long_attacks_report_inside_a_batch() -> None:
    """Restarts, blocks of queries, targets and stages count as examples done."""
    progress, stages = RecordedStages(), ("square150", "apgd2-t", "pgd2")
    weak = attacks.Chain(label="weak", stages=tuple(attacks.resolve(s, 1e-4) for s in stages))
    several = (
        "pgd2-x3",
        attacks.Transfer(attack=weak, surrogate=five),
        weak,
    )
    evaluate(five, (X[3:], FIVE[3:]), attacks=several, progress=progress, **SMALL)
    assert progress.stages == {
        "moving, pgd2-x3": pytest.approx([20 / 3, 40 / 3, 20, 20]),
        "moving, transfer-weak": pytest.approx([20 / 3, 40 / 3, 20, 20]),
        "moving, weak-square150": pytest.approx([40 / 3, 20, 20]),
        "moving, weak-apgd2-t": [5, 10, 15, 20, 20],
        "moving, weak-pgd2": [20, 20],
    }
