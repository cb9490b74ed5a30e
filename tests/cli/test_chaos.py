"""Processes killed at random instants end with the bytes of an undisturbed one."""

import functools
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import pytest

from .. import tiny
from ..experiments import small
from .pipeline import Pipeline
from .verbs import ROOT, wait_for

KILLS = 20 if tiny.IS_LONG else 2
EARLY = 0.25  # share of the kills before any progress: at the start, or while a state is read
EARLY_SECONDS = 8.0
LATE_SECONDS = 0.25  # from the first progress, which takes tens of milliseconds, to the kill
# Long enough for the kills, each of which lets some epochs of tens of milliseconds pass.
STEPS = {
    "train_robust": 4000 if tiny.IS_LONG else 400,
    "finetune_teacher": 2000,
    "train_student": 400,
}
ATTACKS = (
    *("fgsm", "pgd3", "pgd2-margin-x2", "pgd2-l2", "apgd3-ce", "apgd3-dlr", "apgd2-t-x2"),
    *("apgd3-ce-l2", "fab2", "fab2-l2", "square20", "square20-l2", "strong"),
)
ENVIRONMENT = {**os.environ, "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}


def _start(line: Sequence[str], log: pathlib.Path) -> "subprocess.Popen[bytes]":
    with log.open("ab") as stream:
        return subprocess.Popen(
            [sys.executable, str(ROOT / "bin" / line[0]), *line[1:]],
            stdout=stream,
            stderr=stream,
            env=ENVIRONMENT,
        )


def _survive(
    line: Sequence[str], place: pathlib.Path, result: pathlib.Path, log: pathlib.Path, seed: int
) -> str:
    """Kills a command at random instants, then lets it end; returns its output.

    Args:
      place: the directory whose files show progress.
      result: the command's last file.
      log: takes the output.
      seed: of the instants.
    """
    instants = random.Random(seed)
    for _ in range(KILLS):
        before = _whole_names(place)
        process = _start(line, log)
        if instants.random() < EARLY:
            time.sleep(instants.uniform(0, EARLY_SECONDS))
        else:
            wait_for(functools.partial(_has_moved, place, before, process))
            time.sleep(instants.uniform(0, LATE_SECONDS))
        process.kill()
        assert process.wait() == -signal.SIGKILL, log.read_text()[-2000:]
        assert not result.exists()
    assert _start(line, log).wait() == 0, log.read_text()[-2000:]
    return log.read_text()


def _has_moved(place: pathlib.Path, before: set[str], process: "subprocess.Popen[bytes]") -> bool:
    return _whole_names(place) != before or process.poll() is not None


def _whole_names(place: pathlib.Path) -> set[str]:
    return {name for name in _names(place) if not name.startswith("tmp-")}


def _names(place: pathlib.Path) -> set[str]:
    return {path.name for path in place.iterdir()} if place.exists() else set()


@pytest.mark.parametrize(  # processes, for minutes
    "verb",
    [
        pytest.param("train_robust", marks=pytest.mark.slow),
        pytest.param("finetune_teacher", marks=tiny.LONG),
        pytest.param("train_student", marks=tiny.LONG),
    ],
)
def test_a_training_survives(verb: str, pipeline: Pipeline, tmp_path: pathlib.Path) -> None:
    flags = [*pipeline.flags_of(verb), f"--steps={STEPS[verb]}", "--resume"]
    if verb == "train_student":
        flags.append(f"--teacher={pipeline.finetuned}")
    whole, directory = tmp_path / "whole", tmp_path / "run"
    assert _start([verb, *flags, f"--run_dir={whole}"], tmp_path / "log").wait() == 0
    line = [verb, *flags, f"--run_dir={directory}"]
    text = _survive(line, directory / "state", directory / "model.keras", tmp_path / "kills", 1)
    assert "Traceback" not in text
    assert text.count(", resumed at ") >= max(1, KILLS // 4)
    assert (directory / "history.csv").read_bytes() == (whole / "history.csv").read_bytes()
    for file in whole.glob("*.keras"):
        assert tiny.equal(small.values(directory / file.name), small.values(file))
    assert _names(directory) == _names(whole)


@pytest.mark.slow  # processes, for minutes
def test_an_evaluation_survives(pipeline: Pipeline, tmp_path: pathlib.Path) -> None:
    flags = [str(pipeline.teacher), f"--attacks={','.join(ATTACKS)}", "--batch_size=2"]
    flags += ["--num_examples=24", "--statistics=moving,batch"]
    whole, output = tmp_path / "whole.json", tmp_path / "parts/record.json"
    output.parent.mkdir()
    assert _start(["evaluate", *flags, f"--output={whole}"], tmp_path / "log").wait() == 0
    parts = output.with_name("record.json.parts")
    line = ["evaluate", *flags, f"--output={output}"]
    assert "Traceback" not in _survive(line, parts, output, tmp_path / "kills", 2)
    assert _content(output) == _content(whole)
    assert _names(output.parent) == {"record.json"}


def _content(path: pathlib.Path) -> dict[str, Any]:
    """A record without the time that it was made at."""
    record: dict[str, Any] = json.loads(path.read_text())
    del record["environment"]["time"]
    return record
