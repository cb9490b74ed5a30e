"""Table 2 on real images without Tiny-ImageNet: from five classes of CIFAR-10, upsized to 64 x 64,
to the other five.

A stand-in: the source task is smaller than Tiny-ImageNet and of the same photographs' kind as the
target.
"""

import dataclasses

from igam_tf.experiments.configs import FinetuneRun, RobustRun, Schedule, StudentRun
from igam_tf.experiments.recipes.cpu import Cpu

_DATASETS = {**Cpu.datasets, "cifar10": "cifar10_last5", "tiny_imagenet": "cifar10_first5_64"}
_STANDARD = Schedule(1200, 64, (0.1, 0.01, 0.001), (800, 1100))
_SOURCE = Schedule(900, 32, (0.1, 0.01, 0.001), (550, 800))
_HEAD = Schedule(1000, 64, (1e-3,), optimizer="adam")


class Halves(Cpu):
    """`cpu` with other data, and fewer iterations where images are four times as large."""

    datasets = _DATASETS

    def teacher(self, data: str) -> RobustRun:
        return dataclasses.replace(self.robust(data), schedule=_SOURCE)

    def standard(self, data: str) -> RobustRun:
        return dataclasses.replace(super().standard(data), schedule=_STANDARD)

    def finetuned(self, source: str, target: str, adapter: tuple[str, ...]) -> FinetuneRun:
        return dataclasses.replace(super().finetuned(source, target, adapter), schedule=_HEAD)

    def student(self, table: str, row: str) -> StudentRun:
        """As Standard, then 500 iterations of matching."""
        schedule = Schedule(1700, 64, (0.1, 0.01, 0.02, 0.002), (800, 1200, 1600))
        return dataclasses.replace(
            super().student(table, row), schedule=schedule, steps_before_matching=1200
        )

    def examples(self, table: str) -> int:
        return 500
