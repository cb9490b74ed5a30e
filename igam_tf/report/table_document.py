"""A reproduced table as plain data: what its text, Markdown, JSON and HTML are all made from.

Figures are in percent; a `Figure` also has the counts behind it.
"""

import dataclasses
import pathlib
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from igam_tf.core import settings
from igam_tf.core.bounds import Bounds
from igam_tf.evaluation.diagnostics import Check, Diagnosis
from igam_tf.evaluation.records import Count, EvalRecord
from igam_tf.experiments import claims
from igam_tf.experiments.configs import Absent, Table
from igam_tf.experiments.reproduce import Result

STRONG = "strong"
_TITLES = {"clean": "Clean", "fgsm": "FGSM"}


@dataclasses.dataclass(frozen=True)
class Figure:
    """Accuracy in percent with its 95 % interval, and the counts that it comes from
    (`igam_tf.evaluation.records.Count`).
    """

    percent: float
    interval: tuple[float, float]
    correct: int
    n: int
    never_fooled: int | None


@dataclasses.dataclass(frozen=True)
class PublishedFigure:
    """The paper's figure, and ours minus it."""

    percent: float
    difference: float


@dataclasses.dataclass(frozen=True)
class Conditions:
    """Under which all rows were scored; amounts in the pixels' unit, and as they are shown."""

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
class Row:
    """A row of a table.

    Attributes:
      absent: why there are no figures; None if there are.
      figures: by BatchNorm mode and column.
      compared: the BatchNorm mode that stands against the paper; None without figures.
      published: by column, where the paper has a figure; empty without figures.
      doubts: what makes the attacks weaker than they seem.
      warnings: doubts, and what the diagnostics warn of.
      directory: the run's, inside the directory of runs.
      command: makes this row alone.
      config: `igam_tf.core.settings.to_dict` of the run; None where the table declares none.
      record, strong: everything that was measured; `strong` has the diagnosis.
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

    @property
    def checks(self) -> tuple[Check, ...]:
        """The diagnosis's, none without one."""
        return _checks(self.strong)


@dataclasses.dataclass(frozen=True)
class Document:
    """A table reproduced with one seed.

    Attributes:
      columns: title by name, in order; `strong` is the last where any row has it.
      compares: whether the paper has figures for this table.
      environment: every value that the records name, by what it is of: versions, machine, devices,
        revision, time.
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
        return f"Table {self.name}: {self.title}"

    @property
    def compared(self) -> str | None:
        """The first row's mode against the paper."""
        return next((row.compared for row in self.rows if row.compared), None)

    @property
    def warnings(self) -> list[tuple[str, str]]:
        """(row, warning), also for rows that are absent."""
        return [
            (row.name, text)
            for row in self.rows
            for text in ((f"not run: {row.absent}",) if row.absent is not None else row.warnings)
        ]


def document(
    table: Table,
    results: Mapping[str, Result],
    seed: int = 0,
    flags: Mapping[str, Sequence[str]] | None = None,
) -> Document:
    """The data of a table.

    Args:
      results: of `igam_tf.experiments.reproduce`.
      seed: that the table was declared with.
      flags: by row, further arguments of the command that made it.
    """
    records = [result.record for result in results.values() if result.record]
    strong = any(result.strong for result in results.values())
    columns = ["clean", *table.scoring.attacks, *([STRONG] if strong else [])]
    return Document(
        table.name,
        table.preset,
        seed,
        table.title,
        _conditions(table, records[0]) if records else None,
        {
            column: _TITLES.get(column, column if column == STRONG else column.upper())
            for column in columns
        },
        bool(table.published),
        tuple(
            _row(table, name, result, seed, (flags or {}).get(name, ()))
            for name, result in results.items()
        ),
        tuple(_findings(table, results)),
        environment(
            record
            for result in results.values()
            for record in (result.record, result.strong)
            if record
        ),
    )


def environment(records: Any) -> dict[str, tuple[str, ...]]:
    """The different values of each entry of the records' environments, in the order in which they
    come; of times, the ends.
    """
    found: dict[str, dict[str, None]] = {}
    for record in records:
        for key, value in record.environment.items():
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            found.setdefault(key, {})[text] = None
    shown = {key: tuple(values) for key, values in found.items()}
    if times := sorted(shown.get("time", ())):
        shown["time"] = tuple(dict.fromkeys((times[0], times[-1])))
    return shown


def _row(table: Table, name: str, result: Result, seed: int, flags: Sequence[str]) -> Row:
    record, strong, run = result.record, result.strong, table.rows[name]
    doubts = tuple(
        dict.fromkeys(doubt for each in (record, strong) if each for doubt in each.doubts)
    )
    command = [
        "bin/reproduce_table",
        f"--table={table.name}",
        f"--preset={table.preset}",
        f"--seed={seed}",
    ]
    figures: dict[str, dict[str, Figure]] = {}
    published: dict[str, PublishedFigure] = {}
    if record is not None:
        columns = ("clean", *table.scoring.attacks)
        figures = {
            mode: {column: _figure(counts[column]) for column in columns}
            for mode, counts in record.results.items()
        }
        if strong is not None:
            for mode in set(strong.results) & set(figures):
                figures[mode][STRONG] = _figure(strong.count(STRONG, mode))
        ours = figures[_compared(record)]
        published = {
            column: PublishedFigure(percent, ours[column].percent - percent)
            for column, percent in table.published.get(name, {}).items()
            if column in ours
        }
    return Row(
        name,
        result.note if record is None else None,
        result.note,
        figures,
        _compared(record) if record else None,
        published,
        doubts,
        (*doubts, *_warned(strong)),
        pathlib.Path(result.directory).name if result.directory else None,
        result.command or shlex.join([*command, f"--rows={name}", *flags]),
        None if isinstance(run, Absent) else settings.to_dict(run),
        record,
        strong,
    )


def _figure(count: Count) -> Figure:
    low, high = count.interval
    return Figure(
        100 * count.accuracy, (100 * low, 100 * high), count.correct, count.n, count.never_fooled
    )


def _warned(strong: EvalRecord | None) -> list[str]:
    return [
        f"{check.name}: {check.says}. {check.meaning}"
        for check in _checks(strong)
        if check.verdict == "WARN"
    ]


def _checks(strong: EvalRecord | None) -> tuple[Check, ...]:
    return Diagnosis.from_dict(strong.diagnosis).checks if strong and strong.diagnosis else ()


def _conditions(table: Table, record: EvalRecord) -> Conditions:
    bounds = Bounds(*record.bounds)
    epsilon = bounds.amount(table.scoring.epsilon)
    step = bounds.amount(table.scoring.step_size, "step_size")
    return Conditions(
        table.scoring.dataset,
        record.n,
        "linf",
        epsilon,
        bounds.describe(epsilon),
        step,
        bounds.describe(step),
        record.batch_size,
        record.seed,
    )


def _findings(table: Table, results: Mapping[str, Result]) -> list[claims.Finding]:
    """The paper's claims on our figures, in the mode that stands against the paper's."""

    def figure(row: str, column: str) -> float | None:
        record = results[row].record if row in results else None
        if record is None or column not in record.results[_compared(record)]:
            return None
        return 100 * record.accuracy(column, _compared(record))

    return [claims.find(claim, figure) for claim in claims.of_table(table.name)]


def _compared(record: EvalRecord) -> str:
    """The BatchNorm mode that stands against the paper: moving averages where they were scored."""
    return "moving" if "moving" in record.results else next(iter(record.results))
