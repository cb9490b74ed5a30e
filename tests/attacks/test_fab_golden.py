"""FAB's points, distances and verdicts against those of the official AutoAttack."""

import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from igam_tf import pretrained
from igam_tf.attacks import FAB

from .test_fab import lengths

STEPS, TARGETS = 10, (2, 3, 4)
EPSILON = {"Linf": "8/255", "L2": "0.5/1"}


class RecordedModel:
    """`pgd7`, which keeps the images, in [0, 1], and logits of every pass."""

    def __init__(self) -> None:
        self.model = pretrained.load("pgd7")
        self.passes: list[tuple[np.ndarray, np.ndarray]] = []

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        outputs = self.model(x, training=False)
        with tf.control_dependencies([tf.numpy_function(self.record, [x, outputs], [])]):
            return tf.identity(outputs)

    def record(self, x: np.ndarray, logits: np.ndarray) -> None:
        self.passes.append((x / 255, logits))

    def run(self, number: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Images and logits [STEPS, B, ...] of a run's gradients, and of its iterates."""
        passes = self.passes[1 + 2 * STEPS * number :][: 2 * STEPS]  # the first has clean images
        images, logits = (np.stack(part) for part in zip(*passes, strict=True))
        return [(images[turn::2], logits[turn::2]) for turn in (0, 1)]


@pytest.mark.parametrize(
    ("norm", "size"),
    [
        ("Linf", 5),
        pytest.param("Linf", 16, marks=pytest.mark.slow),
        pytest.param("L2", 16, marks=pytest.mark.slow),
    ],
)
def test_points_distances_and_verdicts_are_those_of_the_official_code(
    golden: pathlib.Path, norm: str, size: int
) -> None:
    with np.load(golden / "autoattack" / "fab_t.npz") as file:
        data = {name: file[name] for name in file.files}
    clean, labels, rows = data["images"][:size], data["labels"][:size], np.arange(size)

    def reference(name: str) -> np.ndarray:
        return data[f"{norm}_{name}"]

    def distances(images: np.ndarray) -> np.ndarray:
        return np.stack([lengths(batch - clean, norm.lower()) for batch in images])

    model = RecordedModel()
    settings: dict[str, Any] = {"steps": STEPS, "num_targets": len(TARGETS), "norm": norm.lower()}
    call: dict[str, Any] = {"bounds": (0, 255), "seed": 0}
    # With radius 0 nothing is fooled, so that all targets are attacked.
    FAB(epsilon=0, **settings).perturb(model, 255 * clean, labels, **call)
    for number, target in enumerate(TARGETS):
        (points, logits), (iterates, verdicts) = model.run(number)
        target_labels = reference(f"target{target}_target_label")[:size]
        df = logits[:, rows, target_labels] - logits[:, rows, labels]
        change = np.abs(df - reference(f"target{target}_df_by_iteration")[:, :size]).max(0)
        # A point at a kink of the network is a matter of rounding: one image in a run.
        assert np.sum(change > 1e-4) <= 1
        assert change.max() < 0.02
        away = reference(f"target{target}_distance_of_iterate")[:, :size]
        np.testing.assert_allclose(distances(points), away, atol=5e-4)
        fooled = verdicts.argmax(-1) != labels
        length = np.where(fooled, distances(iterates), np.inf)
        np.testing.assert_allclose(
            length.min(0), reference(f"target{target}_distance")[:size], atol=2e-4
        )
        np.testing.assert_array_equal(
            verdicts[length.argmin(0), rows].argmax(-1),
            reference(f"target{target}_adv_label")[:size],
        )
        if target == 2:
            first = reference("target2_iterates_of_first_4")
            np.testing.assert_allclose(points[:, :4], first, atol=5e-6)
    result = FAB(epsilon=EPSILON[norm], **settings).run(model, 255 * clean, labels, **call)
    np.testing.assert_allclose(
        result.x_adv / 255, reference("perturb_adv")[:size], rtol=0, atol=5e-6
    )
    np.testing.assert_array_equal(result.correct, reference("perturb_right")[:size])
