"""Auto-PGD and Square beside ART's (Adversarial Robustness Toolbox), same radius and budget.

Needs `adversarial-robustness-toolbox` (the extra `bench`) and some minutes: `pytest -m slow
tests/attacks`.
"""

import functools
import types
from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import attacks, data, gradients, models
from igam_tf.data import shapes
from igam_tf.layers import PixelRange
from igam_tf.training import AdversarialTrainer, Momentum, SteppedSchedule

# ART warns of missing packages, and uses deprecated parts of TensorFlow and NumPy.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

NUM_EXAMPLES = 500
EPSILON = {"standard": 4, "robust": 8}  # a plainly trained network has nothing left at 8
STEPS, QUERIES = 20, 300
TOLERANCE = 0.01


@functools.cache
def task() -> data.Dataset:
    return shapes.shapes32(2000, NUM_EXAMPLES)


def convolutions() -> keras.Model:
    """Small, for the thousands of forward passes that black-box attacks take."""
    return keras.Sequential(
        [
            keras.Input(task().image_shape),
            PixelRange(0, 255),
            keras.layers.Rescaling(1 / 127.5, -1),
            keras.layers.Conv2D(16, 5, 2, activation="relu"),
            keras.layers.Conv2D(32, 5, 2, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(10),
        ]
    )


@functools.cache
def network(kind: str, residual: bool) -> keras.Model:
    """After a moment's training, plain or adversarial."""
    keras.utils.set_random_seed(0)
    model = models.wide_resnet(10, 1, 1) if residual else convolutions()
    if kind == "standard":
        trainer, steps = AdversarialTrainer(model), 150
    else:
        trainer, steps = (
            AdversarialTrainer(model, epsilon=8, step_size=4, steps=3, ramp_steps=120),
            240,
        )
    rate = 0.1 if residual else 0.01
    trainer.compile(Momentum(SteppedSchedule([rate, rate / 10], [steps * 3 // 4])))
    batches = data.training_batches(task().train, 32, 0, task().bounds, augmented=False)
    trainer.fit(batches, steps_per_epoch=steps, verbose=0)
    return model


def accuracy(model: keras.Model, x: np.ndarray) -> float:
    logits = np.asarray(gradients.logits_of(model, tf.constant(x, tf.float32)))
    return float(np.mean(logits.argmax(1) == task().test.labels))


def ours(model: keras.Model, attack: str, epsilon: float) -> np.ndarray:
    x, y = task().test.pixels(), task().test.labels
    if attack == "square":
        return attacks.square(model, x, y, epsilon=epsilon, queries=QUERIES, seed=0)
    return attacks.apgd(model, x, y, epsilon=epsilon, steps=STEPS, loss=attack, seed=0)


def by_art(model: keras.Model, attack: str, epsilon: float) -> np.ndarray:
    from art.attacks import evasion
    from art.estimators.classification import TensorFlowV2Classifier

    classifier = TensorFlowV2Classifier(
        model,
        nb_classes=10,
        input_shape=task().image_shape,
        loss_object=keras.losses.CategoricalCrossentropy(from_logits=True),
        clip_values=(0, 255),
    )
    np.random.seed(0)  # noqa: NPY002  # where ART draws from
    if attack == "square":
        attack_object = evasion.SquareAttack(
            classifier, eps=epsilon, max_iter=QUERIES, batch_size=NUM_EXAMPLES, verbose=False
        )
    else:
        attack_object = evasion.AutoProjectedGradientDescent(
            classifier,
            eps=epsilon,
            eps_step=2 * epsilon,
            max_iter=STEPS,
            nb_random_init=1,
            batch_size=100,
            loss_type={"xent": "cross_entropy", "dlr": "difference_logits_ratio"}[attack],
            verbose=False,
        )
    return attack_object.generate(task().test.pixels(), task().test.labels)


@pytest.fixture
def art(monkeypatch: pytest.MonkeyPatch) -> Callable[[keras.Model, str, float], np.ndarray]:
    pytest.importorskip("art.attacks.evasion")
    # Keras 3 has no such enumeration any more, and takes these strings.
    names = types.SimpleNamespace(NONE="none", SUM="sum", SUM_OVER_BATCH_SIZE="sum_over_batch_size")
    monkeypatch.setattr(tf.keras.losses, "Reduction", names, raising=False)
    return by_art


@pytest.mark.parametrize("kind", EPSILON)
@pytest.mark.parametrize("attack", ["xent", "dlr", "square"])
def test_ours_are_as_strong(kind: str, attack: str, art: Callable[..., np.ndarray]) -> None:
    model, epsilon = network(kind, residual=attack != "square"), EPSILON[kind]
    clean = accuracy(model, task().test.pixels())
    assert clean > (0.9 if kind == "standard" else 0.5)
    x_adv = {"ours": ours(model, attack, epsilon), "ART's": art(model, attack, epsilon)}
    for x in x_adv.values():
        assert np.abs(x - task().test.pixels()).max() <= epsilon + 1e-3
    robust = {name: accuracy(model, x) for name, x in x_adv.items()}
    shares = ", ".join(f"{name} {share:.1%}" for name, share in robust.items())
    print(f"{kind} {epsilon}/255 {attack}: clean {clean:.1%}, {shares}")
    assert robust["ours"] <= robust["ART's"] + TOLERANCE
