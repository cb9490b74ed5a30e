"""The workers of TF_CONFIG, the variable by which TensorFlow describes a cluster.

Each process has its own, and all have the same list of addresses::

    TF_CONFIG='{"cluster": {"worker": ["host0:2222", "host1:2222"]},
                "task": {"type": "worker", "index": 0}}'
"""

import dataclasses
import json
import os
from typing import Any

from igam_tf.core.errors import InputError

VARIABLE = "TF_CONFIG"
_JOBS = ("chief", "worker")  # in the order of their tasks
_EXPECTED = (
    'expected {"cluster": {"worker": ["HOST:PORT", ...]}, '
    '"task": {"type": "worker", "index": NUMBER}}'
)


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The processes that work together.

    Attributes:
      workers: their addresses HOST:PORT, the chief's first.
      index: of this process in `workers`.
    """

    workers: tuple[str, ...]
    index: int

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the results."""
        return self.index == 0


def cluster() -> Cluster | None:
    """The cluster of this process; None without TF_CONFIG.

    Raises:
      InputError: TF_CONFIG has another form than `chief` and `worker` tasks, or names a task that
        the cluster lacks.
    """
    text = os.environ.get(VARIABLE)
    if text is None:
        return None
    try:
        content = json.loads(text)
    except ValueError as error:
        raise InputError(f"{VARIABLE}: not JSON ({error}); {_EXPECTED}") from error
    try:
        jobs, task = content["cluster"], content["task"]
        kind, index = str(task["type"]), int(task["index"])
        lists = {job: _addresses(jobs[job]) for job in jobs}
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{VARIABLE}: {_EXPECTED}, got {text}") from error
    if not set(lists) <= set(_JOBS) or len(lists.get("chief", ())) > 1:
        raise InputError(
            f"{VARIABLE}: expected tasks of type worker and at most one chief, got "
            f"{', '.join(f'{len(lists[job])} {job}' for job in lists)}"
        )
    if not 0 <= index < len(lists.get(kind, ())):
        raise InputError(f"{VARIABLE}: the cluster has no task {kind} {index}")
    workers = tuple(address for job in _JOBS for address in lists.get(job, ()))
    if len(set(workers)) < len(workers):
        raise InputError(f"{VARIABLE}: several tasks have one address: {', '.join(workers)}")
    before = len(lists.get("chief", ())) if kind == "worker" else 0
    return Cluster(workers, before + index)


def _addresses(value: Any) -> tuple[str, ...]:
    """A job's addresses.

    Raises:
      ValueError: another value than a list of texts HOST:PORT.
    """
    if not isinstance(value, list) or not all(_is_address(item) for item in value):
        raise ValueError(value)
    return tuple(value)


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and value.rpartition(":")[2].isdigit()
