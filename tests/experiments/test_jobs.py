"""Rows in several processes: the order of the work, the same results, interruptions."""

import contextlib
import dataclasses
import functools
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent import futures

import pytest

from igam_tf.core.errors import InputError
from igam_tf.experiments import jobs, runs
from igam_tf.experiments.configs import Absent, Schedule, Scoring, Table
from igam_tf.experiments.jobs import Job
from igam_tf.experiments.options import Options
from igam_tf.experiments.reproduce import Result, reproduce

from . import small

BIN = pathlib.Path(__file__).resolve().parents[2] / "bin"
SCORING = Scoring("shapes28", 12, ("fgsm", "pgd2"), batch_size=5, seed=3)
STANDARD = dataclasses.replace(small.ROBUST, adversary=None)
ROWS = {
    "Standard": STANDARD,
    "FT": small.FINETUNED,
    "Wild": dataclasses.replace(small.ROBUST, schedule=Schedule(6, 8, (1e30,))),
    "Absent": Absent("has no data"),
    "IGAM": small.STUDENT,
}
TABLE = Table("1", "tiny", "a tiny table", ROWS, SCORING)


def name_of(run: object, options: Options) -> str:
    return str(runs.directory_of(run, options))  # type: ignore[arg-type]  # of the rows above


def test_runs_that_rows_share_come_before_their_rows(tmp_path: pathlib.Path) -> None:
    options = small.options(tmp_path)
    by_name = jobs.jobs_of(ROWS, SCORING, options, lambda row: {row: Result(None, row)})
    source, teacher = name_of(small.ROBUST, options), name_of(small.FINETUNED, options)
    assert set(by_name) == {*ROWS, source, teacher}
    teachers = {name: set(job.teachers) for name, job in by_name.items() if job.teachers}
    assert teachers == {"FT": {source, teacher}, "IGAM": {source, teacher}, teacher: {source}}
    assert by_name["FT"].call() == {"FT": Result(None, "FT")}


def test_a_shared_run_counts_with_its_longest_row(tmp_path: pathlib.Path) -> None:
    options = small.options(tmp_path)
    by_name = jobs.jobs_of(ROWS, SCORING, options, lambda row: {})
    passes = {name: job.passes for name, job in by_name.items()}
    source, teacher = name_of(small.ROBUST, options), name_of(small.FINETUNED, options)
    assert passes[source] > passes[teacher] > passes["IGAM"] > passes["FT"]
    assert passes["Wild"] > passes["Standard"] > passes["Absent"] == 0


@contextlib.contextmanager
def threads(number: int) -> Iterator[futures.ThreadPoolExecutor]:
    with futures.ThreadPoolExecutor(number) as pool:
        yield pool


def test_the_longest_task_begins_first_and_teachers_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order = []

    def call(name: str) -> Mapping[str, Result]:
        order.append(name)
        return {name: Result(None, name)} if name.isupper() else {}

    monkeypatch.setattr(jobs, "process_pool", threads)
    plan = {"A": (5.0, ""), "B": (9.0, "t"), "C": (7.0, ""), "t": (6.0, "s"), "s": (1.0, "")}
    results = jobs._results(
        1,
        {
            name: Job(lambda name=name: call(name), passes, frozenset(teachers))
            for name, (passes, teachers) in plan.items()
        },
    )
    assert order == ["C", "A", "s", "t", "B"]
    assert results == {name: Result(None, name) for name in "CAB"}


@pytest.mark.slow
def test_processes_train_and_score_what_one_does(tmp_path: pathlib.Path) -> None:
    one = reproduce(TABLE, Options(tmp_path / "one"))
    several = jobs.reproduce_in_processes(2, TABLE, Options(tmp_path / "several"))
    assert list(several) == list(one)
    for row in ROWS:
        assert several[row].note == one[row].note
        if record := one[row].record:
            assert several[row].record.results == record.results
            assert several[row].directory.name == one[row].directory.name
    assert several["Wild"].note.startswith("training diverged: ")
    some = jobs.reproduce_in_processes(2, TABLE, Options(tmp_path / "several"), ("IGAM",))
    assert some["IGAM"] == several["IGAM"]
    assert some["FT"].note == "not asked for (--rows)"


class Exits:
    """A progress callback whose process ends at once, as if it were killed."""

    def __init__(self, row: str) -> None:
        os._exit(9)


@pytest.mark.slow
def test_a_killed_process_is_one_error(tmp_path: pathlib.Path) -> None:
    table = dataclasses.replace(TABLE, rows={"Standard": STANDARD})
    with pytest.raises(InputError, match=r"^jobs: a process of 2 was killed, which can mean"):
        jobs.reproduce_in_processes(2, table, Options(tmp_path), progress=Exits)
    assert runs.is_finished(runs.directory_of(STANDARD, Options(tmp_path)))


def states(runs_dir: pathlib.Path) -> set[pathlib.Path]:
    """The directories with a saved state."""
    return {file.parent for file in runs_dir.glob("*/state/epoch-*")}


@pytest.mark.slow
def test_an_interruption_ends_all_processes_and_keeps_their_states(tmp_path: pathlib.Path) -> None:
    command = [sys.executable, str(BIN / "reproduce_table"), "--jobs=2", f"--runs_dir={tmp_path}"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs ignore interruptions, and so would their children.
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    try:
        deadline = time.monotonic() + 300
        while not (before := states(tmp_path)):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()  # ends when no process writes to it any more
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "reproduce_table: interrupted"
    assert "Traceback" not in errors
    assert states(tmp_path) >= before
