"""Two replicas train as one device does, to rounding in float64, and the table would show it.

BatchNorm is synchronised, or the networks have none. Each case compares all weights, moving
averages, optimisers' variables, losses and metrics, with sample weights and `validation_data`.
"""

from collections.abc import Iterator
from typing import Any

import keras
import pytest
import tensorflow as tf

from igam_tf.layers import moments
from igam_tf.training import Momentum, replicas
from igam_tf.training.trainer import Trainer

from .. import tiny
from .replica_cases import (
    CASES,
    EQUAL,
    Case,
    adversarial,
    deviation_of_replicas,
    deviations,
    finetune,
    igam,
    of_one_device,
    trained,
)

slow = pytest.mark.slow
QUICK = ("finetune", True)
SLOW = {("pgd", True), ("trades", False), ("igam release", False), ("igam paper", True)}


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    with tiny.precision("float64"):
        yield


def case(name: str, norm: bool) -> Any:
    marks = () if (name, norm) == QUICK else slow if (name, norm) in SLOW else tiny.LONG
    return pytest.param(name, norm, marks=marks, id=f"{name}{', BatchNorm' if norm else ''}")


@pytest.mark.parametrize(
    ("name", "norm"), [case(name, norm) for name in CASES for norm in (False, True)]
)
def test_two_replicas_equal_one_device(name: str, norm: bool) -> None:
    deviations = deviation_of_replicas(name, norm)
    assert max(deviations.values()) < EQUAL, deviations


def averaged_by_keras() -> Trainer:
    trainer = adversarial(steps=0)
    trainer.compile(Momentum(0.1, use_ema=True))
    return trainer


def frozen_layers() -> list[keras.layers.Layer]:
    """Layers that replicas cannot train as one device does; equal calls have equal weights."""
    keras.utils.set_random_seed(4)
    return [
        keras.layers.Dropout(0.5),
        keras.layers.BatchNormalization(),
        keras.layers.Dense(4, activity_regularizer="l2"),
    ]


def with_frozen_body() -> Trainer:
    return finetune(body_layers=frozen_layers(), statistics="moving")


def with_frozen_teacher() -> Trainer:
    return igam(teacher_layers=frozen_layers(), protocol="paper")


@slow
@pytest.mark.parametrize("build", [averaged_by_keras, with_frozen_body, with_frozen_teacher])
def test_what_two_replicas_support(build: Case) -> None:
    on_replicas = deviations(trained(build, replicated=True), trained(build, replicated=False))
    assert max(on_replicas.values()) < EQUAL, on_replicas


@slow
@pytest.mark.parametrize("name", ["igam release", "igam paper"])
def test_the_difference_of_gradients_dominates(name: str) -> None:
    (loss,), (diff,) = (of_one_device(name, norm=True)[each] for each in ("val_loss", "val_diff"))
    assert (1e6 * diff > 0.9 * loss).all()


def one_part(x: tf.Tensor, draw: Any) -> tf.Tensor:
    """Noise that every replica draws for itself, all of them the same."""
    return draw(tf.shape(x))


def constant_moments(x: tf.Tensor) -> moments.Moments:
    return tuple(map(tf.stop_gradient, _of_replicas(x)))


_of_replicas = moments.of_replicas
MUTATIONS: dict[str, tuple[Any, str, Any]] = {
    "unsliced noise": (replicas, "random_like", one_part),
    "an unscaled sum": (replicas, "local_sum", lambda total, x: total),
    "moments per replica": (moments, "of_replicas", moments.of_batch),
    "constant moments": (moments, "of_replicas", constant_moments),
}


@pytest.mark.parametrize(
    ("mutation", "name", "norm"),
    [
        pytest.param("unsliced noise", "pgd", False, marks=slow),
        pytest.param("unsliced noise", "trades", False, marks=tiny.LONG),
        pytest.param("an unscaled sum", "igam release", False, marks=slow),
        pytest.param("moments per replica", "finetune", True, marks=slow),
        pytest.param("moments per replica", "pgd", True, marks=tiny.LONG),
        pytest.param("moments per replica", "igam paper", True, marks=tiny.LONG),
        pytest.param("constant moments", "pgd", True, marks=slow),
        pytest.param("constant moments", "igam paper", True, marks=tiny.LONG),
    ],
)
def test_mistakes_show(
    mutation: str, name: str, norm: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*MUTATIONS[mutation])
    deviations = deviation_of_replicas(name, norm)
    assert min(deviations["weights"], deviations["loss"]) > 1e-6, deviations
