"""A network and PGD in NumPy, for the tests of PGD."""

from typing import Any

import numpy as np

from .. import tiny

SHAPE = (3, 3, 1)
X, Y = tiny.batch(12, SHAPE)
# Curved: a large step may fool it, and the next one not.
network = tiny.SineNetwork(SHAPE, 6, scale=0.03)
HIDDEN, OUT = network.hidden, network.out
RANGE: dict[str, Any] = {"bounds": (0, 255)}
SETTINGS: dict[str, Any] = {"epsilon": 60, "step_size": 25, "seed": 3, **RANGE}


def logits_and_gradient(
    x: np.ndarray, loss: str = "xent", labels: np.ndarray = Y
) -> tuple[np.ndarray, np.ndarray]:
    """The gradient is that of the summed loss with respect to the images."""
    inner = x.reshape(-1, 9) @ HIDDEN
    logits = np.sin(inner) @ OUT
    truth = np.eye(tiny.CLASSES)[labels]
    if loss == "xent":
        residual = np.exp(logits) / np.exp(logits).sum(1, keepdims=True) - truth
    else:
        residual = np.eye(tiny.CLASSES)[np.where(truth > 0, -np.inf, logits).argmax(1)] - truth
    return logits, (residual @ OUT.T * np.cos(inner) @ HIDDEN.T).reshape(x.shape)


def predictions(x: np.ndarray) -> np.ndarray:
    return logits_and_gradient(x)[0].argmax(1)


def correct(x: np.ndarray) -> np.ndarray:
    return predictions(x) == Y


def linf_trajectory(
    start: np.ndarray,
    epsilon: float,
    step_size: float,
    steps: int,
    loss: str = "xent",
    targets: np.ndarray | None = None,
) -> list[np.ndarray]:
    iterates = [start]
    labels, sign = (Y, 1) if targets is None else (targets, -1)
    for _ in range(steps):
        gradient = logits_and_gradient(iterates[-1], loss, labels)[1]
        x = iterates[-1] + sign * step_size * np.sign(gradient)
        x = np.clip(np.clip(x, X - epsilon, X + epsilon), 0, 255)
        iterates.append(x.astype(np.float32))
    return iterates


def l2_trajectory(
    start: np.ndarray, epsilon: float, step_size: float, steps: int, loss: str
) -> list[np.ndarray]:
    """One image after the other."""
    iterates = [start]
    for _ in range(steps):
        images = []
        gradients = logits_and_gradient(iterates[-1], loss)[1]
        for x, at, gradient in zip(X, iterates[-1], gradients, strict=True):
            offset = at + step_size * gradient / np.linalg.norm(gradient) - x
            if np.linalg.norm(offset) > epsilon:
                offset *= epsilon / np.linalg.norm(offset)
            images.append(np.clip(x + offset, 0, 255))
        iterates.append(np.stack(images).astype(np.float32))
    return iterates
