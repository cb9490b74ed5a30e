"""What a table will take, and how far it has come, as text."""

from collections.abc import Callable

from igam_tf.experiments.configs import Table, Weights
from igam_tf.experiments.costs import RunCost, Sized
from igam_tf.experiments.plan import Plan, Step


def plan_text(table: Table, plan: Plan, seconds_per_pass: Callable[[Sized], float]) -> str:
    """Steps with images, input gradients and hours; `seconds_per_pass` is asked once for each
    network that is still needed.
    """
    networks = {
        key: seconds_per_pass(key)
        for key in {key: None for step in plan.left for key in step.cost.passes}
    }

    def hours(cost: RunCost) -> float:
        return sum(count * networks[key] for key, count in cost.passes.items()) / 3600

    lines = [f"Table {table.name}, preset {table.preset}: {table.title}", "", "Data:"]
    lines += [f"  {name}: {place}" for name, place in plan.data.items()]
    lines += [
        "",
        f"Steps ({len(plan.left)} of {len(plan.steps)} to do), in the order in which they are taken:",
    ]
    lines.append(f"  {'images':>14}{'gradients':>14}{'hours':>10}  step")
    for step in plan.steps:
        shown = f"{'finished':>38}" if step.finished else _counts(step, hours(step.cost))
        start = f", from {step.teacher}" if step.teacher else ""
        lines.append(f"  {shown}  {step.name}: {step.what}{start} ({', '.join(step.rows)})")
    lines += [f"  not possible: {row}: {reason}" for row, reason in plan.absent.items()]
    total = sum((step.cost for step in plan.left), RunCost())
    lines.append(f"  {total.images:>14,}{total.gradients:>14,}{hours(total):>10.3g}  in all")
    lines += ["", *_notes(networks)] if networks else []
    return "\n".join(lines)


def list_text(table: Table, plan: Plan) -> str:
    """The rows, where each is kept, and how far it has come."""
    lines = [f"Table {table.name}, preset {table.preset}: {table.title}"]
    for row in table.rows:
        steps = {step.name: step for step in plan.steps if row in step.rows}
        scoring = next((step for step in steps.values() if step.what == "score"), None)
        if scoring is None:
            lines += [f"  {row}: not possible: {plan.absent[row]}"] if row in plan.absent else []
            continue
        directory = scoring.name.split("/")[0]
        training = f"training {steps[directory].state}, " if directory in steps else ""
        lines.append(f"  {row}: {training}scoring {scoring.state}: {directory}")
    return "\n".join(lines)


def _counts(step: Step, hours: float) -> str:
    return f"{step.cost.images:>14,}{step.cost.gradients:>14,}{hours:>10.3g}"


def _notes(networks: dict[Sized, float]) -> list[str]:
    lines = [
        "Hours are forward passes (3 for a plain step, 6 for a student's in matching, 2 for an input gradient) times the time",
        "of one, measured just now, alone on random images; strong attacks at their most. Measured:",
    ]
    return lines + [
        f"  {_name(key)}: {1000 * seconds:.3g} ms a pass and image"
        for key, seconds in networks.items()
    ]


def _name(key: Sized) -> str:
    if isinstance(key.network, Weights):
        return key.network.path
    sizes = (
        f" {key.network.width}-{key.network.blocks}" if key.network.kind == "wide_resnet" else ""
    )
    return f"{key.network.kind}{sizes} on {key.dataset}"
