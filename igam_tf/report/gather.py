"""Gathers the data that a table's reports show, from its results."""

import pathlib
from collections.abc import Iterable, Mapping, Sequence

from igam_tf.core import settings
from igam_tf.core.bounds import Bounds
from igam_tf.core.command import shell_line
from igam_tf.evaluation.records import EvalRecord
from igam_tf.experiments import claims
from igam_tf.experiments.configs import Absent, Table
from igam_tf.experiments.reproduce import Result
from igam_tf.report.table_document import (
    STRONG,
    Conditions,
    Document,
    Figure,
    PublishedFigure,
    Row,
    diagnosis_of,
    figure_of,
)

_TITLES = {"clean": "Clean", STRONG: STRONG}


def document(
    table: Table,
    results: Mapping[str, Result],
    seed: int = 0,
    flags: Mapping[str, Sequence[str]] | None = None,
) -> Document:
    """Gathers the data of a table.

    Args:
      results: of `igam_tf.experiments.reproduce`.
      seed: the seed that the table was declared with.
      flags: by row, further arguments of the command that reproduces it.
    """
    records = [record for r in results.values() for record in (r.record, r.strong) if record]
    record = next((result.record for result in results.values() if result.record), None)
    columns = ["clean", *table.scoring.attacks]
    columns += [STRONG] if any(result.strong for result in results.values()) else []
    flags = flags or {}
    return Document(
        table.name,
        table.preset,
        seed,
        table.title,
        None if record is None else _conditions(table, record),
        {column: _title(column) for column in columns},
        bool(table.published),
        tuple(_row(table, name, results[name], seed, flags.get(name, ())) for name in results),
        tuple(_findings(table, results)),
        environment(records),
    )


def _title(column: str) -> str:
    """A column's title; the stages of a chain, `strong: apgd-ce`, have their own names."""
    return _TITLES.get(column) or (column if ": " in column else column.upper())


def environment(records: Iterable[EvalRecord]) -> dict[str, tuple[str, ...]]:
    """The different values of each entry of the records' environments, in the order of the records.

    The entry `time` has the earliest and the latest time.
    """
    values: dict[str, dict[str, None]] = {}
    for record in records:
        for key, value in record.environment.items():
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            values.setdefault(key, {})[text] = None
    if times := sorted(values.get("time", ())):
        values["time"] = dict.fromkeys((times[0], times[-1]))
    return {key: tuple(texts) for key, texts in values.items()}


def _row(table: Table, name: str, result: Result, seed: int, flags: Sequence[str]) -> Row:
    record, strong, run = result.record, result.strong, table.rows[name]
    figures = {} if record is None else _figures(table, record, strong)
    compared = None if record is None else _compared(record)
    ours = {} if compared is None else figures[compared]
    records = (each for each in (record, strong) if each)
    doubts = tuple(dict.fromkeys(doubt for each in records for doubt in each.doubts))
    arguments = [f"--table={table.name}", f"--preset={table.preset}"]
    arguments += [f"--seed={seed}", f"--rows={name}", *flags]
    return Row(
        name,
        result.note if record is None else None,
        result.note,
        figures,
        compared,
        {
            column: PublishedFigure(percent, ours[column].percent - percent)
            for column, percent in table.published.get(name, {}).items()
            if column in ours
        },
        doubts,
        (*doubts, *_warnings(record, strong)),
        pathlib.Path(result.directory).name if result.directory else None,
        result.command or shell_line("reproduce_table", *arguments),
        None if isinstance(run, Absent) else settings.to_dict(run),
        record,
        strong,
    )


def _figures(
    table: Table, record: EvalRecord, strong: EvalRecord | None
) -> dict[str, dict[str, Figure]]:
    """By BatchNorm mode and column."""
    figures = {
        mode: {column: figure_of(counts[column]) for column in ("clean", *table.scoring.attacks)}
        for mode, counts in record.results.items()
    }
    if strong is not None:
        for mode in set(strong.results) & set(figures):
            figures[mode][STRONG] = figure_of(strong.count(STRONG, mode))
    return figures


def _warnings(record: EvalRecord | None, strong: EvalRecord | None) -> list[str]:
    diagnosis = diagnosis_of(record, strong)
    warnings = [check for check in diagnosis.checks if check.verdict == "WARN"] if diagnosis else []
    return [f"{check.name}: {check.says}. {check.meaning}" for check in warnings]


def _conditions(table: Table, record: EvalRecord) -> Conditions:
    bounds, scoring = Bounds(*record.bounds), table.scoring
    norms = {str(spec["norm"]): None for spec in record.attacks.values() if "norm" in spec}
    epsilon = bounds.amount(scoring.epsilon)
    step = bounds.amount(scoring.step_size, "step_size")
    return Conditions(
        scoring.dataset,
        record.n,
        ", ".join(norms) or "linf",
        epsilon,
        bounds.describe(epsilon),
        step,
        bounds.describe(step),
        record.batch_size,
        record.seed,
    )


def _findings(table: Table, results: Mapping[str, Result]) -> list[claims.Finding]:
    """Tests the paper's claims on our figures, in the mode that is compared with the paper."""

    def figure(row: str, column: str) -> float | None:
        record = results[row].record if row in results else None
        if record is None or column not in record.results[_compared(record)]:
            return None
        return 100 * record.accuracy(column, _compared(record))

    return [claims.find(claim, figure) for claim in claims.of_table(table.name)]


def _compared(record: EvalRecord) -> str:
    """The BatchNorm mode that is compared with the paper: `"moving"`, or else the first one."""
    return "moving" if "moving" in record.results else next(iter(record.results))
