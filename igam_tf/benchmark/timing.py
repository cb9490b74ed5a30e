"""Contenders timed in turn in one process, so that whatever else the machine does falls on all of
them.
"""

import dataclasses
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

Clock = Callable[[], float]


@dataclasses.dataclass(frozen=True)
class Timing:
    """Seconds of one contender's calls.

    Attributes:
      first: of the call before the rounds, which also traces and compiles what has not been
        compiled before.
      rounds: of the call in each round.
      images: that one call handles.
    """

    first: float
    rounds: tuple[float, ...]
    images: int

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    @property
    def images_per_second(self) -> float:
        return self.images / self.median

    def record(self) -> dict[str, Any]:
        return {
            "first_s": self.first,
            "rounds_s": list(self.rounds),
            "median_s": self.median,
            "min_s": min(self.rounds),
            "max_s": max(self.rounds),
            "images_per_s": self.images_per_second,
        }


def timed(call: Callable[[], Any], clock: Clock = time.perf_counter) -> tuple[float, Any]:
    """Seconds of one call, and what it returned."""
    begun = clock()
    returned = call()
    return clock() - begun, returned


def alternate(
    calls: Mapping[str, Callable[[], Any]], rounds: int, clock: Clock = time.perf_counter
) -> dict[str, tuple[float, ...]]:
    """Seconds of every call, round by round.

    A round calls each contender once; the next round begins one contender later, so that none
    always follows the same.
    """
    found: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    for index in range(rounds if names else 0):
        begin = index % len(names)
        for name in names[begin:] + names[:begin]:
            found[name].append(timed(calls[name], clock)[0])
    return {name: tuple(seconds) for name, seconds in found.items()}


def ratios(timings: Mapping[str, Timing], to: str) -> dict[str, float]:
    """Every contender's median time over that of the one named; nothing where that one was not
    measured.
    """
    if to not in timings:
        return {}
    return {name: timing.median / timings[to].median for name, timing in timings.items()}
