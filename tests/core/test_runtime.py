"""Seeds and the record of where a run ran."""

import os
import pathlib
import re
import subprocess

import keras
import numpy as np
import pytest
import tensorflow as tf

import igam_tf
from igam_tf import models, training
from igam_tf.core import runtime


def test_tests_have_two_cpu_devices_and_a_gpu_only_on_request() -> None:
    assert len(tf.config.list_logical_devices("CPU")) == 2
    assert not tf.config.list_physical_devices("GPU") or os.environ["IGAM_TEST_GPU"] == "1"


def test_seeds() -> None:
    def draws(seed: int) -> np.ndarray:
        runtime.set_seed(seed)
        layer = keras.layers.Dense(3)
        layer.build((None, 4))
        return layer.kernel.numpy()

    np.testing.assert_array_equal(draws(5), draws(5))
    assert (draws(5) != draws(6)).all()


@pytest.mark.parametrize("deterministic", [False, True])
def test_deterministic_operations_are_optional(
    deterministic: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[bool] = []
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: calls.append(True))
    runtime.set_seed(0, deterministic=deterministic)
    assert calls == [True] * deterministic


@pytest.mark.parametrize("before", [True, False])
def test_repeatable_graphs_leave_the_option_as_it_was(before: bool) -> None:
    def arithmetic() -> bool:
        return tf.config.optimizer.get_experimental_options()["arithmetic_optimization"]

    start = tf.config.optimizer.get_experimental_options().get("arithmetic_optimization", True)
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": before})
    try:
        with runtime.repeatable_graphs():
            assert not arithmetic()
        assert arithmetic() == before
    finally:
        tf.config.optimizer.set_experimental_options({"arithmetic_optimization": start})


@pytest.mark.slow
def test_each_tracing_of_a_students_step_rounds_alike() -> None:
    """Of eight tracings, half rounded in ways of their own before; smaller networks or batches did
    not show it.
    """
    generator = np.random.default_rng(0)
    images = tf.constant(generator.uniform(0, 255, (64, 32, 32, 3)), tf.float32)
    labels = tf.constant(generator.integers(0, 10, 64))

    def weights_after_a_step() -> list[np.ndarray]:
        runtime.set_seed(0)
        student, teacher = (
            models.wide_resnet(10, 1, blocks, normalization="unit_norm") for blocks in (2, 1)
        )
        trainer = training.Igam(
            student, teacher, models.discriminator((32, 32, 3)), lambda_adv=0.0, lambda_diff=600.0
        )
        trainer.compile()
        with runtime.repeatable_graphs():
            tf.function(trainer.train_step)((images, labels))
        return [variable.numpy() for variable in student.trainable_variables]

    first = weights_after_a_step()
    for _ in range(7):
        for one, other in zip(first, weights_after_a_step(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_environment() -> None:
    record = runtime.environment()
    assert (record["igam_tf"], record["tensorflow"], record["keras"]) == (
        igam_tf.__version__, tf.__version__, keras.__version__,
    )  # fmt: skip
    assert record["numpy"] == np.__version__
    assert re.fullmatch(r"3\.\d+\.\d+.*", record["python"])
    assert re.search(r", \d+ cores, .", record["machine"])
    assert any("CPU" in device for device in record["devices"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", record["time"])


def _git(where: pathlib.Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    command = ["git", *identity, *arguments]
    return subprocess.run(
        command, cwd=where, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_revision(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commit, a mark if files have changed, None outside a checkout."""
    file = tmp_path / "igam_tf/core/runtime.py"
    file.parent.mkdir(parents=True)
    file.write_text("1")
    monkeypatch.setattr(runtime, "__file__", str(file))
    assert runtime.environment()["revision"] is None
    _git(tmp_path, "init", "-q")
    assert runtime.environment()["revision"] is None  # a repository without a commit
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "-qm", "first")
    commit = _git(tmp_path, "rev-parse", "HEAD")
    assert runtime.environment()["revision"] == commit[:12]
    file.write_text("2")
    assert runtime.environment()["revision"] == commit[:12] + "+"


def test_a_machine_without_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert runtime.environment()["revision"] is None
