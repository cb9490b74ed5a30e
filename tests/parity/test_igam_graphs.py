"""The release's two training graphs: outputs, input gradients, losses, their gradients, attacks.

golden/README.md explains the arrays, REFERENCE.md the tolerances; both are beside this checkout.
"""

import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from igam_tf import attacks, gradients, losses

from ..tiny import relative
from . import original
from .original import Original, output_of


@pytest.fixture(
    scope="module", params=["igam_release", pytest.param("igam_upsize", marks=pytest.mark.slow)]
)
def loaded(request: pytest.FixtureRequest, golden: pathlib.Path) -> Original:
    return getattr(original, request.param)(golden)


@pytest.fixture
def graph(loaded: Original) -> Original:
    loaded.restore()
    return loaded


def probability(logits: tf.Tensor, y: np.ndarray) -> tf.Tensor:
    return losses.true_class_probability(y, logits)


FORWARD: dict[str, Callable[[Original, np.ndarray, np.ndarray], Any]] = {
    "student_logits": lambda r, x, y: output_of(r.student, "logits", x),
    "teacher_target_logits": lambda r, x, y: output_of(r.teacher, "logits", r.adapted(x)),
    "teacher_source_logits": lambda r, x, y: output_of(r.teacher, "source_logits", r.adapted(x)),
    "student_input_standardized": lambda r, x, y: output_of(r.student, "normalization", x),
    "student_target_softmax": lambda r, x, y: probability(output_of(r.student, "logits", x), y),
    "teacher_target_softmax": lambda r, x, y: probability(
        output_of(r.teacher, "logits", r.adapted(x)), y
    ),
}


