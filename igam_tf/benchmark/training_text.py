"""Measurements of training steps as a table."""

from igam_tf.benchmark.training_speed import PAPER_EPOCH_S, WITH_DISC, TrainingTimes

_HEAD = (
    "contender",
    "first s",
    "median s",
    "min..max",
    "images/s",
    "GFLOP",
    "of peak",
    "memory GB",
)
_WIDTHS = (-20, 9, 10, 19, 10, 10, 9, 11)  # negative: to the left


def title(measured: TrainingTimes) -> str:
    at = measured.setting
    return (
        f"training steps: width {at.width}, blocks {at.blocks}, batches of {at.batch_size}, {at.precision}"
        f"{', jit' if at.jit else ''}"
    )


def table(measured: TrainingTimes) -> str:
    """A line for each contender, the convolutions' peak, iterations of IGAM with their share of
    discriminator steps, ratios.
    """
    rows = [_HEAD]
    for name, found in measured.timings.items():
        cost = measured.costs[name]
        rows.append(
            (
                name,
                f"{found.first:.2f}",
                f"{found.median:.3f}",
                f"{min(found.rounds):.3f}..{max(found.rounds):.3f}",
                f"{found.images_per_second:.1f}",
                f"{cost.flops / 1e9:.1f}",
                f"{cost.flops / found.median / measured.peak:.0%}",
                f"{cost.memory / 1e9:.2f}",
            )
        )
    lines = [title(measured), *map(_line, rows)]
    peaks = ", ".join(f"{name} {rate / 1e9:.0f}" for name, rate in measured.peaks.items())
    lines.append(f"bare convolutions in the same rounds, GFLOP/s: {peaks}; the fastest is the peak")
    lines += [
        f"{name} with the discriminator's step in every fifth iteration: {measured.seconds(name):.3f} s, "
        f"{measured.share_of_peak(name):.0%} of the peak"
        for name in measured.timings
        if name + WITH_DISC in measured.timings
    ]
    if measured.ratios:
        lines.append(
            "ratios: " + ", ".join(f"{pair} {ratio:.2f}" for pair, ratio in measured.ratios.items())
        )
    igam, pgd7 = PAPER_EPOCH_S["igam"], PAPER_EPOCH_S["pgd7"]
    lines.append(f"the paper: IGAM {igam} s an epoch, PGD7 {pgd7} s: {igam / pgd7:.2f}")
    return "\n".join(lines)


def _line(cells: tuple[str, ...]) -> str:
    padded = (
        cell.ljust(-width) if width < 0 else cell.rjust(width)
        for cell, width in zip(cells, _WIDTHS, strict=True)
    )
    return "".join(padded)
