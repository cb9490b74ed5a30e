"""TensorFlow 1's momentum and the release's schedule, against sequences computed by hand."""

import keras
import numpy as np
import pytest

from igam_tf.core.errors import InputError
from igam_tf.training import Momentum, SteppedSchedule

from .. import tiny

GRADIENTS = (1.0, -2.0, 0.5, 4.0)
RATES = (0.1, 0.1, 0.01, 0.01)


def by_hand() -> list[float]:
    """a = 0.9 a + g; w -= lr a."""
    weight, accumulator, weights = 1.0, 0.0, []
    for gradient, rate in zip(GRADIENTS, RATES, strict=True):
        accumulator = 0.9 * accumulator + gradient
        weight -= rate * accumulator
        weights.append(weight)
    return weights


def run(optimizer: keras.optimizers.Optimizer) -> list[float]:
    variable = keras.Variable([1.0])
    weights = []
    for gradient in GRADIENTS:
        optimizer.apply([np.float32([gradient])], [variable])
        weights.append(float(variable[0]))
    return weights


def test_momentum_across_a_boundary() -> None:
    assert by_hand() == pytest.approx([0.9, 1.01, 1.0149, 0.97931])
    assert run(Momentum(SteppedSchedule([0.1, 0.01], [1]))) == pytest.approx(by_hand(), rel=1e-6)


def test_keras_sgd_carries_the_old_rate_in_its_velocity() -> None:
    weights = run(keras.optimizers.SGD(SteppedSchedule([0.1, 0.01], [1]), momentum=0.9))
    assert weights[:2] == pytest.approx(by_hand()[:2], rel=1e-6)
    assert abs(weights[2] - by_hand()[2]) > 0.05


def test_momentum_takes_a_rate_set_between_steps() -> None:
    optimizer, variable = Momentum(0.1), keras.Variable([1.0])
    for gradient, rate in zip(GRADIENTS, RATES, strict=True):
        optimizer.learning_rate = rate
        optimizer.apply([np.float32([gradient])], [variable])
    assert float(variable[0]) == pytest.approx(by_hand()[-1], rel=1e-6)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (SteppedSchedule([0.5]), {0: 0.5, 10**6: 0.5}),
        (
            SteppedSchedule([0.1, 0.01, 0.001], [160, 240]),
            {0: 0.1, 160: 0.1, 161: 0.01, 240: 0.01, 241: 0.001},
        ),
        (SteppedSchedule([0.1, 0.01], [10], every=5, start=1), {0: 0.1, 1: 0.1, 2: 0.01}),
    ],
)
def test_the_boundary_step_has_the_earlier_rate(
    schedule: SteppedSchedule, expected: dict[int, float]
) -> None:
    assert {step: float(schedule(step)) for step in expected} == pytest.approx(expected)


@pytest.mark.parametrize(
    ("values", "boundaries"), [([0.1], [5]), ([0.1, 0.01], []), ([3, 2, 1], [9, 5])]
)
def test_errors(values: list[float], boundaries: list[int]) -> None:
    with pytest.raises(InputError, match=r"^schedule: \d learning rates need \d rising boundaries"):
        SteppedSchedule(values, boundaries)


@pytest.mark.parametrize(("disc_every", "before"), [(1, 0), (5, 0), (5, 12), (4, 8)])
def test_the_discriminators_schedule_is_the_students_at_the_iteration_just_raised(
    disc_every: int, before: int
) -> None:
    values, boundaries = [3.0, 2.0, 1.0], [14, 21]
    trainer = tiny.igam(disc_every=disc_every, steps_before_matching=before)
    schedule, students = (
        trainer.discriminator_schedule(values, boundaries),
        SteppedSchedule(values, boundaries),
    )
    due = [i for i in range(40) if i >= before and i % disc_every == 0]
    assert [float(schedule(update)) for update in range(len(due))] == [
        float(students(i + 1)) for i in due
    ]
