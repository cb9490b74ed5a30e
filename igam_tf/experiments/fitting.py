"""The fit of a run: its epochs, callbacks, batches and progress bar."""

import functools
import io
import pathlib
import sys
from typing import Any

import keras

from igam_tf import data
from igam_tf.core import runtime
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
    """
    epoch, total = int(state.epoch.numpy()), run.schedule.steps
    epoch_steps = min(total, data.steps_per_pass(dataset.train, run.schedule.batch_size))
    iteration = min(epoch * epoch_steps, total)
    options.log(
        f"{directory.name}: {verb_of(run)} on {run.data.dataset}, {total} iterations"
        + (f", resumed at {iteration}" if epoch else "")
    )
    history = directory / "history.csv"
    callbacks: list[Any] = [
        TrainingMonitor(state, setup.trainer.trainable_weights),
        *setup.callbacks,
        TrainingRecord(state, history),
    ]
    display = ProgressDisplay(sys.stdout if strategies.is_chief(run) else io.StringIO())
    if isinstance(run, StudentRun):
        log = functools.partial(display.log, options.log)
        callbacks.insert(0, MatchingMonitor(log, read_history(history, epoch)))
    if options.tensorboard:
        callbacks.append(
            keras.callbacks.TensorBoard(str(directory / "tensorboard"), write_graph=False)
        )
    whole, rest = divmod(total, epoch_steps)
    parts = ((epoch, whole, epoch_steps), (max(epoch, whole), whole + 1, rest))
    with display.bar(directory.name, total, iteration, unit="iterations", last_line=True) as bar:
        for first, last, steps in parts:
            if first < last and steps:
                stream = _stream(run, dataset, first * epoch_steps)
                with runtime.repeatable_graphs():
                    setup.trainer.fit(
                        stream,
                        initial_epoch=first,
                        epochs=last,
                        steps_per_epoch=steps,
                        callbacks=[*callbacks, RunProgress(bar)],
                        shuffle=False,
                        verbose=0,
                    )


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
