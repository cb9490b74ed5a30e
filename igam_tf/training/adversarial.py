"""Adversarial training (PGD, TRADES) and, without attack steps, plain training."""

from typing import Any

import keras
import tensorflow as tf

from igam_tf import gradients, losses
from igam_tf.attacks import ascent
from igam_tf.core import randomness
from igam_tf.core.errors import InputError
from igam_tf.core.settings import constructor
from igam_tf.core.settings.training import AdversarialSettings
from igam_tf.layers import bounds_of
from igam_tf.training import replicas
from igam_tf.training.trainer import Parts, Trainer, regularized


@constructor(AdversarialSettings)
class AdversarialTrainer(Trainer):
    """Trains `model` in place on adversarial images, computed anew for every batch.

    The trainer of the command `train_robust` (configuration: `RobustRun`): robust teachers, robust
    baselines and, with `steps=0`, standard models.

    `objective="pgd"` (Madry et al. 2018) trains on mean cross-entropy of adversarial images. The
    attack is a uniform random start, then `steps` sign steps on the summed cross-entropy, with the
    batch's BatchNorm statistics and without an update of the moving averages (MadryLab's code
    attacks its training-mode graph, which updates them on each step too).

    `objective="trades"` (Zhang et al. 2019) trains on mean cross-entropy of clean images x plus
    `beta` times mean KL(f(x) || f(x')). The attack maximises that KL by `steps` sign steps from
    x' = x + 0.001 * range * N(0, 1). As in the authors' code, it runs with the moving averages: the
    batch's statistics would let each image's x' depend on the others. The loss runs in training
    mode, first on x, then on x', and both passes update the moving averages (the authors' code
    passes x a second time, which without dropout changes the moving averages alone).

    The weights' update runs in training mode. `xent` and `accuracy` are of the images under the
    cross-entropy, adversarial ones for pgd and clean ones for trades, which also reports `kl`. In
    `evaluate` and `validation_data` all are of clean images, without the KL term;
    `RobustValidation` validates under an attack. Sample weights multiply the KL too.

    Args:
      model: Keras model, images [B, H, W, C] in its bounds to logits.
      {settings}

    Raises:
      InputError: a setting out of its range, or a model that carries no pixel range, ends in a
        softmax or computes in float16.
    """

    def __init__(self, model: keras.Model, **settings: Any) -> None:
        checked = AdversarialSettings(**settings)
        is_trades = checked.objective == "trades"
        parts = ("loss", "xent", "kl") if is_trades else ("loss", "xent")
        super().__init__(model, parts, "adversarial_trainer")
        self.settings, self._is_trades = checked, is_trades
        self.bounds = bounds_of(model)
        self.epsilon = self.bounds.amount(self.settings.epsilon)
        self.step_size = self.bounds.amount(self.settings.step_size, "step_size")
        if self.settings.steps and not self.epsilon:
            raise InputError(
                f"adversarial training: {self.settings.steps} steps need an epsilon above 0; "
                "steps=0 trains plainly"
            )
        if is_trades and not checked.steps:
            raise InputError("objective: trades needs attack steps, got 0")
        if not is_trades and checked.beta != AdversarialSettings.beta:
            raise InputError(f"beta: it belongs to the objective trades, got {checked.objective}")

    def _train(
        self, x: tf.Tensor, y: tf.Tensor, weights: tf.Tensor | None
    ) -> tuple[Parts, tf.Tensor]:
        adversarial = self._adversarial(x, y) if self.settings.steps else x
        with tf.GradientTape() as tape:
            logits = self.model(x if self._is_trades else adversarial, training=True)
            parts = self._objective(y, logits, weights)
            if self._is_trades:
                divergence = losses.kl_divergence(logits, self.model(adversarial, training=True))
                kl = losses.weighted_mean(divergence, weights)
                parts = {**parts, "loss": parts["loss"] + self.settings.beta * kl, "kl": kl}
            scaled = self.optimizer.scale_loss(parts["loss"])
        variables = self.trained_variables
        replicas.apply(self.optimizer, tape.gradient(scaled, variables), variables)
        return parts, logits

    def _validate(
        self, x: tf.Tensor, y: tf.Tensor, weights: tf.Tensor | None
    ) -> tuple[Parts, tf.Tensor]:
        logits = gradients.logits_of(self.model, x)
        return self._objective(y, logits, weights), logits

    def _objective(self, y: tf.Tensor, logits: tf.Tensor, weights: tf.Tensor | None) -> Parts:
        xent = losses.mean_cross_entropy(y, logits, weights)
        loss = xent + self.settings.weight_decay * losses.weight_decay(self.model)
        return {"loss": regularized(loss, self.model), "xent": xent}

    def _adversarial(self, x: Any, y: Any) -> tf.Tensor:
        """Adversarial images of this iteration, [B, H, W, C] like `x`."""
        iteration = tf.convert_to_tensor(self.iteration)
        share = tf.minimum(tf.cast(iteration + 1, x.dtype) / max(self.settings.ramp_steps, 1), 1.0)
        epsilon = share * self.epsilon
        start, loss, statistics = self._attack(x, epsilon, iteration)
        adversarial, _ = ascent.ascend(
            lambda images: gradients.logits_of(self.model, images, statistics),
            loss,
            x,
            y,
            start,
            epsilon=epsilon,
            step_size=share * self.step_size,
            steps=self.settings.steps,
            low=self.bounds.low,
            high=self.bounds.high,
            unrolled=self._sync_batchnorm and statistics == "batch",
        )
        return tf.stop_gradient(adversarial)

    def _attack(
        self, x: tf.Tensor, epsilon: tf.Tensor, iteration: tf.Tensor
    ) -> tuple[tf.Tensor, ascent.LossFn, str]:
        """Start, loss and BatchNorm mode of the objective's attack."""
        seed = self.settings.seed
        if self._is_trades:
            key = randomness.key(seed, "trades_start", iteration)
            noise = replicas.random_like(
                x, lambda shape: tf.random.stateless_normal(shape, key, dtype=x.dtype)
            )
            start = x + 0.001 * self.bounds.range * noise
            clean = gradients.logits_of(self.model, x)
            return start, lambda _, logits: losses.kl_divergence(clean, logits), "moving"
        key = randomness.key(seed, "training_start", iteration)
        noise = replicas.random_like(
            x, lambda shape: tf.random.stateless_uniform(shape, key, -1.0, 1.0, x.dtype)
        )
        start = x + epsilon * noise
        return start, losses.cross_entropy, "batch"
