"""The original code's numbers, reproduced from its checkpoints."""

import pathlib

import numpy as np
import pytest

import madry_checkpoints


def _relative_error(values, expected):
    values, expected = np.asarray(values), np.asarray(expected)
    return np.linalg.norm(values - expected.reshape(values.shape)) / np.linalg.norm(expected)


def _cross_entropy(y, logits):
    from igam_tf import losses

    return np.asarray(losses.cross_entropy(y, logits))


def test_mnist_challenge(golden):
    from igam_tf import attacks, gradients

    model = madry_checkpoints.load_model(golden / "mnist_challenge")
    expected = np.load(golden / "mnist_challenge" / "expected.npz")
    x, y = expected["x"].reshape(-1, 28, 28, 1), expected["y"]
    logits = model(x, training=False)
    assert _relative_error(logits, expected["logits"]) < 1e-4
    assert np.mean(np.argmax(logits, 1) == y) == expected["accuracy"]
    np.testing.assert_allclose(
        _cross_entropy(y, logits), expected["xent_per_example"], rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(_cross_entropy(y, logits).sum(), expected["xent_sum"], rtol=1e-4)
    assert (
        _relative_error(
            gradients.input_gradient(model, x, y, of="xent"), expected["grad_sum_xent_x"]
        )
        < 1e-3
    )
    attacked = attacks.pgd(model, x, y, epsilon=0.3, step_size=0.01, steps=40, random_start=False)
    assert np.mean(np.abs(attacked - expected["pgd_x"].reshape(x.shape)) < 1e-5) >= 0.9
    logits = model(attacked, training=False)
    np.testing.assert_allclose(_cross_entropy(y, logits).sum(), expected["pgd_xent_sum"], rtol=1e-2)
    assert np.mean(np.argmax(logits, 1) == y) == expected["pgd_accuracy"]
    logits = model(expected["pgd_x"].reshape(x.shape), training=False)
    assert _relative_error(logits, expected["pgd_logits"]) < 1e-4


@pytest.mark.parametrize(("mode", "statistics"), [("eval", "moving"), ("train", "batch")])
def test_cifar10_challenge(golden, mode, statistics):
    from igam_tf import gradients

    model = madry_checkpoints.load_model(golden / "cifar10_challenge")
    expected = np.load(golden / "cifar10_challenge" / "expected.npz")
    x, y = expected["x"], expected["y"]
    logits = gradients.logits_of(model, x, statistics)
    losses = _cross_entropy(y, logits)
    assert _relative_error(logits, expected[f"{mode}_logits"]) < 1e-4
    np.testing.assert_allclose(losses, expected[f"{mode}_xent_per_example"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(losses.mean(), expected[f"{mode}_mean_xent"], rtol=1e-4)
    np.testing.assert_allclose(losses.sum(), expected[f"{mode}_xent_sum"], rtol=1e-4)
    gradient = gradients.input_gradient(model, x, y, of="xent", statistics=statistics)
    assert _relative_error(gradient, expected[f"{mode}_grad_sum_xent_x"]) < 1e-3


def test_cifar10_challenge_attacked_decayed_and_updated(golden):
    from igam_tf import attacks

    model = madry_checkpoints.load_model(golden / "cifar10_challenge")
    expected = np.load(golden / "cifar10_challenge" / "expected.npz")
    x, y = expected["x"], expected["y"]
    attacked = attacks.pgd(model, x, y, epsilon=8, step_size=2, steps=7, random_start=False)
    assert np.mean(np.abs(attacked - expected["eval_pgd_x"]) < 1e-5) >= 0.97
    logits = model(expected["eval_pgd_x"], training=False)
    assert _relative_error(logits, expected["eval_pgd_logits"]) < 1e-4
    np.testing.assert_allclose(
        _cross_entropy(y, logits).mean(), expected["eval_pgd_mean_xent"], rtol=1e-4
    )
    before = madry_checkpoints.variables(model, "cifar10_challenge")
    decay = (
        sum(
            np.square(value, dtype=np.float64).sum()
            for name, value in before.items()
            if "DW" in name
        )
        / 2
    )
    np.testing.assert_allclose(decay, expected["weight_decay_loss"], rtol=1e-4)
    model(x, training=True)
    after = madry_checkpoints.variables(model, "cifar10_challenge")
    for array in expected.files:
        if array.startswith("after_one_train_forward|"):
            name = array.split("|")[1]
            np.testing.assert_allclose(after[name], expected[array], rtol=1e-4, atol=1e-7)
            assert (
                _relative_error(after[name] - before[name], expected[array] - before[name]) < 1e-2
            )


@pytest.mark.parametrize(
    ("folder", "gradient_tolerance"),
    [("igam_release", 1e-3), pytest.param("igam_upsize", 1e-2, marks=pytest.mark.slow)],
)
def test_igam_forward_quantities(golden, folder, gradient_tolerance):
    from igam_tf import adapters, gradients

    values = dict(np.load(golden / folder / "initial_values.npz"))
    expected = np.load(golden / folder / "expected.npz")
    student, teacher, discriminator = (
        madry_checkpoints.load_model(values, f"igam_{name}")
        for name in ("student", "teacher", "discriminator")
    )
    x, y = expected["x"], expected["y"]
    adapter = adapters.Resize(64, "legacy") if folder == "igam_upsize" else None
    teacher_x = x if adapter is None else np.asarray(adapter(x))
    assert (
        _relative_error(gradients.logits_of(student, x, "batch"), expected["student_logits"]) < 1e-4
    )
    assert (
        _relative_error(
            gradients.logits_of(teacher, teacher_x, "batch"), expected["teacher_target_logits"]
        )
        < 1e-4
    )
    j_s = np.asarray(gradients.input_gradient(student, x, y, statistics="batch"))
    j_t = np.asarray(gradients.input_gradient(teacher, x, y, statistics="batch", adapter=adapter))
    assert _relative_error(j_s, expected["student_input_grad"]) < 1e-3
    assert _relative_error(j_t, expected["teacher_input_grad"]) < gradient_tolerance
    difference = np.square(j_s - j_t).sum()
    np.testing.assert_allclose(difference, expected["input_grad_l2_norm_diff"], rtol=1e-2)
    disc_logits = gradients.logits_of(discriminator, np.concatenate([j_s, j_t]), "batch")
    assert _relative_error(disc_logits, expected["disc_logits"]) < 5e-3
    labels = expected["disc_labels"]
    np.testing.assert_allclose(
        _cross_entropy(labels, disc_logits).mean(), expected["disc_mean_xent"], rtol=5e-3
    )


@pytest.mark.parametrize("folder", ["igam_release", "igam_upsize"])
def test_the_source_head(golden, folder):
    import keras

    from igam_tf import adapters
    from igam_tf.core import modes

    expected = np.load(golden / folder / "expected.npz")
    teacher = madry_checkpoints.load_model(
        dict(np.load(golden / folder / "initial_values.npz")), "igam_teacher"
    )
    source = keras.Model(teacher.input, teacher.get_layer("source_logits").output)
    x = adapters.Resize(64, "legacy")(expected["x"]) if folder == "igam_upsize" else expected["x"]
    with modes.in_mode(batch_statistics=True):
        assert _relative_error(source(x, training=False), expected["teacher_source_logits"]) < 1e-4


@pytest.fixture
def robust(golden) -> pathlib.Path:
    folder = golden.parent / "robust_mnist"
    if not folder.is_dir():
        pytest.skip("the robust MNIST checkpoint is not beside this checkout")
    return folder


def test_the_robust_mnist_checkpoint_loads(robust):
    assert madry_checkpoints.load_model(robust).count_params() == 3_274_634


@pytest.mark.slow
def test_the_robust_mnist_checkpoint_scores(robust):
    """Clean 98.16 % and PGD-40 90.77 % of all images; three standard errors for a thousand."""
    from igam_tf import attacks, data

    if not (robust.parent / "tfds" / "mnist").is_dir():
        pytest.skip("MNIST is not beside this checkout")
    model = madry_checkpoints.load_model(robust)
    test = data.load("mnist", robust.parent / "tfds").test
    x, y = test.pixels(), test.labels
    assert round(100 * np.mean(np.argmax(model.predict(x, 500, verbose=0), 1) == y), 2) == 98.16
    x, y = x[:1000], y[:1000]
    attacked = attacks.pgd(model, x, y, epsilon=0.3, step_size=0.01, steps=40, seed=1)
    accuracy = np.mean(np.argmax(model.predict(attacked, 500, verbose=0), 1) == y)
    assert abs(accuracy - 0.9077) < 3 * np.sqrt(0.9077 * 0.0923 / 1000)
