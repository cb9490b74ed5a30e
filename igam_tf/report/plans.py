"""The cost and the progress of a table's runs, as text."""

from collections.abc import Callable, Sequence

from igam_tf.experiments.configs import Run, Table, Weights
from igam_tf.experiments.costs import RunCost, SizedNetwork, of_epoch
from igam_tf.experiments.plan import Plan


def plan_text(table: Table, plan: Plan, seconds_per_pass: Callable[[SizedNetwork], float]) -> str:
    """The steps with their images, input gradients and hours.

    Calls `seconds_per_pass` once for each network that an unfinished step uses.
    """
    keys = dict.fromkeys(key for step in plan.unfinished for key in step.cost.passes)
    networks = {key: seconds_per_pass(key) for key in keys}
    seconds = networks.__getitem__

    lines = [f"Table {table.name}, preset {table.preset}: {table.title}", "", "Data:"]
    lines += [f"  {name}: {place}" for name, place in plan.data.items()]
    to_do = f"{len(plan.unfinished)} of {len(plan.steps)} to do"
    lines += ["", f"Steps ({to_do}), in the order in which they are taken:"]
    lines.append(f"  {'images':>14}{'gradients':>14}{'hours':>10}  step")
    for step in plan.steps:
        counts = (
            f"{'finished':>38}" if step.finished else _counts(step.cost, step.cost.hours(seconds))
        )
        start = f", from {step.teacher}" if step.teacher else ""
        lines.append(f"  {counts}  {step.name}: {step.action}{start} ({', '.join(step.rows)})")
    lines += [f"  not possible: {row}: {reason}" for row, reason in plan.absent.items()]
    total = sum((step.cost for step in plan.unfinished), RunCost())
    lines.append(f"  {_counts(total, total.hours(seconds))}  in all")
    lines += ["", *_notes(networks)] if networks else []
    return "\n".join(lines)


def devices_text(
    plan: Plan,
    devices: Sequence[int],
    seconds_per_pass: Callable[[SizedNetwork], float],
    reduced_bytes: Callable[[Run], int],
) -> str:
    """Hours of an epoch of each unfinished training run, on so many devices like this one."""
    lines = [
        "An epoch's hours on so many devices like this one, if they exchange gradients in no time:",
        "  " + "".join(f"{count:>10}" for count in devices) + f"{'MB a step':>12}  step",
    ]
    for step in plan.unfinished:
        if step.run is None:
            continue
        hours = of_epoch(step.run).hours(seconds_per_pass)
        cells = "".join(f"{hours / count:>10.3g}" for count in devices)
        megabytes = reduced_bytes(step.run) / 1e6
        lines.append(f"  {cells}{megabytes:>12.3g}  {step.name} ({', '.join(step.rows)})")
    lines.append("MB a step: gradients in float32, which all devices sum (docs/distribution.md).")
    return "\n".join(lines)


def list_text(table: Table, plan: Plan) -> str:
    """The rows, each with its directory and the state of its training and scoring."""
    lines = [f"Table {table.name}, preset {table.preset}: {table.title}"]
    for row in table.rows:
        steps = {step.name: step for step in plan.steps if row in step.rows}
        scoring = next((step for step in steps.values() if step.action == "score"), None)
        if scoring is None:
            lines += [f"  {row}: not possible: {plan.absent[row]}"] if row in plan.absent else []
            continue
        directory = scoring.name.split("/")[0]
        training = f"training {steps[directory].state}, " if directory in steps else ""
        lines.append(f"  {row}: {training}scoring {scoring.state}: {directory}")
    return "\n".join(lines)


def _counts(cost: RunCost, hours: float) -> str:
    return f"{cost.images:>14,}{cost.gradients:>14,}{hours:>10.3g}"


def _notes(networks: dict[SizedNetwork, float]) -> list[str]:
    lines = [
        "Hours: the number of forward passes times the time of one, measured now on random images.",
        "A plain training step counts as 3 passes, a matching step of a student as 6 and an input",
        "gradient as 2. Strong attacks count as if no example were fooled early. Measured:",
    ]
    for key, seconds in networks.items():
        lines.append(f"  {_name(key)}: {1000 * seconds:.3g} ms a pass and image")
    return lines


def _name(key: SizedNetwork) -> str:
    if isinstance(key.network, Weights):
        return key.network.path
    sizes = (
        f" {key.network.width}-{key.network.blocks}" if key.network.kind == "wide_resnet" else ""
    )
    return f"{key.network.kind}{sizes} on {key.dataset}"
