"""A table over several training seeds: means, intervals, and differences that chance does not explain."""

from collections.abc import Mapping

from igam_tf import intervals
from igam_tf.experiments.configs import Table
from igam_tf.experiments.reproduce import Result


def summary_text(table: Table, by_seed: Mapping[int, Mapping[str, Result]]) -> str:
    """Per BatchNorm mode, row and column: mean over seeds with its 95 % interval, in percent.

    Where the table compares its rows with the first one, below it the difference to that row, paired by seed, and
    "not distinguishable" where its interval holds 0. Rows that some seed lacks are left out and named.
    """
    complete = {row: [seed[row].record for seed in by_seed.values()] for row in table.rows}
    records = {row: [r for r in found if r] for row, found in complete.items()}
    whole = {row: found for row, found in records.items() if len(found) == len(by_seed)}
    columns = ["clean", *table.scoring.attacks]
    width = max(map(len, table.rows)) + 2
    seeds = ", ".join(map(str, by_seed))
    lines = [f"Over seeds {seeds}: mean and its 95 % interval (Student's t, over training runs), in percent."]
    reference = next(iter(table.rows))
    if table.against_first:
        lines.append(
            f"Below: difference to {reference!r}, paired by seed; n.d.: not distinguishable (its interval holds 0)."
        )
    for mode in next(iter(whole.values()))[0].results if whole else ():
        lines += ["", f"{mode:<{width}}" + "".join(f"{column:>28}" for column in columns)]
        for row, found in whole.items():
            values = {column: [100 * r.accuracy(column, mode) for r in found] for column in columns}
            lines.append(f"{row:<{width}}" + "".join(f"{_mean(values[column]):>28}" for column in columns))
            if table.against_first and row != reference and reference in whole:
                base = {column: [100 * r.accuracy(column, mode) for r in whole[reference]] for column in columns}
                cells = [_difference(values[column], base[column]) for column in columns]
                lines.append(" " * width + "".join(f"{cell:>28}" for cell in cells))
    lines += [f"{row}: not run with every seed" for row in table.rows if row not in whole]
    return "\n".join(lines)


def _mean(values: list[float]) -> str:
    mean, low, high = intervals.mean_interval(values)
    return f"{mean:.1f} [{low:.1f}, {high:.1f}]"


def _difference(values: list[float], base: list[float]) -> str:
    mean, low, high = intervals.mean_interval([a - b for a, b in zip(values, base, strict=True)])
    return f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]" + (" n.d." if low <= 0 <= high else "")
