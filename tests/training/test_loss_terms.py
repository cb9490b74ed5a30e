"""What enters a trainer's loss: weights of images and classes, regularisers."""

import keras
import numpy as np
import pytest

from .. import tiny
from .trainers import BATCH, KINDS, PARTS, Network, X, Y, all_kinds_igam_slow, fit


@all_kinds_igam_slow
def test_weights_multiply_the_cross_entropy(kind: str) -> None:
    def logs_of(weights: np.ndarray | None) -> dict[str, float]:
        trainer = KINDS[kind](rate=0.0, run_eagerly=True)
        return trainer.train_on_batch(X[:BATCH], Y[:BATCH], weights, return_dict=True)

    weights = np.linspace(0, 2, BATCH).astype(np.float32)
    expected, logs = logs_of(None), logs_of(weights)
    per_image = [logs_of(only * BATCH) for only in np.eye(BATCH, dtype=np.float32)]
    for name in {"xent", "diff"} & PARTS[kind]:
        parts = np.array([row[name] for row in per_image]) / BATCH
        assert parts.sum() == pytest.approx(float(expected[name]), rel=1e-4)
        assert float(logs[name]) == pytest.approx(np.sum(weights * parts), rel=1e-4)
    for name in PARTS[kind] - {"loss", "xent", "diff"}:
        assert float(logs[name]) == float(expected[name]), name


@all_kinds_igam_slow
def test_weights_of_classes_are_weights_of_images(kind: str) -> None:
    classes = {0: 0.5, 1: 2.0, 2: 0.0}
    by_class, by_image, plain = (KINDS[kind](run_eagerly=True) for _ in range(3))
    fit(by_class, class_weight=classes, validation_data=(X, Y), batch_size=len(X))
    fit(by_image, sample_weight=np.float32([classes[int(y)] for y in Y]), batch_size=len(X))
    fit(plain, batch_size=len(X))
    assert tiny.equal(tiny.values(by_class), tiny.values(by_image))
    assert not tiny.equal(tiny.values(by_class), tiny.values(plain))


@all_kinds_igam_slow
def test_weights_of_one_change_nothing(kind: str) -> None:
    plain, weighted = (KINDS[kind](run_eagerly=True) for _ in range(2))
    fit(plain)
    fit(weighted, sample_weight=np.ones(len(X)))
    assert tiny.relative(tiny.values(weighted), tiny.values(plain)) < 1e-6


def regularized(places: tuple[str, ...]) -> Network:
    """Builds the tiny classifier with regularisers: "convolution", "dense" or "activity"."""

    def build() -> keras.Model:
        model = tiny.classifier()
        for layer in model.layers:
            if isinstance(layer, keras.layers.Conv2D) and "convolution" in places:
                layer.kernel.regularizer = keras.regularizers.L2(0.5)
            if isinstance(layer, keras.layers.Dense) and "dense" in places:
                layer.kernel.regularizer = keras.regularizers.L2(0.5)
            if isinstance(layer, keras.layers.Dense) and "activity" in places:
                layer.activity_regularizer = keras.regularizers.L2(0.5)
        return model

    return build


@all_kinds_igam_slow
def test_regularisers_of_weights_are_in_the_loss(kind: str) -> None:
    plain, penalized = (
        KINDS[kind](regularized(places), run_eagerly=True)
        for places in ((), ("convolution", "dense"))
    )
    kernels = [v for v in penalized.model.trainable_variables if v.path.endswith("kernel")]
    if kind == "finetune":  # those of the frozen body do not count
        kernels = kernels[-1:]
    penalty = 0.5 * sum(float(np.sum(v.numpy() ** 2)) for v in kernels)
    step = 0.1 * kernels[-1].numpy()  # rate x derivative
    without, logs = (
        trainer.train_on_batch(X, Y, return_dict=True) for trainer in (plain, penalized)
    )
    assert float(logs["loss"] - without["loss"]) == pytest.approx(penalty, rel=1e-3)
    assert float(logs["xent"]) == pytest.approx(float(without["xent"]))
    moved = plain.model.layers[-1].kernel.numpy() - penalized.model.layers[-1].kernel.numpy()
    np.testing.assert_allclose(moved, step, rtol=1e-3, atol=1e-5)
    evaluated = (t.evaluate(X, Y, verbose=0, return_dict=True) for t in (plain, penalized))
    assert np.diff([e["loss"] - e["xent"] for e in evaluated])[0] > 0


@all_kinds_igam_slow
def test_regularisers_of_activities_are_in_the_loss(kind: str) -> None:
    plain, penalized = (
        KINDS[kind](regularized(places), run_eagerly=True) for places in ((), ("activity",))
    )
    for _ in range(2):
        without, logs = (
            trainer.train_on_batch(X, Y, return_dict=True) for trainer in (plain, penalized)
        )
        assert float(logs["loss"]) > float(without["loss"]) + 1e-3
