"""`benchmark attacks` and `benchmark train`, at sizes at which its times mean nothing."""

import json
import pathlib
import re

import pytest

from igam_tf.benchmark import attack_speed, peers
from igam_tf.cli import benchmark

from . import test_verbs


@pytest.mark.parametrize(
    "check",
    [
        test_verbs.test_help_of_the_command,
        test_verbs.test_help_does_not_start_tensorflow,
        test_verbs.test_the_files_can_be_started,
    ],
    ids=lambda check: check.__name__,
)
def test_it_is_a_verb_like_the_others(check) -> None:
    check("benchmark")


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

    (found,) = json.loads(output.read_text())["results"]
    assert list(found["contenders"]) == list(found["memory"]) == ["plain", "attack", "gradients"]
    for name, contender in found["contenders"].items():
        assert len(contender["rounds_s"]) == 2
        assert contender["memory_bytes"] == found["memory"][name]["predicted"]
        assert found["memory"][name]["peak"] >= found["memory"][name]["before"] > 1e8
    assert set(found["ratios"]) == {"attack / gradients"}
    assert [len(found["feeding"][name]) for name in ("fit", "bare", "pipeline")] == [2, 2, 2]


TINY = ["--widths=1", "--blocks=1", "--batch_sizes=2", "--steps=2", "--rounds=2"]


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
        (found["width"], found["blocks"], found["batch_size"], found["steps"])
        for found in record["results"]
    ]
    assert shape == [(1, 1, 2, [2]), (1, 1, 2, [1, 3]), (1, 1, 1, [2]), (1, 1, 1, [1, 3])]
    for found in record["results"]:
        assert found["n"] == 3
        assert found["absent"] == {"art": "not installed"}
        assert list(found["contenders"]) == ["floor", "ours"]
        for contender in found["contenders"].values():
            assert len(contender["rounds_s"]) == 2
            assert contender["gradients"] == max(found["steps"])
            assert contender["min_s"] <= contender["median_s"] <= contender["max_s"]


def test_a_batch_of_images_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.main(["attacks", *TINY, "--contenders=ours"]) == 0
    assert "n = 2 in batches of 2\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected WHAT; --help says what it can be"),
        (["training"], "what: expected one of attacks, train, got 'training'"),
        (["attacks", "extra"], "unexpected argument 'extra'"),
        (["attacks", "--width=1"], "Unknown command line flag 'width'"),
        (
            ["attacks", "--widths=0"],
            "widths: expected a list of whole numbers of at least 1, got '0'",
        ),
        (
            ["attacks", "--batch_sizes=16,big"],
            "batch_sizes: expected a list of whole numbers of at least 1, got '16,big'",
        ),
        (
            ["attacks", "--batch_sizes=-4"],
            "batch_sizes: expected a list of whole numbers of at least 1, got '-4'",
        ),
        (["attacks", "--rounds=0"], "rounds: expected a whole number of at least 1, got '0'"),
        (["attacks", "--steps=0"], "steps: expected a whole number of at least 1, got '0'"),
        (["attacks", "--images=0"], "images: expected a whole number of at least 1, got '0'"),
        (["attacks", "--blocks=0"], "blocks: expected a whole number of at least 1, got '0'"),
        (
            ["attacks", "--contenders=ours,torch"],
            "contenders: expected some of floor, ours, .*, got 'ours,torch'",
        ),
        (
            ["train", "--contenders=ours"],
            "contenders: expected some of plain, pgd7, .*, got 'ours'",
        ),
        (
            ["train", "--precision=float16"],
            "precision: expected one of float32, bfloat16, got 'float16'",
        ),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else None,
)
def test_a_mistake_is_one_line_and_status_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert benchmark.main(arguments) == 2
    printed, errors = capsys.readouterr()
    assert printed == ""
    assert re.fullmatch(f"benchmark: [^\n]*{message}[^\n]*\n", errors), errors
