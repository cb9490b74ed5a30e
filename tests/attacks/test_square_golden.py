"""Square's candidates from the draws of the official AutoAttack, query by query."""

import json
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from igam_tf import pretrained
from igam_tf.attacks import L2, LINF, Ball
from igam_tf.attacks.square_moves import MOVES

QUERIES, SIZE, CHANNELS = 200, 32, 3
BALLS: dict[str, tuple[Ball, float]] = {"Linf": (LINF, 16.0), "L2": (L2, 510.0)}


def first_draws(norm: str, draws: Iterator[np.ndarray]) -> np.ndarray:
    """The official draws for the first images, as ours."""
    if norm == "Linf":
        return np.moveaxis(next(draws), 1, -1)  # [B, C, 1, W]
    tiles = []
    for _ in range(25):
        turned = np.broadcast_to(-next(draws), (16, 1))  # it transposes above 0.5
        tiles.append(np.concatenate([turned, next(draws)[..., 0, 0]], 1))
    return np.stack(tiles, 1).reshape(16, 5, 5, 1 + CHANNELS)


def next_draws(norm: str, side: int, count: int, draws: Iterator[np.ndarray]) -> np.ndarray:
    """The official draws for a candidate, one for the whole batch, as ours."""

    def place() -> float:
        position = int((SIZE - side) * (next(draws)[0] + 1) / 2)
        return 2 * (position + 0.5) / (SIZE - side + 1) - 1

    places = [place() for _ in range(2 if norm == "Linf" else 4)]
    turned = [] if norm == "Linf" else [-next(draws)[0]]
    signs = next(draws).reshape(-1, CHANNELS)
    rows = np.broadcast_to([*places, *turned], (count, len(places) + len(turned)))
    return np.concatenate([rows, np.broadcast_to(signs, (count, CHANNELS))], 1).astype(np.float32)


@pytest.mark.parametrize("norm", [pytest.param("Linf", marks=pytest.mark.slow), "L2"])
def test_margins_are_those_of_the_official_code(golden: pathlib.Path, norm: str) -> None:
    with np.load(golden / "autoattack" / "square.npz") as file:
        data: dict[str, Any] = {name: file[name] for name in file.files}
    shapes = json.loads(str(data[f"{norm}_draw_shapes"]))
    ends = np.cumsum([np.prod(shape, dtype=int) for shape in shapes])
    flat = np.split(2 * data[f"{norm}_draws"] - 1, ends[:-1])
    draws = (part.reshape(shape) for part, shape in zip(flat, shapes, strict=True))
    margins = iter(np.split(data[f"{norm}_margins"], np.cumsum(data[f"{norm}_examples_in_query"])))
    x, y = tf.constant(255 * data["images"]), data["labels"]
    (ball, epsilon), model = BALLS[norm], pretrained.load("pgd7")
    moves, limits = MOVES[ball], (epsilon, 0.0, 255.0)
    sides = moves.sides(10_000, 0.8, (SIZE, SIZE))[1:]  # not stretched to the queries
    candidate = tf.function(moves.candidate, reduce_retracing=True)

    @tf.function(reduce_retracing=True)
    def logits_of(images: tf.Tensor) -> tf.Tensor:
        return model(images, training=False)

    def margin(images: tf.Tensor, labels: np.ndarray) -> np.ndarray:
        logits, at = logits_of(images).numpy(), np.arange(len(labels))
        true = logits[at, labels]
        logits[at, labels] = -np.inf
        return true - logits.max(1)

    best = moves.first(x, first_draws(norm, draws).astype(np.float32), *limits).numpy()
    lowest = margin(best, y)
    np.testing.assert_allclose(lowest, next(margins), atol=1e-4)
    for query in range(QUERIES):
        places = np.flatnonzero(lowest > 0)
        arguments = next_draws(norm, int(sides[query]), len(places), draws)
        images = candidate(tf.gather(x, places), best[places], sides[query], arguments, *limits)
        margins_now = margin(images, y[places])
        np.testing.assert_allclose(margins_now, next(margins), atol=1e-4)
        better = (margins_now < lowest[places]) | (margins_now <= 0)
        best[places[better]] = images.numpy()[better]
        lowest[places[better]] = margins_now[better]
    assert np.sum(lowest > 0) == json.loads(str(data["settings"]))[norm]["right"]
    np.testing.assert_allclose(best / 255, data[f"{norm}_x_best"], atol=1e-5)
