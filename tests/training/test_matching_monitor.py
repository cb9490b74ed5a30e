"""Warnings of students' epochs: on numbers, on every recorded history, and out of `fit`."""

import types
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from igam_tf.core.errors import InputError
from igam_tf.training import MatchingMonitor
from igam_tf.training.igam import Igam

from .. import tiny
from ..page_tables import ROOT, STUDIES, tables_of
from .trainers import KINDS, fit

HEALTHY = {
    **{"accuracy": 0.9, "matching": 1.0, "disc_accuracy": 0.95, "cosine": 0.02},
    **{"student_norm": 5e-4, "teacher_norm": 8e-4},
}


def monitored(
    epochs: list[Mapping[str, Any]], history: list[Mapping[str, Any]] | None = None, **settings: Any
) -> list[str]:
    """The lines that a monitor logs on these epochs, after those of `history`."""
    lines: list[str] = []
    monitor = MatchingMonitor(lines.append, history or [])
    defaults = {"lambda_adv": 1.0, "lambda_diff": 600.0, "matched_to": "teacher"}
    # Only the settings and the number of classes: no network is needed.
    igam = Igam.__new__(Igam)
    igam.__dict__["settings"] = types.SimpleNamespace(**{**defaults, **settings})
    igam.__dict__["student"] = types.SimpleNamespace(output_shape=(None, 10))
    monitor.set_model(igam)
    monitor.on_train_begin()
    for number, logs in enumerate(epochs):
        monitor.on_epoch_end(number, dict(logs))
    return lines


def epoch(**changes: float) -> dict[str, float]:
    return {**HEALTHY, **changes}


TROUBLES = {
    "the discriminator has won: disc_accuracy 0.999": epoch(disc_accuracy=0.999),
    "the discriminator has lost: disc_accuracy 0.53": epoch(disc_accuracy=0.53),
    "gradients vanish: student_norm 1.0e-04, teacher_norm 8.0e-04": epoch(student_norm=1e-4),
    "gradients vanish: teacher_norm 0.0e+00": epoch(teacher_norm=0.0),
    "clean accuracy collapses: accuracy 0.50, the best was 0.90": epoch(accuracy=0.5),
}


@pytest.mark.parametrize("message", TROUBLES)
def test_each_kind_of_trouble_is_one_line_once(message: str) -> None:
    lines = monitored([HEALTHY, TROUBLES[message], TROUBLES[message], HEALTHY])
    (line,) = lines
    assert line.startswith(f"WARNING epoch 2: {message}")
    assert "\n" not in line


@pytest.mark.parametrize(
    ("epochs", "settings"),
    [
        ([HEALTHY] * 3, {}),
        ([epoch(disc_accuracy=0.53), HEALTHY], {}),  # the first epoch, which begins at chance
        ([HEALTHY, epoch(disc_accuracy=0.53, cosine=0.3)], {}),  # matched
        ([HEALTHY, epoch(disc_accuracy=1.0)], {"lambda_adv": 0.0}),
        ([HEALTHY, epoch(teacher_norm=0.0)], {"matched_to": "zero"}),
        ([HEALTHY, epoch(matching=0.0, accuracy=0.1, student_norm=0.0)], {}),
        ([epoch(accuracy=0.19), epoch(accuracy=0.1)], {}),  # never above twice chance
    ],
)
def test_what_is_no_trouble(epochs: list[Mapping[str, Any]], settings: dict[str, Any]) -> None:
    assert monitored(epochs, **settings) == []


def test_a_resumed_run_keeps_its_best_accuracy_and_what_was_logged() -> None:
    text = {name: str(value) for name, value in epoch(student_norm=1e-4).items()}  # from a file
    (line,) = monitored([epoch(student_norm=1e-4, accuracy=0.5)], [text, text])
    assert "clean accuracy collapses: accuracy 0.50, the best was 0.90" in line


def recorded() -> Iterator[tuple[str, dict[str, Any], list[dict[str, Any]], float]]:
    """Table and row, settings, epochs and PGD-20 of every student in results/*.json."""
    for document, study in STUDIES.items():
        for table in study.tables:
            for name, row in table.rows.items():
                run = study.runs.get(row.run or "")
                if run is None or not run.history or "disc_accuracy" not in run.history.columns:
                    continue
                epochs = [
                    dict(zip(run.history.columns, each, strict=True)) for each in run.history.rows
                ]
                counts = run.records[row.record]["results"]["moving"] if row.record else {}
                pgd20 = counts.get("pgd20", {"correct": 0, "n": 1})
                percent = 100 * pgd20["correct"] / pgd20["n"]
                yield f"{document}: {table.name}/{name}/{table.seed}", run.config, epochs, percent


def test_the_thresholds_separate_the_recorded_students() -> None:
    kinds = ("has won", "has lost", "gradients vanish", "accuracy collapses")
    warned: dict[str, set[str]] = {}
    robust = set()
    for name, config, epochs, pgd20 in recorded():
        names = ("lambda_adv", "lambda_diff", "matched_to")
        settings = {key: config[key] for key in names if key in config}
        lines = monitored(epochs, **settings)
        warned[name] = {kind for kind in kinds for line in lines if kind in line}
        robust |= {name} if pgd20 >= 25 else set()
    assert len(robust) > 20
    assert {name for name in robust if warned[name]} == set()
    halves = {name.split("/")[1]: kinds for name, kinds in warned.items() if "halves" in name}
    assert halves == {
        "IGAM-TransposeConv": {"has won"},
        "IGAM-RandomPad": {"has won"},
        "IGAM-Pad": {"has won"},
        "IGAM-Upsize": {"has lost", "accuracy collapses"},
    }
    assert warned["protocols: protocols/gradient_of=xent/0"] == {
        *("has won", "gradients vanish", "accuracy collapses")
    }


def test_the_page_quotes_a_run_that_works() -> None:
    _, _, epochs, pgd20 = next(each for each in recorded() if each[0].startswith("demo: 1/"))
    page = dict(tables_of("docs/what_numbers_mean"))
    lines = page["docs/what_numbers_mean", "A run that works", 0]
    for line in lines:
        epoch, *cells = line.values()
        logs = epochs[int(epoch) - 1]
        ratio = logs["student_norm"] / logs["teacher_norm"]
        columns = ("accuracy", "disc_accuracy", "cosine")
        assert cells == [f"{value:.2f}" for value in (*(logs[name] for name in columns), ratio)]
    assert len(lines) == 4
    assert f"{pgd20:.1f} % under PGD-20" in (ROOT / "docs/what_numbers_mean.md").read_text("utf-8")


def test_out_of_fit() -> None:
    lines: list[str] = []
    fit(tiny.igam(eager=True, lambda_diff=1e7), 2, callbacks=[MatchingMonitor(lines.append)])
    assert lines
    assert len({line.split(":")[1] for line in lines}) == len(lines)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "igam"])
def test_another_trainer_is_refused(kind: str) -> None:
    with pytest.raises(InputError, match=r"^MatchingMonitor: expected an Igam trainer, got "):
        fit(KINDS[kind](run_eagerly=True), callbacks=[MatchingMonitor()])
