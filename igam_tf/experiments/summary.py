"""A table over several training seeds: means, their intervals, and differences between rows."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence

from igam_tf.evaluation import intervals
from igam_tf.evaluation.records import EvalRecord
from igam_tf.experiments.configs import Table
from igam_tf.experiments.reproduce import Result

_ALL_EQUAL = "(all equal)"  # instead of an interval


@dataclasses.dataclass(frozen=True)
class Mean:
    """A mean over seeds in percent, and its 95 % interval (Student's t, over training runs).

    Attributes:
      low, high: ends of the interval; NaN where every seed gave the same value, so that there is
        no spread to estimate it from.
    """

    mean: float
    low: float
    high: float

    @property
    def all_equal(self) -> bool:
        """Every seed gave the same value: there is no interval and no verdict."""
        return math.isnan(self.low)

    @property
    def holds_zero(self) -> bool:
        """The interval contains 0: this difference is not distinguishable from none."""
        return self.low <= 0 <= self.high


@dataclasses.dataclass(frozen=True)
class RowSummary:
    """A row over all seeds: means by BatchNorm mode and column, and differences to the reference,
    paired by seed.
    """

    name: str
    means: dict[str, dict[str, Mean]]
    differences: dict[str, dict[str, Mean]]


@dataclasses.dataclass(frozen=True)
class Summary:
    """A table over several seeds.

    Attributes:
      modes: BatchNorm modes in which every seed of every row was scored.
      reference: the row that the other rows are compared with, if any.
      rows: the rows that every seed has.
      incomplete: names of the other rows.
    """

    seeds: tuple[int, ...]
    columns: tuple[str, ...]
    modes: tuple[str, ...]
    reference: str | None
    rows: tuple[RowSummary, ...]
    incomplete: tuple[str, ...]


def summarise(table: Table, by_seed: Mapping[int, Mapping[str, Result]]) -> Summary:
    """Means over two or more seeds, and differences to the first row where the table asks for
    them.
    """
    columns = ("clean", *table.scoring.attacks)
    records: dict[str, list[EvalRecord]] = {}
    for row in table.rows:
        of_row = [results[row].record for results in by_seed.values()]
        if None not in of_row:
            records[row] = [record for record in of_row if record is not None]
    every = [record for of_row in records.values() for record in of_row]
    modes = tuple(
        mode
        for mode in (every[0].results if every else ())
        if all(mode in record.results for record in every)
    )
    percent = {
        row: {
            mode: {column: [100 * r.accuracy(column, mode) for r in of_row] for column in columns}
            for mode in modes
        }
        for row, of_row in records.items()
    }
    reference = next(iter(table.rows)) if table.against_first else None
    base = percent.get(reference) if reference is not None else None
    rows = []
    for row, of_modes in percent.items():
        means = {
            mode: {column: _mean(values) for column, values in of_columns.items()}
            for mode, of_columns in of_modes.items()
        }
        differences = {}
        if base is not None and row != reference:
            differences = {
                mode: {
                    column: _difference(values, base[mode][column])
                    for column, values in of_columns.items()
                }
                for mode, of_columns in of_modes.items()
            }
        rows.append(RowSummary(row, means, differences))
    incomplete = tuple(row for row in table.rows if row not in records)
    return Summary(tuple(by_seed), columns, modes, reference, tuple(rows), incomplete)


def summary_text(table: Table, by_seed: Mapping[int, Mapping[str, Result]]) -> str:
    """By BatchNorm mode, row and column: the mean over seeds with its 95 % interval, in percent.

    Where the table compares its rows with the first one, a second line has the difference to that
    row, paired by seed, with "n.d." (not distinguishable) where its interval contains 0. Rows that
    some seed lacks are named at the end.
    """
    summary = summarise(table, by_seed)
    width = max(map(len, table.rows)) + 2
    lines = legend(summary)
    for mode in summary.modes:
        lines += ["", f"{mode:<{width}}" + "".join(f"{c:>28}" for c in summary.columns)]
        for row in summary.rows:
            means = [mean_text(row.means[mode][column]) for column in summary.columns]
            lines.append(f"{row.name:<{width}}" + "".join(f"{text:>28}" for text in means))
            if row.differences:
                texts = [difference_text(row.differences[mode][c]) for c in summary.columns]
                lines.append(" " * width + "".join(f"{text:>28}" for text in texts))
    lines += [f"{row}: not run with every seed" for row in summary.incomplete]
    return "\n".join(lines)


def legend(summary: Summary) -> list[str]:
    """The lines that explain the figures."""
    seeds = ", ".join(map(str, summary.seeds))
    lines = [
        f"Over seeds {seeds}: mean and its 95 % interval (Student's t, over training runs), "
        "in percent."
    ]
    if summary.reference is not None:
        lines.append(
            f"Below: difference to {summary.reference!r}, paired by seed; n.d.: not "
            "distinguishable (its interval holds 0)."
        )
    if any(mean.all_equal for mean in _all_means(summary)):
        lines.append(
            f"{_ALL_EQUAL}: every seed gave the same figure. No spread, so no interval and no "
            "verdict."
        )
    return lines


def mean_text(mean: Mean) -> str:
    """Such as `62.3 [56.1, 68.6]`, or `62.3 (all equal)`."""
    interval = _ALL_EQUAL if mean.all_equal else f"[{mean.low:.1f}, {mean.high:.1f}]"
    return f"{mean.mean:.1f} {interval}"


def difference_text(mean: Mean) -> str:
    """Such as `+2.0 [-4.6, +8.6] n.d.`, or `+2.0 (all equal)`."""
    if mean.all_equal:
        return f"{mean.mean:+.1f} {_ALL_EQUAL}"
    verdict = " n.d." if mean.holds_zero else ""
    return f"{mean.mean:+.1f} [{mean.low:+.1f}, {mean.high:+.1f}]{verdict}"


def _all_means(summary: Summary) -> Iterator[Mean]:
    for row in summary.rows:
        for means in (*row.means.values(), *row.differences.values()):
            yield from means.values()


def _mean(values: Sequence[float]) -> Mean:
    return Mean(*intervals.mean_interval(values))


def _difference(values: Sequence[float], base: Sequence[float]) -> Mean:
    return _mean([a - b for a, b in zip(values, base, strict=True)])
