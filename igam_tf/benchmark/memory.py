"""Peak memory of each contender, each in a process of its own: what the system counted beside what
the model predicts.
"""

import multiprocessing
import resource
from collections.abc import Sequence

from igam_tf.benchmark.training_speed import TrainingSize


def measure(setting: TrainingSize, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """By contender, bytes: `before` its networks are built, the process's `peak` after a step, and
    what the model says of it.

    The child process starts anew (no fork), so that nothing of its parent's is counted.
    """
    found = {}
    for name in names:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            found.update(pool.apply(_of_one, (setting, name)))
    return found


def _of_one(setting: TrainingSize, name: str) -> dict[str, dict[str, float]]:
    from igam_tf.benchmark import training_speed

    before = _peak()
    contenders = training_speed.prepare(setting, [name])
    for contender in contenders.values():
        contender.call()
    predicted = max(contender.cost.memory for contender in contenders.values())
    return {name: {"before": before, "peak": _peak(), "predicted": predicted}}


def _peak() -> float:
    return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kilobytes on Linux


def text(found: dict[str, dict[str, float]]) -> str:
    lines = [
        f"{name}: {each['peak'] / 1e9:.2f} GB at most, {(each['peak'] - each['before']) / 1e9:.2f} GB more than before its "
        f"networks were built; predicted tensors {each['predicted'] / 1e9:.2f} GB"
        for name, each in found.items()
    ]
    return "\n".join(["memory, each contender in a process of its own:", *lines])
