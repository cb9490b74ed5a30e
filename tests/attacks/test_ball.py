"""Every attack stays in its ball and in the pixel range, whatever the amounts and images."""

import functools
from collections.abc import Callable
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from igam_tf import attacks

from .. import tiny

SHAPE, CLASSES, SIZE = (3, 2, 2), 5, 4
network = tiny.SineNetwork(SHAPE, 8, CLASSES)
ATTACKS: dict[str, tuple[str, Callable[..., np.ndarray]]] = {
    **{
        f"pgd-{norm}-{loss}": (
            norm,
            functools.partial(attacks.pgd, norm=norm, loss=loss, restarts=2),
        )
        for norm in ("linf", "l2")
        for loss in ("xent", "margin", "dlr")
    },
    "fgsm": ("linf", attacks.fgsm),
    **{
        f"apgd-{norm}-{loss}": (
            norm,
            functools.partial(attacks.apgd, norm=norm, loss=loss, num_targets=2),
        )
        for norm in ("linf", "l2")
        for loss in ("xent", "dlr", "targeted_dlr")
    },
    **{
        f"fab-{norm}": (
            norm,
            functools.partial(attacks.fab, norm=norm, num_targets=2, restarts=2),
        )
        for norm in ("linf", "l2")
    },
    **{
        f"square-{norm}": (norm, functools.partial(attacks.square, norm=norm))
        for norm in ("linf", "l2")
    },
}

share = strategies.floats(0, 1)


@hypothesis.settings(max_examples=25, deadline=None, derandomize=True, database=None)
@hypothesis.given(
    bounds=strategies.sampled_from([(0, 1), (0, 255), (-1, 1)]),
    epsilon=share | strategies.sampled_from([8 / 255, 1e-6]),
    step=share,
    steps=strategies.integers(1, 6),
    edges=strategies.sampled_from([0, 0.5, 1]),
    seed=strategies.integers(0, 2**31 - 1),
)
@pytest.mark.parametrize("name", ATTACKS)
def test_no_example_leaves_ball_or_range(
    name: str,
    bounds: tuple[int, int],
    epsilon: float,
    step: float,
    steps: int,
    edges: float,
    seed: int,
) -> None:
    """By more than a millionth of the range; in l2 by that times the root of the number of pixels,
    as they add up.
    """
    norm, attack = ATTACKS[name]
    low, high = bounds
    rng = np.random.default_rng(seed)
    x = rng.uniform(low, high, (SIZE, *SHAPE))
    x = np.where(rng.random(x.shape) < edges, rng.choice([low, high], x.shape), x).astype(
        np.float32
    )
    y = network(x).numpy().argmax(1)  # so that the attack begins on every image
    root = np.sqrt(np.prod(SHAPE)) if norm == "l2" else 1
    epsilon, step = (amount * (high - low) * root for amount in (epsilon, step))
    settings: dict[str, Any] = {
        "pgd": {"step_size": step, "steps": steps},
        "fgsm": {},
        "apgd": {"steps": steps},
        "fab": {"steps": steps},
        "square": {"queries": 20 * steps},
    }[name.split("-")[0]]
    x_adv = attack(network, x, y, epsilon=epsilon, bounds=bounds, **settings, seed=seed)
    assert x_adv.dtype == np.float32
    assert x_adv.shape == x.shape
    assert np.isfinite(x_adv).all()
    slack = 1e-6 * (high - low)
    assert x_adv.min() >= low - slack
    assert x_adv.max() <= high + slack
    offsets = np.abs(x_adv.astype(np.float64) - x).reshape(SIZE, -1)
    lengths = offsets.max(1) if norm == "linf" else np.linalg.norm(offsets, axis=1)
    assert lengths.max() <= epsilon + slack * root
