"""Questions for `alone.py` about exported models, and its answers beside what the models themselves
say.
"""

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

    Labels are the model's own answers, so that the attack begins with everything right, and its
    radius fools some.
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
    """Lets a process without igam_tf answer."""
    done = subprocess.run(
        [python, "-I", SCRIPT, where], capture_output=True, text=True, check=False, cwd=where
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "unsaved custom gradients" not in done.stderr


def check(model: keras.Model, where: pathlib.Path, name: str, asked: dict[str, Any]) -> None:
    """The answers are the model's own; how nearly, is printed (`pytest -s`)."""
    x, y, statistics = asked["x"], asked["y"], asked["statistics"]
    logits = np.asarray(gradients.logits_of(model, x, statistics))
    expected = {"logits": logits, "logits of bytes": logits}
    for of, place in (
        ("softmax", "gradient"),
        ("softmax", "gradient of one's own"),
        ("xent", "gradient_xent"),
    ):
        expected[place] = gradients.input_gradient(model, x, y, of, statistics)
    with np.load(where / f"{name}.answers.npz") as found:
        errors = {place: tiny.relative(found[place], value) for place, value in expected.items()}
        assert max(errors.values()) <= 1e-5, errors
        np.testing.assert_allclose(found["probabilities"].sum(-1), 1, rtol=1e-5)
        np.testing.assert_array_equal(found["probabilities"].argmax(-1), y)
        np.testing.assert_array_equal(found["labels"], y)
        theirs = found["adversarial"]
    ours, epsilon = asked["ours"], asked["epsilon"]
    fooled, as_often = (number_fooled(model, images, y, statistics) for images in (ours, theirs))
    print(f"{name}: {errors}, epsilon {epsilon:g}: {as_often} of {len(y)} fooled, by ours {fooled}")
    assert 0 < fooled == as_often < len(y)
    assert np.abs(theirs - x).max() <= epsilon * (1 + 1e-5)
    # The same trajectory; a gradient of nearly 0 may take the other sign.
    assert np.mean(np.abs(theirs - ours) > 1e-3 * epsilon) <= 0.01
