"""All checks of a machine, in order."""

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping, Sequence

from igam_tf.benchmark.task import random_task
from igam_tf.benchmark.training_times import TrainingSize
from igam_tf.core import runtime
from igam_tf.selfcheck import CHECKS, replica_agreement, second_derivatives, speeds
from igam_tf.selfcheck.device_modes import DeviceMode, device_modes
from igam_tf.selfcheck.findings import CheckFinding
from igam_tf.selfcheck.matching_step import MatchingParts, normalized_network, wide_network

_BLOCKS = 5  # of the network whose steps are timed: the paper's depth
_ATTACK_IMAGES = 16
_NORMALIZED = MatchingParts(normalized_network, normalized_network)
_MATCHING = MatchingParts(wide_network, wide_network)

Check = Callable[[], Iterator[CheckFinding]]


@dataclasses.dataclass(frozen=True)
class CheckSizes:
    """The sizes of the training step that is timed."""

    width: int = 1
    batch_size: int = 64


def all_checks(
    sizes: CheckSizes,
    normalized: MatchingParts = _NORMALIZED,
    matching: MatchingParts = _MATCHING,
    replicated: MatchingParts = _NORMALIZED,
) -> dict[str, Check]:
    """The checks by name.

    Args:
      normalized, matching, replicated: the steps of the checks `batch_norm`, `igam_step` and
        `replicas`.
    """
    modes = device_modes()
    size = TrainingSize(sizes.width, _BLOCKS, sizes.batch_size)
    checks: list[Check] = [
        lambda: environment(modes),
        lambda: second_derivatives.check("BatchNorm", normalized, modes),
        lambda: second_derivatives.check("IGAM step", matching, modes),
        lambda: replica_agreement.check(replicated),
        lambda: speeds.attack_at_floor(random_task(1, _BLOCKS, _ATTACK_IMAGES, _ATTACK_IMAGES)),
        lambda: speeds.training_step(size),
        speeds.paper_hours,
    ]
    return dict(zip(CHECKS, checks, strict=True))


def run(checks: Mapping[str, Check], names: Sequence[str]) -> Iterator[CheckFinding]:
    """The findings of the checks of these names; a check that raises FAILs."""
    for name in names:
        try:
            yield from checks[name]()
        except Exception as error:  # a device or its driver may raise anything
            lines = str(error).splitlines()
            reason = f"{type(error).__name__}: {lines[0][:300] if lines else ''}"
            yield CheckFinding("FAIL", name, reason)


def environment(modes: Sequence[DeviceMode]) -> Iterator[CheckFinding]:
    """Versions and devices; a WARN where other processes use the machine."""
    record = runtime.environment()
    names = ("igam_tf", "python", "tensorflow", "keras", "numpy")
    versions = ", ".join(f"{name} {record[name]}" for name in names)
    devices = ", ".join(mode.name for mode in modes)
    yield CheckFinding("PASS", "versions", f"{versions}; oneDNN {record['onednn']}", record)
    yield CheckFinding("PASS", "devices", f"{record['machine']}; {devices}")
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    yield CheckFinding(
        "PASS" if load < cores / 2 else "WARN",
        "load",
        f"{load:.1f} on {cores} cores; other work makes every time below longer",
        {"load": load, "cores": cores},
    )
