"""A student of a teacher from a PyTorch state dict, behind an adapter: derivatives and training."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf import adapters, gradients, layers, models
from igam_tf.training import Igam, Momentum

from .. import tiny
from ..models.torch_states import wide_resnet_state

pytestmark = pytest.mark.slow
SHAPE, BATCH = (16, 16, 3), 4
PIXEL_STEP, WEIGHT_STEP = 0.1, 1e-6  # TensorFlow's bilinear resizing is float32
X, Y = tiny.batch(BATCH, SHAPE)


def teacher() -> keras.Model:
    return models.robustbench("WideResNet", wide_resnet_state(), activation="swish", mean=0.5)


def student() -> keras.Model:
    """Smooth, so that finite differences meet no kink."""
    inputs = keras.Input(SHAPE)
    x = layers.PixelRange(0.0, 255.0)(inputs)
    x = keras.layers.Conv2D(4, 3, strides=2, activation="swish")(x)
    x = layers.BatchNorm()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return tiny.shaken(keras.Model(inputs, keras.layers.Dense(10)(x)), 1)


def trainer() -> Igam:
    judge = tiny.shaken(models.discriminator(SHAPE, 2, 4), 3)
    weights = {"lambda_adv": 1.0, "lambda_diff": 1000.0}
    return Igam(student(), teacher(), judge, adapter=adapters.Resize(32), **weights)


def test_derivatives_agree_with_central_differences() -> None:
    """The teacher's input gradient through the adapter, and the student's objective."""
    with tiny.precision("float64"):
        igam = trainer()
    x, rng = tf.constant(X, tf.float64), np.random.default_rng(0)

    def probability(images: tf.Tensor) -> tf.Tensor:
        logits = gradients.logits_of(igam.teacher, igam.adapter(images), "moving")
        return tf.reduce_sum(tf.nn.softmax(logits) * tf.one_hot(Y, 10, dtype=tf.float64))

    teacher_gradient = gradients.input_gradient(igam.teacher, x, Y, adapter=igam.adapter)
    direction = rng.normal(size=x.shape)
    difference = probability(x + PIXEL_STEP * direction) - probability(x - PIXEL_STEP * direction)
    slope = np.sum(teacher_gradient * direction)
    assert float(difference) / (2 * PIXEL_STEP) == pytest.approx(slope, rel=1e-4)

    def loss() -> tf.Tensor:
        logits, student_gradient = igam._student_gradient(x, Y)
        return igam._objective(Y, logits, student_gradient, teacher_gradient)["loss"]

    variables = igam.student.trainable_variables
    with tf.GradientTape() as tape:
        value = loss()
    exact = tape.gradient(value, [variable.value for variable in variables])
    directions = [rng.normal(size=variable.shape) for variable in variables]
    slope = sum(float(np.sum(a * b)) for a, b in zip(exact, directions, strict=True))
    ends = []
    for sign in (1, -2):
        for variable, each in zip(variables, directions, strict=True):
            variable.assign_add(sign * WEIGHT_STEP * each)
        ends.append(float(loss()))
    assert (ends[0] - ends[1]) / (2 * WEIGHT_STEP) == pytest.approx(slope, rel=1e-5)


def test_twenty_steps_leave_the_teacher_alone() -> None:
    igam = trainer()
    igam.compile(student_optimizer=Momentum(0.01), discriminator_optimizer=Momentum(0.01))
    frozen, before = tiny.values(igam.teacher), tiny.values(igam.student)
    logs = [igam.train_on_batch(X, Y, return_dict=True) for _ in range(20)]
    assert all(np.isfinite(list(each.values())).all() for each in logs)
    assert logs[-1]["teacher_norm"] > 0
    assert tiny.equal(frozen, tiny.values(igam.teacher))
    assert not tiny.equal(before, tiny.values(igam.student))
