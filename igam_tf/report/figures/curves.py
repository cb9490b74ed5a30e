"""Accuracy against the number of PGD steps, from records."""

import math
import re
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from igam_tf.core.bounds import Bounds
from igam_tf.core.errors import InputError
from igam_tf.evaluation.records import Count, EvalRecord
from igam_tf.report.figures import style

_PGD = re.compile(r"pgd([1-9]\d*)")


def curve_of(record: EvalRecord, statistics: str | None = None) -> dict[int, Count]:
    """Counts by the number of steps, rising, 0 being the clean images: all of a record's `pgdK`.

    Attacks with another loss, norm or number of restarts, and FGSM, are other attacks and not on
    this curve.

    Raises:
      InputError: the record has no such BatchNorm mode.
    """
    record.count("clean", statistics)
    mode = next(iter(record.results)) if statistics is None else statistics
    steps = {
        int(found[1]): name for name in record.results[mode] if (found := _PGD.fullmatch(name))
    }
    return {
        0: record.count("clean", mode),
        **{k: record.count(steps[k], mode) for k in sorted(steps)},
    }


@style.styled()
def k_curves(records: Mapping[str, EvalRecord], statistics: str | None = None) -> Figure:
    """Accuracy under PGD-k against k, a line for each record, in the band of Wilson's 95 %
    intervals.

    Args:
      records: by row; each may have other k.
      statistics: BatchNorm mode; each record's first by default.

    Raises:
      InputError: no record, none with a `pgdK`, or one without that mode.
    """
    found = {name: curve_of(record, statistics) for name, record in records.items()}
    steps = sorted({k for curve in found.values() for k in curve})
    if len(steps) < 2:
        raise InputError(
            "k-curves: expected records with clean and pgdK counts, got none with a pgdK"
        )
    figure = Figure((style.COLUMN, 2.5 + 0.15 * math.ceil(len(found) / 2)), layout="constrained")
    axes = figure.subplots()
    for index, (name, curve) in enumerate(found.items()):
        look = style.series(index)
        percent = [100 * count.accuracy for count in curve.values()]
        low, high = zip(*(count.interval for count in curve.values()), strict=True)
        axes.fill_between(
            list(curve),
            [100 * v for v in low],
            [100 * v for v in high],
            color=look.color,
            alpha=0.15,
            lw=0,
        )
        axes.plot(
            list(curve),
            percent,
            color=look.color,
            marker=look.marker,
            ls=look.dashes,
            label=name,
            clip_on=False,
        )
    # Linear up to the first attack, logarithmic beyond, so that 5, 10, 20, 50 and 100 have room.
    axes.set_xscale("symlog", linthresh=steps[1], linscale=0.35)
    axes.set_xticks(steps, ["clean", *map(str, steps[1:])])
    axes.minorticks_off()
    axes.set(xlim=(0, steps[-1]), ylim=(0, 100), xlabel="PGD steps k", ylabel="accuracy (%)")
    axes.grid(axis="y")
    figure.legend(loc="outside lower center", ncols=2)
    axes.set_title(
        conditions(list(records.values()), statistics), fontsize=6.5, color=style.GREY, loc="left"
    )
    return figure


def conditions(records: Sequence[EvalRecord], statistics: str | None) -> str:
    """What the numbers of a figure are of, in two short lines: attack, examples, BatchNorm mode and
    what the bands are.
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


_NORMS = {"linf": r"$\ell_\infty$", "l2": r"$\ell_2$"}
