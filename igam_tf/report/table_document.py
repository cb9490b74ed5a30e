"""A reproduced table as plain data, from which its text, Markdown, JSON and HTML are made.

The report of one model (`igam_tf.report.model_report`) is a table of one row without a name.

Accuracies, intervals and differences are in percent. A `Figure` also has the counts behind it.
"""

import dataclasses
from typing import Any

from igam_tf.evaluation.diagnostics import Check, Diagnosis
from igam_tf.evaluation.records import Count, EvalRecord
from igam_tf.experiments import claims

STRONG = "strong"


@dataclasses.dataclass(frozen=True)
class Figure:
    """An accuracy with its 95 % interval, and its counts (`igam_tf.evaluation.records.Count`)."""

    percent: float
    interval: tuple[float, float]
    correct: int
    n: int
    never_fooled: int | None


@dataclasses.dataclass(frozen=True)
class PublishedFigure:
    """The paper's accuracy, and ours minus it."""

    percent: float
    difference: float


@dataclasses.dataclass(frozen=True)
class Conditions:
    """How all rows were scored.

    `epsilon` and `step_size` are in the pixels' unit; `*_shown` are the same for readers.
    """

    dataset: str
    n: int
    norm: str
    epsilon: float
    epsilon_shown: str
    step_size: float
    step_size_shown: str
    batch_size: int
    seed: int


@dataclasses.dataclass(frozen=True)
class ClassFigures:
    """A class of one model's report.

    Attributes:
      name: the class's name, or else its label.
      n: images of this class.
      figures: by BatchNorm mode and column.
    """

    name: str
    n: int
    figures: dict[str, dict[str, Figure]]


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
      absent: why there are no figures; None if there are.
      figures: by BatchNorm mode and column.
      compared: the BatchNorm mode that is compared with the paper; None without figures.
      published: by column, where the paper has a figure; empty without figures.
      doubts: what makes the attacks weaker than they seem.
      warnings: the doubts, and the warnings of the diagnostics.
      directory: the name of the run's directory, inside the directory of runs.
      command: reproduces this row alone.
      config: `igam_tf.core.settings.to_dict` of the run; None where the table declares none.
      record: the whole evaluation.
      strong: the evaluation under the strong attacks, with its diagnosis.
      classes: accuracy by class, in one model's report; classes without images are left out.
    """

    name: str
    absent: str | None
    note: str
    figures: dict[str, dict[str, Figure]]
    compared: str | None
    published: dict[str, PublishedFigure]
    doubts: tuple[str, ...]
    warnings: tuple[str, ...]
    directory: str | None
    command: str
    config: dict[str, Any] | None
    record: EvalRecord | None
    strong: EvalRecord | None
    classes: tuple[ClassFigures, ...] = ()

    @property
    def diagnosis(self) -> Diagnosis | None:
        return diagnosis_of(self.record, self.strong)

    @property
    def checks(self) -> tuple[Check, ...]:
        """The checks of the diagnosis; empty without one."""
        return self.diagnosis.checks if self.diagnosis else ()

    @property
    def strong_record(self) -> EvalRecord | None:
        """The record with the chain `strong`; None where it did not run."""
        for record in (self.strong, self.record):
            if record and any(STRONG in counts for counts in record.results.values()):
                return record
        return None


@dataclasses.dataclass(frozen=True)
class Document:
    """A table reproduced with one seed, or one model.

    Attributes:
      name, preset: empty for one model, whose `title` has its name.
      conditions: None if no row was scored.
      columns: title by name, in order; `strong` is the last column if any row has it.
      compares: whether the paper has figures for this table.
      environment: as `environment` returns it.
    """

    name: str
    preset: str
    seed: int
    title: str
    conditions: Conditions | None
    columns: dict[str, str]
    compares: bool
    rows: tuple[Row, ...]
    findings: tuple[claims.Finding, ...]
    environment: dict[str, tuple[str, ...]]

    @property
    def heading(self) -> str:
        return f"Table {self.name}: {self.title}" if self.name else self.title

    @property
    def compared(self) -> str | None:
        """The first row's BatchNorm mode that is compared with the paper."""
        return next((row.compared for row in self.rows if row.compared), None)

    @property
    def warnings(self) -> list[tuple[str, str]]:
        """Pairs of a row's name and a warning; an absent row warns, too."""
        warnings = []
        for row in self.rows:
            texts = row.warnings if row.absent is None else (f"not run: {row.absent}",)
            warnings += [(row.name, text) for text in texts]
        return warnings


def figure_of(count: Count) -> Figure:
    low, high = count.interval
    interval = (100 * low, 100 * high)
    return Figure(100 * count.accuracy, interval, count.correct, count.n, count.never_fooled)


def diagnosis_of(record: EvalRecord | None, strong: EvalRecord | None) -> Diagnosis | None:
    """The diagnosis in the record of the strong attacks, or else in the whole evaluation's."""
    content = next((each.diagnosis for each in (strong, record) if each and each.diagnosis), None)
    return None if content is None else Diagnosis.from_dict(content)
