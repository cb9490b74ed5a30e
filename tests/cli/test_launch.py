"""`launch`: a verb in worker processes, whose result is that of one process."""

import functools
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from igam_tf import pretrained
from igam_tf.core import processes
from igam_tf.core.cluster import VARIABLE

from .. import tiny
from ..experiments import small
from .pipeline import VERBS, Pipeline
from .verbs import ROOT, require_one_line, run, wait_for

EVALUATE = ("evaluate", str(pretrained.path("igam")), "--num_examples=70", "--batch_size=10")
FLAGS = ("--attacks=pgd3,apgd2-ce,square20", "--statistics=moving,batch")


@pytest.mark.parametrize("flag", ["--size=3", "--batch_size=0"])
def test_a_mistake_in_the_verbs_flags_is_seen_before_a_worker_starts(
    flag: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(processes.subprocess, "Popen", None)
    assert run("launch", "--workers=2", "--", *EVALUATE, flag) == 2
    assert re.fullmatch(r"evaluate: [^\n]*size[^\n]*\n", capsys.readouterr().err)


@pytest.mark.parametrize("flags", [[], ["--strategy=mirrored", "--replicas=2"]])
@pytest.mark.parametrize("verb", VERBS)
def test_workers_that_would_each_train_the_whole_run_are_refused(
    verb: str,
    flags: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(processes.subprocess, "Popen", None)
    of_teacher = [] if verb == "train_robust" else ["--teacher=teacher"]
    arguments = ["--workers=2", "--", verb.replace("_", "-"), *of_teacher, *flags]
    message = f"{verb} needs --strategy=multi_worker, so that its workers train one model"
    assert require_one_line(capsys, "launch", arguments, message) == ""


def test_help_behind_the_dashes_is_the_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("launch", "--workers=2", "--", "train-student", "--help") == 0
    assert capsys.readouterr().out.startswith("train_student: ")
    assert run("launch", "--help") == 0
    assert "\nusage: launch [flags] -- VERB ...\n" in capsys.readouterr().out


def test_what_the_workers_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training goes on from its state after a restart; an evaluation finds its parts."""
    calls: list[Any] = []

    def record(group: processes.Workers, *arguments: Any) -> int:
        calls.append((len(group.environments), *arguments))
        return 7

    monkeypatch.setattr(processes.Workers, "run", record)
    assert run("launch", "--workers=3", "--restarts=5", "--", *EVALUATE) == 7
    train = ("train_robust", "--strategy=multi_worker")
    assert run("launch", "--workers=2", "--", *train) == 7
    assert calls == [
        (3, [*EVALUATE], [*EVALUATE], 5),
        (2, [*train], [*train, "--norestart", "--resume"], 3),
    ]


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `launch` in a process, which ends with the test."""
    launchers: list[subprocess.Popen[str]] = []

    def start_launcher(*arguments: str) -> subprocess.Popen[str]:
        launchers.append(
            subprocess.Popen(
                [sys.executable, str(ROOT / "bin/launch"), "--threads=1", *arguments],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                # A shell's background jobs ignore interruptions, and so would their children.
                preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
            )
        )
        return launchers[-1]

    yield start_launcher
    for launcher in launchers:
        if launcher.poll() is None:
            launcher.terminate()
        launcher.communicate()


def workers_of(launcher: subprocess.Popen[str]) -> list[int]:
    """The ids of a launcher's children, in the order of their tasks."""
    tasks: dict[int, int] = {}
    for place in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            variables = (place / "environ").read_bytes().split(b"\0")
        except OSError:  # it has ended meanwhile
            continue
        if parent == launcher.pid:
            for variable in variables:
                name, _, value = variable.decode().partition("=")
                if name == VARIABLE:
                    tasks[json.loads(value)["task"]["index"]] = int(place.name)
    return [tasks[index] for index in sorted(tasks)]


def without_time(record: pathlib.Path) -> str:
    """A record's text without threads, time and revision: a file may be saved meanwhile."""
    return re.sub(r'"(threads|time|revision)": [^,\n]*', "", record.read_text())


@pytest.mark.slow  # processes
def test_a_worker_is_killed_and_the_record_is_that_of_one_process(
    tmp_path: pathlib.Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    launcher = start("--workers=2", "--", *EVALUATE, *FLAGS, f"--output={two}")
    share = tmp_path / "two.json.parts/shard-2-of-2"
    wait_for(lambda: list(share.glob("[!t]*.npz")))
    first = workers_of(launcher)
    os.kill(first[1], signal.SIGKILL)
    text, errors = launcher.communicate()
    assert launcher.returncode == 0, errors
    assert text.startswith("n = 70, pixels in [0, 255], batches of 10, seed 0\n")
    assert text.count("n = 70") == 1
    assert "launch: worker 2 of 2 was killed by SIGKILL\n" in errors
    assert errors.endswith("launch: all workers start again (restart 1 of 3)\n")
    assert not [process for process in first if pathlib.Path(f"/proc/{process}").exists()]
    assert run(*EVALUATE, *FLAGS, f"--output={one}") == 0
    assert without_time(two) == without_time(one)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.json", "two.json"]


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


@pytest.mark.parametrize(  # two workers, one of which is killed, then two again
    ("verb", "victim"),
    [
        pytest.param(verb, victim, marks=pytest.mark.slow if verb == "train_student" else tiny.LONG)
        for verb, victim in [*((verb, 1) for verb in VERBS), ("train_robust", 0)]
    ],
)
def test_a_worker_is_killed_and_the_run_is_that_of_two_replicas_in_one_process(
    verb: str,
    victim: int,
    pipeline: Pipeline,
    tmp_path: pathlib.Path,
    start: Callable[..., subprocess.Popen[str]],
) -> None:
    flags, directory = [*pipeline.flags_of(verb), *EXTRA_FLAGS[verb]], tmp_path / "workers"
    line = (verb, *flags, "--strategy=multi_worker", f"--run_dir={directory}")
    launcher = start("--workers=2", "--", *line)
    wait_for((directory / "state/epoch-1").exists)
    assert not (directory / "model.keras").exists()
    os.kill(workers_of(launcher)[victim], signal.SIGKILL)
    mirrored = [*flags, "--strategy=mirrored", "--replicas=2", f"--run_dir={tmp_path / 'whole'}"]
    subprocess.run(
        [sys.executable, str(ROOT / "bin" / verb), *mirrored],
        env={**os.environ, "TF_NUM_INTRAOP_THREADS": "1"},  # workers have one, which fixes rounding
        capture_output=True,
        check=True,
    )
    text, errors = launcher.communicate()
    assert launcher.returncode == 0, errors
    assert f"launch: worker {victim + 1} of 2 was killed by SIGKILL\n" in errors
    assert errors.endswith("launch: all workers start again (restart 1 of 3)\n")
    assert text.count(", resumed at ") == 1
    assert text.splitlines()[-1] == f"done: {directory / 'model.keras'}"
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


@pytest.mark.slow  # processes
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_launcher_and_leaves_no_orphan(
    tmp_path: pathlib.Path, start: Callable[..., subprocess.Popen[str]], number: int
) -> None:
    output = f"--output={tmp_path / 'record.json'}"
    launcher = start("--workers=2", "--", *EVALUATE, "--attacks=square100000", output)
    wait_for((tmp_path / "record.json.parts/shard-2-of-2").exists)
    children = workers_of(launcher)
    assert len(children) == 2
    launcher.send_signal(number)
    launcher.communicate()
    assert launcher.returncode == 128 + number
    assert not [process for process in children if pathlib.Path(f"/proc/{process}").exists()]


@pytest.mark.slow  # processes
def test_bad_input_of_the_workers_is_one_line(
    tmp_path: pathlib.Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    for flags, message in (
        ([], r"shards: 1/2 needs a directory .*--output\)"),
        ([f"--output={tmp_path / 'x.json'}", "--shards=1/2"], "shards: the workers of TF_CONFIG "),
    ):
        launcher = start("--workers=2", "--", *EVALUATE, *flags)
        text, errors = launcher.communicate()
        assert (launcher.returncode, text) == (2, "")
        assert re.fullmatch(f"evaluate: [^\n]*{message}[^\n]*\n", errors), errors
    assert not list(tmp_path.iterdir())


@pytest.mark.slow  # six evaluations
def test_shards_by_hand(
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The last makes the record, or a call without the flag; also images, report, diagnosis."""
    monkeypatch.delenv(VARIABLE, raising=False)
    more = ["--format=md", f"--report={tmp_path / 'report.md'}"]
    more += ["--diagnose"] * tiny.IS_LONG  # a minute for each record
    images = f"--save_adversarial={tmp_path / 'images.npz'}"
    line = (*EVALUATE[:2], "--num_examples=25", "--batch_size=10", "--attacks=pgd2", *more, images)
    assert run(*line, f"--output={tmp_path / 'one.json'}") == 0
    whole = (tmp_path / "report.md").read_text()
    (tmp_path / "report.md").unlink()
    capsys.readouterr()
    output = f"--output={tmp_path / 'two.json'}"
    for shards, missing in (("3/3", "1/3, 2/3"), ("1/3", "2/3")):
        assert run(*line, output, f"--shards={shards}") == 0
        assert capsys.readouterr().out == (
            f"shard {shards}: stored in {tmp_path / 'two.json.parts'}; the record needs {missing}\n"
        )
    require_one_line(
        capsys, "evaluate", [*line[1:], output, "--shards=1/2"], "unfinished evaluation with other"
    )
    assert not (tmp_path / "report.md").exists()
    assert run(*line, output, "--shards=2/3") == 0
    assert without_time(tmp_path / "two.json") == without_time(tmp_path / "one.json")
    report = (tmp_path / "report.md").read_text()
    assert "--shards" not in report
    date = re.compile(r"\d{4}-\d\d-\d\dT[\d:+]+|revision \w+\+?")
    assert date.sub("", report) == date.sub("", whole)
