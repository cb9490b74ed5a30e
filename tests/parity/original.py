"""The original's training graphs rebuilt, at their initial values, beside the numbers computed with
them.
"""

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
    """The three networks of one of the original's training graphs, and its numbers."""

    lambda_adv: float
    adapter: keras.layers.Layer | None
    student: keras.Model
    teacher: keras.Model
    judge: keras.Model
    expected: Mapping[str, np.ndarray]
    initial: Mapping[str, np.ndarray]

    @property
    def weights(self) -> dict[str, keras.Variable]:
        return {
            **names.weights(self.student, "classifier/"),
            **names.weights(self.teacher),
            **names.weights(self.judge, "discriminator/"),
        }

    def restore(self) -> None:
        names.load(self.initial, self.weights)

    def trainer(self, eager: bool = False, **settings: Any) -> Igam:
        weights = {
            "lambda_adv": self.lambda_adv,
            "lambda_diff": LAMBDA_DIFF,
            "weight_decay": WEIGHT_DECAY,
        }
        trainer = Igam(
            self.student,
            self.teacher,
            self.judge,
            adapter=self.adapter,
            disc_every=2,
            **weights,
            **settings,
        )
        optimizers = {f"{name}_optimizer": Momentum(0.01) for name in ("student", "discriminator")}
        trainer.compile(**optimizers, run_eagerly=eager)
        return trainer

    def numbers(self, prefix: str) -> dict[str, np.ndarray]:
        """The expected arrays whose names begin by `prefix|`, without it."""
        return {
            k.split("|")[1]: self.expected[k] for k in self.expected if k.startswith(f"{prefix}|")
        }

    def update_errors(self, expected: Mapping[str, np.ndarray]) -> dict[str, float]:
        """By weight, how far its change since the initial values is from the expected change."""
        before, weights = self.initial, self.weights
        return {
            name: relative(weights[name].numpy() - before[name], expected[name] - before[name])
            for name in expected
            if name in weights
        }

    def adapted(self, x: Any) -> Any:
        return x if self.adapter is None else self.adapter(x)

    def input_gradient(self, network: str, x: Any, y: Any) -> tf.Tensor:
        adapter = self.adapter if network == "teacher" else None
        return gradients.input_gradient(
            getattr(self, network), x, y, statistics="batch", adapter=adapter
        )

    def total_losses(self) -> dict[str, float]:
        """Values as the release reports them: each network's decay counts those of the networks
        built before it.
        """
        x, y = tf.constant(self.expected["x"]), tf.constant(self.expected["y"])
        student, teacher = (
            self.input_gradient("student", x, y),
            self.input_gradient("teacher", x, y),
        )
        judged = gradients.logits_of(self.judge, tf.concat([student, teacher], 0), "batch")
        judge_xent = float(losses.discriminator_loss(judged))
        xent = float(
            tf.reduce_mean(losses.cross_entropy(y, gradients.logits_of(self.student, x, "batch")))
        )
        target_xent = float(
            tf.reduce_mean(
                losses.cross_entropy(y, gradients.logits_of(self.teacher, self.adapted(x), "batch"))
            )
        )
        difference = float(losses.gradient_difference(student, teacher))
        head = 0.5 * np.sum(self.teacher.get_layer("logits").kernel.numpy() ** 2)
        of_teacher = float(losses.weight_decay(self.teacher)) - head
        of_student = of_teacher + head + float(losses.weight_decay(self.student))
        of_judge = of_student + float(losses.weight_decay(self.judge))
        return {
            "disc_mean_xent": judge_xent,
            "disc_xent_sum": judge_xent * len(judged),
            "student_mean_xent": xent,
            "teacher_target_mean_xent": target_xent,
            "input_grad_l2_norm_diff": difference,
            "teacher_weight_decay_loss": of_teacher,
            "student_weight_decay_loss": of_student,
            "disc_weight_decay_loss": of_judge,
            "classification_c_loss": xent + WEIGHT_DECAY * of_student,
            "adv_c_loss": -self.lambda_adv * judge_xent,
            "total_loss": xent
            + WEIGHT_DECAY * of_student
            - self.lambda_adv * judge_xent
            + LAMBDA_DIFF * difference,
            "total_d_loss": judge_xent + WEIGHT_DECAY * of_judge,
            "source_model_finetune_loss": target_xent + WEIGHT_DECAY * of_teacher,
        }


def igam_release(golden: pathlib.Path) -> Original:
    """CIFAR-10 to CIFAR-100: the two networks see the same image."""
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
    """Tiny-ImageNet to CIFAR-10: the teacher sees the image doubled, l2-normalised without zero
    mean.
    """
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
    """A layer's output with batch statistics, in which the original always runs these graphs."""
    return gradients.logits_of(keras.Model(model.input, model.get_layer(layer).output), x, "batch")
