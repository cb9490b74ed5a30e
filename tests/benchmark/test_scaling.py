"""Weak scaling: turns, figures and the ends of processes. No test depends on a time."""

import contextlib
import json
import multiprocessing
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from igam_tf.benchmark import scaling
from igam_tf.benchmark.scaling import INDEPENDENT, JOB, Duration, Group, ScalingSize

from .test_timing import FakeClock

SIZE = ScalingSize(workers=2, width=1, blocks=1, batch_size=4, steps=3, images=8)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> scaling.ScalingTimes:
    """Independent processes of 6 and 8 s, the first call 20 s; a job of 10 s, then 8 s."""
    clock = FakeClock()
    seconds = {INDEPENDENT: (20.0, 8.0, 8.0), JOB: (30.0, 10.0, 8.0)}
    durations = {
        INDEPENDENT: [[Duration(19, 9), Duration(20, 9)], *2 * [[Duration(6, 5), Duration(8, 4)]]],
        JOB: [[Duration(30, 9), Duration(30, 9)], *2 * [[Duration(8, 6), Duration(8, 6)]]],
    }

    @contextlib.contextmanager
    def started(name: str, size: ScalingSize, contender: str) -> Iterator[Any]:
        yield SimpleNamespace(call=clock.contender(name, *seconds[name]), durations=durations[name])

    monkeypatch.setattr(scaling, "_started", started)
    result = scaling.measure(SIZE, "plain", 2, clock)
    assert clock.called == [INDEPENDENT, JOB, INDEPENDENT, JOB, JOB, INDEPENDENT]
    return result


def test_efficiencies(measured: scaling.ScalingTimes) -> None:
    assert measured.independent.first == 20
    assert measured.independent.images == measured.job.images == 2 * 3 * 4
    assert measured.efficiencies == (0.8, 1.0)
    assert measured.efficiencies_of_means == (0.7, 0.875)
    assert measured.processor_efficiency == 0.75


def test_record_and_table(measured: scaling.ScalingTimes) -> None:
    record = json.loads(json.dumps(measured.record()))
    assert (record["workers"], record["steps"], record["contender"]) == (2, 3, "plain")
    assert record["efficiency"] == pytest.approx(0.9)
    assert record["efficiency_of_means"] == pytest.approx(0.7875)
    assert record["job"]["rounds_s"] == [10, 8]
    assert record["independent"]["processes"][1][0] == {"seconds": 6, "processor_seconds": 5}
    environment = {"machine": "x86_64, 2 cores", "tensorflow": "2.21", "keras": "3.15"}
    lines = scaling.table([measured], environment).splitlines()
    assert lines[2].split() == [
        *("plain", "8.00", "3.0", "2.7", "0.900", "0.800..1.000", "0.787", "0.750"),
    ]
    assert lines[-1] == "x86_64, 2 cores; TensorFlow 2.21, Keras 3.15"


def test_an_evaluations_images_are_its_own() -> None:
    assert SIZE.images_of("pgd7") == 12
    assert SIZE.images_of("evaluation") == 8


def test_a_group_waits_for_all_and_keeps_their_order() -> None:
    here, there = zip(*(multiprocessing.Pipe() for _ in range(2)), strict=True)
    group = Group(here)

    def answer() -> None:
        for index in (1, 0):
            there[index].recv()
            there[index].send(Duration(index, 0))

    thread = threading.Thread(target=answer)
    thread.start()
    group.call()
    thread.join()
    assert group.durations == [[Duration(0, 0), Duration(1, 0)]]


@pytest.mark.parametrize("works", [False, True])
def test_a_process_that_ends_ends_the_measurement_though_another_waits(works: bool) -> None:
    here, there = zip(*(multiprocessing.Pipe() for _ in range(2)), strict=True)
    closing = threading.Thread(
        target=lambda: (there[1].recv() if works else None, there[1].close())
    )
    closing.start()
    if not works:
        closing.join()
    with pytest.raises(RuntimeError, match="scaling: a process has ended before its work"):
        Group(here).call()
    closing.join()
