"""The devices of a run: what they support, and who writes. The chief is the first worker.

All workers run the same program, because reading a variable can be a collective operation. Those
that are not the chief write to a temporary directory.
"""

import contextlib
import dataclasses
import pathlib
import tempfile
from collections.abc import Iterator

import tensorflow as tf

from igam_tf.core.cluster import VARIABLE, cluster
from igam_tf.core.errors import InputError, WorkerLostError
from igam_tf.experiments.configs import Run
from igam_tf.experiments.options import Options
from igam_tf.training import strategies

# TensorFlow raises these out of collective operations and when workers meet.
_PEER_ERRORS = (
    *(tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.DeadlineExceededError),
    *(tf.errors.CancelledError, tf.errors.InternalError),
)


def require_support(run: Run, options: Options) -> None:
    """Checks what can be checked before devices and data.

    Raises:
      InputError: XLA, a batch that the replicas do not divide, or several workers that would each
        train the whole run, in one directory.
    """
    peers = cluster()
    if peers is not None and len(peers.workers) > 1 and run.strategy != "multi_worker":
        raise InputError(
            f"strategy: {VARIABLE} has {len(peers.workers)} workers, expected multi_worker, got "
            f"{run.strategy}"
        )
    if not run.replicas:
        return
    if options.jit:
        raise InputError(f"jit: XLA is not supported with --strategy={run.strategy}")
    if run.schedule.batch_size % run.replicas:
        raise InputError(
            f"batch_size: {run.replicas} replicas do not divide a batch of "
            f"{run.schedule.batch_size}"
        )


@contextlib.contextmanager
def joined(
    run: Run, directory: pathlib.Path, options: Options
) -> Iterator[tuple[pathlib.Path, Options]]:
    """The directory that this process writes to, and its options; begins and ends with all workers.

    Raises:
      InputError: as `strategies.strategy_of`.
      WorkerLostError: another worker has ended.
    """
    try:
        strategy = strategies.strategy_of(run)
        if strategies.is_chief(run):
            yield directory, options
        else:
            silent = dataclasses.replace(options, log=_no_log, tensorboard=False)
            with tempfile.TemporaryDirectory() as temporary:
                yield pathlib.Path(temporary) / directory.name, silent
        strategies.agree(strategy, 0)  # nobody reports success before the chief has written all
    except _PEER_ERRORS as error:
        if run.strategy != "multi_worker":
            raise
        raise WorkerLostError(
            "another worker of TF_CONFIG has ended; start all again with --resume "
            f"({type(error).__name__})"
        ) from error


def require_one_state(run: Run, directory: pathlib.Path, epoch: int) -> None:
    """Checks that all workers have restored the same state.

    Args:
      epoch: of this worker's state.

    Raises:
      InputError: the workers' states differ.
    """
    if not strategies.agree(strategies.strategy_of(run), epoch):
        raise InputError(
            f"run_dir: {directory} holds the state of epoch {epoch} for this worker and of another "
            "epoch for others; expected a directory that all workers share"
        )


def _no_log(line: str) -> None:
    pass
