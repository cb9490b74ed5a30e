"""`reproduce_table --rehearse`: its lines, exit codes and the flags that it refuses."""

import functools
import pathlib
import signal
import subprocess
import sys

import pytest

from igam_tf.experiments import rehearsal
from igam_tf.experiments.configs import Table, Weights
from igam_tf.experiments.options import Options
from igam_tf.experiments.rehearsal import RowOutcome

from .verbs import ROOT, require_one_line, run, wait_for

FLAGS = ["--table=1", "--preset=paper", "--rehearse"]
PASSED, FAILED = (
    RowOutcome("Standard", "passed", 4.2),
    RowOutcome("FT-MNIST", "failed", 1.0, "broken"),
)
MISSING, ABSENT = RowOutcome("A", "data missing", 0.0, "no mnist"), RowOutcome("B", "absent")


@pytest.mark.parametrize(
    ("outcomes", "summary", "error"),
    [
        ([PASSED], "1 of 1 rows passed", ""),
        ([PASSED, ABSENT], "1 of 1 rows passed", ""),
        ([PASSED, FAILED, ABSENT], "1 of 2 rows passed", "1 of 2 rows did not pass"),
        ([MISSING, PASSED], "1 of 2 rows passed", "1 of 2 rows did not pass"),
    ],
)
def test_the_summary_and_the_exit_code(
    outcomes: list[RowOutcome],
    summary: str,
    error: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(rehearsal, "rehearse", lambda *_: outcomes)
    assert run("reproduce_table", *FLAGS) == bool(error)
    text, errors = capsys.readouterr()
    assert text.splitlines()[-1].startswith(f"{summary} in ")
    assert errors == (f"reproduce_table: rehearse: {error}\n" if error else "")


def test_seeds_rows_and_width_reach_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path
) -> None:
    calls = []

    def rehearse(
        table: Table,
        options: Options,
        rows: tuple[str, ...],
        weights: dict[str, Weights],
        width: int | None,
    ) -> list[RowOutcome]:
        calls.append((table.scoring.seed, options.runs_dir, rows, weights, width))
        return [PASSED]

    monkeypatch.setattr(rehearsal, "rehearse", rehearse)
    flags = ["--seed=3,4", "--rows=Standard", "--width=2", f"--runs_dir={tmp_path}"]
    assert run("reproduce_table", *FLAGS, *flags) == 0
    assert calls == [(seed, tmp_path, ("Standard",), {}, 2) for seed in (3, 4)]
    assert "Seed 3\nSeed 4\n2 of 2 rows passed in " in capsys.readouterr().out


def test_lines_of_outcomes() -> None:
    assert FAILED.line() == "failed        FT-MNIST  1 s: broken"
    assert MISSING.line() == "data missing  A: no mnist"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([*FLAGS, "--jobs=2"], "jobs: not with --rehearse, which keeps nothing"),
        ([*FLAGS, "--list"], "list: not with --rehearse"),
        ([*FLAGS, "--dry_run"], "dry_run: not with --rehearse"),
        ([*FLAGS, "--num_examples=4"], "num_examples: not with --rehearse"),
        ([*FLAGS, "--statistics=batch"], "statistics: not with --rehearse"),
        ([*FLAGS, "--format=html"], "format: not with --rehearse"),
        ([*FLAGS, "--rows=Best"], "rows: table 1 has Standard, .*, not Best"),
        ([*FLAGS, "--width=0"], "width: expected"),
        (["--width=2"], "width: needs --rehearse"),
    ],
)
def test_mistakes(
    flags: list[str], message: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    require_one_line(capsys, "reproduce_table", [*flags, f"--runs_dir={tmp_path}"], message)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_leaves_nothing(
    number: signal.Signals, code: int, tmp_path: pathlib.Path
) -> None:
    places = tmp_path / "new" / "runs"
    command = [sys.executable, str(ROOT / "bin" / "reproduce_table")]
    flags = ["--table=1", "--preset=demo", "--rehearse", f"--runs_dir={places}"]
    with subprocess.Popen(
        [*command, *flags],
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background ignores interruptions.
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    ) as process:
        wait_for(lambda: list(places.glob("rehearsal-*/train_robust-*")))
        process.send_signal(number)
        assert process.wait(60) == code
        assert process.stderr is not None
        assert "reproduce_table: interrupted" in process.stderr.read()
    assert not list(tmp_path.iterdir())
