"""Mistakes in a command are one line and exit code 2, before any work."""

import pathlib

import keras
import pytest

from .pipeline import COMMON, Pipeline
from .verbs import NO_MODEL, NOWHERE, require_one_line

BEGINNING = "Table 1, preset demo (others: cpu, paper; --preset)\n"
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
            "network: expected wide_resnet, .*, got 'vgg'",
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
        ("train_robust", ["--objective=kl"], "objective: expected one of pgd, trades, got 'kl'"),
        (
            "train_robust",
            ["--objective=trades", "--attack_steps=0"],
            "objective: trades needs attack steps, got 0",
        ),
        ("train_robust", ["--beta=3"], "beta: it belongs to the objective trades, got pgd"),
        ("train_robust", ["--ema=1"], "ema: expected a decay of at least 0 and below 1, got 1"),
        (
            "train_robust",
            ["--best_weights"],
            "best_weights: shapes32 has no validation split; --validation=0.1 holds out",
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
        *(
            (
                "evaluate",
                [NOWHERE, f"--shards={text}", "--output=x.json"],
                f"shards: expected I/N with I from 1 to N, such as 2/3, got '{text}'",
            )
            for text in ("0/2", "3/2", "x")
        ),
        (
            "evaluate",
            [NOWHERE, "--shards=1/2"],
            "shards: 1/2 needs a directory that all processes share .*--output",
        ),
        ("launch", ["--stepz=3"], UNKNOWN),
        ("launch", ["--", "evaluate", NOWHERE], "workers: it is required"),
        (
            "launch",
            ["--workers=0", "--", "evaluate", NOWHERE],
            "workers: expected a whole number of at least 1, got '0'",
        ),
        (
            "launch",
            ["--workers=2", "--restarts=-1", "--", "evaluate", NOWHERE],
            "restarts: expected a whole number of at least 0, got '-1'",
        ),
        ("launch", ["--workers=2", "evaluate", NOWHERE], "unexpected argument 'evaluate'"),
        ("launch", ["--workers=2"], "expected -- and a verb .*evaluate, train_robust"),
        ("launch", ["--workers=2", "--"], "expected -- and a verb .*, got ''"),
        ("launch", ["--workers=2", "--", "plot_figure"], "expected -- and a verb .*'plot_figure'"),
        ("launch", ["--workers=2", "--", "launch"], "expected -- and a verb .*'launch'"),
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
        ("benchmark", [], "expected WHAT; --help says what it can be"),
        (
            "benchmark",
            ["training"],
            "what: expected one of attacks, train, scaling, got 'training'",
        ),
        ("benchmark", ["attacks", "extra"], "unexpected argument 'extra'"),
        ("benchmark", ["attacks", "--width=1"], "Unknown command line flag 'width'"),
        (
            "benchmark",
            ["attacks", "--widths=0"],
            "widths: expected a list of whole numbers of at least 1, got '0'",
        ),
        (
            "benchmark",
            ["attacks", "--batch_sizes=16,big"],
            "batch_sizes: expected a list of whole numbers of at least 1, got '16,big'",
        ),
        (
            "benchmark",
            ["attacks", "--batch_sizes=-4"],
            "batch_sizes: expected a list of whole numbers of at least 1, got '-4'",
        ),
        (
            "benchmark",
            ["attacks", "--rounds=0"],
            "rounds: expected a whole number of at least 1, got '0'",
        ),
        (
            "benchmark",
            ["attacks", "--steps=0"],
            "steps: expected a whole number of at least 1, got '0'",
        ),
        (
            "benchmark",
            ["attacks", "--images=0"],
            "images: expected a whole number of at least 1, got '0'",
        ),
        (
            "benchmark",
            ["attacks", "--blocks=0"],
            "blocks: expected a whole number of at least 1, got '0'",
        ),
        (
            "benchmark",
            ["attacks", "--contenders=ours,torch"],
            "contenders: expected some of floor, ours, .*, got 'ours,torch'",
        ),
        (
            "benchmark",
            ["train", "--contenders=ours"],
            "contenders: expected some of plain, pgd7, .*, got 'ours'",
        ),
        (
            "benchmark",
            ["train", "--precision=float16"],
            "precision: expected one of float32, bfloat16, got 'float16'",
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
    text = require_one_line(capsys, verb, arguments, message)
    # reproduce_table announces the table at once, because TensorFlow takes seconds to start.
    assert text in (("", BEGINNING) if verb == "reproduce_table" else ("",))
    assert not list(tmp_path.iterdir())


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
    pipeline: Pipeline,
    verb: str,
    arguments: list[str],
    message: str,
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if verb == "evaluate":
        arguments = [str(pipeline.student), "--num_examples=3", *arguments]
    else:
        teacher = pipeline.teacher if verb == "finetune_teacher" else pipeline.finetuned
        arguments = [f"--teacher={teacher}", f"--runs_dir={tmp_path}", *COMMON, *arguments]
    assert require_one_line(capsys, verb, arguments, message) == ""
    assert not list(tmp_path.iterdir())
