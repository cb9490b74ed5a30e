"""Derivatives of the matching objective by the weights, through input gradients, are exact."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import gradients, models
from igam_tf.training import Igam, Momentum

from .. import tiny

PARTS = ("xent", "adv", "diff", "loss")
BATCH = 4


def mnist_cnn() -> keras.Model:
    return models.mnist_cnn(tiny.CLASSES, channels=(2, 3), hidden=6)


def wide_resnet() -> keras.Model:
    return models.wide_resnet(
        tiny.CLASSES, width=1, blocks=1, input_shape=tiny.SHAPE, normalization="unit_norm"
    )


# Network, images, lambda_diff that makes the parts comparable
NETS = {
    "mnist_cnn": (mnist_cnn, tiny.batch(BATCH, (28, 28, 1), 1.0), 10.0),
    "wide_resnet": (wide_resnet, tiny.batch(BATCH), 1e4),
}


def trainer_of(net: str) -> Igam:
    build, (x, _), lambda_diff = NETS[net]
    judge = tiny.shaken(models.discriminator(x.shape[1:], 2, 4), 3)
    student, teacher = tiny.shaken(build(), 1), tiny.shaken(build(), 2)
    return Igam(student, teacher, judge, lambda_adv=2.0, lambda_diff=lambda_diff, weight_decay=0.1)


def objective(trainer: Igam, x: tf.Tensor, y: tf.Tensor, mode: str) -> dict[str, tf.Tensor]:
    """The trainer's own parts; its step runs the student in "training" mode, the others are those
    of attacks and analyses.
    """
    statistics = "moving" if mode == "moving" else "batch"
    teacher_gradient = gradients.input_gradient(trainer.teacher, x, y, statistics=statistics)
    if mode == "training":
        logits, student_gradient = trainer._student_gradient(x, y)
    else:
        logits = gradients.logits_of(trainer.student, x, statistics)
        student_gradient = gradients.input_gradient(trainer.student, x, y, statistics=statistics)
    return trainer._objective(y, logits, student_gradient, teacher_gradient)


def derivatives(
    trainer: Igam, x: tf.Tensor, y: tf.Tensor, mode: str
) -> dict[str, list[np.ndarray]]:
    with tf.GradientTape(persistent=True) as tape:
        parts = objective(trainer, x, y, mode)
    variables = [variable.value for variable in trainer.student.trainable_variables]
    return {
        name: [
            g.numpy() for g in tape.gradient(parts[name], variables, unconnected_gradients="zero")
        ]
        for name in PARTS
    }


def unit(array: np.ndarray) -> np.ndarray:
    return array / np.linalg.norm(array)


@pytest.mark.parametrize("mode", ["training", pytest.param("moving", marks=pytest.mark.slow)])
@pytest.mark.parametrize("net", ["mnist_cnn", pytest.param("wide_resnet", marks=pytest.mark.slow)])
def test_derivatives_agree_with_central_differences(net: str, mode: str) -> None:
    with tiny.precision("float64"):
        trainer = trainer_of(net)
    x, y = tf.constant(NETS[net][1][0], tf.float64), tf.constant(NETS[net][1][1])
    if mode == "moving":
        # Untrained averages bunch activations at leaky ReLU's kink: bring them near the batch's.
        for _ in range(30):
            trainer.student(x, training=True)
    exact = derivatives(trainer, x, y, mode)
    if mode == "training":
        by_attacks = derivatives(trainer, x, y, "batch")
        assert all(tiny.relative(by_attacks[name], exact[name]) < 1e-12 for name in PARTS)
    parts = tf.function(lambda: tf.stack([objective(trainer, x, y, mode)[name] for name in PARTS]))
    rng, step = np.random.default_rng(0), 1e-6  # short: leaky ReLU and max-pooling have kinks
    for index, variable in enumerate(trainer.student.trainable_variables):
        gradients_here = np.stack([exact[name][index] for name in PARTS])
        # Along the gradients, where a wrong length shows, and sideways, where a wrong direction
        # does.
        direction = sum(map(unit, gradients_here)) + unit(rng.normal(size=variable.shape))
        at = variable.numpy()
        variable.assign(at + step * direction)
        above = parts().numpy()
        variable.assign(at - step * direction)
        differences = (above - parts().numpy()) / (2 * step)
        variable.assign(at)
        for name, gradient, difference in zip(PARTS, gradients_here, differences, strict=True):
            expected, slack = np.sum(gradient * direction), 1e-5 * np.linalg.norm(gradient)
            assert abs(difference - expected) <= slack, (variable.path, name)


@pytest.mark.parametrize("net", ["mnist_cnn", pytest.param("wide_resnet", marks=pytest.mark.slow)])
def test_the_update_in_float32_is_the_derivative_in_float64(net: str) -> None:
    with tiny.precision("float64"):
        exact = trainer_of(net)
    x, y = NETS[net][1]
    trainer = trainer_of(net)
    trainer.student.set_weights(exact.student.get_weights())
    trainer.teacher.set_weights(exact.teacher.get_weights())
    trainer.discriminator.set_weights(exact.discriminator.get_weights())
    expected = derivatives(exact, tf.constant(x, tf.float64), tf.constant(y), "training")["loss"]
    trainer.compile(student_optimizer=Momentum(1.0), discriminator_optimizer=Momentum(0.0))
    before = [v.numpy() for v in trainer.student.trainable_variables]
    trainer.train_on_batch(x, y)
    update = [
        old - v.numpy() for old, v in zip(before, trainer.student.trainable_variables, strict=True)
    ]
    assert tiny.relative(update, expected) < 1e-4
