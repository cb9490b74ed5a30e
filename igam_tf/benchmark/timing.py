"""Times of contenders in turn in one process: other load of the machine falls on all of them.

Also the cells and lines of their tables.
"""

import dataclasses
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Clock = Callable[[], float]


@dataclasses.dataclass(frozen=True)
class Timing:
    """Seconds of one contender's calls.

    Attributes:
      first: of the call before the rounds, which also traces and compiles.
      rounds: of the call in each round.
      images: the number that one call handles.
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
    """Seconds of one call, and its result."""
    start = clock()
    result = call()
    return clock() - start, result


def alternate(
    calls: Mapping[str, Callable[[], Any]], rounds: int, clock: Clock = time.perf_counter
) -> dict[str, tuple[float, ...]]:
    """Seconds of every call, round by round.

    A round calls each contender once. The next round begins one contender later, so that no
    contender follows the same one in all rounds.
    """
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    for index in range(rounds if names else 0):
        begin = index % len(names)
        for name in names[begin:] + names[:begin]:
            seconds[name].append(timed(calls[name], clock)[0])
    return {name: tuple(values) for name, values in seconds.items()}


def ratios(timings: Mapping[str, Timing], to: str) -> dict[str, float]:
    """Every contender's median time over that of `to`; empty if `to` was not measured."""
    if to not in timings:
        return {}
    return {name: timing.median / timings[to].median for name, timing in timings.items()}


def cells(times: Timing) -> tuple[str, ...]:
    """First call, median, range and throughput of a contender, as a table has them."""
    return (
        f"{times.first:.2f}",
        f"{times.median:.3f}",
        f"{min(times.rounds):.3f}..{max(times.rounds):.3f}",
        f"{times.images_per_second:.1f}",
    )


def aligned(rows: Iterable[Sequence[str]], widths: Sequence[int]) -> list[str]:
    """A line for each row; a cell of a negative width stands at the left."""
    return [
        "".join(
            cell.ljust(-width) if width < 0 else cell.rjust(width)
            for cell, width in zip(row, widths, strict=True)
        )
        for row in rows
    ]
