"""Attacks against a loop in NumPy; their promises on ball, range, seeds, batches, traces and
memory.
"""

import gc
import logging
import weakref
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import attacks, gradients, layers, losses
from igam_tf.attacks import programs
from igam_tf.core import randomness
from igam_tf.core.errors import InputError

from .. import tiny

SHAPE = (3, 3, 1)
X, Y = tiny.batch(12, SHAPE)
HIDDEN = np.random.default_rng(4).normal(0, 0.03, (9, 6)).astype(np.float32)
OUT = np.random.default_rng(5).normal(size=(6, tiny.CLASSES)).astype(np.float32)


def network(x: tf.Tensor) -> tf.Tensor:
    """Curved enough that large steps fool it and lose it again."""
    return tf.sin(tf.reshape(x, (-1, 9)) @ HIDDEN) @ OUT


def logits_and_gradient(
    x: np.ndarray, loss: str, labels: np.ndarray = Y
) -> tuple[np.ndarray, np.ndarray]:
    """By hand: of the summed loss with respect to the images."""
    inner = x.reshape(-1, 9) @ HIDDEN
    logits = np.sin(inner) @ OUT
    truth = np.eye(tiny.CLASSES)[labels]
    if loss == "xent":
        residual = np.exp(logits) / np.exp(logits).sum(1, keepdims=True) - truth
    else:
        residual = np.eye(tiny.CLASSES)[np.where(truth > 0, -np.inf, logits).argmax(1)] - truth
    return logits, (residual @ OUT.T * np.cos(inner) @ HIDDEN.T).reshape(x.shape)


def trajectory(
    start: np.ndarray, epsilon: float, step_size: float, steps: int, loss: str = "xent"
) -> list[np.ndarray]:
    found = [start]
    for _ in range(steps):
        moved = found[-1] + step_size * np.sign(logits_and_gradient(found[-1], loss)[1])
        found.append(np.clip(np.clip(moved, X - epsilon, X + epsilon), 0, 255).astype(np.float32))
    return found


def right(x: np.ndarray) -> np.ndarray:
    return logits_and_gradient(x, "xent")[0].argmax(1) == Y


SETTINGS = {"epsilon": 60, "step_size": 25, "bounds": (0, 255), "seed": 3}


@pytest.mark.parametrize("loss", ["xent", "margin"])
@pytest.mark.parametrize("random_start", [False, True])
def test_the_loop_is_that_of_the_paper(random_start: bool, loss: str) -> None:
    start = attacks.pgd(network, X, Y, steps=0, random_start=random_start, loss=loss, **SETTINGS)
    if not random_start:
        np.testing.assert_array_equal(start, X)
    found = attacks.pgd(network, X, Y, steps=4, random_start=random_start, loss=loss, **SETTINGS)
    np.testing.assert_allclose(found, trajectory(start, 60, 25, 4, loss)[-1], rtol=1e-5, atol=1e-4)


def l2_trajectory(
    start: np.ndarray, epsilon: float, step_size: float, steps: int, loss: str
) -> list[np.ndarray]:
    """One image after the other."""
    found = [start]
    for _ in range(steps):
        gradients_now, after = logits_and_gradient(found[-1], loss)[1], []
        for x, at, gradient in zip(X, found[-1], gradients_now, strict=True):
            offset = at + step_size * gradient / np.linalg.norm(gradient) - x
            if np.linalg.norm(offset) > epsilon:
                offset *= epsilon / np.linalg.norm(offset)
            after.append(np.clip(x + offset, 0, 255))
        found.append(np.stack(after).astype(np.float32))
    return found


