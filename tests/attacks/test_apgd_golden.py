"""APGD from the starts of the official AutoAttack: its iterates, best losses and verdicts."""

import dataclasses
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from igam_tf import pretrained
from igam_tf.attacks import APGD, L2, LINF, Ball
from igam_tf.attacks.balls import L2Ball, LinfBall

LOSSES = {"ce": "xent", "dlr": "dlr", "dlr-targeted": "targeted_dlr"}
BALLS: dict[str, Ball] = {"Linf": LINF, "L2": L2}
EPSILON = {"Linf": "8/255", "L2": "0.5/1"}
# Up to its first checkpoint, at 22 steps, the official code follows the paper.
FIRST = 22


class FixedStart(Ball):
    """A ball in which every attack begins at the same images."""

    start: np.ndarray

    def boundary_offset(
        self, x: tf.Tensor, epsilon: tf.Tensor, seed: tf.Tensor, indices: tf.Tensor
    ) -> tf.Tensor:
        return tf.gather(self.start, indices) - x


@dataclasses.dataclass(frozen=True, eq=False)
class LinfFixedStart(FixedStart, LinfBall):
    start: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class L2FixedStart(FixedStart, L2Ball):
    start: np.ndarray


FIXED = {"Linf": LinfFixedStart, "L2": L2FixedStart}


@pytest.mark.parametrize(
    ("norm", "loss"),
    [
        pytest.param(norm, loss, marks=[] if (norm, loss) == ("L2", "ce") else pytest.mark.slow)
        for norm in BALLS
        for loss in LOSSES
    ],
)
def test_iterates_losses_and_verdicts_are_those_of_the_official_code(
    golden: pathlib.Path, norm: str, loss: str
) -> None:
    with np.load(golden / "autoattack" / "apgd.npz") as file:
        data = {name: file[name] for name in file.files}
    key = f"{norm}_{loss}_100"
    reference = data[f"{key}_logits_of_iterates"]
    images, labels = 255 * data["images"], data["labels"]
    model, logits = pretrained.load("pgd7"), []

    def recording(x: tf.Tensor) -> tf.Tensor:
        outputs = model(x, training=False)
        with tf.control_dependencies([tf.numpy_function(logits.append, [outputs], [])]):
            return tf.identity(outputs)

    attack = APGD(
        epsilon=EPSILON[norm],
        loss=LOSSES[loss],
        num_targets=1,
        norm=FIXED[norm](255 * data[f"{norm}_start"]),
    )
    attack.perturb(recording, images, labels, bounds=(0, 255), seed=0)
    iterates = np.stack(logits[1 : len(reference) + 1])  # the first pass ranks the targets
    change = np.abs(iterates - reference)[: FIRST + 1].max((0, 2))
    # The sign of a gradient near 0, and the length of a faint one, are a matter of rounding.
    assert np.sum(change < 1e-4) >= 13
    assert change.max() < 0.1
    best = per_example(loss, iterates, labels, data["targets"]).max(0)
    np.testing.assert_allclose(best, data[f"{key}_best_loss"], atol=1e-3)
    np.testing.assert_array_equal((iterates.argmax(-1) == labels).all(0), data[f"{key}_right"])


def per_example(
    loss: str, logits: np.ndarray, labels: np.ndarray, targets: np.ndarray
) -> np.ndarray:
    """The loss of logits [steps, B, K], float64 [steps, B]."""
    logits = logits.astype(np.float64)
    at = np.arange(len(labels))
    true, ordered = logits[:, at, labels], np.sort(logits, -1)
    if loss == "ce":
        return np.log(np.exp(logits).sum(-1)) - true
    if loss == "dlr-targeted":
        spread = ordered[..., -1] - (ordered[..., -3] + ordered[..., -4]) / 2
        return (logits[:, at, targets] - true) / spread
    others = logits.copy()
    others[:, at, labels] = -np.inf
    return (others.max(-1) - true) / (ordered[..., -1] - ordered[..., -3])
