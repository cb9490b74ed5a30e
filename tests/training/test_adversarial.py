"""Adversarial training: its attack, ramp and update; without attack steps, plain training."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import adapters, losses, models
from igam_tf.core import bounds, modes, randomness
from igam_tf.core.errors import InputError
from igam_tf.training import AdversarialTrainer, Momentum

from .. import tiny


def build(rate: float = 0.1, **settings: float) -> AdversarialTrainer:
    trainer = AdversarialTrainer(tiny.classifier(), **settings)
    trainer.compile(Momentum(rate))
    return trainer


def test_without_an_attack_a_step_is_plain_training() -> None:
    x, y = tiny.batch()
    plain = tiny.classifier()
    plain.compile(
        keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    plain.train_on_batch(x, y)
    trainer = build(weight_decay=0.0)
    logs = trainer.train_on_batch(x, y.astype(np.uint8), return_dict=True)
    assert tiny.relative(tiny.values(trainer.model), tiny.values(plain)) < 1e-6
    assert float(logs["loss"]) == float(logs["xent"])


def test_weight_decay_shrinks_the_kernels() -> None:
    x, y = tiny.batch()
    without, decayed = build(weight_decay=0.0), build(weight_decay=0.5)
    kernel = without.model.layers[-1].kernel.numpy()
    penalty = 0.5 * float(losses.weight_decay(decayed.model))
    logs = decayed.train_on_batch(x, y, return_dict=True)
    without.train_on_batch(x, y)
    difference = without.model.layers[-1].kernel - decayed.model.layers[-1].kernel
    np.testing.assert_allclose(difference, 0.1 * 0.5 * kernel, rtol=1e-3, atol=1e-6)
    assert float(logs["loss"] - logs["xent"]) == pytest.approx(penalty, rel=1e-4)


def test_the_attack_raises_the_loss_within_ball_and_range() -> None:
    x, y = tiny.batch(32)
    trainer = build(epsilon=8, step_size=2, steps=7)
    before = tiny.values(trainer.model)
    adversarial = trainer._adversarial(x, y).numpy()
    assert tiny.equal(tiny.values(trainer.model), before)
    assert 7.9 < np.abs(adversarial - x).max() <= 8 + 1e-4
    assert 0 <= adversarial.min() < adversarial.max() <= 255
    clean, attacked = (
        np.mean(losses.cross_entropy(y, trainer.model(images))) for images in (x, adversarial)
    )
    assert attacked > clean + 0.01


def test_the_ramp_ends_at_the_full_radius() -> None:
    x, y = tiny.batch()
    trainer = build(0.0, epsilon=8, step_size=8, steps=1, ramp_steps=4)
    radii = []
    for _ in range(6):
        radii.append(float(np.abs(trainer._adversarial(x, y) - x).max()))
        trainer.train_on_batch(x, y)
    assert radii == pytest.approx([2, 4, 6, 8, 8, 8], abs=0.01)


def test_the_moving_averages_see_one_forward_pass_a_step() -> None:
    x, y = tiny.batch()
    trainer = build(0.0, epsilon=1e-6, step_size=1e-6, steps=3)
    expected = tiny.classifier()
    expected(x, training=True)
    trainer.train_on_batch(x, y)
    assert tiny.relative(tiny.values(trainer.model), tiny.values(expected)) < 1e-6


def test_attack_steps_without_a_radius_are_refused() -> None:
    with pytest.raises(InputError, match=r"^adversarial training: 7 steps need an epsilon above 0"):
        build(steps=7, step_size=2)


def test_the_start_has_a_key_of_its_own() -> None:
    """The attack's start and the step's augmentation are independent."""
    x, y = np.full((6, *tiny.SHAPE), 128, np.float32), np.zeros(6, int)
    model = build(seed=3, epsilon=8, step_size=0, steps=1)
    noise = (model._adversarial(tf.constant(x), tf.constant(y)) - x).numpy() / 8

    def draws(purpose: str) -> np.ndarray:
        return tf.random.stateless_uniform(
            x.shape, randomness.key(3, purpose, 0), -1.0, 1.0
        ).numpy()

    np.testing.assert_allclose(noise, draws("training_start"), atol=1e-5)
    assert np.abs(noise - draws("augmentation")).max() > 0.1


@pytest.mark.parametrize(("seed", "same"), [(0, True), (1, False)])
def test_the_seed_decides(seed: int, same: bool) -> None:
    x, y = tiny.batch()
    settings = {"epsilon": 8, "step_size": 2, "steps": 2}
    first, second = build(seed=0, **settings), build(seed=seed, **settings)
    for _ in range(2):
        first.train_on_batch(x, y)
        second.train_on_batch(x, y)
    assert tiny.equal(tiny.values(first.model), tiny.values(second.model)) is same


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        *(
            ({name: -1}, rf"^{name}: expected .* of at least 0, got -1$")
            for name in ("steps", "ramp_steps", "weight_decay")
        ),
        *(
            (
                {name: value},
                rf"^{name}: expected 0 to 255, the width of the pixel range \[0, 255\], "
                rf"got {value}$",
            )
            for name in ("epsilon", "step_size")
            for value in (-1, 256, "300/255")
        ),
        (
            {"epsilon": "eight"},
            r"^epsilon: expected a number or a fraction such as 8/255, got 'eight'$",
        ),
    ],
)
def test_settings_out_of_range(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        AdversarialTrainer(tiny.classifier(), **settings)


@pytest.mark.parametrize(("high", "epsilon"), [(255.0, 8.0), (1.0, 8 / 255)])
def test_amounts_are_as_attacks_take_them(high: float, epsilon: float) -> None:
    trained = AdversarialTrainer(
        tiny.classifier(high=high), epsilon="8/255", step_size=epsilon, steps=2
    )
    assert (trained.epsilon, trained.step_size) == (epsilon, epsilon)


def test_a_model_without_bounds() -> None:
    with pytest.raises(InputError, match="does not say its pixel range"):
        AdversarialTrainer(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]))


def test_the_attacks_loop_stores_no_activations() -> None:
    """A loop that is differentiated keeps every step's activations in lists that grow; the weights'
    tape begins after it.
    """
    x, y = tiny.batch()
    trainer = build(epsilon=8, step_size=2, steps=50)
    step = tf.function(
        lambda x, y: trainer.train_step((x, y)), autograph=False
    ).get_concrete_function(x, y)
    functions = step.graph.as_graph_def().library.function
    operations = {node.op for function in functions for node in function.node_def} | {
        operation.type for operation in step.graph.get_operations()
    }
    assert operations & {"While", "StatelessWhile"}
    assert not operations & {"TensorListPushBack", "AccumulatorV2", "StackPushV2"}

    def differentiated(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            return tape.gradient(
                tf.while_loop(lambda x: tf.reduce_sum(x) < 9, lambda x: (x * x,), (x,))[0], x
            )

    grows = tf.function(differentiated, autograph=False).get_concrete_function(tf.constant([2.0]))
    operations = {
        node.op
        for function in grows.graph.as_graph_def().library.function
        for node in function.node_def
    }
    assert "TensorListPushBack" in operations  # as a differentiated loop has


def test_a_model_with_a_random_pad_has_one_place_at_every_iteration() -> None:
    """In the attack as in the update; at the centre when it is evaluated."""
    model = models.adapted(
        tiny.classifier(shape=(12, 12, 3)),
        adapters.Pad(12, "random", seed=3),
        tiny.SHAPE,
        bounds.PIXELS,
    )
    trained = AdversarialTrainer(model, weight_decay=0.0)
    trained.compile(Momentum(0.0))
    x, y = tiny.batch()
    reports = []
    for iteration in range(4):
        with modes.in_mode(step=iteration, batch_statistics=True):
            expected = float(losses.mean_cross_entropy(y, model(x, training=False)))
        reports.append(float(trained.train_on_batch(x, y, return_dict=True)["xent"]))
        assert reports[-1] == pytest.approx(expected, rel=1e-5)
    assert len(set(reports)) > 1
    central = float(losses.mean_cross_entropy(y, model(x, training=False)))
    assert trained.evaluate(x, y, verbose=0, return_dict=True)["xent"] == pytest.approx(
        central, rel=1e-5
    )
