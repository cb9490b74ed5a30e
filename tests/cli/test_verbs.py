"""The verbs: help at once, one line for every mistake, and the whole path in seconds; also killed
and resumed.
"""

import csv
import dataclasses
import importlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
from types import ModuleType

import keras
import numpy as np
import pytest

from igam_tf import evaluation
from igam_tf.core import settings
from igam_tf.core.settings.flags import flags_of
from igam_tf.experiments import runs, tables, trained
from igam_tf.experiments.configs import (
    Adversary,
    Data,
    FinetuneRun,
    Network,
    RobustRun,
    Schedule,
    StudentRun,
)

from .. import tiny
from ..experiments import small, test_reproduce

ROOT = pathlib.Path(__file__).resolve().parents[2]
VERBS = (
    "train_robust",
    "finetune_teacher",
    "train_student",
    "evaluate",
    "reproduce_table",
    "plot_figure",
    "export_model",
    "save_study",
    "benchmark",
)
verbs = pytest.mark.parametrize("verb", VERBS)


def module(verb: str) -> ModuleType:
    return importlib.import_module(f"igam_tf.cli.{verb}")


@verbs
def test_help_of_the_command(verb: str) -> None:
    """Every flag with its default."""
    done = subprocess.run(
        [sys.executable, ROOT / "bin" / verb, "--help"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"{verb}: ")
    shown = " ".join(done.stdout.split())
    flags = list(flags_of(module(verb).COMMAND.settings))
    assert len(flags) >= 8
    for flag in flags:
        assert " ".join(flag.help().split()) in shown


@verbs
def test_help_does_not_start_tensorflow(verb: str) -> None:
    script = (
        "import importlib, sys\n"
        f"assert importlib.import_module('igam_tf.cli.{verb}').main(['--help']) == 0\n"
        "assert not {'tensorflow', 'keras', 'tensorflow_datasets', 'numpy'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@verbs
def test_the_files_can_be_started(verb: str) -> None:
    file = ROOT / "bin" / verb
    assert os.access(file, os.X_OK)
    assert file.read_text().startswith("#!/usr/bin/env python3\n")


TABLE_BEGINS = "Table 1, preset demo (others: cpu, paper; --preset)\n"
NOWHERE = "/nowhere/model"
NO_MODEL = f"{NOWHERE}: expected the directory of a finished run, a .keras file or a TensorFlow 1 checkpoint"
UNKNOWN = "Unknown command line flag 'stepz'"
EXTRA = "unexpected argument 'extra'"
REQUIRED = "teacher: it is required; --help says what it can be"
TEACHER = f"--teacher={NOWHERE}"


@pytest.mark.parametrize(
    ("verb", "arguments", "message"),
    [
        ("train_robust", ["--stepz=3"], UNKNOWN),
        ("train_robust", ["extra"], EXTRA),
        ("train_robust", ["--steps=0"], "steps: expected a whole number of at least 1, got '0'"),
        (
            "train_robust",
            ["--steps=many"],
            "steps: expected a whole number of at least 1, got 'many'",
        ),
        (
            "train_robust",
            ["--network=vgg"],
            "network: expected one of wide_resnet, mnist_cnn, got 'vgg'",
        ),
        (
            "train_robust",
            ["--learning_rates=fast"],
            "learning_rates: expected a list of numbers, got 'fast'",
        ),
        (
            "train_robust",
            ["--boundaries=1.5"],
            "boundaries: expected a list of whole numbers, got '1.5'",
        ),
        ("train_robust", ["--boundaries=5"], "schedule: 1 learning rates need 0 rising boundaries"),
        ("train_robust", ["--dataset=imagenet"], "dataset: expected one of shapes28, shapes32, "),
        ("train_robust", ["--dataset=mnist"], "dataset mnist: not found under"),
        (
            "train_robust",
            ["--train_size=-1"],
            "train_size: expected a whole number of at least 1, got '-1'",
        ),
        (
            "train_robust",
            ["--train_size=9"],
            "batch_size: a batch of 64 needs as many examples, there are 9",
        ),
        (
            "train_robust",
            ["--epsilon=much"],
            "epsilon: expected a number or a fraction such as 8/255, got 'much'",
        ),
        ("train_robust", ["--epsilon=300"], r"epsilon: expected 0 to 255"),
        ("train_robust", ["--step_size=-1"], "step_size: expected 0 to 255"),
        (
            "train_robust",
            ["--network=mnist_cnn"],
            r"network: mnist_cnn takes \(28, 28, 1\), shapes32 has \(32, 32, 3\)",
        ),
        ("train_robust", ["--width=0"], "width: expected a whole number of at least 1, got '0'"),
        (
            "train_robust",
            ["--network=mnist_cnn", "--channels=16"],
            "channels: expected a list of 2 whole numbers of at least 1, got '16'",
        ),
        (
            "train_robust",
            ["--network=mnist_cnn", "--channels=16,x"],
            "channels: expected a list of 2 whole numbers of at least 1, got '16,x'",
        ),
        (
            "train_robust",
            ["--pixel_noise=-1"],
            "pixel_noise: expected a number of at least 0, got '-1'",
        ),
        ("finetune_teacher", ["--stepz=3"], UNKNOWN),
        ("finetune_teacher", ["extra", TEACHER], EXTRA),
        ("finetune_teacher", [], REQUIRED),
        ("finetune_teacher", [TEACHER], NO_MODEL),
        (
            "finetune_teacher",
            [TEACHER, "--statistics=both"],
            "statistics: expected one of moving, batch, got 'both'",
        ),
        ("train_student", ["--stepz=3"], UNKNOWN),
        ("train_student", ["extra", TEACHER], EXTRA),
        ("train_student", [], REQUIRED),
        ("train_student", [TEACHER], NO_MODEL),
        (
            "train_student",
            [TEACHER, "--lambda_adv=-1"],
            "lambda_adv: expected a number of at least 0, got '-1'",
        ),
        (
            "train_student",
            [TEACHER, "--protocol=best"],
            "protocol: expected one of release, paper or a Protocol, got 'best'",
        ),
        ("evaluate", ["--stepz=3", "x"], UNKNOWN),
        ("evaluate", [], "expected MODEL; --help says what it can be"),
        ("evaluate", ["x", "extra"], EXTRA),
        ("evaluate", [NOWHERE], NO_MODEL),
        (
            "evaluate",
            [NOWHERE, "--batch_size=0"],
            "batch_size: expected a whole number of at least 1, got '0'",
        ),
        (
            "evaluate",
            [NOWHERE, "--num_examples=x"],
            "num_examples: expected a whole number of at least 1, got 'x'",
        ),
        ("reproduce_table", ["--stepz=3"], UNKNOWN),
        ("reproduce_table", ["extra"], EXTRA),
        ("reproduce_table", ["--table=99"], "table: expected one of 1, 2, "),
        (
            "reproduce_table",
            ["--preset=huge"],
            "preset: expected one of demo, cpu, paper, got 'huge'",
        ),
        ("reproduce_table", [TEACHER], NO_MODEL),
        ("reproduce_table", ["--rows=Best"], "rows: table 1 has Standard, .*, not Best"),
        ("reproduce_table", ["--weights=Standard"], "weights: expected ROW=PATH, got 'Standard'"),
        ("reproduce_table", [f"--weights=Standard={NOWHERE}"], NO_MODEL),
        (
            "reproduce_table",
            ["--statistics=best"],
            "statistics: expected some of moving, batch, recalibrated, got 'best'",
        ),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else None,
)
def test_a_mistake_is_one_line_and_status_2(
    verb: str,
    arguments: list[str],
    message: str,
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "no data"))
    monkeypatch.setattr(keras.Model, "fit", None)  # before any training
    assert module(verb).main(arguments) == 2
    text, errors = capsys.readouterr()
    assert re.fullmatch(f"{verb}: [^\n]*{message}[^\n]*\n", errors), errors
    # reproduce_table says at once what will run: TensorFlow, which it needs to look further, takes
    # seconds to start.
    assert text in (("", TABLE_BEGINS) if verb == "reproduce_table" else ("",))
    assert not list(tmp_path.iterdir())


COMMON = ["--train_size=32", "--batch_size=8", "--seed=3"]
TEACHER_FLAGS = [
    *COMMON, "--dataset=shapes28", "--network=mnist_cnn", "--noaugmented", "--steps=5", "--optimizer=adam",
    "--learning_rates=0.001,0.0001", "--boundaries=3", "--epsilon=25/255", "--step_size=0.05", "--attack_steps=1",
    "--ramp_steps=3", "--weight_decay=0", "--channels=8,16", "--hidden=64",
]  # fmt: skip
FINETUNE_FLAGS = [*COMMON, "--steps=5", "--adapter=mean,crop:28,scale:1/255", "--statistics=moving"]
STUDENT_FLAGS = [
    *COMMON, "--steps=14", "--steps_before_matching=6", "--learning_rates=0.05", "--lambda_adv=0.5",
    "--lambda_diff=100", "--disc_every=2", "--disc_layers=2", "--disc_channels=2", "--gradient_crop=28",
    "--pixel_noise=8", "--diff_reduction=mean",
]  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Path:
    """Where the three runs are."""

    runs_dir: pathlib.Path
    teacher: pathlib.Path
    finetuned: pathlib.Path
    student: pathlib.Path


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole path, in this process."""
    where = tmp_path_factory.mktemp("path")
    found = Path(where / "runs", where / "teacher", where / "finetuned", where / "student")
    for verb, arguments in (
        ("train_robust", [*TEACHER_FLAGS, f"--run_dir={found.teacher}"]),
        (
            "finetune_teacher",
            [*FINETUNE_FLAGS, f"--teacher={found.teacher}", f"--run_dir={found.finetuned}"],
        ),
        (
            "train_student",
            [*STUDENT_FLAGS, f"--teacher={found.finetuned}", f"--run_dir={found.student}"],
        ),
    ):
        assert module(verb).main(arguments) == 0
    return found


def test_the_flags_are_the_runs_configuration(path: Path) -> None:
    adversary = Adversary("25/255", "0.05", 1, 3)
    schedule = Schedule(5, 8, (0.001, 0.0001), (3,), "adam")
    network = Network("mnist_cnn", channels=(8, 16), hidden=64)
    robust = RobustRun(
        Data("shapes28", 32, False), network, schedule, adversary, weight_decay=0.0, seed=3
    )
    assert runs.read_config(path.teacher) == robust
    assert runs.read_config(path.finetuned) == FinetuneRun(
        Data("shapes32", 32),
        trained.weights(path.teacher),
        Schedule(5, 8, (0.001,), (), "adam"),
        ("mean", "crop:28", "scale:1/255"),
        statistics="moving",
        seed=3,
    )
    assert runs.read_config(path.student) == StudentRun(
        Data("shapes32", 32, True, 8.0),
        Network("wide_resnet", 1, 1),
        trained.weights(path.finetuned),
        Schedule(14, 8, (0.05,)),
        lambda_adv=0.5,
        lambda_diff=100.0,
        steps_before_matching=6,
        disc_every=2,
        disc_layers=2,
        disc_channels=2,
        gradient_crop=28,
        diff_reduction="mean",
        seed=3,
    )


def test_a_run_has_its_place_and_says_so(
    path: Path, capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path
) -> None:
    assert module("train_robust").main([*TEACHER_FLAGS, f"--runs_dir={tmp_path}"]) == 0
    run = runs.read_config(path.teacher)
    directory = tmp_path / f"train_robust-{settings.digest(run)}"
    text, errors = capsys.readouterr()
    assert errors == ""
    assert text.splitlines()[0] == f"{directory.name}: train_robust on shapes28, 5 iterations"
    assert text.splitlines()[-1] == f"done: {directory / 'model.keras'}"
    assert tiny.equal(small.values(directory), small.values(path.teacher))
    assert module("train_robust").main([*TEACHER_FLAGS, f"--runs_dir={tmp_path}"]) == 2
    text, errors = capsys.readouterr()
    assert (text, errors) == (
        "",
        f"train_robust: run_dir: {directory} holds this run, finished: {directory}/model.keras\n",
    )


def test_evaluate(path: Path, capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path) -> None:
    output = tmp_path / "deep/record.json"
    arguments = [
        "--attacks=fgsm,pgd2-margin",
        "--epsilon=4",
        "--step_size=2/255",
        "--statistics=moving,batch",
    ]
    arguments += ["--num_examples=13", "--batch_size=5", "--seed=9", f"--output={output}"]
    assert module("evaluate").main([str(path.student), *arguments]) == 0
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


@pytest.mark.slow  # diagnostics and two models more
def test_evaluate_with_all_that_it_has(
    path: Path, capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path
) -> None:
    """Transfer, doubts, diagnosis, images."""
    output, saved = tmp_path / "record.json", tmp_path / "images.npz"
    arguments = [
        str(path.student),
        "--attacks=pgd2,transfer-pgd3",
        f"--surrogate={path.finetuned}",
        "--num_examples=8",
    ]
    arguments += [
        "--diagnose",
        "--batch_size=8",
        f"--output={output}",
        f"--save_adversarial={saved}",
    ]
    assert module("evaluate").main(arguments) == 0
    text, _ = capsys.readouterr()
    assert "WARNING pgd2: 2 steps of 2 do not reach its radius 8" in text
    assert "computed on the surrogate" in text
    record = evaluation.EvalRecord.from_json(output.read_text())
    assert record.diagnosis["settings"]["n"] == 8
    assert re.search(r"(PASS|WARN|SKIP) +transfer_beats_white_box", text)
    with np.load(saved) as images:
        assert set(images) == {"moving/pgd2", "moving/transfer-pgd3"}
        assert all(images[name].shape == (8, 32, 32, 3) for name in images)
    assert (
        module("evaluate").main(
            [str(path.finetuned), "--attacks=fgsm", "--attack_head=source", "--num_examples=4"]
        )
        == 0
    )
    assert "computed on the source head" in capsys.readouterr()[0]
    assert (
        module("evaluate").main([str(path.student), "--attacks=fgsm", "--attack_head=source"]) == 2
    )
    assert "it has no source head" in capsys.readouterr()[1]


@pytest.mark.parametrize(
    ("verb", "arguments", "message"),
    [
        ("evaluate", ["--attacks=pgd"], r"attacks: expected fgsm\[-margin"),
        (
            "evaluate",
            ["--statistics=train"],
            "statistics: expected some of moving, batch, recalibrated, got 'train'",
        ),
        ("evaluate", ["--epsilon=-1"], "epsilon: expected 0 to 255"),
        (
            "evaluate",
            ["--dataset=shapes28"],
            r"takes \(32, 32, 3\) images of 10 classes; shapes28 has \(28, 28, 1\) and 10",
        ),
        (
            "finetune_teacher",
            ["--normalization=l2"],
            "there is no layer `normalization` to replace",
        ),
        ("finetune_teacher", ["--adapter=mean"], r"adapter: it gives \(32, 32, 1\)"),
        ("finetune_teacher", ["--adapter=shrink:2"], "adapter: expected parts such as"),
        ("train_student", ["--gradient_crop=40"], "center crop: a 40x40 window does not fit"),
        ("train_student", ["--dataset=shapes28", "--network=mnist_cnn"], "teacher: it takes"),
    ],
)
def test_mistakes_that_show_with_a_model(
    path: Path,
    verb: str,
    arguments: list[str],
    message: str,
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if verb == "evaluate":
        arguments = [str(path.student), "--num_examples=3", *arguments]
    else:
        teacher = path.teacher if verb == "finetune_teacher" else path.finetuned
        arguments = [f"--teacher={teacher}", f"--runs_dir={tmp_path}", *COMMON, *arguments]
    assert module(verb).main(arguments) == 2
    text, errors = capsys.readouterr()
    assert re.fullmatch(f"{verb}: [^\n]*{message}[^\n]*\n", errors), errors
    assert text == ""
    assert not list(tmp_path.iterdir())


def test_a_run_that_diverges(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    wild = [
        "--attack_steps=0",
        "--learning_rates=0.001,1e30",
        f"--run_dir={tmp_path}",
        "--steps=8",
        "--optimizer=momentum",
    ]
    assert module("train_robust").main([*TEACHER_FLAGS, *wild]) == 1
    text, errors = capsys.readouterr()
    assert re.fullmatch("train_robust: training diverged: [^\n]*\n", errors)
    assert "Traceback" not in text
    assert {file.name for file in (tmp_path / "state").glob("*.index")} == {"ckpt-1.index"}


def test_reproduce_table(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Trains once, then reuses; what cannot run says why."""
    asked: list[object] = []

    def declare(preset: str, seed: int, teacher: object) -> object:
        asked.append((preset, seed, teacher))
        return test_reproduce.TABLE

    monkeypatch.setitem(tables.TABLES, "1", declare)
    arguments = [
        "--table=1",
        f"--runs_dir={tmp_path}",
        "--rows=Standard,Absent",
        f"--data_dir={tmp_path}",
        "--seed=4",
    ]
    assert module("reproduce_table").main([*arguments, "--num_examples=6"]) == 0
    text, errors = capsys.readouterr()
    assert errors == ""
    assert text.startswith(TABLE_BEGINS)
    assert re.search(r"^Standard +moving ", text, re.M)
    assert re.search(r"^Absent +not run: dataset mnist: not found under ", text, re.M)
    assert re.search(r"^IGAM +not run: not asked for", text, re.M)
    file = tmp_path / "table1-demo-seed4.txt"
    assert text.endswith(f"\n{file.read_text()}written: {file}\n")
    assert asked == [("demo", 4, None)]

    def refuse(run: object, *_: object, **__: object) -> None:
        assert run == test_reproduce.ROWS["Absent"]
        raise runs.InputError("still absent")

    monkeypatch.setattr(runs, "train", refuse)
    assert module("reproduce_table").main([*arguments, "--num_examples=6"]) == 0
    again, _ = capsys.readouterr()
    shown = [
        re.sub("not run: .*", "not run", part[part.index("Table 1: ") :]) for part in (text, again)
    ]
    assert shown[0] == shown[1]

    study = tmp_path / "study.json"
    more = ["--num_examples=6", "--seed=4,5", f"--save_study={study}"]
    assert module("reproduce_table").main([*arguments[:-1], *more]) == 0
    text, _ = capsys.readouterr()
    assert text.count("Table 1: ") == 2
    assert "Over seeds 4, 5: mean and its 95 % interval" in text
    assert "Absent: not run with every seed" in text
    assert (tmp_path / "table1-demo-seeds4-5.txt").read_text() in text
    assert text.endswith(f"written: {study}\n")
    assert module("reproduce_table").main([f"--from={study}"]) == 0
    parts = re.findall(r"^(?:Table 1: |Over seeds).*?(?=^written)", text, re.M | re.S)
    assert capsys.readouterr().out == "\n".join(parts)
    assert module("reproduce_table").main([*arguments[:-1], "--seed=4,4"]) == 2
    assert capsys.readouterr().err == (
        "reproduce_table: seed: expected one or more different numbers, got '4,4'\n"
    )


def _rows(file: pathlib.Path) -> list[dict[str, str]]:
    if not file.exists():
        return []
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.slow  # a training in a process of its own, killed, and resumed in another
def test_killed_in_mid_epoch_and_resumed(
    path: Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`kill -9` before the matching begins; the resumed run ends with the weights of the
    uninterrupted one, bit by bit.
    """
    directory = tmp_path / "student"
    arguments = [*STUDENT_FLAGS, f"--teacher={path.finetuned}", f"--run_dir={directory}"]
    line = [sys.executable, ROOT / "bin/train_student", *arguments]
    with subprocess.Popen(
        line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            deadline = time.monotonic() + 240
            while not (directory / "state/checkpoint").exists():
                assert process.poll() is None, process.stderr.read()
                assert time.monotonic() < deadline
                time.sleep(0.01)
            time.sleep(0.05)
        finally:
            process.kill()
        assert process.wait() == -signal.SIGKILL
    assert not (directory / "model.keras").exists()
    done = len(_rows(directory / "history.csv"))
    assert 1 <= done < 4

    assert module("train_student").main(arguments) == 2
    text, errors = capsys.readouterr()
    assert text == ""
    assert (
        errors
        == f"train_student: run_dir: {directory} holds this run, interrupted; --resume goes on with it\n"
    )

    resumed = subprocess.run(
        [*line, "--resume"], capture_output=True, text=True, check=True, timeout=300
    )
    assert resumed.stderr == ""
    assert re.search(r", resumed at (4|8|12)$", resumed.stdout.splitlines()[0])
    for name in ("model.keras", "discriminator.keras"):
        assert tiny.equal(small.values(directory / name), small.values(path.student / name))
    assert _rows(directory / "history.csv") == _rows(path.student / "history.csv")
    assert [row["epoch"] for row in _rows(directory / "history.csv")] == ["1", "2", "3", "4"]
    assert not (directory / "state").exists()
