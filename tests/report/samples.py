"""A sample table with every kind of row, names that need escaping, and complete records."""

import dataclasses
import pathlib
import struct
import zlib
from typing import Any

from igam_tf import attacks
from igam_tf.core.bounds import Bounds
from igam_tf.evaluation.diagnostics import Check, Diagnosis
from igam_tf.evaluation.records import Count, EvalRecord
from igam_tf.experiments.configs import Absent, Data, Network, RobustRun, Schedule, Scoring, Table
from igam_tf.experiments.reproduce import Result
from igam_tf.report.html import Picture

RUN = RobustRun(Data("shapes28"), Network("mnist_cnn"), Schedule(60, 1, (0.1, 0.01), (50,)))
ODD = '<b onload="x">&amp;|`*_ "Absent"</b>'
NOTE = "dataset <cifar10>: not found | under `/data`"
ROWS: dict[str, Any] = {
    "Standard": RUN,
    "IGAM-MNIST": RUN,
    "FT-MNIST": RUN,
    ODD: Absent("declared absent"),
}
PUBLISHED = {
    "Standard": {"clean": 95.0, "pgd20": 0.12},
    "IGAM-MNIST": {"clean": 93.6, "fgsm": 67.8},
}
TABLE = Table(
    "1",
    "demo",
    "a <title> & more",
    ROWS,
    Scoring("shapes32", 100, ("fgsm", "pgd20"), strong_examples=50),
    PUBLISHED,
)
ENVIRONMENT = {
    "numpy": "2.4.6",
    "machine": "x86_64 <2 cores>",
    "devices": ["CPU:0", "GPU:0"],
    "time": "2026-01-02T03:04:05",
}


def described(name: str) -> dict[str, object]:
    return attacks.resolve(name, 8.0, 2.0).settings(Bounds(0, 255))


def record(right: int = 40, **fields: Any) -> EvalRecord:
    results = {
        mode: {
            "clean": Count(91 + extra, 100),
            "fgsm": Count(right + extra, 100, right - 3),
            "pgd20": Count(right - 20, 100, right - 21),
        }
        for mode, extra in (("moving", 0), ("batch", 5))
    }
    attacks = {name: described(name) for name in ("fgsm", "pgd20")}
    optional: dict[str, Any] = {"flags": {"moving": {"clean": "ff00"}}, "doubts": [], **fields}
    return EvalRecord(100, 50, 3, (0.0, 255.0), attacks, results, ENVIRONMENT, **optional)


def diagnosis(verdict: Any) -> Diagnosis:
    checks = (
        Check(
            "step_size", "PASS", {"step": 0.25}, "a step is 0.25 epsilon", "too long or too short"
        ),
        Check("still_falling", verdict, {"lost": 7}, "7 <lost>", "attack longer"),
        Check("transfer", "SKIP", {}, "no surrogate", "masked"),
    )
    settings = {"n": 50, "steps": 20, "level": 0.01}
    return Diagnosis(checks, {"alignment": 12.34, "linearised_robustness": None}, settings)


def strong(right: int, verdict: Any) -> EvalRecord:
    stages = ("apgd-ce", "apgd-t", "square")
    results = {
        "moving": {
            "clean": Count(47, 50),
            "strong: apgd-ce": Count(right + 2, 50),
            "strong: apgd-t": Count(right + 1, 50),
            "strong": Count(right, 50),
        }
    }
    attacks = {name: {"shown": f"settings of {name}"} for name in stages}
    later = {**ENVIRONMENT, "numpy": "2.5.0", "time": "2026-01-02T09:00:00"}
    return EvalRecord(
        50,
        50,
        3,
        (0.0, 255.0),
        attacks,
        results,
        later,
        ["a weak <attack>"],
        diagnosis=diagnosis(verdict).to_dict(),
    )


def results(right: int = 60) -> dict[str, Result]:
    where = pathlib.Path("/home/somebody/runs")
    only_batch = record(right)
    return {
        "Standard": Result(record(right - 20), "", where / "train_robust-1234", strong(3, "WARN")),
        "IGAM-MNIST": Result(
            record(right), "weights: <mine>", where / "given-5678", strong(13, "PASS")
        ),
        "FT-MNIST": Result(
            dataclasses.replace(only_batch, results={"batch": only_batch.results["batch"]}),
            "",
            where / "finetune-9",
        ),
        ODD: Result(None, NOTE),
    }


def by_seed() -> dict[int, dict[str, Result]]:
    """Results of two seeds, with the same BatchNorm modes in every row."""
    return {seed: {**results(60 + seed), "FT-MNIST": Result(record(30 + seed))} for seed in (0, 4)}


def png(width: int, height: int) -> bytes:
    """A white picture."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    lines = (b"\0" + b"\xff" * width) * height
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )


PICTURES = [
    Picture("a <curve>", 'rows "fall"', png(1040, 800)),
    Picture("gradients", "a grid", png(2200, 600)),
    "Input gradients are not shown: <no data>",
]
