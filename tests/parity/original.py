"""The original's training graphs, rebuilt at their initial values, and their numbers."""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from igam_tf import adapters, gradients, losses, models
from igam_tf.training import Igam, Momentum

from ..tiny import relative
from . import names

LAMBDA_DIFF, WEIGHT_DECAY = 10.0, 2e-4


@dataclasses.dataclass
class Original:
    """The three networks of one training graph, and its numbers."""

    lambda_adv: float
    adapter: keras.layers.Layer | None
    student: keras.Model
    teacher: keras.Model
    discriminator: keras.Model
    expected: Mapping[str, np.ndarray]
    initial: Mapping[str, np.ndarray]

    @property
    def weights(self) -> dict[str, keras.Variable]:
        return {
            **names.weights(self.student, "classifier/"),
            **names.weights(self.teacher),
            **names.weights(self.discriminator, "discriminator/"),
        }

    def restore(self) -> None:
        names.load(self.initial, self.weights)

    def trainer(self, eager: bool = False, **settings: Any) -> Igam:
        trainer = Igam(
            self.student,
            self.teacher,
            self.discriminator,
            adapter=self.adapter,
            disc_every=2,
            lambda_adv=self.lambda_adv,
            lambda_diff=LAMBDA_DIFF,
            weight_decay=WEIGHT_DECAY,
            **settings,
        )
        optimizers = {f"{name}_optimizer": Momentum(0.01) for name in ("student", "discriminator")}
        trainer.compile(**optimizers, run_eagerly=eager)
        return trainer

    def numbers(self, prefix: str) -> dict[str, np.ndarray]:
        """The expected arrays named `prefix|NAME`, by NAME."""
        keys = [key for key in self.expected if key.startswith(f"{prefix}|")]
        return {key.split("|")[1]: self.expected[key] for key in keys}

    def update_errors(self, expected: Mapping[str, np.ndarray]) -> dict[str, float]:
        """The relative error of each weight's change since the initial values."""
        before, weights = self.initial, self.weights
        return {
            name: relative(weights[name].numpy() - before[name], expected[name] - before[name])
            for name in expected
            if name in weights
        }

    @property
    def disc_input(self) -> np.ndarray:
        """The original's input gradients of student and teacher [2B, H, W, C]."""
        return np.concatenate(
            [self.expected["student_input_grad"], self.expected["teacher_input_grad"]]
        )

    def adapted(self, x: Any) -> Any:
        return x if self.adapter is None else self.adapter(x)

    def input_gradient(self, network: str, x: Any, y: Any) -> tf.Tensor:
        adapter = self.adapter if network == "teacher" else None
        return gradients.input_gradient(
            getattr(self, network), x, y, statistics="batch", adapter=adapter
        )

    def total_losses(self) -> dict[str, float]:
        """Losses as the release reports them: decay adds up over the three networks in turn."""
        x, y = tf.constant(self.expected["x"]), tf.constant(self.expected["y"])
        student, teacher = (self.input_gradient(name, x, y) for name in ("student", "teacher"))
        disc_input = tf.concat([student, teacher], 0)
        disc_logits = gradients.logits_of(self.discriminator, disc_input, "batch")
        disc_xent = float(losses.discriminator_loss(disc_logits))
        logits = gradients.logits_of(self.student, x, "batch")
        xent = float(losses.mean_cross_entropy(y, logits))
        target_logits = gradients.logits_of(self.teacher, self.adapted(x), "batch")
        target_xent = float(losses.mean_cross_entropy(y, target_logits))
        difference = float(losses.gradient_difference(student, teacher))
        head = 0.5 * np.sum(self.teacher.get_layer("logits").kernel.numpy() ** 2)
        teacher_decay = float(losses.weight_decay(self.teacher)) - head
        student_decay = teacher_decay + head + float(losses.weight_decay(self.student))
        disc_decay = student_decay + float(losses.weight_decay(self.discriminator))
        return {
            "disc_mean_xent": disc_xent,
            "disc_xent_sum": disc_xent * len(disc_logits),
            "student_mean_xent": xent,
            "teacher_target_mean_xent": target_xent,
            "input_grad_l2_norm_diff": difference,
            "teacher_weight_decay_loss": teacher_decay,
            "student_weight_decay_loss": student_decay,
            "disc_weight_decay_loss": disc_decay,
            "classification_c_loss": xent + WEIGHT_DECAY * student_decay,
            "adv_c_loss": -self.lambda_adv * disc_xent,
            "total_loss": xent
            + WEIGHT_DECAY * student_decay
            - self.lambda_adv * disc_xent
            + LAMBDA_DIFF * difference,
            "total_d_loss": disc_xent + WEIGHT_DECAY * disc_decay,
            "source_model_finetune_loss": target_xent + WEIGHT_DECAY * teacher_decay,
        }


def igam_release(golden: pathlib.Path) -> Original:
    """CIFAR-10 to CIFAR-100: teacher and student take the same image."""
    return Original(
        2.0,
        None,
        models.wide_resnet(100, width=1, normalization="unit_norm"),
        models.with_new_head(models.wide_resnet(10, width=1, normalization="per_image"), 100),
        models.discriminator((32, 32, 3), 5, 16),
        np.load(golden / "igam_release" / "expected.npz"),
        np.load(golden / "igam_release" / "initial_values.npz"),
    )


def igam_upsize(golden: pathlib.Path) -> Original:
    """Tiny-ImageNet to CIFAR-10: the teacher takes the image at twice its size."""
    source = models.wide_resnet(200, width=1, input_shape=(64, 64, 3), normalization="l2")
    return Original(
        5.0,
        adapters.Resize(64, sampling="legacy"),
        models.wide_resnet(10, width=1, normalization="unit_norm"),
        models.with_new_head(source, 10),
        models.discriminator((32, 32, 3), 4, 8),
        np.load(golden / "igam_upsize" / "expected.npz"),
        np.load(golden / "igam_upsize" / "initial_values.npz"),
    )


def output_of(model: keras.Model, layer: str, x: Any) -> tf.Tensor:
    """A layer's output with batch statistics, the mode of the original's graphs."""
    return gradients.logits_of(keras.Model(model.input, model.get_layer(layer).output), x, "batch")
