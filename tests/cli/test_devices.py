"""--strategy of the training commands: mistakes, who writes, and the end of a worker."""

import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator, Sequence

import pytest

from igam_tf.core.processes import free_ports

from .pipeline import VERBS, Pipeline
from .verbs import ROOT, require_one_line, wait_for

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
    arguments = [*pipeline.flags_of(verb), *MISTAKES[message], f"--run_dir={tmp_path / 'run'}"]
    assert require_one_line(capsys, verb, arguments, message) == ""
    assert not list(tmp_path.iterdir())


def _start(
    verb: str, flags: Sequence[str], directories: Sequence[pathlib.Path]
) -> Iterator[subprocess.Popen[str]]:
    """A worker for each directory; the chief is the first."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(len(directories))]
    for index, directory in enumerate(directories):
        task = {"type": "worker", "index": index}
        config = json.dumps({"cluster": {"worker": addresses}, "task": task})
        line = [str(ROOT / "bin" / verb), *flags, "--strategy=multi_worker"]
        yield subprocess.Popen(
            [sys.executable, *line, f"--run_dir={directory}"],
            env={**os.environ, "TF_CONFIG": config},
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


@pytest.mark.slow  # two workers
@pytest.mark.parametrize("victim", [None, 0, 1])
def test_only_the_chief_writes_and_no_worker_goes_on_alone(
    victim: int | None, pipeline: Pipeline, tmp_path: pathlib.Path
) -> None:
    """Each worker has a directory of its own, so that a file of the second one would be seen."""
    directories = [tmp_path / "chief", tmp_path / "second"]
    flags = [*pipeline.flags_of("train_robust"), "--steps=20", "--boundaries=11", "--ema=0.9"]
    processes = list(_start("train_robust", flags, directories))
    if victim is not None:
        wait_for((directories[0] / "state/epoch-1").exists)
        processes[victim].kill()
    ends = _ends(processes)
    assert not directories[1].exists()
    assert (directories[0] / "model.keras").exists() == (victim is None)
    if victim is None:
        assert ends[0][::2] == (0, "")
        assert ends[0][1].splitlines()[-1] == f"done: {directories[0] / 'model.keras'}"
        assert ends[1] == (0, "", "")
        return
    assert ends[victim][0] == -9
    code, _, errors = ends[1 - victim]
    assert (code, errors.count("\n")) == (75, 1)
    assert errors.startswith("train_robust: another worker of TF_CONFIG has ended; start all again")
