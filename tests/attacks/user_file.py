"""A momentum PGD (Dong et al. 2018), a loss, a ball of one channel, a gradient-free attack."""

import dataclasses

import numpy as np
import tensorflow as tf

from igam_tf import attacks
from igam_tf.attacks.balls import LinfBall


@dataclasses.dataclass(frozen=True)
class MomentumStep(attacks.StepRule):
    decay: float = 1.0

    def begin(self, x):
        return tf.zeros_like(x)

    def move(self, images, gradient, ball, step_size, index, state):
        size = tf.reduce_mean(tf.abs(gradient), [1, 2, 3], keepdims=True)
        state = self.decay * state + tf.math.divide_no_nan(gradient, size)
        return images + step_size * ball.direction(state), state


def least_true_logit(labels, logits):
    return -tf.gather(logits, tf.cast(labels, tf.int32), batch_dims=1)


@dataclasses.dataclass(frozen=True)
class RedBall(LinfBall):
    """Only the first channel moves."""

    name = "red"

    def projection(self, x, epsilon, low, high):
        inside = super().projection(x, epsilon, low, high)
        red = tf.concat([tf.ones_like(x[..., :1]), tf.zeros_like(x[..., 1:])], -1)
        return lambda images: x + red * (inside(images) - x)


class Darken:
    """No subclass of Attack: any object with a name, a description and a run."""

    name = "darken"

    def __init__(self, epsilon="8/255"):
        self.epsilon = epsilon

    def describe(self, bounds):
        return f"all pixels darker by {bounds.amount(self.epsilon):g}"

    def run(self, model, x, y, *, bounds, statistics, seed, indices):
        x_adv = np.maximum(x - bounds.amount(self.epsilon), bounds.low)
        return attacks.AttackResult(x_adv, np.ones(len(y), bool))


def momentum(epsilon, step_size):
    amounts = {"epsilon": epsilon, "step_size": step_size, "steps": 5}
    return attacks.PGD(**amounts, step_rule=MomentumStep(), label="mi-fgsm")


red = attacks.PGD(steps=5, norm=RedBall(), loss=least_true_logit)
number = 7


def broken():
    raise OSError("no such thing")
