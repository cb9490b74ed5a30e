"""`selfcheck` passes on this machine, and fails on each fault that a test plants."""

import functools
import json
import pathlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

from igam_tf.cli import selfcheck as verb
from igam_tf.selfcheck import CHECKS, checking, second_derivatives
from igam_tf.selfcheck.device_modes import DeviceMode
from igam_tf.selfcheck.findings import CheckFinding
from igam_tf.selfcheck.matching_step import MatchingParts, MatchingStep, normalized_network

from ..cli.verbs import ROOT
from .faults import FAULTS


@pytest.mark.slow
@pytest.mark.parametrize("name", ["batch_norm", "igam_step", "replicas", "attack"])
def test_this_machine_passes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert verb.main([f"--checks={name}"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("PASS  ")
    assert "0 FAIL" in text
    if name != "attack":  # whose WARN says that the machine is busy
        assert "0 WARN" in text


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*stock BatchNormalization layers")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(
    fault: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    check, argument, parts = FAULTS[fault]
    faulty = functools.partial(checking.all_checks, **{argument: parts})
    monkeypatch.setattr(checking, "all_checks", faulty)
    assert verb.main([f"--checks={check}"]) == 1
    assert "FAIL  " in capsys.readouterr().out


@pytest.mark.slow
def test_a_process_of_one_device_starts_another_for_two_replicas() -> None:
    process = subprocess.run(
        [sys.executable, ROOT / "bin" / "selfcheck", "--checks=environment,replicas"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert "\nPASS  two replicas (CPUs): " in process.stdout


@pytest.mark.slow
def test_a_second_device_computes_by_itself() -> None:
    """The second logical device of the CPU stands for a GPU."""
    parts, mode = (
        MatchingParts(normalized_network, normalized_network),
        DeviceMode("CPU:1", "float32"),
    )
    step = MatchingStep(parts, mode)
    assert {each.value.device[-5:] for each in step.trainer.variables} == {"CPU:1"}
    checks = second_derivatives.check("step", parts, [mode])
    assert [finding.status for finding in checks] == ["PASS"] * 3


def _findings(*statuses: str) -> Iterator[CheckFinding]:
    for status in statuses:
        yield CheckFinding(status, "subject", "evidence", {"figure": 1.0})


@pytest.mark.parametrize(
    ("statuses", "code"), [(["PASS"], 0), (["PASS", "WARN"], 0), (["PASS", "FAIL", "PASS"], 1)]
)
def test_the_exit_code_says_whether_a_check_fails(
    statuses: list[str],
    code: int,
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        checking, "all_checks", lambda _: dict.fromkeys(CHECKS, lambda: _findings(*statuses))
    )
    path = tmp_path / "selfcheck.json"
    assert verb.main(["--checks=attack", f"--output={path}"]) == code
    text = capsys.readouterr().out
    assert text.splitlines()[:-2] == [f"{status}  subject: evidence" for status in statuses]
    record = json.loads(path.read_text())
    assert [finding["status"] for finding in record["findings"]] == statuses
    assert record["findings"][0]["figures"] == {"figure": 1.0}
    assert "tensorflow" in record["environment"]


def test_a_check_that_raises_fails_and_the_next_runs() -> None:
    def broken() -> Iterator[CheckFinding]:
        yield CheckFinding("PASS", "first", "")
        raise RuntimeError("no such kernel\nand a long trace")

    checks = {"attack": broken, "training": lambda: _findings("PASS")}
    statuses = list(checking.run(checks, ["attack", "training"]))
    assert [finding.text() for finding in statuses] == [
        "PASS  first: ",
        "FAIL  attack: RuntimeError: no such kernel",
        "PASS  subject: evidence",
    ]


@pytest.mark.parametrize(("load", "status"), [(0.1, "PASS"), (1000.0, "WARN")])
def test_a_busy_machine_is_a_warning(
    load: float, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking.os, "getloadavg", lambda: (load, 0.0, 0.0))
    *rest, last = checking.environment(())
    assert [finding.status for finding in rest] == ["PASS", "PASS"]
    assert (last.subject, last.status) == ("load", status)
