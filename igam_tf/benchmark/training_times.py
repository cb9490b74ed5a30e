"""Times of training steps, and what they are compared with."""

import dataclasses
import statistics
from collections.abc import Callable
from typing import Any

from igam_tf.benchmark import timing
from igam_tf.benchmark.convolutions import Convolution
from igam_tf.benchmark.counting import StepCost

DISC_EVERY = 5  # the release's, which weighs iterations with and without the discriminator's step
PAPER_EPOCH_S = {"igam": 347, "pgd7": 815}  # an epoch of CIFAR-10 on the authors' machine (§5.3)
WITH_DISC = "+disc"


@dataclasses.dataclass(frozen=True)
class TrainingSize:
    """The sizes of all contenders. `blocks` are residual units per stage (the paper: 5)."""

    width: int
    blocks: int
    batch_size: int
    precision: str = "float32"
    jit: bool = False


@dataclasses.dataclass(frozen=True)
class TrainingTimes:
    """Each contender's times at one setting.

    Attributes:
      setting: the sizes.
      timings: by contender. An IGAM contender's iteration without the discriminator's step has its
        name, the iteration with that step has `+disc` behind it.
      costs: by the same names.
      peaks: operations per second of the bare convolutions, by their names.
      convolutions: seconds of a pass of each convolution alone, by its sizes and kind of pass.
    """

    setting: TrainingSize
    timings: dict[str, timing.Timing]
    costs: dict[str, StepCost]
    peaks: dict[str, float]
    convolutions: dict[tuple[Convolution, str], float]

    @property
    def peak(self) -> float:
        return max(self.peaks.values())

    def seconds(self, name: str) -> float:
        """An iteration's median time; an IGAM iteration has a fifth of a discriminator's step."""
        rounds = self.timings[name].rounds
        if name + WITH_DISC not in self.timings:
            return statistics.median(rounds)
        with_disc = self.timings[name + WITH_DISC].rounds
        return statistics.median(_mixed(*pair) for pair in zip(rounds, with_disc, strict=True))

    def flops(self, name: str) -> float:
        """Operations of an iteration, with the same fifth."""
        return self._iteration(name, lambda cost: cost.flops)

    def attainable(self, name: str) -> float:
        """Seconds of an iteration's convolutions, each as fast as alone, with the same fifth."""
        return self._iteration(name, lambda cost: cost.attainable(self.convolutions))

    def share_of_peak(self, name: str) -> float:
        return self.flops(name) / self.seconds(name) / self.peak

    def share_of_attainable(self, name: str) -> float:
        return self.attainable(name) / self.seconds(name)

    def _iteration(self, name: str, value: Callable[[StepCost], float]) -> float:
        if name + WITH_DISC not in self.costs:
            return value(self.costs[name])
        return _mixed(value(self.costs[name]), value(self.costs[name + WITH_DISC]))

    @property
    def ratios(self) -> dict[str, float]:
        """Times over a plain and a PGD7 step's, and of the PGD7 attack over its gradients'."""
        pairs = [
            (name, to)
            for to in ("plain", "pgd7")
            for name in self.timings
            if name not in (to, "gradients", "attack")
            and not name.endswith(WITH_DISC)
            and (name, to) != ("plain", "pgd7")
        ]
        pairs.append(("attack", "gradients"))
        return {
            f"{name} / {to}": self.seconds(name) / self.seconds(to)
            for name, to in pairs
            if {name, to} <= set(self.timings)
        }

    def record(self) -> dict[str, Any]:
        return {
            **dataclasses.asdict(self.setting),
            "convolutions_flops_per_s": self.peaks,
            "convolutions": [
                {
                    **dataclasses.asdict(convolution),
                    "pass": kind,
                    "seconds": seconds,
                    "flops_per_s": convolution.flops * self.setting.batch_size / seconds,
                }
                for (convolution, kind), seconds in self.convolutions.items()
            ],
            "paper_epoch_s": PAPER_EPOCH_S,
            "contenders": {
                name: {
                    **times.record(),
                    "flops": self.costs[name].flops,
                    "memory_bytes": self.costs[name].memory,
                    "iteration_s": self.seconds(name),
                    "share_of_convolution_peak": self.share_of_peak(name),
                    "attainable_s": self.attainable(name),
                    "share_of_attainable": self.share_of_attainable(name),
                }
                for name, times in self.timings.items()
            },
            "ratios": self.ratios,
        }


def _mixed(without: float, with_disc: float) -> float:
    return without + (with_disc - without) / DISC_EVERY
