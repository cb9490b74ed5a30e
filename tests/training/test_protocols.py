"""Each field of a protocol, each control, and the settings that `Igam` refuses."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from igam_tf import adapters, gradients, models
from igam_tf.core.errors import InputError
from igam_tf.training import PROTOCOLS

from .. import tiny
from .test_igam import X, Y, mean_norm, stepped


def parts(**settings: str) -> dict[str, float]:
    trainer = tiny.igam(eager=True, disc_every=1, **settings)
    logs = {
        name: float(value) for name, value in trainer.train_on_batch(X, Y, return_dict=True).items()
    }
    return {
        **logs,
        "student": trainer.student.get_weights(),
        "judge": trainer.discriminator.get_weights(),
    }


@pytest.fixture(scope="module")
def release() -> dict[str, float]:
    return parts()


def test_the_mean_of_the_difference_is_its_sum_by_the_batch(release: dict[str, float]) -> None:
    assert parts(diff_reduction="mean")["diff"] == pytest.approx(release["diff"] / len(Y), rel=1e-5)


def test_the_sum_of_two_expectations_is_twice_their_mean(release: dict[str, float]) -> None:
    logs = parts(adversarial_reduction="sum")
    assert logs["adv"] == pytest.approx(2 * release["adv"], rel=1e-5)
    assert tiny.relative(logs["student"], release["student"]) > 1e-5


def test_the_discriminators_step_may_reuse_the_students_gradients(
    release: dict[str, float],
) -> None:
    logs = parts(discriminator_update="same_gradients")
    averages = [v.trainable for v in tiny.classifier(1).weights]
    trained = [
        [w for w, t in zip(run["student"], averages, strict=True) if t] for run in (logs, release)
    ]
    assert tiny.relative(*trained) < 1e-6
    assert tiny.relative(logs["judge"], release["judge"]) > 1e-5


@pytest.mark.parametrize(
    ("settings", "of", "statistics"),
    [
        ({}, "softmax", "batch"),
        ({"gradient_of": "xent"}, "xent", "batch"),
        ({"teacher_statistics": "moving"}, "softmax", "moving"),
    ],
)
def test_what_the_input_gradients_are(settings: dict[str, str], of: str, statistics: str) -> None:
    logs = parts(**settings)
    student = gradients.input_gradient(tiny.classifier(1), X, Y, of, "batch")
    teacher = gradients.input_gradient(tiny.classifier(2), X, Y, of, statistics)
    assert logs["student_norm"] == pytest.approx(mean_norm(student), rel=1e-5)
    assert logs["teacher_norm"] == pytest.approx(mean_norm(teacher), rel=1e-5)
    assert logs["diff"] == pytest.approx(float(np.sum((student - teacher) ** 2)), rel=1e-5)


@pytest.mark.parametrize(
    ("matched_to", "stand_in"),
    [("other_images", lambda gradient: np.roll(gradient, 1, axis=0)), ("zero", np.zeros_like)],
)
def test_controls_match_the_student_to_something_else(
    matched_to: str, stand_in: Callable[[Any], np.ndarray]
) -> None:
    logs = parts(matched_to=matched_to)
    student = np.asarray(gradients.input_gradient(tiny.classifier(1), X, Y, "softmax", "batch"))
    target = stand_in(
        np.asarray(gradients.input_gradient(tiny.classifier(2), X, Y, "softmax", "batch"))
    )
    assert logs["teacher_norm"] == pytest.approx(mean_norm(target), rel=1e-5)
    assert logs["diff"] == pytest.approx(float(np.sum((student - target) ** 2)), rel=1e-5)


def test_matched_to_zero_the_teacher_does_not_matter() -> None:
    students = [
        tiny.values(
            stepped(
                tiny.igam(eager=True, matched_to="zero", teacher=tiny.classifier(seed)), 2
            ).student
        )
        for seed in (2, 3)
    ]
    assert tiny.equal(*students)


def test_the_papers_protocol_is_its_equations() -> None:
    trainer = tiny.igam(protocol="paper", diff_reduction="sum")
    assert trainer.protocol.gradient_of == "xent"
    assert trainer.protocol.diff_reduction == "sum"  # overridden by name
    assert PROTOCOLS["paper"].diff_reduction == "mean"
    assert trainer.protocol.adversarial_reduction == "sum"
    assert trainer.protocol.discriminator_update == "same_gradients"
    assert trainer.protocol.teacher_statistics == "moving"


SETTINGS = (
    "gradient_of",
    "diff_reduction",
    "adversarial_reduction",
    "discriminator_update",
    "teacher_statistics",
)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        *[
            ({name: "other"}, f"{name}: expected one of .*, got 'other'")
            for name in (*SETTINGS, "protocol")
        ],
        ({"lambda_adv": -1.0}, "lambda_adv: expected a number of at least 0, got -1.0"),
        ({"lambda_diff": float("nan")}, "lambda_diff: expected a number of at least 0, got nan"),
        ({"disc_every": 0}, "disc_every: expected a whole number of at least 1, got 0"),
        ({"weight_decay": -1e-4}, "weight_decay: expected a number of at least 0, got -0.0001"),
        (
            {"matched_to": "one"},
            "matched_to: expected one of teacher, other_images, zero, got 'one'",
        ),
        (
            {"steps_before_matching": -1},
            "steps_before_matching: expected a whole number of at least 0, got -1",
        ),
        (
            {"disc_shape": (4, 4, 3)},
            r"discriminator: it takes \(4, 4, 3\), the gradients are \(8, 8, 3\)",
        ),
        (
            {"gradient_crop": 4},
            r"discriminator: it takes \(8, 8, 3\), the gradients are \(4, 4, 3\)",
        ),
        (
            {"gradient_crop": 9, "disc_shape": (9, 9, 3)},
            "center crop: a 9x9 window does not fit into 8x8 images",
        ),
        (
            {"adapter": adapters.ChannelMean()},
            r"teacher: it takes \(8, 8, 3\), the adapter gives \(8, 8, 1\) for \(8, 8, 3\) images",
        ),
        (
            {"adapter": adapters.CenterCrop(9)},
            "center crop: a 9x9 window does not fit into 8x8 images",
        ),
        (
            {"teacher": models.with_new_head(tiny.classifier(), 7)},
            "classes: the student has 3, the teacher 7; "
            "fine-tune the teacher on the target task first",
        ),
    ],
)
def test_errors_are_one_line(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}$") as error:
        tiny.igam(**settings)
    assert "\n" not in str(error.value)