@pytest.mark.parametrize("loss", ["xent", "margin"])
@pytest.mark.parametrize("random_start", [False, True])
def test_the_loop_in_l2(random_start: bool, loss: str) -> None:
    settings = {**SETTINGS, "epsilon": 35, "random_start": random_start, "loss": loss, "norm": "l2"}
    start = attacks.pgd(network, X, Y, steps=0, **settings)
    assert np.any(start != X) == random_start
    found = attacks.pgd(network, X, Y, steps=4, **settings)
    expected = l2_trajectory(start, 35, 25, 4, loss)
    np.testing.assert_allclose(found, expected[-1], rtol=1e-4, atol=1e-3)
    # Or this test would tell little: steps were cut at the ball and at the range.
    lengths = np.linalg.norm((found - X).reshape(len(X), -1), axis=1)
    assert lengths.max() == pytest.approx(35, abs=1e-3)
    assert found.min() == 0


def test_l2_steps_have_their_length_whatever_the_gradients() -> None:
    """Gradients whose squares vanish in float32, and one that is 0."""

    def faint(x: tf.Tensor) -> tf.Tensor:
        return 1e-24 * network(x) * tf.cast(tf.range(len(X))[:, None] > 0, tf.float32)

    found = attacks.pgd(
        faint, X, Y, steps=1, norm="l2", random_start=False, **{**SETTINGS, "bounds": (-300, 600)}
    )
    lengths = np.linalg.norm((found - X).reshape(len(X), -1), axis=1)
    np.testing.assert_allclose(lengths, [0, *[25] * (len(X) - 1)], rtol=1e-4)


def test_l2_starts_are_uniform_in_the_ball() -> None:
    count, x = 1500, 100.0
    start = attacks.pgd(
        network, np.full((count, *SHAPE), x), np.zeros(count, int), steps=0, epsilon=10, step_size=1, norm="l2",
        bounds=(0, 255), seed=0,
    )  # fmt: skip
    noise = (start - x).reshape(count, 9) / 10
    lengths = np.linalg.norm(noise, axis=1)
    assert lengths.max() <= 1 + 1e-5
    volumes = np.sort(lengths**9)  # of the ball inside: uniform
    assert np.abs(volumes - (np.arange(count) + 0.5) / count).max() < 0.04
    towards = noise / lengths[:, None]
    np.testing.assert_allclose(
        towards.T @ towards / count, np.eye(9) / 9, atol=0.02
    )  # no direction is preferred
    assert np.abs(towards.mean(0)).max() < 0.03


def test_an_l2_radius_may_exceed_the_range() -> None:
    settings = {
        "step_size": 300,
        "steps": 3,
        "bounds": (0, 255),
        "norm": "l2",
        "random_start": False,
    }
    found = attacks.pgd(network, X, Y, epsilon=500, **settings)
    assert 255 < np.linalg.norm((found - X).reshape(len(X), -1), axis=1).max() <= 500 + 1e-3
    with pytest.raises(InputError, match="epsilon: expected 0 to 765, the diagonal"):
        attacks.pgd(network, X, Y, epsilon=766, **settings)


@pytest.mark.parametrize("loss", ["xent", "margin"])
def test_targets_are_aimed_for(loss: str) -> None:
    aims = (right_class() + 1) % tiny.CLASSES
    at, seen = [X], [right(X)]
    for _ in range(4):
        moved = at[-1] - 25 * np.sign(logits_and_gradient(at[-1], loss, aims)[1])
        at.append(np.clip(np.clip(moved, X - 60, X + 60), 0, 255).astype(np.float32))
        seen.append(right(at[-1]))
    settings = {**SETTINGS, "random_start": False, "loss": loss}
    curve = attacks.pgd_curve(network, X, Y, targets=aims, record_at=(0, 1, 4), **settings)
    np.testing.assert_allclose(curve.x_adv, at[-1], rtol=1e-5, atol=1e-4)
    for k in (0, 1, 4):  # right is what says Y, whatever is aimed for
        np.testing.assert_array_equal(curve.last[k], seen[k])
        np.testing.assert_array_equal(curve.any[k], np.all(seen[: k + 1], 0))
    reached = logits_and_gradient(curve.x_adv, loss)[0].argmax(1) == aims
    assert reached.any()  # none was the model's class
    assert np.any(attacks.pgd(network, X, Y, steps=4, **settings) != curve.x_adv)


