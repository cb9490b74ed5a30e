"""Measurements as a table."""

from igam_tf.benchmark import timing
from igam_tf.benchmark.attack_speed import AttackTimes
from igam_tf.benchmark.contenders import FLOOR, OURS

_WIDTHS = (-12, 9, 10, 19, 11, 9, 11, 8)  # negative: to the left
_HEAD = ("contender", "first s", "median s", "min..max", "images/s", "x floor", "gradients", "loss")


def title(measured: AttackTimes) -> str:
    task = measured.task
    steps = ", ".join(map(str, measured.steps))
    return (
        f"PGD of {steps} steps of {task.step_size:g}, linf, eps {task.bounds.describe(task.epsilon)}; {task.model.name} of "
        f"{task.model.count_params():,} parameters; n = {len(task.images)} in batches of {task.batch_size}"
    )


def table(measured: AttackTimes) -> str:
    """A line for each contender, the reasons of those without figures, and how much faster ours is
    than its peers.
    """
    to_floor = timing.ratios(measured.timings, FLOOR)
    several = len(measured.steps) > 1
    rows = [_HEAD]
    for name, found in measured.timings.items():
        rows.append(
            (
                f"{name}-set" if name == OURS and several else name,
                f"{found.first:.2f}",
                f"{found.median:.3f}",
                f"{min(found.rounds):.3f}..{max(found.rounds):.3f}",
                f"{found.images_per_second:.1f}",
                f"{to_floor[name]:.2f}" if name in to_floor else "-",
                str(measured.gradients[name]),
                f"{measured.losses[name]:.2f}" if name in measured.losses else "-",
            )
        )
    lines = [title(measured), *map(_line, rows)]
    lines += [
        f"{name:<{-_WIDTHS[0]}}not measured: {reason}" for name, reason in measured.absent.items()
    ]
    lines.append(
        f"loss: mean cross-entropy of the images found; {measured.losses['clean']:.2f} before the attack"
    )
    if measured.speedups:
        lines.append(
            "ours is faster than "
            + ", ".join(f"{n} {by:.2f}x" for n, by in measured.speedups.items())
        )
    return "\n".join(lines)


def _line(cells: tuple[str, ...]) -> str:
    padded = (
        cell.ljust(-width) if width < 0 else cell.rjust(width)
        for cell, width in zip(cells, _WIDTHS, strict=True)
    )
    return "".join(padded)
