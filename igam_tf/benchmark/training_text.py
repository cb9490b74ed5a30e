"""Times of training steps as a table."""

from igam_tf.benchmark import timing
from igam_tf.benchmark.training_times import PAPER_EPOCH_S, WITH_DISC, TrainingTimes

_HEAD = (
    *("contender", "first s", "median s", "min..max"),
    *("images/s", "GFLOP", "of peak", "of attainable", "memory GB"),
)
_WIDTHS = (-20, 9, 10, 19, 10, 10, 9, 15, 11)  # negative: to the left


def title(measured: TrainingTimes) -> str:
    size = measured.setting
    return (
        f"training steps: width {size.width}, blocks {size.blocks}, batches of {size.batch_size}, "
        f"{size.precision}{', jit' if size.jit else ''}"
    )


def table(measured: TrainingTimes) -> str:
    """A line for each contender; the convolutions' peak, iterations of IGAM, ratios below."""
    rows: list[tuple[str, ...]] = [_HEAD]
    for name, times in measured.timings.items():
        cost = measured.costs[name]
        rows.append(
            (
                name,
                *timing.cells(times),
                f"{cost.flops / 1e9:.1f}",
                f"{cost.flops / times.median / measured.peak:.0%}",
                f"{cost.attainable(measured.convolutions) / times.median:.0%}",
                f"{cost.memory / 1e9:.2f}",
            )
        )
    lines = [title(measured), *timing.aligned(rows, _WIDTHS)]
    peaks = ", ".join(f"{name} {rate / 1e9:.0f}" for name, rate in measured.peaks.items())
    lines.append(f"bare convolutions in the same rounds, GFLOP/s: {peaks}; the fastest is the peak")
    lines.append("attainable: every convolution of a step as fast as alone in the same rounds")
    lines += [
        f"{name} with the discriminator's step in every fifth iteration: "
        f"{measured.seconds(name):.3f} s, {measured.share_of_peak(name):.0%} of the peak, "
        f"{measured.share_of_attainable(name):.0%} of the attainable"
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
