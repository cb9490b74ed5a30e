"""The training commands: flags to runs, places, divergence, kill and resume."""

import csv
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest

from igam_tf.core import settings
from igam_tf.experiments import runs, trained
from igam_tf.experiments.configs import (
    Adversary,
    Data,
    FinetuneRun,
    Network,
    RobustRun,
    Schedule,
    StudentRun,
)

from .. import tiny
from ..experiments import small
from .pipeline import STUDENT_FLAGS, TEACHER_FLAGS, Pipeline
from .verbs import ROOT, require_one_line, run


def test_the_flags_are_the_runs_configuration(pipeline: Pipeline) -> None:
    adversary = Adversary("25/255", "0.05", 1, 3)
    schedule = Schedule(5, 8, (0.001, 0.0001), (3,), "adam")
    network = Network("mnist_cnn", channels=(8, 16), hidden=64)
    robust = RobustRun(
        Data("shapes28", 32, False), network, schedule, adversary, weight_decay=0.0, seed=3
    )
    assert runs.read_config(pipeline.teacher) == robust
    assert runs.read_config(pipeline.finetuned) == FinetuneRun(
        Data("shapes32", 32),
        trained.weights(pipeline.teacher),
        Schedule(5, 8, (0.001,), (), "adam"),
        ("mean", "crop:28", "scale:1/255"),
        statistics="moving",
        seed=3,
    )
    assert runs.read_config(pipeline.student) == StudentRun(
        Data("shapes32", 32, True, 8.0),
        Network("wide_resnet", 1, 1),
        trained.weights(pipeline.finetuned),
        Schedule(14, 8, (0.05,)),
        lambda_adv=0.5,
        lambda_diff=100.0,
        steps_before_matching=6,
        disc_every=2,
        disc_layers=2,
        disc_channels=2,
        gradient_crop=28,
        diff_reduction="mean",
        seed=3,
    )


def test_the_digest_names_the_run_directory(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path
) -> None:
    arguments = [*TEACHER_FLAGS, f"--runs_dir={tmp_path}"]
    assert run("train_robust", *arguments) == 0
    digest = settings.digest(runs.read_config(pipeline.teacher))
    directory = tmp_path / f"train_robust-{digest}"
    text, errors = capsys.readouterr()
    assert errors == ""
    assert text.splitlines()[0] == f"{directory.name}: train_robust on shapes28, 5 iterations"
    assert text.splitlines()[-1] == f"done: {directory / 'model.keras'}"
    assert tiny.equal(small.values(directory), small.values(pipeline.teacher))
    message = f"run_dir: {directory} holds this run, finished: {directory}/model.keras"
    assert require_one_line(capsys, "train_robust", arguments, message) == ""


def test_a_run_that_diverges(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    schedule = ["--steps=8", "--learning_rates=0.001,1e30", "--optimizer=momentum"]
    arguments = [*TEACHER_FLAGS, *schedule, "--attack_steps=0", f"--run_dir={tmp_path}"]
    assert run("train_robust", *arguments) == 1
    text, errors = capsys.readouterr()
    assert re.fullmatch("train_robust: training diverged: [^\n]*\n", errors)
    assert "Traceback" not in text
    assert {file.name for file in (tmp_path / "state").iterdir()} == {"epoch-0", "epoch-1"}


def history(directory: pathlib.Path) -> list[dict[str, str]]:
    file = directory / "history.csv"
    return list(csv.DictReader(file.read_text().splitlines())) if file.exists() else []


@pytest.mark.slow  # one process trains and is killed, another one resumes
def test_a_killed_run_resumes_to_the_same_weights(
    pipeline: Pipeline, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The process is killed before the matching begins."""
    directory = tmp_path / "student"
    arguments = [*STUDENT_FLAGS, f"--teacher={pipeline.finetuned}", f"--run_dir={directory}"]
    line = [sys.executable, ROOT / "bin/train_student", *arguments]
    with subprocess.Popen(
        line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            deadline = time.monotonic() + 240
            while not (directory / "state/epoch-1").exists():
                assert process.poll() is None, process.stderr.read()
                assert time.monotonic() < deadline
                time.sleep(0.01)
            time.sleep(0.05)
        finally:
            process.kill()
        assert process.wait() == -signal.SIGKILL
    assert not (directory / "model.keras").exists()
    assert 1 <= len(history(directory)) < 4
    message = f"run_dir: {directory} holds this run, interrupted; --resume goes on with it, "
    message += "--restart begins it anew"
    text = require_one_line(capsys, "train_student", arguments, message)
    assert re.fullmatch(
        "student: its lock is taken over from process [0-9]+ on [^\n]*, which has ended\n", text
    )
    resumed = subprocess.run(
        [*line, "--resume"], capture_output=True, text=True, check=True, timeout=300
    )
    assert resumed.stderr == ""
    assert re.search(r", resumed at (4|8|12)$", resumed.stdout.splitlines()[0])
    for name in ("model.keras", "discriminator.keras"):
        assert tiny.equal(small.values(directory / name), small.values(pipeline.student / name))
    assert history(directory) == history(pipeline.student)
    assert [row["epoch"] for row in history(directory)] == ["1", "2", "3", "4"]
    assert not (directory / "state").exists()
