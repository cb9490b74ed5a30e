"""The fit of a run: its epochs, callbacks, batches and progress bar."""

import functools
import io
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

import keras

from igam_tf import data
from igam_tf.core import runtime, signals
from igam_tf.core.progress_bar import ProgressDisplay
from igam_tf.experiments import build
from igam_tf.experiments.configs import Run, StudentRun, verb_of
from igam_tf.experiments.options import Options
from igam_tf.training import strategies
from igam_tf.training.callbacks import (
    RunProgress,
    TrainingMonitor,
    TrainingRecord,
    read_history,
)
from igam_tf.training.interruption import InterruptionPoint
from igam_tf.training.matching_monitor import MatchingMonitor
from igam_tf.training.state import TrainingState


def fit(
    run: Run,
    directory: pathlib.Path,
    options: Options,
    dataset: data.Dataset,
    setup: build.TrainingSetup,
    state: TrainingState,
) -> None:
    """Trains from the restored state to the end: whole epochs, then the remaining steps.

    Args:
      directory: where history and states are written.

    Raises:
      Interruption: a signal has arrived; the state is saved.
    """
    total = run.schedule.steps
    epoch_steps = min(total, data.steps_per_pass(dataset.train, run.schedule.batch_size))
    epoch, step = int(state.epoch.numpy()), int(state.step.numpy())
    iteration = min(epoch * epoch_steps + step, total)
    options.log(
        f"{directory.name}: {verb_of(run)} on {run.data.dataset}, {total} iterations"
        + (f", resumed at {iteration}" if iteration else "")
    )
    display = ProgressDisplay(sys.stdout if strategies.is_chief(run) else io.StringIO())
    monitor = TrainingMonitor(state, setup.trainer.trainable_weights)
    callbacks = _callbacks(run, directory, options, setup, state, display, monitor)
    with (
        display.bar(directory.name, total, iteration, unit="iterations", last_line=True) as bar,
        signals.postponed("the state is saved after this iteration") as pending,
    ):
        point = InterruptionPoint(state, pending, monitor, bool(run.replicas))
        for first, last, steps in _parts(iteration, total, epoch_steps):
            start = iteration if first == epoch else first * epoch_steps
            with runtime.repeatable_graphs():
                setup.trainer.fit(
                    _stream(run, dataset, start),
                    initial_epoch=first,
                    epochs=last,
                    steps_per_epoch=steps,
                    callbacks=[*callbacks, RunProgress(bar), point],
                    shuffle=False,
                    verbose=0,
                )


def _callbacks(
    run: Run,
    directory: pathlib.Path,
    options: Options,
    setup: build.TrainingSetup,
    state: TrainingState,
    display: ProgressDisplay,
    monitor: TrainingMonitor,
) -> list[Any]:
    """The callbacks of every part of a run."""
    history = directory / "history.csv"
    callbacks: list[Any] = [monitor, *setup.callbacks, TrainingRecord(state, history)]
    if isinstance(run, StudentRun):
        log = functools.partial(display.log, options.log)
        callbacks.insert(0, MatchingMonitor(log, read_history(history, int(state.epoch.numpy()))))
    if options.tensorboard:
        callbacks.append(
            keras.callbacks.TensorBoard(str(directory / "tensorboard"), write_graph=False)
        )
    return callbacks


def _parts(iteration: int, total: int, epoch_steps: int) -> Iterator[tuple[int, int, int]]:
    """The calls of `fit` from an iteration on: first epoch, end of the epochs, steps of each.

    These are the rest of an epoch that is begun, the whole epochs, and the last steps.
    """
    if iteration == total:
        return
    epoch, step = divmod(iteration, epoch_steps)
    whole, rest = divmod(total, epoch_steps)
    if step:
        yield epoch, epoch + 1, min(epoch_steps, total - epoch * epoch_steps) - step
        epoch += 1
    if epoch < whole:
        yield epoch, whole, epoch_steps
    if rest and epoch <= whole:
        yield whole, whole + 1, rest


def _stream(run: Run, dataset: data.Dataset, start: int) -> Any:
    """The run's training batches from iteration `start` on, for all its devices."""
    return strategies.stream(
        strategies.strategy_of(run),
        lambda part, parts: data.training_batches(
            dataset.train,
            run.schedule.batch_size,
            run.seed,
            dataset.bounds,
            start=start,
            augmented=run.data.augmented,
            pixel_noise=run.data.pixel_noise,
            part=part,
            parts=parts,
        ),
    )