def right_class() -> np.ndarray:
    return logits_and_gradient(X, "xent")[0].argmax(1)


BYTES = np.random.default_rng(0).choice([0, 3, 8, 100, 250, 255], X.shape).astype(np.uint8)


@pytest.mark.parametrize("steps", [1, 3])
def test_the_first_step_in_8_bits(steps: int) -> None:
    """As the release: `x += step` on bytes, then clipped to the ball; what follows is in floats."""
    first = BYTES.copy()
    change = (8 * np.sign(logits_and_gradient(BYTES.astype(np.float32), "xent")[1])).astype(
        np.int64
    )
    np.add(first, change, out=first, casting="unsafe")
    low, high = np.maximum(BYTES - 8.0, 0), np.minimum(BYTES + 8.0, 255)
    at = np.clip(first.astype(np.float32), low, high).astype(np.float32)
    for _ in range(steps - 1):
        at = np.clip(at + 8 * np.sign(logits_and_gradient(at, "xent")[1]), low, high).astype(
            np.float32
        )
    settings = {"epsilon": 8, "bounds": (0, 255)}
    rule = {"step_rule": attacks.Uint8FirstStep(), "random_start": False}
    found = attacks.pgd(network, BYTES, Y, step_size=8, steps=steps, **rule, **settings)
    np.testing.assert_array_equal(found, at)
    if steps == 1:
        np.testing.assert_array_equal(
            attacks.fgsm(network, BYTES, Y, uint8_first_step=True, **settings), at
        )
        assert np.all(found[(BYTES == 3) & (change < 0)] == 11)  # 3 - 8 is 251
        assert np.all(found[(BYTES == 250) & (change > 0)] == 242)  # 250 + 8 is 2
        assert np.any(found != attacks.fgsm(network, BYTES, Y, epsilon=8, bounds=(0, 255)))


@pytest.mark.parametrize(
    "arguments", [{"random_start": True}, {"bounds": (0, 256)}, {"x": X / 255, "bounds": (0, 1)}]
)
def test_where_8_bits_make_no_sense(arguments: dict[str, Any]) -> None:
    given = {
        "x": X,
        "epsilon": 1,
        "step_size": 1,
        "bounds": (0, 255),
        "random_start": False,
        **arguments,
    }
    with pytest.raises(
        InputError, match=r"^uint8_first_step: it is for pixels in \[0, 255\] and no random start"
    ):
        attacks.pgd(
            network, given.pop("x"), Y, steps=1, step_rule=attacks.Uint8FirstStep(), **given
        )


def test_fgsm_is_one_step_of_epsilon() -> None:
    found = attacks.fgsm(network, X, Y, epsilon="8/255", bounds=(0, 255))
    np.testing.assert_allclose(found, trajectory(X, 8, 8, 1)[-1], rtol=1e-5, atol=1e-4)


def test_curves_read_one_trajectory_at_many_steps() -> None:
    at = (0, 1, 2, 5, 9)
    curve = attacks.pgd_curve(network, X, Y, record_at=at, **SETTINGS)
    start = attacks.pgd(network, X, Y, steps=0, **SETTINGS)
    states = np.stack([right(x) for x in trajectory(start, 60, 25, 9)])
    np.testing.assert_array_equal(curve.clean, right(X))
    for k in at:
        np.testing.assert_array_equal(curve.last[k], states[k])
        np.testing.assert_array_equal(curve.any[k], right(X) & states[: k + 1].all(0))
        np.testing.assert_array_equal(
            curve.last[k], right(attacks.pgd(network, X, Y, steps=k, **SETTINGS))
        )
    assert any((curve.last[k] != curve.any[k]).any() for k in at)  # or this test would tell nothing
    np.testing.assert_array_equal(curve.last[9], right(curve.x_adv))


