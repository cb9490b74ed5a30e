"""Peak memory of each contender, in a process of its own, beside the prediction of `counting`."""

import multiprocessing
import pathlib
import re
import resource
from collections.abc import Sequence

from igam_tf.benchmark.training_times import TrainingSize


def measure(setting: TrainingSize, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Bytes by contender: `before` its networks are built, the `peak` after a step, `predicted`.

    The process is spawned, not forked, so that it holds nothing of its parent's.
    """
    memory = {}
    for name in names:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            memory.update(pool.apply(_of_one, (setting, name)))
    return memory


def _of_one(setting: TrainingSize, name: str) -> dict[str, dict[str, float]]:
    from igam_tf.benchmark import training_speed

    before = _peak()
    contenders = training_speed.prepare(setting, [name])
    for contender in contenders.values():
        contender.call()
    predicted = max(contender.cost.memory for contender in contenders.values())
    return {name: {"before": before, "peak": _peak(), "predicted": predicted}}


def _peak() -> float:
    """Bytes of this process at most.

    Linux' `ru_maxrss` begins with the size of the process that spawned this one.
    """
    status = pathlib.Path("/proc/self/status")
    if status.is_file() and (line := re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.M)):
        return 1024.0 * int(line[1])
    return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kilobytes on Linux


def text(memory: dict[str, dict[str, float]]) -> str:
    lines = [
        f"{name}: {each['peak'] / 1e9:.2f} GB at most, "
        f"{(each['peak'] - each['before']) / 1e9:.2f} GB more than before its networks were built; "
        f"predicted tensors {each['predicted'] / 1e9:.2f} GB"
        for name, each in memory.items()
    ]
    return "\n".join(["memory, each contender in a process of its own:", *lines])
