"""A table over several training seeds: means, intervals, and differences that chance does not
explain.
"""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence

from igam_tf.evaluation import intervals
from igam_tf.experiments.configs import Table
from igam_tf.experiments.reproduce import Result

_ALL_EQUAL = "(all equal)"  # instead of an interval


@dataclasses.dataclass(frozen=True)
class Mean:
    """A mean over seeds in percent, and its 95 % interval (Student's t, over training runs).

    Attributes:
      low, high: ends of the interval; NaN where every seed gave the same, which shows no spread to
        estimate one from.
    """

    mean: float
    low: float
    high: float

    @property
    def all_equal(self) -> bool:
        """Every seed gave the same, so that there is no interval and no verdict."""
        return math.isnan(self.low)

    @property
    def holds_zero(self) -> bool:
        """The interval holds 0: as a difference, this one is not distinguishable from none."""
        return self.low <= 0 <= self.high


@dataclasses.dataclass(frozen=True)
class Over:
    """A row over all seeds: by BatchNorm mode and column its means, and differences to the
    reference paired by seed.
    """

    name: str
    means: dict[str, dict[str, Mean]]
    differences: dict[str, dict[str, Mean]]


@dataclasses.dataclass(frozen=True)
class Summary:
    """A table over several seeds.

    Attributes:
      modes: those in which every seed of every row was scored.
      reference: the row that others are compared with; None if there are no comparisons.
      rows: those that every seed has.
      incomplete: names of the others.
    """

    seeds: tuple[int, ...]
    columns: tuple[str, ...]
    modes: tuple[str, ...]
    reference: str | None
    rows: tuple[Over, ...]
    incomplete: tuple[str, ...]


def summarise(table: Table, by_seed: Mapping[int, Mapping[str, Result]]) -> Summary:
    """Means over two or more seeds; where the table compares its rows with the first one, the
    differences to it.
    """
    columns = ("clean", *table.scoring.attacks)
    complete = {row: [seed[row].record for seed in by_seed.values()] for row in table.rows}
    records = {row: [record for record in found if record] for row, found in complete.items()}
    whole = {row: found for row, found in records.items() if len(found) == len(by_seed)}
    all_records = [record for found in whole.values() for record in found]
    shared = [set(record.results) for record in all_records]  # a seed may have been scored in fewer
    modes = (
        tuple(mode for mode in all_records[0].results if all(mode in each for each in shared))
        if shared
        else ()
    )
    values = {
        row: {
            mode: {column: [100 * r.accuracy(column, mode) for r in found] for column in columns}
            for mode in modes
        }
        for row, found in whole.items()
    }
    reference = next(iter(table.rows)) if table.against_first else None
    rows = []
    for row, found in values.items():
        means = {
            mode: {column: _mean(each) for column, each in of.items()} for mode, of in found.items()
        }
        differences = {}
        if reference in values and row != reference:
            base = values[reference]
            differences = {
                mode: {column: _difference(each, base[mode][column]) for column, each in of.items()}
                for mode, of in found.items()
            }
        rows.append(Over(row, means, differences))
    return Summary(
        tuple(by_seed),
        columns,
        modes,
        reference,
        tuple(rows),
        tuple(row for row in table.rows if row not in whole),
    )


def summary_text(table: Table, by_seed: Mapping[int, Mapping[str, Result]]) -> str:
    """Per BatchNorm mode, row and column: mean over seeds with its 95 % interval, in percent.

    Where the table compares its rows with the first one, below it the difference to that row,
    paired by seed, and "not distinguishable" where its interval holds 0. Rows that some seed lacks
    are left out and named.
    """
    made = summarise(table, by_seed)
    width = max(map(len, table.rows)) + 2
    lines = explained(made)
    for mode in made.modes:
        lines += ["", f"{mode:<{width}}" + "".join(f"{column:>28}" for column in made.columns)]
        for row in made.rows:
            lines.append(
                f"{row.name:<{width}}"
                + "".join(f"{mean_text(row.means[mode][c]):>28}" for c in made.columns)
            )
            if row.differences:
                cells = [difference_text(row.differences[mode][column]) for column in made.columns]
                lines.append(" " * width + "".join(f"{cell:>28}" for cell in cells))
    lines += [f"{row}: not run with every seed" for row in made.incomplete]
    return "\n".join(lines)


def explained(made: Summary) -> list[str]:
    """What the figures are, in lines."""
    seeds = ", ".join(map(str, made.seeds))
    lines = [
        f"Over seeds {seeds}: mean and its 95 % interval (Student's t, over training runs), in percent."
    ]
    if made.reference is not None:
        lines.append(
            f"Below: difference to {made.reference!r}, paired by seed; n.d.: not distinguishable (its interval holds 0)."
        )
    if any(each.all_equal for each in _all_means(made)):
        lines.append(
            f"{_ALL_EQUAL}: every seed gave the same figure. No spread, so no interval and no verdict."
        )
    return lines


def mean_text(each: Mean) -> str:
    return f"{each.mean:.1f} " + (
        _ALL_EQUAL if each.all_equal else f"[{each.low:.1f}, {each.high:.1f}]"
    )


def difference_text(each: Mean) -> str:
    if each.all_equal:
        return f"{each.mean:+.1f} {_ALL_EQUAL}"
    return f"{each.mean:+.1f} [{each.low:+.1f}, {each.high:+.1f}]" + (
        " n.d." if each.holds_zero else ""
    )


def _all_means(made: Summary) -> Iterator[Mean]:
    for row in made.rows:
        for means in (*row.means.values(), *row.differences.values()):
            yield from means.values()


def _mean(values: Sequence[float]) -> Mean:
    return Mean(*intervals.mean_interval(values))


def _difference(values: Sequence[float], base: Sequence[float]) -> Mean:
    return _mean([a - b for a, b in zip(values, base, strict=True)])