def test_restarts_keep_what_fools_first() -> None:
    settings = {**SETTINGS, "epsilon": 18, "record_at": (3,)}
    one, two, many = (attacks.pgd_curve(network, X, Y, restarts=n, **settings) for n in (1, 2, 10))
    fooled = ~one.last[3]
    assert fooled.any()
    np.testing.assert_array_equal(two.x_adv[fooled], one.x_adv[fooled])
    assert np.all((two.x_adv[~fooled] != one.x_adv[~fooled]).any((1, 2, 3)))
    for fewer, more in ((one, two), (two, many)):
        assert not np.any(more.last[3] & ~fewer.last[3])
        assert not np.any(more.any[3] & ~fewer.any[3])
    assert many.last[3].sum() < one.last[3].sum()
    np.testing.assert_array_equal(right(many.x_adv), many.last[3])


def normalised() -> keras.Model:
    """The network with BatchNorm within."""
    inputs = keras.Input(SHAPE)
    x = keras.layers.Flatten()(layers.PixelRange(0.0, 255.0)(inputs))
    x = layers.BatchNorm()(keras.layers.Dense(6, keras.ops.sin, use_bias=False)(x))
    model = keras.Model(inputs, keras.layers.Dense(tiny.CLASSES, use_bias=False)(x))
    model.layers[3].kernel.assign(HIDDEN)
    model.layers[-1].kernel.assign(OUT)
    return model


@pytest.mark.parametrize("statistics", ["moving", "batch"])
def test_restarts_are_for_those_that_they_can_change(
    monkeypatch: pytest.MonkeyPatch, statistics: str
) -> None:
    """Against each restart on its own, on everyone; batch statistics need everyone."""
    compiled, sizes = programs.compiled, []

    def counting(*arguments: Any) -> Any:
        run = compiled(*arguments)
        return lambda images, *rest: (sizes.append(len(images)), run(images, *rest))[1]

    monkeypatch.setattr(programs, "compiled", counting)
    model = normalised()
    x, _ = tiny.batch(120, SHAPE)
    y = gradients.logits_of(model, x, statistics).numpy().argmax(1)
    y[:3] = (y[:3] + 1) % tiny.CLASSES
    at, restarts = (1, 3), 4
    settings = {"epsilon": 6, "step_size": 6, "record_at": at, "statistics": statistics}
    found = attacks.pgd_curve(model, x, y, restarts=restarts, seed=3, **settings)
    used = list(sizes)
    alone = [
        attacks.pgd_curve(model, x, y, seed=randomness.restart_seed(3, r), **settings)
        for r in range(restarts)
    ]
    for k in at:
        np.testing.assert_array_equal(found.last[k], np.all([one.last[k] for one in alone], 0))
        np.testing.assert_array_equal(found.any[k], np.all([one.any[k] for one in alone], 0))
    np.testing.assert_array_equal(found.clean, alone[0].clean)
    ended = np.array([one.last[3] for one in alone])
    first = np.where(ended.all(0), restarts - 1, ended.argmin(0))
    expected = np.stack([alone[r].x_adv[i] for i, r in enumerate(first)])
    np.testing.assert_allclose(found.x_adv, expected, atol=1e-3)
    assert len(set(first)) > 2  # or this test would tell little
    if statistics == "batch":
        assert used == [len(x)] * restarts
    else:
        left = [
            np.any([np.all([one.last[k] for one in alone[:r]], 0) for k in at], 0)
            for r in range(1, restarts)
        ]
        assert used == [len(x), *(int(some.sum()) for some in left)]
        assert 0 < used[-1] < used[1] < len(x)


