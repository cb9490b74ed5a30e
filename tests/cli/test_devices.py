"""--strategy of the training commands: mistakes, and workers that are killed and start again."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

import pytest

from .. import tiny
from ..experiments import small
from .pipeline import FINETUNE_FLAGS, STUDENT_FLAGS, TEACHER_FLAGS, Pipeline
from .verbs import ROOT, require_one_line

VERBS = {
    "train_robust": TEACHER_FLAGS,
    "finetune_teacher": FINETUNE_FLAGS,
    "train_student": STUDENT_FLAGS,
}
TWO_WORKERS = json.dumps(
    {"cluster": {"worker": ["localhost:1", "localhost:2"]}, "task": {"type": "worker", "index": 0}}
)
MISTAKES = {
    "sync_batchnorm: it needs --strategy=mirrored or multi_worker": ["--sync_batchnorm"],
    "replicas: it needs --strategy=mirrored or multi_worker": ["--replicas=2"],
    "strategy: expected one of none, mirrored, multi_worker, got 'tpu'": ["--strategy=tpu"],
    "batch_size: 2 replicas do not divide a batch of 7": ["--strategy=mirrored", "--batch_size=7"],
    "jit: XLA is not supported with --strategy=mirrored": ["--strategy=mirrored", "--jit"],
    "replicas: expected at most 2, the CPU devices": ["--strategy=mirrored", "--replicas=3"],
    "strategy: multi_worker needs TF_CONFIG": ["--strategy=multi_worker"],
    "TF_CONFIG: not JSON": ["--strategy=multi_worker"],
    "strategy: TF_CONFIG has 2 workers, expected multi_worker, got none": [],
}


def flags_of(verb: str, pipeline: Pipeline) -> list[str]:
    of_teacher = [] if verb == "train_robust" else [f"--teacher={pipeline.teacher}"]
    return [*VERBS[verb], *of_teacher]


@pytest.mark.parametrize("message", MISTAKES)
@pytest.mark.parametrize("verb", VERBS)
def test_a_mistake_is_one_line_and_writes_nothing(
    verb: str,
    message: str,
    pipeline: Pipeline,
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if "TF_CONFIG" in message and "needs" not in message:
        monkeypatch.setenv("TF_CONFIG", "{" if "JSON" in message else TWO_WORKERS)
    arguments = [*flags_of(verb, pipeline), *MISTAKES[message], f"--run_dir={tmp_path / 'run'}"]
    assert require_one_line(capsys, verb, arguments, message) == ""
    assert not list(tmp_path.iterdir())


def _environment(**changes: str) -> dict[str, str]:
    """Of processes that compute the same to the last bit."""
    return {**os.environ, "TF_NUM_INTRAOP_THREADS": "1", **changes}


def _line(verb: str, flags: Sequence[str]) -> list[str]:
    return [sys.executable, str(ROOT / "bin" / verb), *flags]


def _free_addresses(count: int) -> list[str]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("localhost", 0))
    addresses = [f"localhost:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    return addresses


def _start(verb: str, flags: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """Two workers; the chief is the first."""
    addresses = _free_addresses(2)
    for index in range(2):
        task = {"type": "worker", "index": index}
        config = json.dumps({"cluster": {"worker": addresses}, "task": task})
        yield subprocess.Popen(
            _line(verb, [*flags, "--strategy=multi_worker", "--resume"]),
            env=_environment(TF_CONFIG=config),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def _ends(processes: Sequence[subprocess.Popen[str]]) -> list[tuple[int, str, str]]:
    """Exit code, output and errors of each."""
    try:
        texts = [process.communicate(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    codes = [process.returncode for process in processes]
    return [(code, *text) for code, text in zip(codes, texts, strict=True)]


EXTRA_FLAGS = {
    "train_robust": [
        *("--steps=20", "--boundaries=11", "--ema=0.9", "--best_weights", "--validation=0.25"),
        *("--validation_attack=pgd2", "--validation_examples=5"),
    ],
    "finetune_teacher": ["--steps=50"],
    # The discriminator has BatchNorm. A student like its teacher is traced in a few seconds.
    "train_student": [
        *("--steps=30", "--steps_before_matching=10", "--sync_batchnorm"),
        *("--dataset=shapes28", "--network=mnist_cnn", "--channels=2,3", "--hidden=8"),
    ],
}


@pytest.mark.slow  # two workers, one of which is killed, then two again
@pytest.mark.parametrize(("verb", "victim"), [*((verb, 1) for verb in VERBS), ("train_robust", 0)])
def test_workers_that_start_again_train_like_two_replicas_of_one_process(
    verb: str, victim: int, pipeline: Pipeline, tmp_path: pathlib.Path
) -> None:
    flags, directory = [*flags_of(verb, pipeline), *EXTRA_FLAGS[verb]], tmp_path / "workers"
    mirrored = [*flags, "--strategy=mirrored", "--replicas=2", f"--run_dir={tmp_path / 'whole'}"]
    subprocess.run(_line(verb, mirrored), env=_environment(), capture_output=True, check=True)

    processes = list(_start(verb, [*flags, f"--run_dir={directory}"]))
    deadline = time.monotonic() + 240
    while not (directory / "state/checkpoint").exists() and time.monotonic() < deadline:
        assert all(process.poll() is None for process in processes)
        time.sleep(0.01)
    processes[victim].kill()
    ends = _ends(processes)
    assert ends[victim][0] == -9
    code, _, errors = ends[1 - victim]
    assert (code, errors.count("\n")) == (75, 1)
    assert errors.startswith(f"{verb}: another worker of TF_CONFIG has ended; start all again with")
    assert not (directory / "model.keras").exists()

    (code, text, errors), follower = _ends(list(_start(verb, [*flags, f"--run_dir={directory}"])))
    assert (code, errors) == (0, "")
    assert ", resumed at " in text.splitlines()[0]
    assert text.splitlines()[-1] == f"done: {directory / 'model.keras'}"
    assert follower == (0, "", "")
    for file in (tmp_path / "whole").glob("*.keras"):
        assert tiny.equal(small.values(directory / file.name), small.values(file))
    history = (directory / "history.csv").read_bytes()
    assert history == (tmp_path / "whole/history.csv").read_bytes()
    assert not (directory / "state").exists()
    environment = json.loads((directory / "environment.json").read_text())
    assert environment["distribution"] == {
        "strategy": "multi_worker",
        "replicas": 2,
        "workers": 2,
        "batch_norm": "synchronised" if "--sync_batchnorm" in flags else "per replica",
    }
