"""The order of calls, and the figures that follow from their times."""

import itertools
from collections.abc import Callable

import pytest

from igam_tf.benchmark import timing


class FakeClock:
    """Time that passes only where a contender says so."""

    def __init__(self) -> None:
        self.now = 100.0
        self.called: list[str] = []

    def __call__(self) -> float:
        return self.now

    def contender(self, name: str, *seconds: float) -> Callable[[], str]:
        """A call that takes these times in turn, again and again."""
        durations = itertools.cycle(seconds)

        def call() -> str:
            self.called.append(name)
            self.now += next(durations)
            return name

        return call


def test_a_call_is_timed_and_its_result_returned() -> None:
    clock = FakeClock()
    assert timing.timed(clock.contender("a", 2.5), clock) == (2.5, "a")


def test_contenders_take_turns_in_an_order_that_shifts() -> None:
    clock = FakeClock()
    calls = {
        "a": clock.contender("a", 1),
        "b": clock.contender("b", 2, 4),
        "c": clock.contender("c", 8),
    }
    assert timing.alternate(calls, 4, clock) == {"a": (1,) * 4, "b": (2, 4, 2, 4), "c": (8,) * 4}
    assert "".join(clock.called) == "abcbcacababc"


@pytest.mark.parametrize("rounds", [0, 3])
def test_no_contenders(rounds: int) -> None:
    assert timing.alternate({}, rounds) == {}


def test_a_contenders_times() -> None:
    times = timing.Timing(9.0, (4.0, 1.0, 2.0, 8.0), images=12)
    assert times.median == 3
    assert times.images_per_second == 4
    assert times.record() == {
        "first_s": 9,
        "rounds_s": [4, 1, 2, 8],
        "median_s": 3,
        "min_s": 1,
        "max_s": 8,
        "images_per_s": 4,
    }


def test_ratios_are_of_medians() -> None:
    timings = {
        name: timing.Timing(0.0, rounds, 1)
        for name, rounds in (("a", (1.0, 2.0, 90.0)), ("b", (5.0,)))
    }
    assert timing.ratios(timings, "a") == {"a": 1, "b": 2.5}
    assert timing.ratios(timings, "b") == {"a": 0.4, "b": 1}
    assert timing.ratios(timings, "c") == {}
