"""Times of attacks as a table."""

from igam_tf.benchmark import timing
from igam_tf.benchmark.attack_speed import AttackTimes
from igam_tf.benchmark.contenders import FLOOR, OURS

_WIDTHS = (-12, 9, 10, 19, 11, 9, 11, 8)  # negative: to the left
_HEAD = ("contender", "first s", "median s", "min..max", "images/s", "x floor", "gradients", "loss")


def title(measured: AttackTimes) -> str:
    task = measured.task
    steps = ", ".join(map(str, measured.steps))
    return (
        f"PGD of {steps} steps of {task.step_size:g}, linf, "
        f"eps {task.bounds.describe(task.epsilon)}; {task.model.name} of "
        f"{task.model.count_params():,} parameters; "
        f"n = {len(task.images)} in batches of {task.batch_size}"
    )


def table(measured: AttackTimes) -> str:
    """A line for each contender, the reasons of absent ones, and the speedups over the peers."""
    to_floor = timing.ratios(measured.timings, FLOOR)
    is_set = len(measured.steps) > 1
    rows: list[tuple[str, ...]] = [_HEAD]
    for name, times in measured.timings.items():
        rows.append(
            (
                f"{name}-set" if name == OURS and is_set else name,
                *timing.cells(times),
                f"{to_floor[name]:.2f}" if name in to_floor else "-",
                str(measured.gradients[name]),
                f"{measured.losses[name]:.2f}" if name in measured.losses else "-",
            )
        )
    lines = [title(measured), *timing.aligned(rows, _WIDTHS)]
    lines += [
        f"{name:<{-_WIDTHS[0]}}not measured: {reason}" for name, reason in measured.absent.items()
    ]
    lines.append(
        "loss: mean cross-entropy of the images found; "
        f"{measured.losses['clean']:.2f} before the attack"
    )
    if measured.speedups:
        lines.append(
            "ours is faster than "
            + ", ".join(f"{n} {by:.2f}x" for n, by in measured.speedups.items())
        )
    return "\n".join(lines)
