"""TRADES against an independent implementation of the authors' algorithm."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from igam_tf import gradients, losses
from igam_tf.core import randomness
from igam_tf.core.errors import InputError
from igam_tf.training import AdversarialTrainer, Momentum, RobustValidation

from .. import tiny

ATTACK: dict[str, Any] = {"epsilon": 8, "step_size": 3, "steps": 3, "objective": "trades"}
RATE = 0.1


def build(**settings: Any) -> AdversarialTrainer:
    trainer = AdversarialTrainer(tiny.classifier(), **{**ATTACK, "weight_decay": 0.0, **settings})
    trainer.compile(Momentum(RATE))
    return trainer


class Reference:
    """TRADES on the network of `tiny.classifier` in elementary operations in float64, by SGD."""

    def __init__(self, weights: list[np.ndarray]) -> None:
        kernel, bias, scale, shift, mean, variance, head, head_bias = (
            w.astype(np.float64) for w in weights
        )
        self.trained = [tf.Variable(w) for w in (kernel, bias, scale, shift, head, head_bias)]
        self.mean, self.variance = mean, variance

    def logits(self, x: tf.Tensor, training: bool) -> tf.Tensor:
        kernel, bias, scale, shift, head, head_bias = self.trained
        z = tf.nn.conv2d(x / 255, kernel, 2, "SAME") + bias
        mean, variance = self.mean, self.variance
        if training:
            mean = tf.reduce_mean(z, [0, 1, 2])
            variance = tf.reduce_mean((z - mean) ** 2, [0, 1, 2])
            count = np.prod(z.shape[:3])
            self.mean = 0.9 * self.mean + 0.1 * mean.numpy()
            self.variance = 0.9 * self.variance + 0.1 * variance.numpy() * count / (count - 1)
        z = scale * (z - mean) / tf.sqrt(variance + 1e-3) + shift
        z = tf.where(z > 0, z, 0.1 * z)
        return tf.reshape(z, (len(x), -1)) @ head + head_bias

    def step(self, x: np.ndarray, y: np.ndarray, noise: np.ndarray, beta: float) -> None:
        x = x.astype(np.float64)
        expected = tf.nn.softmax(self.logits(x, training=False))
        images = tf.constant(x + 0.001 * 255 * noise)
        for _ in range(ATTACK["steps"]):
            with tf.GradientTape() as tape:
                tape.watch(images)
                actual = tf.nn.softmax(self.logits(images, training=False))
                kl = tf.reduce_sum(expected * tf.math.log(expected / actual))
            images += ATTACK["step_size"] * tf.sign(tape.gradient(kl, images))
            images = tf.clip_by_value(images, x - ATTACK["epsilon"], x + ATTACK["epsilon"])
            images = tf.clip_by_value(images, 0.0, 255.0)
        with tf.GradientTape() as tape:
            clean = tf.nn.softmax(self.logits(x, training=True))
            robust = tf.nn.softmax(self.logits(images, training=True))
            xent = -tf.reduce_mean(tf.math.log(tf.gather(clean, y, batch_dims=1)))
            kl = tf.reduce_sum(clean * tf.math.log(clean / robust)) / len(x)
            loss = xent + beta * kl
        for variable, gradient in zip(self.trained, tape.gradient(loss, self.trained), strict=True):
            variable.assign_sub(RATE * gradient)
        self.xent, self.kl = float(xent), float(kl)

    def weights(self) -> list[np.ndarray]:
        kernel, bias, scale, shift, head, head_bias = (v.numpy() for v in self.trained)
        return [kernel, bias, scale, shift, self.mean, self.variance, head, head_bias]


def test_two_steps_agree_with_an_implementation_in_elementary_operations() -> None:
    """Loss, weights and moving averages, from one seed's starts."""
    trainer = build(beta=4.0, seed=3)
    trainer.optimizer.momentum = 0.0
    reference = Reference(tiny.values(trainer.model))
    for iteration in range(2):
        x, y = tiny.batch(seed=iteration)
        logs = trainer.train_on_batch(x, y, return_dict=True)
        key = randomness.key(3, "trades_start", iteration)
        trainer.reset_metrics()
        reference.step(x, y, tf.random.stateless_normal(x.shape, key).numpy(), 4.0)
        assert float(logs["xent"]) == pytest.approx(reference.xent, rel=1e-4)
        assert float(logs["kl"]) == pytest.approx(reference.kl, rel=1e-3)
        assert float(logs["loss"]) == pytest.approx(reference.xent + 4 * reference.kl, rel=1e-3)
    assert reference.kl > 1e-4
    for actual, expected in zip(tiny.values(trainer.model), reference.weights(), strict=True):
        assert tiny.relative(actual, expected) < 1e-4


