"""The progress of evaluations and diagnoses, on standard error."""

import io
import re
import sys

import pytest

from igam_tf import report
from igam_tf.core import progress_bar
from igam_tf.evaluation import diagnostics, evaluate
from igam_tf.evaluation.stages import StageProgress

from .. import tiny

X, Y = tiny.batch(6)
AMOUNTS = {"epsilon": "8/255", "step_size": "2/255"}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_each_attack_and_probe_has_a_line_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    record = evaluate(
        tiny.classifier(),
        (X, Y),
        attacks=("fgsm", "pgd2"),
        batch_size=4,
        progress=report.progress("a model"),
        **AMOUNTS,
    )
    fgsm, pgd2, _ = (line.split("\r")[-1] for line in sys.stderr.getvalue().split("\n"))
    for name, line in (("fgsm", fgsm), ("pgd2", pgd2)):
        accuracy = f"{100 * record.accuracy(name):.1f} %"
        assert re.fullmatch(
            rf"a model \(moving, {name}\) 6/6 .* 00:00 left, accuracy={accuracy} *", line
        )


@pytest.mark.slow
def test_without_a_terminal_there_are_lines_at_intervals(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run() -> str:
        diagnostics.diagnose(
            tiny.classifier(), (X, Y), steps=1, queries=1, progress=report.progress("a model")
        )
        return capsys.readouterr().err

    assert run() == ""
    monkeypatch.setattr(progress_bar, "LINE_SECONDS", 0.0005)
    lines = run().splitlines()
    assert lines
    pattern = r"a model \([^()]+( \(\w+\))?\): [06] of 6 examples, [\d:]+ elapsed, .* left.*"
    assert all(re.fullmatch(pattern, line) for line in lines)


def test_callbacks_know_stages_or_only_finished_batches() -> None:
    assert isinstance(report.progress("a model"), StageProgress)
    assert not isinstance(print, StageProgress)
