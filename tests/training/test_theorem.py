"""Theorem 6.1, discrete: L_adv against the best discriminator is least, -log 4, at the teacher."""

import numpy as np
import pytest
import tensorflow as tf

from igam_tf import losses

PARTS = 12  # batches hold every kind of gradient in twelfths of their size
TEACHER = np.array([1, 2, 3, 6])
STUDENTS = {
    "equal": TEACHER,
    "near": np.array([2, 2, 3, 5]),
    "far": np.array([6, 3, 2, 1]),
    "disjoint from a part": np.array([6, 6, 0, 0]),
}


def adversarial(student: np.ndarray, teacher: np.ndarray, verdicts: tf.Tensor) -> tf.Tensor:
    """Eq. 10 over a batch in which gradient k comes as often as the counts say; verdicts: logits
    [4, 2] on each kind.
    """
    kinds = np.concatenate([np.repeat(np.arange(4), counts) for counts in (student, teacher)])
    return -2.0 * losses.discriminator_loss(tf.gather(verdicts, kinds))


def best(student: np.ndarray, teacher: np.ndarray) -> tf.Tensor:
    """D(k) = teacher(k) / (teacher(k) + student(k)), as logits."""
    with np.errstate(divide="ignore"):
        chances = np.log(np.stack([student, teacher], 1) / PARTS)
    return tf.constant(np.maximum(chances, -80), tf.float32)


def jensen_shannon(p: np.ndarray, q: np.ndarray) -> float:
    middle = (p + q) / 2
    return sum(0.5 * np.sum(a[a > 0] * np.log(a[a > 0] / middle[a > 0])) for a in (p, q))


@pytest.mark.parametrize("student", STUDENTS.values(), ids=STUDENTS)
def test_value_against_the_best_discriminator(student: np.ndarray) -> None:
    value = float(adversarial(student, TEACHER, best(student, TEACHER)))
    divergence = jensen_shannon(student / PARTS, TEACHER / PARTS)
    assert value == pytest.approx(-np.log(4) + 2 * divergence, abs=1e-5)
    assert (value < -np.log(4) + 1e-5) == (student is TEACHER)


@pytest.mark.parametrize("student", [STUDENTS["near"], STUDENTS["far"]], ids=["near", "far"])
def test_training_finds_the_best_discriminator(student: np.ndarray) -> None:
    verdicts = tf.Variable(tf.zeros([4, 2]))
    for _ in range(600):
        with tf.GradientTape() as tape:
            loss = -adversarial(student, TEACHER, verdicts)
        verdicts.assign_sub(3.0 * tf.convert_to_tensor(tape.gradient(loss, verdicts)))
    odds = (verdicts[:, 1] - verdicts[:, 0]).numpy()
    np.testing.assert_allclose(odds, np.log(TEACHER / student), atol=1e-2)


def test_the_students_best_is_the_teachers_distribution() -> None:
    """Descent on the student's distribution against a discriminator that is always the best."""
    logits = tf.Variable([2.0, 1.0, 0.0, -1.0])
    teacher = tf.constant(TEACHER / PARTS, tf.float32)
    for _ in range(400):
        with tf.GradientTape() as tape:
            student = tf.nn.softmax(logits)
            judge = tf.stop_gradient(teacher / (teacher + student))
            value = tf.reduce_sum(teacher * tf.math.log(judge)) + tf.reduce_sum(
                student * tf.math.log(1 - judge)
            )
        logits.assign_sub(3.0 * tape.gradient(value, logits))
    np.testing.assert_allclose(tf.nn.softmax(logits), teacher, atol=1e-3)
    assert float(value) == pytest.approx(-np.log(4), abs=1e-4)
