"""The projection onto a hyperplane inside a box: golden data, exhaustive search, edge cases."""

import itertools
import pathlib

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies

from igam_tf.attacks import L2, LINF, Ball
from igam_tf.attacks.projections import NORMS, to_hyperplane

BALLS = {"linf": LINF, "l2": L2}
PRECISIONS = {"f32": np.float32, "f64": np.float64}
ORDERS = {"linf": np.inf, "l2": 2}
by_norm = pytest.mark.parametrize("norm", BALLS)


def offsets(
    t: np.ndarray, w: np.ndarray, excess: np.ndarray, ball: Ball, low: float = 0, high: float = 1
) -> np.ndarray:
    """Of rows [N, D]."""
    points, normals = (tf.constant(rows[:, :, None, None]) for rows in (t, w))
    limits = tf.constant([low, high], t.dtype)
    d = to_hyperplane(points, normals, tf.constant(excess), limits[0], limits[1], NORMS[ball])
    return d.numpy()[:, :, 0, 0]


@by_norm
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("size", [5, 48, 3072])
def test_projections_are_those_of_the_official_code(
    golden: pathlib.Path, size: int, precision: str, norm: str
) -> None:
    with np.load(golden / "autoattack" / "projections.npz") as file:
        t, w, b = (file[f"{name}_{size}"].astype(PRECISIONS[precision]) for name in "twb")
        reference, exact = (file[f"d_{norm}_{size}_{kind}"] for kind in (precision, "f64"))
    d = offsets(t, w, np.sum(w * t, 1) - b, BALLS[norm])
    # One row of float32 is 5e-3 from the float64 result in the official code, 5e-5 in ours.
    reliable = np.abs(reference - exact).max(1) < 1e-5
    assert np.sum(~reliable) <= 1
    np.testing.assert_allclose(d[reliable], reference[reliable], rtol=0, atol=1e-5)
    np.testing.assert_allclose(d, exact, rtol=0, atol=1e-4 if precision == "f32" else 1e-8)


def shortest(t: np.ndarray, w: np.ndarray, excess: float, norm: str) -> float:
    """The length of the shortest offset in [0, 1]^D to the hyperplane, by trying all active sets.

    Each coordinate is free or at one of its bounds. The free ones share what is left to cover in
    the proportion that the norm's optimality condition demands. Infinity if there is no offset.
    """
    best = np.inf
    for sides in itertools.product((None, 0.0, 1.0), repeat=len(t)):
        free = np.array([side is None for side in sides])
        d = np.array([0.0 if side is None else side - z for side, z in zip(sides, t, strict=True)])
        direction = np.where(free, np.sign(w) if norm == "linf" else w, 0)
        if np.any(direction):
            d += -(excess + w @ d) / (w @ direction) * direction
        feasible = np.abs(excess + w @ d) < 1e-9 and np.all(np.abs(t + d - 0.5) <= 0.5 + 1e-9)
        if feasible:
            best = min(best, np.linalg.norm(d, ORDERS[norm]))
    return best


@by_norm
def test_no_active_set_is_shorter(norm: str) -> None:
    rng = np.random.default_rng(0)
    rows, size = 60, 4
    t, w = rng.uniform(size=(rows, size)), rng.normal(size=(rows, size))
    t[:10], w[:15, 0] = np.round(t[:10]), 0
    reach = np.abs(w).sum(1)
    excess = reach * rng.uniform(-1, 1, rows) * rng.choice([0, 0.1, 0.5, 2], rows)
    d = offsets(t, w, excess, BALLS[norm])
    lengths = np.array([shortest(*row, norm) for row in zip(t, w, excess, strict=True)])
    reachable = np.isfinite(lengths)
    assert 10 < reachable.sum() < rows - 10
    np.testing.assert_allclose(np.sum(w * d, 1)[reachable], -excess[reachable], atol=1e-9)
    found_lengths = np.linalg.norm(d, ORDERS[norm], axis=1)
    np.testing.assert_allclose(found_lengths[reachable], lengths[reachable], atol=1e-9)
    corner = np.where(w * excess[:, None] > 0, 0.0, 1.0) - t
    np.testing.assert_allclose(d[~reachable], np.where(w == 0, 0, corner)[~reachable], atol=1e-12)


@hypothesis.settings(max_examples=60, deadline=None, derandomize=True, database=None)
@hypothesis.given(
    size=strategies.integers(1, 12),
    scale=strategies.sampled_from([1e-25, 1e-6, 1.0, 1e20]),
    edges=strategies.sampled_from([0, 0.5, 1]),
    share=strategies.floats(-1.5, 1.5) | strategies.sampled_from([0.0, 1.0, -1.0]),
    seed=strategies.integers(0, 2**31 - 1),
)
@by_norm
def test_offsets_end_inside_the_box_and_on_the_hyperplane_if_it_meets_the_box(
    norm: str, size: int, scale: float, edges: float, share: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    t, w = rng.uniform(0, 255, (3, size)), rng.normal(size=(3, size)) * scale
    t = np.where(rng.random(t.shape) < edges, rng.choice([0, 255], t.shape), t).astype(np.float32)
    w = np.where(rng.random(w.shape) < 0.3, 0, w).astype(np.float32)
    room = np.where(np.sign(share) * w > 0, t, 255 - t)
    reach = np.sum(np.abs(w) * room, 1)
    excess = (share * reach).astype(np.float32)
    d = offsets(t, w, excess, BALLS[norm], 0, 255)
    assert np.isfinite(d).all()
    assert np.all(d[w == 0] == 0)
    np.testing.assert_allclose(np.clip(t + d, 0, 255), t + d, atol=1e-4)
    # The way that is covered, as a share of the way to the corner.
    covered = np.sum(-w.astype(np.float64) * d * np.sign(share), 1)
    expected = np.where(reach > 0, min(abs(share), 1), 0)
    np.testing.assert_allclose(covered, expected * reach, rtol=1e-4, atol=1e-5 * scale)


@by_norm
def test_an_offset_of_one_row_does_not_depend_on_the_others(norm: str) -> None:
    rng = np.random.default_rng(1)
    t, w = rng.uniform(size=(9, 30)), rng.normal(size=(9, 30))
    excess = np.linspace(-3, 3, 9)
    w[4] = np.nan
    together = offsets(t, w, excess, BALLS[norm])
    for row in (0, 3, 8):
        alone = offsets(t[row : row + 1], w[row : row + 1], excess[row : row + 1], BALLS[norm])
        np.testing.assert_allclose(alone[0], together[row], atol=1e-12)