@pytest.mark.parametrize("statistics", ["moving", "batch"])
@pytest.mark.parametrize("loss", ["xent", "margin"])
def test_keras_models_are_attacked_in_ball_and_range_and_left_alone(
    statistics: str, loss: str
) -> None:
    model = tiny.classifier()
    x, y = tiny.batch(16)
    x[:4] = 255 * (x[:4] > 128)
    before = tiny.values(model)
    found = attacks.pgd(
        model,
        x,
        y,
        epsilon="8/255",
        step_size="2/255",
        steps=7,
        statistics=statistics,
        loss=loss,
        seed=0,
    )
    assert tiny.equal(tiny.values(model), before)
    assert found.dtype == np.float32
    assert 7.9 < np.abs(found - x).max() <= 8 + 1e-4
    assert found.min() >= 0
    assert found.max() <= 255
    gain = [
        np.mean(losses.attack_loss(loss)(y, gradients.logits_of(model, at, statistics)))
        for at in (x, found)
    ]
    assert gain[1] > gain[0] + 0.01


def test_an_attack_on_batch_statistics_is_another_one() -> None:
    x, y = tiny.batch()
    settings = {"epsilon": 8, "step_size": 2, "steps": 3, "random_start": False}
    model = tiny.classifier()
    first, second = (
        attacks.pgd(model, x, y, statistics=s, **settings) for s in ("moving", "batch")
    )
    assert np.abs(first - second).max() > 1


def test_batches_make_no_difference_and_no_second_trace() -> None:
    calls = []

    def counted(x: tf.Tensor) -> tf.Tensor:
        calls.append(x.shape)
        return network(x)

    def attacked(size: int) -> np.ndarray:
        return np.concatenate(
            [
                attacks.pgd(
                    counted,
                    X[i : i + size],
                    Y[i : i + size],
                    steps=4,
                    indices=places[i : i + size],
                    **SETTINGS,
                )
                for i in range(0, len(X), size)
            ]
        )

    places = np.arange(100, 112)
    whole = attacked(12)
    traced = len(calls)
    np.testing.assert_allclose(attacked(5), whole, rtol=1e-6)
    np.testing.assert_allclose(attacked(1), whole, rtol=1e-6)
    attacks.pgd(counted, X, Y, steps=7, epsilon=1, step_size=0.5, bounds=(-1, 256), seed=9)
    assert len(calls) == traced
    assert all(shape == (None, *SHAPE) for shape in calls)


def test_the_seed_decides() -> None:
    settings = {name: value for name, value in SETTINGS.items() if name != "seed"}

    def attacked(seed: int | None) -> np.ndarray:
        return attacks.pgd(network, X, Y, steps=2, seed=seed, **settings)

    np.testing.assert_array_equal(attacked(1), attacked(1))
    assert np.abs(attacked(1) - attacked(2)).max() > 1
    assert np.abs(attacked(None) - attacked(None)).max() > 1


def test_starts_fill_the_ball() -> None:
    x = np.full((400, *SHAPE), 100.0)
    start = attacks.pgd(
        network, x, np.zeros(400, int), steps=0, epsilon=10, step_size=1, bounds=(95, 255), seed=0
    )
    assert start.min() == 95
    assert start.max() == pytest.approx(110, abs=0.1)
    assert np.mean(start == 95) == pytest.approx(
        0.25, abs=0.03
    )  # clipped to the range, not redrawn


