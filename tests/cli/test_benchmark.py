"""`benchmark` of each kind, at sizes at which its times mean nothing."""

import json
import os
import pathlib
import re

import pytest

from igam_tf.benchmark import attack_speed, peers, scaling
from igam_tf.cli import benchmark

from .. import tiny
from .verbs import require_one_line


@pytest.mark.slow
def test_training_steps_with_all_that_can_be_measured_of_them(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "record.json"
    arguments = ["--contenders=plain,attack,gradients", "--fit", "--memory", f"--output={output}"]
    assert benchmark.main(["train", *TINY, *arguments]) == 0
    printed, errors = capsys.readouterr()
    assert errors == ""
    assert printed.startswith("training steps: width 1, blocks 1, batches of 2, float32\n")
    assert re.search(r"^the paper: IGAM 347 s an epoch, PGD7 815 s: 0.43$", printed, re.M)
    assert re.search(
        r"^2 plain steps a round: fit reaches [\d.]+% of a bare loop's throughput; ", printed, re.M
    )
    assert len(re.findall(r"^(plain|attack|gradients): [\d.]+ GB at most, ", printed, re.M)) == 3

    (result,) = json.loads(output.read_text())["results"]
    assert list(result["contenders"]) == list(result["memory"]) == ["plain", "attack", "gradients"]
    for name, contender in result["contenders"].items():
        assert len(contender["rounds_s"]) == 2
        assert contender["memory_bytes"] == result["memory"][name]["predicted"]
        assert result["memory"][name]["peak"] >= result["memory"][name]["before"] > 1e8
    assert set(result["ratios"]) == {"attack / gradients"}
    assert [len(result["feeding"][name]) for name in ("fit", "bare", "pipeline")] == [2, 2, 2]


TINY = ["--widths=1", "--blocks=1", "--batch_sizes=2", "--steps=2", "--rounds=2"]


@pytest.mark.slow
def test_tables_and_record(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "version", lambda _: None)
    monkeypatch.setattr(attack_speed, "SET", (1, 3))
    output = tmp_path / "deep/record.json"
    arguments = [*TINY, "--batch_sizes=2,1", "--images=3", "--contenders=floor,ours,art", "--curve"]
    assert benchmark.main(["attacks", *arguments, f"--output={output}"]) == 0
    printed, errors = capsys.readouterr()
    assert errors == ""
    titles = re.findall(
        r"^width 1, blocks 1; PGD of (.*) steps of 2, .* n = 3 in batches of (\d)$", printed, re.M
    )
    assert titles == [("2", "2"), ("1, 3", "2"), ("2", "1"), ("1, 3", "1")]
    for name in ("floor", "ours", "ours-set", "art"):
        assert len(re.findall(rf"^{name} ", printed, re.M)) == (2 if name.startswith("ours") else 4)
    assert "art         not measured: not installed\n" in printed
    assert not list(output.parent.glob("tmp-*"))

    record = json.loads(output.read_text())
    assert (record["what"], record["rounds"]) == ("attacks", 2)
    assert record["environment"]["tensorflow"]
    shape = [
        (result["width"], result["blocks"], result["batch_size"], result["steps"])
        for result in record["results"]
    ]
    assert shape == [(1, 1, 2, [2]), (1, 1, 2, [1, 3]), (1, 1, 1, [2]), (1, 1, 1, [1, 3])]
    for result in record["results"]:
        assert result["n"] == 3
        assert result["absent"] == {"art": "not installed"}
        assert list(result["contenders"]) == ["floor", "ours"]
        for contender in result["contenders"].values():
            assert len(contender["rounds_s"]) == 2
            assert contender["gradients"] == max(result["steps"])
            assert contender["min_s"] <= contender["median_s"] <= contender["max_s"]


def test_a_batch_of_images_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.main(["attacks", *TINY, "--contenders=ours"]) == 0
    assert "n = 2 in batches of 2\n" in capsys.readouterr().out


@pytest.mark.slow  # processes
@tiny.if_long
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="a core for each process")
def test_workers_beside_independent_processes(
    tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "scaling.json"
    assert benchmark.main(["scaling", *TINY, f"--output={output}"]) == 0
    printed, errors = capfd.readouterr()
    assert errors == ""
    assert printed.startswith(
        "weak scaling: 2 processes, a core each; width 1, blocks 1; n = 2 rounds; each process: "
        "batches of 2, 2 steps, 4 images to evaluate\n"
    )
    assert re.search(r"; TensorFlow [\d.]+, Keras [\d.]+$", printed, re.M)
    record = json.loads(output.read_text())
    assert [result["contender"] for result in record["results"]] == ["pgd7", "plain", "evaluation"]
    for result in record["results"]:
        assert re.search(rf"^{result['contender']} .* {result['efficiency']:.3f} ", printed, re.M)
        for name in ("independent", "job"):
            rounds = result[name]["processes"]
            assert [len(processes) for processes in rounds] == [2, 2]
            longest = [max(each["seconds"] for each in processes) for processes in rounds]
            assert all(
                own <= whole for own, whole in zip(longest, result[name]["rounds_s"], strict=True)
            )


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--workers=1"], "workers: expected a whole number of at least 2, got '1'"),
        (["--workers=3"], "workers: expected at most 2, the cores of this process, got 3"),
        (["--images=65"], "images: expected a multiple of the batch, 64, so that all workers"),
        (["--contenders=attack"], "contenders: expected some of pgd7, plain, eval.*, got 'attack'"),
        (["--output=/"], "output"),
    ],
)
def test_what_cannot_be_scaled_is_refused_before_a_process_starts(
    flags: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scaling, "multiprocessing", None)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 5})
    assert require_one_line(capsys, "benchmark", ["scaling", *flags], message) == ""
