"""`evaluate`: text, record, diagnosis, transfer and images."""

import dataclasses
import json
import pathlib
import re

import numpy as np
import pytest

from igam_tf import evaluation, pretrained
from igam_tf.core import settings
from igam_tf.experiments.configs import Data

from ..experiments.small import ROBUST
from .pipeline import Pipeline
from .verbs import require_one_line, run


def test_evaluate(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path
) -> None:
    output = tmp_path / "deep/record.json"
    arguments = [
        str(pipeline.student),
        *("--attacks=fgsm,pgd2-margin", "--epsilon=4", "--step_size=2/255", f"--output={output}"),
        *("--statistics=moving,batch", "--num_examples=13", "--batch_size=5", "--seed=9"),
    ]
    assert run("evaluate", *arguments) == 0
    text, errors = capsys.readouterr()
    assert errors == ""
    assert text.startswith("n = 13, pixels in [0, 255], batches of 5, seed 9\n")
    assert "pgd2-margin: linf, eps 4/255 (4 of [0, 255]), 2 steps of 2" in text
    record = evaluation.EvalRecord.from_json(output.read_text())
    assert (record.n, record.seed, list(record.results)) == (13, 9, ["moving", "batch"])
    assert record.attacks["fgsm"]["epsilon"] == 4
    assert f"{100 * record.accuracy('pgd2-margin'):.1f} %" in text
    assert json.loads(output.read_text())["environment"]["tensorflow"]
    assert not list(output.parent.glob("*.parts"))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "dataset folder:nowhere: "),
        (["--dataset=npz:nothing.npz"], "dataset npz:nothing.npz: cannot be read"),
        (["--dataset=shapes28"], ".*: expected the directory of a finished run"),
        (["--suite=madry"], ".*: expected the directory of a finished run"),
    ],
)
def test_the_data_set_is_the_runs_own_unless_a_flag_names_one(
    capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path, flags: list[str], message: str
) -> None:
    own = dataclasses.replace(ROBUST, data=Data("folder:nowhere", image_size=20))
    (tmp_path / "config.json").write_text(settings.to_json(own))
    require_one_line(capsys, "evaluate", [str(tmp_path), *flags], message)


@pytest.mark.slow
def test_reports(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path
) -> None:
    page, record = tmp_path / "new/page.html", tmp_path / "record.json"
    arguments = [str(pipeline.student), "--attacks=fgsm,pgd2", "--epsilon=4", "--num_examples=6"]
    files = [f"--report={page}", f"--output={record}"]
    assert run("evaluate", *arguments, "--format=html", *files) == 0
    text = capsys.readouterr().out
    assert text.startswith("n = 6, pixels in ")
    assert text.endswith(f"written: {page}\n")
    html = re.sub("<.*?>", "", page.read_text())
    assert f"bin/evaluate {pipeline.student} --attacks=fgsm,pgd2 --epsilon=4 --num_exam" in html
    assert json.loads(record.read_text())["n"] == 6  # --output is the record in every format
    assert run("evaluate", *arguments, "--format=json") == 0
    (table,) = json.loads(capsys.readouterr().out)["tables"]  # in place of the text
    assert table["rows"][0]["record"]["results"] == json.loads(record.read_text())["results"]
    assert sum(each["n"] for each in table["rows"][0]["classes"]) == 6
    copy = tmp_path / "copy.txt"
    assert run("evaluate", *arguments, f"--report={copy}") == 0
    assert copy.read_text() == capsys.readouterr().out.removesuffix(f"written: {copy}\n")
    message = f"report: {tmp_path} is a directory, expected a file's name"
    require_one_line(capsys, "evaluate", [*arguments, f"--report={tmp_path}"], message)


@pytest.mark.slow  # AutoAttack
@pytest.mark.parametrize(
    ("suite", "place", "stage"),
    [
        ("robustbench-linf", "linf, eps 8/255", "autoattack: fab"),
        ("robustbench-l2", "l2, eps 0.5", "autoattack-l2: fab-l2"),
    ],
)
def test_robustbench_suites(
    capsys: pytest.CaptureFixture[str], suite: str, place: str, stage: str
) -> None:
    arguments = [str(pretrained.path("standard")), f"--suite={suite}", "--num_examples=3"]
    assert run("evaluate", *arguments) == 0
    text = capsys.readouterr().out
    assert f"\nRobustBench row: shapes32, {place}, n = 3: standard accuracy 100.00 %, " in text
    assert f"  {stage} " in text


@pytest.mark.slow  # diagnostics and three models
def test_transfer_doubts_diagnosis_and_images(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path
) -> None:
    output, npz = tmp_path / "record.json", tmp_path / "images.npz"
    arguments = [
        str(pipeline.student),
        *("--attacks=pgd2,transfer-pgd3", f"--surrogate={pipeline.finetuned}", "--diagnose"),
        *("--num_examples=8", "--batch_size=8"),
        *(f"--output={output}", f"--save_adversarial={npz}"),
    ]
    assert run("evaluate", *arguments) == 0
    text, _ = capsys.readouterr()
    assert "WARNING pgd2: 2 steps of 2 do not reach its radius 8" in text
    assert "computed on the surrogate" in text
    record = evaluation.EvalRecord.from_json(output.read_text())
    assert record.diagnosis["settings"]["n"] == 8
    assert re.search(r"(PASS|WARN|SKIP) +transfer_beats_white_box", text)
    with np.load(npz) as images:
        assert set(images) == {"moving/pgd2", "moving/transfer-pgd3"}
        assert all(images[name].shape == (8, 32, 32, 3) for name in images)
    flags = ["--attacks=fgsm", "--attack_head=source", "--num_examples=4"]
    assert run("evaluate", str(pipeline.finetuned), *flags) == 0
    assert "computed on the source head" in capsys.readouterr().out
    message = "it has no source head"
    require_one_line(capsys, "evaluate", [str(pipeline.student), *flags], message)
