"""Questions for `alone.py` about exported models, and its answers beside the models' own."""

import pathlib
import subprocess
import sys
from typing import Any

import keras
import numpy as np

from igam_tf import attacks, gradients
from igam_tf.layers import bounds_of

from .. import tiny

SCRIPT = pathlib.Path(__file__).with_name("alone.py")
STEPS, SEED = 10, 5


def ask(
    model: keras.Model,
    where: pathlib.Path,
    name: str,
    eight_bit: np.ndarray,
    statistics: str = "moving",
) -> dict[str, Any]:
    """Writes the questions about uint8 images to the SavedModel `where/name`; returns what `check`
    needs.

    Labels are the model's own answers, so that all are right before the attack; its radius is such
    that the attack fools some.
    """
    limits, count = bounds_of(model), len(eight_bit)
    x = (eight_bit * np.float32(limits.range / 255) + np.float32(limits.low)).astype(np.float32)
    y = np.argmax(gradients.logits_of(model, x, statistics), -1)
    for halvings in range(1, 12):
        amounts = {
            "epsilon": limits.range / 2**halvings,
            "step_size": limits.range / 2 ** (halvings + 2),
        }
        amounts |= {"steps": STEPS, "seed": SEED}
        ours = attacks.pgd(model, x, y, statistics=statistics, **amounts)
        if number_fooled(model, ours, y, statistics) < count:
            break
    kinds = {"epsilon": np.float32, "step_size": np.float32, "steps": np.int32, "seed": np.int32}
    np.savez(
        where / f"{name}.npz",
        x=x,
        y=y,
        bytes=eight_bit,
        **{k: kinds[k](v) for k, v in amounts.items()},
    )
    return {"x": x, "y": y, "statistics": statistics, "epsilon": amounts["epsilon"], "ours": ours}


def number_fooled(model: keras.Model, images: np.ndarray, y: np.ndarray, statistics: str) -> int:
    return int((np.argmax(gradients.logits_of(model, images, statistics), -1) != y).sum())


def answer(where: pathlib.Path, python: str = sys.executable) -> None:
    """Answers the questions in a process without igam_tf."""
    process = subprocess.run(
        [python, "-I", SCRIPT, where], capture_output=True, text=True, check=False, cwd=where
    )
    assert process.returncode == 0, process.stderr[-3000:]
    assert "unsaved custom gradients" not in process.stderr


def check(model: keras.Model, where: pathlib.Path, name: str, questions: dict[str, Any]) -> None:
    """Compares the answers with the model's own and prints the errors (`pytest -s`)."""
    x, y, statistics = questions["x"], questions["y"], questions["statistics"]
    logits = np.asarray(gradients.logits_of(model, x, statistics))
    expected = {"logits": logits, "logits of bytes": logits}
    for of, place in (
        ("softmax", "gradient"),
        ("softmax", "gradient of one's own"),
        ("xent", "gradient_xent"),
    ):
        expected[place] = gradients.input_gradient(model, x, y, of, statistics)
    with np.load(where / f"{name}.answers.npz") as answers:
        errors = {place: tiny.relative(answers[place], value) for place, value in expected.items()}
        assert max(errors.values()) <= 1e-5, errors
        np.testing.assert_allclose(answers["probabilities"].sum(-1), 1, rtol=1e-5)
        np.testing.assert_array_equal(answers["probabilities"].argmax(-1), y)
        np.testing.assert_array_equal(answers["labels"], y)
        adversarial = answers["adversarial"]
    ours, epsilon = questions["ours"], questions["epsilon"]
    fooled, fooled_alone = (
        number_fooled(model, images, y, statistics) for images in (ours, adversarial)
    )
    print(f"{name}: {errors}, epsilon {epsilon:g}: {fooled_alone} and {fooled} of {len(y)} fooled")
    assert 0 < fooled == fooled_alone < len(y)
    assert np.abs(adversarial - x).max() <= epsilon * (1 + 1e-5)
    # The same trajectory; a gradient of nearly 0 may take the other sign.
    assert np.mean(np.abs(adversarial - ours) > 1e-3 * epsilon) <= 0.01
