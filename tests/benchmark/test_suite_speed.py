"""AutoAttack's counts of gradients and forward passes. No test depends on a time."""

import dataclasses
import importlib.util
import json

import numpy as np
import pytest
import tensorflow as tf

from igam_tf import gradients
from igam_tf.attacks import APGD, FAB, Chain, Square
from igam_tf.benchmark import peers, suite_speed
from igam_tf.benchmark.passes import CountingModel, seconds_alone
from igam_tf.benchmark.task import Task, packaged_task

from .. import tiny

SIZE = 6


@pytest.fixture(scope="module")
def task() -> Task:
    model = tiny.classifier()
    x, _ = tiny.batch(SIZE)
    return Task(model, x, model(x, training=False).numpy().argmax(1), SIZE, 0.1, 0.05)


def test_passes_are_counted_in_and_outside_of_graphs(task: Task) -> None:
    counting = CountingModel(task.model)

    def gradient(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(counting(x) ** 2)
        return tape.gradient(loss, x)

    x = tf.constant(task.images)
    compiled = tf.function(gradient)
    for _ in range(3):
        np.testing.assert_allclose(compiled(x), gradient(x), rtol=1e-4, atol=1e-6)
    counting(x[:2])
    tf.function(counting)(x[:4])
    passes = counting.passes
    assert (dict(passes.gradients), dict(passes.forward)) == ({SIZE: 6}, {2: 1, 4: 1})
    assert passes.images == (6 * SIZE, 6)
    assert seconds_alone(task.model, task.images, task.labels, passes) > 0
    counting.reset()
    assert counting.passes.images == (0, 0)


@pytest.mark.slow
def test_a_suites_counts(task: Task) -> None:
    """At a radius at which no example is fooled."""
    tiny_radius = {"epsilon": 1e-3}
    stages = (
        APGD(steps=4, **tiny_radius),
        FAB(steps=3, num_targets=2, **tiny_radius),
        Square(queries=7, **tiny_radius),
    )
    measured = suite_speed.measure(task, Chain(label="three", stages=stages))
    by_name = {stage.name: stage for stage in measured.stages}
    assert list(by_name) == ["apgd4-ce", "fab3", "square7"]
    assert {stage.images for stage in measured.stages} == {SIZE}
    assert {stage.survivors for stage in measured.stages} == {SIZE}
    # Two passes more: on the clean images, and on the result.
    assert (by_name["apgd4-ce"].gradients, by_name["apgd4-ce"].forward_passes) == (30, 12)
    assert by_name["square7"].gradients == 0
    assert by_name["square7"].forward_passes == (7 + 2) * SIZE
    assert by_name["fab3"].gradients == 2 * 3 * SIZE
    table = suite_speed.table(measured)
    assert "three, each attack on the survivors:" in table
    assert f"in all {30 + 36} gradients and " in table
    assert by_name["fab3"].projection_seconds > 0 == by_name["square7"].projection_seconds
    assert f" % of its time are {36} projections" in table
    json.dumps(measured.record())
    if importlib.util.find_spec("art") is None:
        assert "art: not measured: not installed" in table


def test_arts_attacks_run_on_the_survivors(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    fooled = int(np.sum(task.labels == task.labels[0]))
    pool = np.random.default_rng(1).uniform(0, 255, (300, *task.images.shape[1:]))
    pool = np.concatenate([pool, pool // 128 * 255]).astype(np.float32)
    other = pool[task.model(pool, training=False).numpy().argmax(1) != task.labels[0]][0]

    def attacks(task: Task, model: CountingModel) -> dict[str, peers.ArtStage]:
        """Two attacks of three gradients. The first fools the images of the first one's class."""

        def gradients_alone(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
            for _ in range(3):
                gradients.input_gradient(model, tf.constant(images), tf.constant(labels), "xent")
            return images

        def one_class(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
            is_first = (labels == task.labels[0])[:, None, None, None]
            return np.where(is_first, other, gradients_alone(images, labels))

        return {"art-apgd-ce": one_class, "art-apgd-dlr": gradients_alone}

    monkeypatch.setattr(peers, "art_autoattack", attacks)
    suite = Chain(label="one", stages=(APGD(steps=2, epsilon=0.1),))
    measured = suite_speed.measure(task, suite)
    left = SIZE - fooled
    assert [stage.images for stage in measured.art] == [SIZE, left][: len(measured.art)]
    assert measured.art[0].survivors == left
    assert [stage.gradients for stage in measured.art] == [3 * SIZE, 3 * left][: len(measured.art)]
    ours = dataclasses.replace(measured.stages[0], name="apgd-ce", gradients=10, seconds=1.0)
    art = dataclasses.replace(measured.art[0], gradients=5, seconds=1.5)
    table = suite_speed.table(dataclasses.replace(measured, stages=(ours,), art=(art,)))
    assert "art-apgd-ce: 3.0 times the ms by gradient of apgd-ce" in table


@pytest.mark.slow
def test_the_packaged_task() -> None:
    task = packaged_task("pgd7", 5, 2)
    assert task.images.shape == (5, 32, 32, 3)
    assert (task.epsilon, task.batch_size) == (8.0, 2)
    assert dataclasses.replace(task, batch_size=5).in_batches(lambda x, y: y).shape == (5,)
