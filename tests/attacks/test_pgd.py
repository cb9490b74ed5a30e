"""PGD, its targets and its first step in 8 bits against loops in NumPy; its own errors."""

from typing import Any

import numpy as np
import pytest

from igam_tf import attacks
from igam_tf.core.errors import InputError

from .. import tiny
from .pgd_reference import (
    RANGE,
    SETTINGS,
    SHAPE,
    X,
    Y,
    correct,
    linf_trajectory,
    logits_and_gradient,
    network,
    predictions,
)


@pytest.mark.parametrize("loss", ["xent", "margin"])
@pytest.mark.parametrize("random_start", [False, True])
def test_the_loop_is_that_of_the_paper(random_start: bool, loss: str) -> None:
    settings = {"random_start": random_start, "loss": loss, **SETTINGS}
    start = attacks.pgd(network, X, Y, steps=0, **settings)
    assert np.any(start != X) == random_start
    x_adv = attacks.pgd(network, X, Y, steps=4, **settings)
    expected = linf_trajectory(start, 60, 25, 4, loss)[-1]
    np.testing.assert_allclose(x_adv, expected, rtol=1e-5, atol=1e-4)


def test_fgsm_is_one_step_of_epsilon() -> None:
    x_adv = attacks.fgsm(network, X, Y, epsilon="8/255", **RANGE)
    np.testing.assert_allclose(x_adv, linf_trajectory(X, 8, 8, 1)[-1], rtol=1e-5, atol=1e-4)


def test_starts_fill_the_ball() -> None:
    x, y = np.full((400, *SHAPE), 100.0), np.zeros(400, int)
    settings = {"epsilon": 10, "step_size": 1, "bounds": (95, 255), "seed": 0}
    start = attacks.pgd(network, x, y, steps=0, **settings)
    assert start.min() == 95
    assert start.max() == pytest.approx(110, abs=0.1)
    # Clipped to the range, not drawn a second time.
    assert np.mean(start == 95) == pytest.approx(0.25, abs=0.03)


def test_an_attack_on_batch_statistics_is_another_one() -> None:
    x, y = tiny.batch()
    settings = {"epsilon": 8, "step_size": 2, "steps": 3, "random_start": False}
    model = tiny.classifier()
    first, second = (
        attacks.pgd(model, x, y, statistics=s, **settings) for s in ("moving", "batch")
    )
    assert np.abs(first - second).max() > 1


@pytest.mark.parametrize("loss", ["xent", "margin"])
def test_the_loss_of_targets_is_lowered(loss: str) -> None:
    targets = (predictions(X) + 1) % tiny.CLASSES
    iterates = linf_trajectory(X, 60, 25, 4, loss, targets)
    judged = [correct(x) for x in iterates]
    settings = {**SETTINGS, "random_start": False, "loss": loss}
    curve = attacks.pgd_curve(network, X, Y, targets=targets, record_at=(0, 1, 4), **settings)
    np.testing.assert_allclose(curve.x_adv, iterates[-1], rtol=1e-5, atol=1e-4)
    for k in (0, 1, 4):  # correct is a prediction of Y, whatever the target
        np.testing.assert_array_equal(curve.last[k], judged[k])
        np.testing.assert_array_equal(curve.never_fooled[k], np.all(judged[: k + 1], 0))
    assert (predictions(curve.x_adv) == targets).any()  # no target was the model's prediction
    assert np.any(attacks.pgd(network, X, Y, steps=4, **settings) != curve.x_adv)


BYTES = np.random.default_rng(0).choice([0, 3, 8, 100, 250, 255], X.shape).astype(np.uint8)


@pytest.mark.parametrize("steps", [1, 3])
def test_the_first_step_in_8_bits(steps: int) -> None:
    """As the release: `x += step` on bytes, then clipped to the ball; later steps are in floats."""
    first = BYTES.copy()
    signs = np.sign(logits_and_gradient(BYTES.astype(np.float32))[1])
    np.add(first, (8 * signs).astype(np.int64), out=first, casting="unsafe")
    low, high = np.maximum(BYTES - 8.0, 0), np.minimum(BYTES + 8.0, 255)
    x = np.clip(first.astype(np.float32), low, high).astype(np.float32)
    for _ in range(steps - 1):
        x = np.clip(x + 8 * np.sign(logits_and_gradient(x)[1]), low, high).astype(np.float32)
    settings = {"epsilon": 8, **RANGE}
    rule = {"step_rule": attacks.Uint8FirstStep(), "random_start": False}
    x_adv = attacks.pgd(network, BYTES, Y, step_size=8, steps=steps, **rule, **settings)
    np.testing.assert_array_equal(x_adv, x)
    if steps == 1:
        by_fgsm = attacks.fgsm(network, BYTES, Y, uint8_first_step=True, **settings)
        np.testing.assert_array_equal(by_fgsm, x)
        assert np.all(x_adv[(BYTES == 3) & (signs < 0)] == 11)  # 3 - 8 is 251
        assert np.all(x_adv[(BYTES == 250) & (signs > 0)] == 242)  # 250 + 8 is 2
        assert np.any(x_adv != attacks.fgsm(network, BYTES, Y, **settings))


@pytest.mark.parametrize(
    "changes", [{"random_start": True}, {"bounds": (0, 256)}, {"x": X / 255, "bounds": (0, 1)}]
)
def test_where_8_bits_do_not_apply(changes: dict[str, Any]) -> None:
    amounts = {"epsilon": 1, "step_size": 1, "steps": 1, "random_start": False, **RANGE}
    arguments = {"model": network, "x": X, "y": Y, **amounts, **changes}
    message = r"^uint8_first_step: it is for pixels in \[0, 255\] and no random start"
    with pytest.raises(InputError, match=message):
        attacks.pgd(**arguments, step_rule=attacks.Uint8FirstStep())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"step_size": -1}, "step_size: expected 0 to 255"),
        ({"steps": -1}, "pgd: expected steps >= 0 and restarts >= 1"),
        ({"restarts": 0}, "pgd: expected steps >= 0 and restarts >= 1"),
        ({"norm": "l1"}, "norm: expected one of linf, l2 or a Ball, got 'l1'"),
        ({"targets": Y[:-1]}, "targets: expected 12 integer classes"),
        ({"targets": Y - 1}, "targets: expected 12 integer classes"),
        ({"loss": "cw"}, "loss: expected one of xent, margin, dlr, or a callable, got 'cw'"),
    ],
)
def test_errors(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        attacks.pgd(network, X, Y, **{"steps": 1, **SETTINGS, **arguments})
    assert "\n" not in str(error.value)
