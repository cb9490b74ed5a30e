"""Trains and scores a table's rows in several processes at a time.

One small network keeps about one core busy, however many there are. Each process trains and scores
rows as `igam_tf.experiments.reproduce` does, so the figures are the same.
"""

import collections
import contextlib
import dataclasses
import functools
import io
import multiprocessing
import os
import signal
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent import futures
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from igam_tf.core.errors import DivergedError, InputError
from igam_tf.experiments import costs, runs
from igam_tf.experiments.configs import Absent, Run, Scoring, Table, Weights, with_teachers
from igam_tf.experiments.options import Options
from igam_tf.experiments.reproduce import NOT_REQUESTED, Result, adjusted, reproduce


class KilledError(InputError):
    """A process was killed; what is finished is on disk."""


@dataclasses.dataclass(frozen=True)
class Job:
    """The work of one process at a time: a row, or a run that several rows start from.

    Attributes:
      call: does the work; returns the row's result by its name, or nothing for a run.
      passes: forward passes, by which the longest jobs begin first. A run counts with the longest
        of its rows.
      teachers: names of the jobs that come before.
    """

    call: Callable[[], Mapping[str, Result]]
    passes: float
    teachers: frozenset[str] = frozenset()


def _no_progress(row: str) -> None:
    pass  # a lambda cannot be sent to a process


def reproduce_in_processes(
    jobs: int,
    table: Table,
    options: Options,
    rows: Sequence[str] = (),
    num_examples: int | None = None,
    statistics: Sequence[str] = (),
    weights: Mapping[str, Weights] = types.MappingProxyType({}),
    progress: Callable[[str], Any] = _no_progress,
) -> dict[str, Result]:
    """The results of `reproduce`, whose other arguments and errors these are.

    Arguments must be picklable. An interruption reaches every process, which saves its run's state.

    Args:
      jobs: number of processes. Each takes a gigabyte of memory and more.

    Raises:
      InputError: also where a process was killed. What is finished is kept.
    """
    scoring = adjusted(table, rows, num_examples, statistics, weights).scoring
    models = {
        row: weights.get(row, run) for row, run in table.rows.items() if not rows or row in rows
    }
    reproduce_row = functools.partial(
        _reproduce_row,
        table=table,
        options=options,
        num_examples=num_examples,
        statistics=statistics,
        weights=dict(weights),
        progress=progress,
    )
    results = _results(jobs, jobs_of(models, scoring, options, reproduce_row))
    return {row: results.get(row, Result(None, NOT_REQUESTED)) for row in table.rows}


def jobs_of(
    models: Mapping[str, Run | Weights | Absent],
    scoring: Scoring,
    options: Options,
    reproduce_row: Callable[[str], Mapping[str, Result]],
) -> dict[str, Job]:
    """A job for each row, and one for each run that several of the rows need, by name.

    Args:
      models: by row.
    """
    chains = {row: _chain(model, options) for row, model in models.items()}
    counts = collections.Counter(name for chain in chains.values() for name in chain)
    by_name: dict[str, Job] = {}
    for row, chain in chains.items():
        model = models[row]
        alone = {name: run for name, run in chain.items() if counts[name] == 1}
        passes = sum(_passes(costs.of_training(run)) for run in alone.values())
        if not isinstance(model, Absent):
            passes += _passes(costs.of_scoring(model, scoring))
        shared = [name for name in chain if counts[name] > 1]
        by_name[row] = Job(functools.partial(reproduce_row, row), passes, frozenset(shared))
        for index, name in reversed(list(enumerate(shared))):
            run = chain[name]
            passes += _passes(costs.of_training(run))
            longest = max(passes, by_name[name].passes if name in by_name else 0.0)
            call = functools.partial(_train, run, options)
            by_name[name] = Job(call, longest, frozenset(shared[:index]))
    return by_name


def _chain(model: Run | Weights | Absent, options: Options) -> dict[str, Run]:
    """A model's run after its teachers', by the path of the directory."""
    if isinstance(model, Weights | Absent):
        return {}
    return {str(runs.directory_of(run, options)): run for run in with_teachers(model)}


def _passes(cost: costs.RunCost) -> float:
    return sum(cost.passes.values())


def _train(run: Run, options: Options) -> Mapping[str, Result]:
    with contextlib.suppress(InputError, DivergedError):  # the rows run into it and note it
        runs.ensure(run, options)
    return {}


def _reproduce_row(row: str, **arguments: Any) -> Mapping[str, Result]:
    return {row: reproduce(rows=(row,), **arguments)[row]}


def _results(jobs: int, by_name: Mapping[str, Job]) -> dict[str, Result]:
    """What the jobs return, each done after its teachers and the longest first."""
    waiting, finished = dict(by_name), set[str]()
    running: dict[futures.Future[Mapping[str, Result]], str] = {}
    results: dict[str, Result] = {}
    with process_pool(jobs) as pool:
        while waiting or running:
            ready = [name for name, job in waiting.items() if job.teachers <= finished]
            ready.sort(key=lambda name: waiting[name].passes, reverse=True)
            for name in ready[: jobs - len(running)]:
                running[pool.submit(waiting.pop(name).call)] = name
            for future in futures.wait(running, return_when="FIRST_COMPLETED").done:
                finished.add(running.pop(future))
                results.update(future.result())
    return results


@contextlib.contextmanager
def process_pool(
    jobs: int, end: signal.Signals = signal.SIGINT
) -> Iterator[futures.ProcessPoolExecutor]:
    """Processes that know TensorFlow from its start and leave the terminal to the first one.

    Args:
      jobs: number of processes.
      end: the signal that they get when the first process is interrupted.

    Raises:
      KilledError: one of them was killed.
    """
    context = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
    pool = futures.ProcessPoolExecutor(jobs, context, _prepare_process)
    try:
        yield pool
    except BrokenProcessPool as error:
        raise KilledError(
            f"jobs: a process of {jobs} was killed, which can mean too little memory; a smaller "
            "number goes on with what is finished"
        ) from error
    except KeyboardInterrupt:
        for process in multiprocessing.active_children():
            if process.pid is not None:
                os.kill(process.pid, end)
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _prepare_process() -> None:
    """Leaves a terminal's interruptions to the first process, and its last line to no one."""
    os.setpgrp()
    sys.stdout, sys.stderr = _Lines(sys.stdout.buffer), _Lines(sys.stderr.buffer)


class _Lines(io.TextIOWrapper):
    """A stream of whole lines, for bars of several processes cannot share a terminal's last one."""

    def __init__(self, buffer: Any) -> None:
        super().__init__(buffer, line_buffering=True)

    def isatty(self) -> bool:
        return False
