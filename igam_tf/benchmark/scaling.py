"""Weak scaling on one machine: the workers of a job beside as many independent processes.

Each process has a core to itself, and the same work in both cases: a job of N workers trains on
batches, or evaluates images, that are N times as many. Jobs and independent processes take turns.

Only standard modules are imported here: a process chooses its core before TensorFlow starts.
"""

import contextlib
import dataclasses
import multiprocessing
import os
import pathlib
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

from igam_tf.benchmark import timing
from igam_tf.benchmark.contenders import EVALUATION, SCALING
from igam_tf.core import processes
from igam_tf.core.errors import InputError

INDEPENDENT, JOB = "independent", "job"
END_SECONDS = 10.0


@dataclasses.dataclass(frozen=True)
class ScalingSize:
    """The work of each process.

    Attributes:
      workers: processes of a job, and of the independent ones.
      width, blocks: of the wide residual network.
      batch_size: images of a step or of an evaluation's batch, in each process.
      steps: of training in a round; of the attack in an evaluation.
      images: that each process evaluates.
    """

    workers: int
    width: int
    blocks: int
    batch_size: int
    steps: int
    images: int

    def images_of(self, contender: str) -> int:
        """Images that each process handles in a round."""
        return self.images if contender == EVALUATION else self.steps * self.batch_size


class Duration(NamedTuple):
    """Of a process's work."""

    seconds: float
    processor_seconds: float


@dataclasses.dataclass(frozen=True)
class ScalingTimes:
    """Times of one contender.

    Attributes:
      independent, job: times until the last process is done, and the images of all processes.
      processes: what each process took of it, by `independent` and `job`, round by round.
    """

    size: ScalingSize
    contender: str
    independent: timing.Timing
    job: timing.Timing
    processes: Mapping[str, Sequence[Sequence["Duration"]]]

    @property
    def efficiencies(self) -> tuple[float, ...]:
        """The independent processes' time over the job's, round by round."""
        pairs = zip(self.independent.rounds, self.job.rounds, strict=True)
        return tuple(independent / job for independent, job in pairs)

    @property
    def efficiencies_of_means(self) -> tuple[float, ...]:
        """The mean time of the independent processes over the job's, round by round.

        A job waits for its slowest process. This counts as a loss here, and not in `efficiencies`.
        """
        pairs = zip(self.processes[INDEPENDENT], self.job.rounds, strict=True)
        return tuple(
            statistics.mean(each.seconds for each in durations) / job for durations, job in pairs
        )

    @property
    def processor_efficiency(self) -> float:
        """The independent processes' processor time over that of the job, which waits besides."""
        independent, job = (
            sum(each.processor_seconds for durations in rounds for each in durations)
            for rounds in (self.processes[INDEPENDENT], self.processes[JOB])
        )
        return independent / job

    def record(self) -> dict[str, Any]:
        return {
            **dataclasses.asdict(self.size),
            "contender": self.contender,
            INDEPENDENT: {**self.independent.record(), "processes": self._lists(INDEPENDENT)},
            JOB: {**self.job.record(), "processes": self._lists(JOB)},
            "efficiency": statistics.median(self.efficiencies),
            "efficiencies": self.efficiencies,
            "efficiency_of_means": statistics.median(self.efficiencies_of_means),
            "processor_efficiency": self.processor_efficiency,
        }

    def _lists(self, name: str) -> list[list[dict[str, float]]]:
        return [[each._asdict() for each in durations] for durations in self.processes[name]]


def require(size: ScalingSize, contenders: Sequence[str]) -> None:
    """Raises `InputError` for what cannot be measured, before any process starts."""
    if not contenders or set(contenders) - set(SCALING):
        raise InputError(
            f"contenders: expected some of {', '.join(SCALING)}, got {','.join(contenders)!r}"
        )
    cores = len(os.sched_getaffinity(0))
    if size.workers > cores:
        raise InputError(
            f"workers: expected at most {cores}, the cores of this process, got {size.workers}"
        )
    if EVALUATION in contenders and size.images % size.batch_size:
        raise InputError(
            f"images: expected a multiple of the batch, {size.batch_size}, so that all workers "
            f"have the same work, got {size.images}"
        )


def measure(
    size: ScalingSize, contender: str, rounds: int, clock: timing.Clock = time.perf_counter
) -> ScalingTimes:
    """Times of first calls, then of rounds of independent processes and the job in turn."""
    images = size.workers * size.images_of(contender)
    with contextlib.ExitStack() as stack:
        groups = {
            name: stack.enter_context(_started(name, size, contender))
            for name in (INDEPENDENT, JOB)
        }
        first = {name: timing.timed(group.call, clock)[0] for name, group in groups.items()}
        times = timing.alternate(
            {name: group.call for name, group in groups.items()}, rounds, clock
        )
    timings = {name: timing.Timing(first[name], times[name], images) for name in groups}
    durations = {name: group.durations[1:] for name, group in groups.items()}
    return ScalingTimes(size, contender, timings[INDEPENDENT], timings[JOB], durations)


