"""Local worker processes of one command: started, watched, started again and ended together.

A worker of `tf.distribute` that starts again alone waits for ever for the others. So where one
dies, all are ended and started again.
"""

import contextlib
import dataclasses
import itertools
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType
from typing import BinaryIO

from igam_tf.core.cluster import VARIABLE
from igam_tf.core.errors import InputError
from igam_tf.core.signals import NUMBERS, exit_code, handled

# Exit codes of commands (igam_tf.core.command).
MISTAKE = 2  # bad input, which a restart does not change
WORKER_LOST = 75  # another worker has ended
POLL_SECONDS = 0.1
OWN_END_SECONDS = 5.0  # after the first end, for the others to end by themselves
END_SECONDS = 10.0  # from the signal that ends a worker to its SIGKILL
LAST_LINES = 20  # of a worker's output, shown where it fails
DEVICES = "CUDA_VISIBLE_DEVICES"
GPU_LIST = pathlib.Path("/proc/driver/nvidia/gpus")
THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
PROGRAM = (sys.executable, "-m", "igam_tf")
_ROOT = str(pathlib.Path(__file__).resolve().parents[2])

Log = Callable[[str], object]
Process = subprocess.Popen[bytes]


@dataclasses.dataclass(frozen=True)
class Workers:
    """The processes of a command; the first is the chief, whose output is shown.

    Attributes:
      environments: variables of each process, beside those of this one.
      log: takes lines about the workers.
    """

    environments: Sequence[Mapping[str, str]]
    log: Log

    def run(self, command: Sequence[str], restart: Sequence[str], restarts: int) -> int:
        """Runs a command to its end; returns its exit code, 128 + N after a signal N (SIGHUP: 143).

        A mistake, and a failure with exit code 1 that all workers share, are final.

        Args:
          command: a verb of `igam` and its arguments.
          restart: the same for starts after the first.
          restarts: how often the workers start again.
        """
        with _signals() as signals:
            for attempt in range(restarts + 1):
                codes = self._run_once(restart if attempt else command, signals)
                if signals:
                    return exit_code(signals[0])
                if codes[0] == 0:
                    return 0
                if MISTAKE in codes or set(codes) == {1}:
                    return MISTAKE if MISTAKE in codes else 1
                if attempt < restarts:
                    self.log(f"all workers start again (restart {attempt + 1} of {restarts})")
        self.log(f"the workers failed after {restarts} restarts")
        code = codes[_causes(codes)[0]] or 1
        return code if code > 0 else 128 - code

    def _run_once(self, command: Sequence[str], signals: Sequence[int]) -> list[int | None]:
        """The workers' exit codes when they ended by themselves; None for those ended here."""
        with contextlib.ExitStack() as stack:
            outputs = [stack.enter_context(tempfile.TemporaryFile()) for _ in self.environments[1:]]
            processes: list[Process] = []
            try:
                for variables, output in zip(
                    clusters(self.environments), [None, *outputs], strict=True
                ):
                    processes.append(_start(command, variables, output))
                codes = _exit_codes(processes, signals)
            finally:
                _end(processes, signals[0] if signals else signal.SIGTERM)
            if not signals:
                self._report(codes, [[], *map(_last_lines, outputs)])
            return codes

    def _report(self, codes: Sequence[int | None], lines: Sequence[Sequence[str]]) -> None:
        """Logs failures, and the last lines of workers other than the chief."""
        if codes[0] == 0 or codes[0] == MISTAKE:
            return
        if MISTAKE in codes:
            for line in lines[codes.index(MISTAKE)][-1:]:
                self.log(line)
            return
        for index in _causes(codes):
            self.log(f"worker {index + 1} of {len(codes)} {_end_of(codes[index])}")
            for line in lines[index]:
                self.log(f"worker {index + 1}: {line}")


def _causes(codes: Sequence[int | None]) -> list[int]:
    """The workers that failed first: where one was killed, others fail because it is gone."""
    failures = [index for index, code in enumerate(codes) if code]
    killed = [index for index in failures if (codes[index] or 0) < 0]
    return killed or [index for index in failures if codes[index] != WORKER_LOST] or failures


def environments(count: int, threads: int | None) -> list[dict[str, str]]:
    """Variables of each worker: its threads and its GPUs.

    Args:
      threads: of each worker; None for its part of the cores, or what the environment says.

    Raises:
      InputError: there are fewer GPUs than workers, but some.
    """
    part = max(1, len(os.sched_getaffinity(0)) // count)
    names = [name for name in THREADS if threads or name not in os.environ]
    return [
        {**dict.fromkeys(names, str(threads or part)), **devices}
        for devices in _parts_of(visible_gpus(), count)
    ]


def visible_gpus() -> list[str]:
    """The GPUs of this machine as `CUDA_VISIBLE_DEVICES` names them, without TensorFlow."""
    names = os.environ.get(DEVICES)
    if names is not None:
        return [name for name in names.split(",") if name and name != "-1"]
    return [str(index) for index in range(len(list(GPU_LIST.glob("*"))))]


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that no process uses now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _parts_of(gpus: Sequence[str], count: int) -> list[dict[str, str]]:
    if not gpus:
        return [{} for _ in range(count)]
    if len(gpus) < count:
        raise InputError(
            f"workers: {count} workers need a GPU each, there are {len(gpus)}; "
            f"{DEVICES}=-1 runs them on the CPU"
        )
    ends = [index * len(gpus) // count for index in range(count + 1)]
    return [{DEVICES: ",".join(gpus[begin:end])} for begin, end in itertools.pairwise(ends)]


def clusters(environments: Sequence[Mapping[str, str]]) -> Iterator[dict[str, str]]:
    """The environments, each with its TF_CONFIG: a task of one cluster on this machine."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(len(environments))]
    for index, variables in enumerate(environments):
        task = {"type": "worker", "index": index}
        yield {**variables, VARIABLE: json.dumps({"cluster": {"worker": addresses}, "task": task})}


def _start(
    command: Sequence[str], variables: Mapping[str, str], output: BinaryIO | None
) -> Process:
    path = os.pathsep.join(filter(None, [_ROOT, os.environ.get("PYTHONPATH")]))
    # Unbuffered: the last line of both outputs is the last one that was written.
    own = {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [*PROGRAM, *command],
        env={**os.environ, **variables, **own},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,  # a terminal's interruption reaches the workers through here
    )


def _exit_codes(processes: Sequence[Process], signals: Sequence[int]) -> list[int | None]:
    """The exit codes at the chief's end, at a failure, or at a signal; None where it runs on."""
    deadline: float | None = None
    while True:
        codes = [process.poll() for process in processes]
        if signals or None not in codes or any(code is not None and code < 0 for code in codes):
            return codes
        if deadline is None and (codes[0] is not None or any(codes)):
            deadline = time.monotonic() + OWN_END_SECONDS
        if deadline is not None and time.monotonic() > deadline:
            return codes
        time.sleep(POLL_SECONDS)


def _end(processes: Sequence[Process], number: int) -> None:
    """Ends processes and their children: by a signal, and by SIGKILL where that does not do."""
    deadline = time.monotonic() + END_SECONDS
    for name in (number, signal.SIGKILL):
        for process in processes:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, name)
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
    for process in processes:
        process.wait()


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
    """The signals that arrive in the context, in order."""
    arrived: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        arrived.append(number)

    with handled(NUMBERS, note):
        yield arrived


def _last_lines(output: BinaryIO) -> list[str]:
    output.seek(0)
    return output.read().decode(errors="replace").splitlines()[-LAST_LINES:]


def _end_of(code: int | None) -> str:
    assert code is not None
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"
