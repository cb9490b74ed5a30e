"""AutoAttack beside the official code (Croce and Hein 2020), on other images, radii and in l2.

Needs PyTorch, and a checkout of https://github.com/fra31/auto-attack in the folder that the
environment variable AUTOATTACK names: `pytest -m slow -s tests/attacks/test_against_autoattack.py`
prints the survivors after each attack.
"""

import os
import sys
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import attacks, data, gradients, pretrained

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
torch = pytest.importorskip("torch")
FIRST, COUNT = 100, 50
SUITES = {"Linf": "autoattack", "L2": "autoattack-l2"}
STAGES = ("apgd-ce", "apgd-t", "fab-t", "square")


@pytest.fixture
def autoattack(monkeypatch: pytest.MonkeyPatch) -> Any:
    if "AUTOATTACK" not in os.environ:
        pytest.skip("AUTOATTACK names no checkout of AutoAttack")
    monkeypatch.syspath_prepend(os.environ["AUTOATTACK"])
    yield pytest.importorskip("autoattack").AutoAttack
    for name in [name for name in sys.modules if name.split(".")[0] == "autoattack"]:
        del sys.modules[name]


def in_torch(model: keras.Model) -> Any:
    """The model as a function of PyTorch: images [N, C, H, W] in [0, 1] to logits."""

    @tf.function(reduce_retracing=True, autograph=False)
    def logits(x: tf.Tensor) -> tf.Tensor:
        return gradients.logits_of(model, x)

    @tf.function(reduce_retracing=True, autograph=False)
    def pullback(x: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = logits(x)
        return tape.gradient(value, x, upstream)

    class Logits(torch.autograd.Function):
        @staticmethod
        def forward(context: Any, images: Any) -> Any:
            pixels = tf.constant(255 * images.detach().numpy().transpose(0, 2, 3, 1))
            context.pixels = pixels
            return torch.from_numpy(logits(pixels).numpy())

        @staticmethod
        def backward(context: Any, upstream: Any) -> Any:
            gradient = pullback(context.pixels, tf.constant(upstream.numpy())).numpy()
            return torch.from_numpy(255 * gradient.transpose(0, 3, 1, 2).copy())

    return Logits.apply


@pytest.mark.parametrize(
    ("name", "norm", "epsilon"),
    [
        ("igam", "L2", 1.5),
        ("pgd7", "L2", 1.5),
        ("igam", "Linf", 12 / 255),
        ("standard", "L2", 0.3),
    ],
)
def test_the_suite_leaves_no_more_than_the_official_one(
    autoattack: Any, name: str, norm: str, epsilon: float
) -> None:
    model = pretrained.load(name)
    test = data.load("shapes32", train_size=1, test_size=FIRST + COUNT).test
    x, y = test.pixels()[FIRST:], np.asarray(test.labels)[FIRST:]
    suite = attacks.resolve(SUITES[norm], f"{epsilon}/1")
    correct = model(x, training=False).numpy().argmax(1) == y

    def run(attack: attacks.Attack, places: np.ndarray) -> attacks.AttackResult:
        return attack.run(model, x[places], y[places], seed=0, indices=places)

    ours = [int(correct.sum()) for _ in suite.in_turn(correct, False, run)]
    adversary = autoattack(
        in_torch(model), norm=norm, eps=epsilon, seed=0, device="cpu", verbose=False
    )
    official = survivors(adversary, x, y)
    print(f"{name} {norm} {epsilon:.3g}: ours {ours}, official {official}")
    assert all(own <= other + 1 for own, other in zip(ours, official, strict=True))


def survivors(adversary: Any, x: np.ndarray, y: np.ndarray) -> list[int]:
    """Images that the official suite leaves, after each of its attacks."""
    images = torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2) / 255))
    labels = torch.from_numpy(y)
    places = torch.where(adversary.get_logits(images).argmax(1) == labels)[0]
    counts = []
    for stage in STAGES:
        adversary.attacks_to_run = [stage]
        adversarial = adversary.run_standard_evaluation(images[places], labels[places], bs=COUNT)
        places = places[adversary.get_logits(adversarial).argmax(1) == labels[places]]
        counts.append(len(places))
    return counts