def test_integer_images_are_taken() -> None:
    """As floats: nothing wraps around at 0 or 255."""
    x = np.array(X // 64 * 85, np.uint8)
    settings = {"epsilon": 8, "bounds": (0, 255)}
    np.testing.assert_array_equal(
        attacks.fgsm(network, x, Y, **settings),
        attacks.fgsm(network, x.astype(np.float32), Y, **settings),
    )


def test_an_attacked_model_can_be_freed() -> None:
    model = tiny.classifier()
    attacks.pgd(model, *tiny.batch(), epsilon=8, step_size=2, steps=1)
    reference = weakref.ref(model)
    del model
    gc.collect()
    assert reference() is None


def test_a_callable_without_weak_references_is_attacked_too() -> None:
    class Slotted:
        __slots__ = ()

        def __call__(self, x: tf.Tensor) -> tf.Tensor:
            return network(x)

    found = attacks.pgd(Slotted(), X, Y, steps=2, **SETTINGS)
    np.testing.assert_array_equal(found, attacks.pgd(network, X, Y, steps=2, **SETTINGS))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epsilon": 256}, r"epsilon: expected 0 to 255, .* \[0, 255\], got 256"),
        (
            {"epsilon": "eight"},
            "epsilon: expected a number or a fraction such as 8/255, got 'eight'",
        ),
        ({"step_size": -1}, "step_size: expected 0 to 255"),
        ({"steps": -1}, "pgd: expected steps >= 0 and restarts >= 1"),
        ({"restarts": 0}, "pgd: expected steps >= 0 and restarts >= 1"),
        ({"norm": "l1"}, "norm: expected one of linf, l2 or a Ball, got 'l1'"),
        ({"targets": Y[:-1]}, "targets: expected 12 integer classes"),
        ({"targets": Y - 1}, "targets: expected 12 integer classes"),
        ({"loss": "cw"}, "loss: expected one of xent, margin, dlr, or a callable, got 'cw'"),
        ({"statistics": "train"}, "statistics: expected one of moving, batch, got 'train'"),
        ({"bounds": (255, 0)}, "bounds: low must be below high"),
        ({"bounds": None}, "does not say its pixel range"),
        ({"bounds": (0, 1)}, r"images: expected pixels within \[0, 1\]"),
        ({"x": np.full_like(X, np.nan)}, r"images: expected pixels within \[0, 255\]"),
        ({"x": X[0]}, r"expected images \[B, H, W, C\] and labels \[B\]"),
        ({"y": Y[:-1]}, r"expected images \[B, H, W, C\] and labels \[B\]"),
        ({"x": X[:0], "y": Y[:0]}, r"expected images \[B, H, W, C\] and labels \[B\]"),
        ({"y": Y.astype(np.float32)}, "labels: expected integers, got float32"),
        ({"y": np.eye(3, dtype=int)[Y]}, r"expected images \[B, H, W, C\] and labels \[B\]"),
    ],
)
def test_errors(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        attacks.pgd(**{"model": network, "x": X, "y": Y, "steps": 1, **SETTINGS, **arguments})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "arguments", [{"record_at": ()}, {"record_at": (5,), "steps": 4}, {"record_at": (-1, 3)}]
)
def test_curve_errors(arguments: dict[str, object]) -> None:
    with pytest.raises(InputError, match="expected 0 <= record_at <= steps"):
        attacks.pgd_curve(network, X, Y, **SETTINGS, **arguments)


def test_a_curve_may_run_longer_than_it_is_read() -> None:
    curve = attacks.pgd_curve(network, X, Y, record_at=[1, 2], steps=5, **SETTINGS)
    assert list(curve.last) == [1, 2]
    np.testing.assert_array_equal(curve.x_adv, attacks.pgd(network, X, Y, steps=5, **SETTINGS))


def test_tracing_an_attack_logs_nothing() -> None:
    x, y = tiny.batch()
    messages: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    tf.get_logger().addHandler(handler)
    try:
        for statistics in ("moving", "batch"):
            attacks.pgd(
                tiny.classifier(),
                x,
                y,
                epsilon=8,
                step_size=2,
                steps=1,
                seed=0,
                statistics=statistics,
            )
    finally:
        tf.get_logger().removeHandler(handler)
    assert not messages


def test_a_model_without_a_gradient_is_told_so() -> None:
    def rounded(x: tf.Tensor) -> tf.Tensor:
        return network(tf.round(x))

    with pytest.raises(InputError, match="does not depend on the images differentiably"):
        attacks.pgd(rounded, X, Y, steps=1, **SETTINGS)
    with pytest.raises(InputError, match="does not depend on the images differentiably"):
        attacks.apgd(rounded, X, Y, steps=1, epsilon=8, bounds=(0, 255), seed=0)