@pytest.mark.parametrize("name", FORWARD)
def test_forward(graph: Original, name: str) -> None:
    output = FORWARD[name](graph, graph.expected["x"], graph.expected["y"])
    np.testing.assert_allclose(output, graph.expected[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("network", ["student", "teacher"])
def test_input_gradients(graph: Original, network: str) -> None:
    x, y = graph.expected["x"], graph.expected["y"]
    gradient = graph.input_gradient(network, x, y)
    tolerance = 1e-2 if network == "teacher" and graph.adapter else 1e-3
    assert relative(gradient, graph.expected[f"{network}_input_grad"]) < tolerance


def test_discriminator(graph: Original) -> None:
    logits = gradients.logits_of(graph.discriminator, graph.disc_input, "batch")
    np.testing.assert_allclose(logits, graph.expected["disc_logits"], rtol=5e-3, atol=1e-4)
    labels = losses.discriminator_labels(logits)
    np.testing.assert_array_equal(labels, graph.expected["disc_labels"])
    assert np.mean(np.argmax(logits, -1) == labels) == graph.expected["disc_accuracy"]


def test_losses(graph: Original) -> None:
    through_discriminator = [
        "disc_mean_xent",
        "disc_xent_sum",
        "adv_c_loss",
        "total_loss",
        "total_d_loss",
    ]
    for name, value in graph.total_losses().items():
        tolerance = 5e-3 if name in through_discriminator else 1e-4
        assert value == pytest.approx(float(graph.expected[name]), rel=tolerance), name


TERMS = {
    "grad_mean_xent": ("xent", 1.0),
    "grad_disc_mean_xent": ("adv", -1.0),
    "grad_input_grad_l2_norm_diff": ("diff", 1.0),
    "grad_total_loss": ("loss", 1.0),
    "grad_total_d_loss": ("disc", 1.0),
}


def test_gradients_of_every_term(graph: Original) -> None:
    trainer = graph.trainer()
    x, y = tf.constant(graph.expected["x"]), tf.constant(graph.expected["y"])
    teacher_gradient = graph.input_gradient("teacher", x, y)
    with tf.GradientTape(persistent=True) as tape:
        logits, student_gradient = trainer._student_gradient(x, y)
        parts = trainer._objective(y, logits, student_gradient, teacher_gradient)
        decay = original.WEIGHT_DECAY * losses.weight_decay(graph.discriminator)
        parts["disc"] = decay - parts["adv"]
    for term, (part, sign) in TERMS.items():
        for name, expected in graph.numbers(term).items():
            gradient = sign * tape.gradient(parts[part], graph.weights[name].value)
            # In igam_upsize a kink of the discriminator's leaky ReLU flips between machines.
            smooth = graph.adapter is None or part in ("xent", "diff")
            assert relative(gradient, expected) < (1e-3 if smooth else 5e-2), (term, name)


def test_moving_averages_after_one_forward(graph: Original) -> None:
    graph.student(graph.expected["x"], training=True)
    graph.teacher(graph.adapted(graph.expected["x"]), training=True)
    graph.discriminator(graph.disc_input, training=True)
    expected = graph.numbers("after_one_forward")
    for name, value in expected.items():
        np.testing.assert_allclose(graph.weights[name], value, rtol=1e-4, atol=1e-7)
    assert len(expected) == 10
    # The sharper comparison: it shows the factor N/(N-1) of the variance.
    assert max(graph.update_errors(expected).values()) < 1e-2


def test_gradient_of_the_attack(graph: Original) -> None:
    x, y = graph.expected["attack_x_uint8"].astype(np.float32), graph.expected["y"]
    logits = gradients.logits_of(graph.student, x, "batch")
    np.testing.assert_allclose(
        logits, graph.expected["student_attack_logits"], rtol=1e-4, atol=1e-5
    )
    gradient = gradients.input_gradient(graph.student, x, y, "xent", "batch")
    assert relative(gradient, graph.expected["student_attack_grad_sum_xent_x"]) < 1e-3


@pytest.mark.parametrize(
    ("steps", "step_size", "array", "logits", "least"),
    [
        (5, 2, "student_pgd5_x", "student_pgd5_logits", 0.8),
        (1, 8, "student_fgsm_x_float_input", "student_fgsm_logits_float_input", 0.98),
    ],
)
def test_attacks(
    graph: Original, steps: int, step_size: int, array: str, logits: str, least: float
) -> None:
    x, y = graph.expected["attack_x_uint8"], graph.expected["y"]
    settings = {
        "epsilon": 8,
        "step_size": step_size,
        "steps": steps,
        "random_start": False,
        "statistics": "batch",
    }
    x_adv = attacks.pgd(graph.student, x, y, **settings)
    assert np.mean(np.abs(x_adv - graph.expected[array]) < 1e-4) >= least
    xent = np.sum(losses.cross_entropy(y, gradients.logits_of(graph.student, x_adv, "batch")))
    assert xent == pytest.approx(np.sum(losses.cross_entropy(y, graph.expected[logits])), rel=2e-2)
    if array == "student_pgd5_x":
        assert xent == pytest.approx(float(graph.expected["student_pgd5_xent_sum"]), rel=2e-2)
    at_expected = gradients.logits_of(graph.student, graph.expected[array], "batch")
    np.testing.assert_allclose(at_expected, graph.expected[logits], rtol=1e-4, atol=1e-4)


def test_fgsm_with_the_releases_uint8_wrap_around(graph: Original) -> None:
    x, y = graph.expected["attack_x_uint8"], graph.expected["y"]
    settings = {"epsilon": 8, "statistics": "batch"}
    x_adv = attacks.fgsm(graph.student, x, y, **settings, uint8_first_step=True)
    expected = graph.expected["student_fgsm_x_uint8_input"]
    assert np.mean(np.abs(x_adv - expected) < 1e-4) >= 0.98
    # Float arithmetic differs on dark and bright pixels, exactly where the original's arrays do.
    x_float = attacks.fgsm(graph.student, x, y, **settings)
    wrapped = np.abs(expected - graph.expected["student_fgsm_x_float_input"]) > 1e-4
    assert wrapped.any()
    assert np.mean((x_adv != x_float) == wrapped) > 0.98