def test_its_attack_raises_the_divergence_within_ball_and_range() -> None:
    x, y = tiny.batch(32)
    trainer = build(step_size=2, steps=7)
    before = tiny.values(trainer.model)
    adversarial = trainer._adversarial(x, y).numpy()
    assert tiny.equal(tiny.values(trainer.model), before)
    assert 7.9 < np.abs(adversarial - x).max() <= 8 + 1e-4
    assert 0 <= adversarial.min() < adversarial.max() <= 255
    noise = np.random.default_rng(0).uniform(-8, 8, x.shape).astype(np.float32)
    clean, random, attacked = (
        gradients.logits_of(trainer.model, images)
        for images in (x, np.clip(x + noise, 0, 255), adversarial)
    )
    assert np.mean(losses.kl_divergence(clean, attacked)) > 3 * np.mean(
        losses.kl_divergence(clean, random)
    )


def test_without_its_weight_the_divergence_trains_nothing() -> None:
    """The trained weights are those of plain training on clean images."""
    x, y = tiny.batch()
    trades, plain = build(beta=0.0), AdversarialTrainer(tiny.classifier(), weight_decay=0.0)
    plain.compile(Momentum(RATE))
    for trainer in (trades, plain):
        trainer.train_on_batch(x, y)
    trained = [[v.numpy() for v in t.model.trainable_variables] for t in (trades, plain)]
    assert tiny.relative(*trained) < 1e-6
    assert tiny.relative(tiny.values(trades.model), tiny.values(plain.model)) > 1e-6


def test_sample_weights_multiply_the_divergence_too() -> None:
    x, y = tiny.batch()
    plain, doubled = (
        build().train_on_batch(x, y, sample_weight=weights, return_dict=True)
        for weights in (None, np.full(len(y), 2.0))
    )
    for name in ("loss", "xent", "kl"):
        assert float(doubled[name]) == pytest.approx(2 * float(plain[name]), rel=1e-5)


def test_reports_are_of_clean_images_beside_the_divergence() -> None:
    x, y = tiny.batch(24)
    trainer = build()
    clean = float(np.mean(losses.cross_entropy(y, tiny.classifier()(x, training=True))))
    history = trainer.fit(
        x,
        y,
        batch_size=24,
        verbose=0,
        validation_data=(x, y),
        callbacks=[RobustValidation((x, y), "pgd3")],
    ).history
    assert history.keys() == {
        *("loss", "xent", "kl", "accuracy", "val_loss", "val_xent", "val_accuracy", "val_pgd3"),
    }
    assert history["xent"] == pytest.approx([clean], rel=1e-5)
    assert history["val_loss"] == history["val_xent"]  # no weight decay, and no attack


@pytest.mark.parametrize(("seed", "same"), [(0, True), (1, False)])
def test_the_seed_decides(seed: int, same: bool) -> None:
    x, y = tiny.batch()
    first, second = build(seed=0), build(seed=seed)
    for trainer in (first, second):
        trainer.train_on_batch(x, y)
    assert tiny.equal(tiny.values(first.model), tiny.values(second.model)) is same


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "objective: trades needs attack steps, got 0"),
        ({"objective": "kl"}, "objective: expected one of pgd, trades, got 'kl'"),
        ({"beta": -1}, "beta: expected a number of at least 0, got -1"),
        ({"objective": "pgd", "beta": 3}, "beta: it belongs to the objective trades, got pgd"),
        ({"epsilon": 0}, "adversarial training: 3 steps need an epsilon above 0"),
    ],
)
def test_mistakes(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}"):
        build(**settings)