@dataclasses.dataclass(frozen=True)
class Group:
    """Processes that work at the same time.

    Attributes:
      connections: to each process.
      durations: of each process, call by call.
    """

    connections: Sequence[Connection]
    durations: list[list[Duration]] = dataclasses.field(default_factory=list)

    def call(self) -> None:
        """Lets every process do its work once, and waits for all.

        Raises:
          RuntimeError: a process has ended.
        """
        results: dict[Connection, Duration] = {}
        try:
            for connection in self.connections:
                connection.send(None)
            while len(results) < len(self.connections):
                ready = wait([each for each in self.connections if each not in results])
                for connection in filter(ready.__contains__, self.connections):
                    results[connection] = connection.recv()
        except (EOFError, OSError):
            raise RuntimeError("scaling: a process has ended before its work") from None
        self.durations.append([results[each] for each in self.connections])


@contextlib.contextmanager
def _started(name: str, size: ScalingSize, contender: str) -> Iterator[Group]:
    """A group's processes, which end with the context."""
    one_core: dict[str, str] = {**dict.fromkeys(processes.THREADS, "1"), processes.DEVICES: "-1"}
    variables: list[Mapping[str, str]] = [one_core] * size.workers
    if name == JOB:
        variables = list(processes.clusters(variables))
    spawn = multiprocessing.get_context("spawn")
    children, connections = [], []
    with tempfile.TemporaryDirectory() as temporary:
        try:
            cores = sorted(os.sched_getaffinity(0))
            for index, each in enumerate(variables):
                connection, other = spawn.Pipe()
                place = pathlib.Path(temporary, "" if name == JOB else str(index), "parts")
                child = spawn.Process(
                    target=_serve,
                    args=(other, cores[index], each, size, contender, place),
                    daemon=True,
                )
                child.start()
                other.close()
                children.append(child)
                connections.append(connection)
            yield Group(connections)
        finally:
            for connection in connections:
                connection.close()
            for child in children:
                child.join(END_SECONDS)
                child.kill()
                child.join()


def _serve(
    connection: Connection,
    core: int,
    variables: Mapping[str, str],
    size: ScalingSize,
    contender: str,
    place: pathlib.Path,
) -> None:
    """A process: works once for each message, and answers with the duration."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it
    os.sched_setaffinity(0, {core})
    os.environ.update(variables)
    from igam_tf.benchmark import scaling_work

    work: Callable[[], Any] = scaling_work.prepare(size, contender, place)
    with contextlib.suppress(EOFError):
        while True:
            connection.recv()
            processor = time.process_time()
            seconds, _ = timing.timed(work)
            connection.send(Duration(seconds, time.process_time() - processor))


def table(measured: Sequence[ScalingTimes], environment: Mapping[str, Any]) -> str:
    """A line for each contender of one size, and the machine (`runtime.environment`)."""
    size = measured[0].size
    head = ("contender", "round s", "independent/s", f"{size.workers} workers/s", "efficiency")
    rows: list[tuple[str, ...]] = [(*head, "min..max", "of means", "processor")]
    for times in measured:
        rows.append(
            (
                times.contender,
                f"{times.independent.median:.2f}",
                f"{times.independent.images_per_second:.1f}",
                f"{times.job.images_per_second:.1f}",
                f"{statistics.median(times.efficiencies):.3f}",
                f"{min(times.efficiencies):.3f}..{max(times.efficiencies):.3f}",
                f"{statistics.median(times.efficiencies_of_means):.3f}",
                f"{times.processor_efficiency:.3f}",
            )
        )
    return "\n".join(
        [
            f"weak scaling: {size.workers} processes, a core each; width {size.width}, blocks "
            f"{size.blocks}; n = {len(measured[0].job.rounds)} rounds; each process: batches of "
            f"{size.batch_size}, {size.steps} steps, {size.images} images to evaluate",
            *timing.aligned(rows, (-12, 9, 15, 13, 12, 14, 10, 11)),
            "/s: images per second of all processes; efficiency: the time of the independent "
            "processes, until the last is done, over the workers'; of means: their mean time "
            "instead; processor: of processor times",
            f"{environment['machine']}; TensorFlow {environment['tensorflow']}, Keras "
            f"{environment['keras']}",
        ]
    )
