"""Accuracy against the number of PGD steps, from records."""

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from igam_tf.core.bounds import Bounds
from igam_tf.core.errors import InputError
from igam_tf.evaluation.records import Count, EvalRecord
from igam_tf.report.figures import style

_PGD = re.compile(r"pgd([1-9]\d*)")
_NORMS = {"linf": r"$\ell_\infty$", "l2": r"$\ell_2$"}


def curve_of(record: EvalRecord, statistics: str | None = None) -> dict[int, Count]:
    """A record's counts of `clean` (as step 0) and all `pgdK`, by the rising number of steps.

    FGSM, and PGD with another loss, norm or number of restarts, are other attacks and are left out.

    Raises:
      InputError: the record has no such BatchNorm mode.
    """
    curve = {0: record.count("clean", statistics)}
    mode = next(iter(record.results)) if statistics is None else statistics
    matches = {name: _PGD.fullmatch(name) for name in record.results[mode]}
    names = {int(match[1]): name for name, match in matches.items() if match}
    return curve | {k: record.count(names[k], mode) for k in sorted(names)}


@style.styled()
def k_curves(records: Mapping[str, EvalRecord], statistics: str | None = None) -> Figure:
    """Draws accuracy under PGD-k against k: a line for each record, with Wilson's 95 % intervals.

    Args:
      records: by row; the numbers of steps may differ between them.
      statistics: the BatchNorm mode; each record's first by default.

    Raises:
      InputError: there is no record, no record has a `pgdK`, or one lacks the mode.
    """
    lines = {name: curve_of(record, statistics) for name, record in records.items()}
    steps = sorted({k for curve in lines.values() for k in curve})
    if len(steps) < 2:
        raise InputError(
            "k-curves: expected records with clean and pgdK counts, got none with a pgdK"
        )
    figure = Figure((style.COLUMN, 2.5 + 0.15 * math.ceil(len(lines) / 2)), layout="constrained")
    axes = figure.subplots()
    for index, (name, curve) in enumerate(lines.items()):
        look, k = style.series(index), list(curve)
        percent = [100 * count.accuracy for count in curve.values()]
        low, high = 100 * np.transpose([count.interval for count in curve.values()])
        axes.fill_between(k, low, high, color=look.color, alpha=0.15, lw=0)
        shape = {"color": look.color, "marker": look.marker, "ls": look.dashes}
        axes.plot(k, percent, label=name, clip_on=False, **shape)
    # Linear up to the first attack, logarithmic after it: 5, 10, 20, 50 and 100 need the room.
    axes.set_xscale("symlog", linthresh=steps[1], linscale=0.35)
    axes.set_xticks(steps, ["clean", *map(str, steps[1:])])
    axes.minorticks_off()
    axes.set(xlim=(0, steps[-1]), ylim=(0, 100), xlabel="PGD steps k", ylabel="accuracy (%)")
    axes.grid(axis="y")
    figure.legend(loc="outside lower center", ncols=2)
    style.subtitle(axes, conditions(list(records.values()), statistics))
    return figure


def conditions(records: Sequence[EvalRecord], statistics: str | None) -> str:
    """Two short lines that say how a figure's accuracies were measured: attack, BatchNorm mode,
    number of examples, intervals.
    """
    amounts = {
        (spec["norm"], Bounds(*record.bounds).describe(spec["epsilon"]).partition(" ")[0])
        for record in records
        for name, spec in record.attacks.items()
        if _PGD.fullmatch(name)
    }
    attacks = " or ".join(f"{_NORMS[norm]}, ε = {epsilon}" for norm, epsilon in sorted(amounts))
    examples = sorted({record.n for record in records})
    modes = sorted({statistics or next(iter(record.results)) for record in records})
    return (
        f"PGD: {attacks}; BatchNorm: {' or '.join(modes)}\n"
        f"n = {' or '.join(map(str, examples))} test images; 95 % Wilson intervals"
    )
