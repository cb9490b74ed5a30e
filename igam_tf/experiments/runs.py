"""Run directories: a configuration becomes a trained model, once. An interrupted run is resumed.

    config.json  environment.json  history.csv  model.keras  [discriminator.keras]
    state/ until the run is finished

`model.keras` is written last and at once: the run is finished where it exists.
"""

import functools
import importlib.util
import json
import pathlib
import shutil
import sys
from typing import Any

import keras
import numpy as np

from igam_tf import data
from igam_tf.core import files, runtime, settings
from igam_tf.core.errors import InputError
from igam_tf.core.progress_bar import ProgressDisplay
from igam_tf.core.settings import values_of
from igam_tf.core.settings.choices import NETWORKS
from igam_tf.core.settings.datasets import SourceSettings
from igam_tf.experiments import build, trained
from igam_tf.experiments.configs import VERBS, Data, RobustRun, Run, StudentRun, Weights, verb_of
from igam_tf.experiments.options import Options
from igam_tf.training.callbacks import (
    RunProgress,
    TrainingMonitor,
    TrainingRecord,
    TrainingState,
    read_history,
)
from igam_tf.training.derivatives import check_derivatives
from igam_tf.training.matching_monitor import MatchingMonitor


def directory_of(run: Run, options: Options) -> pathlib.Path:
    """The default directory of a run, named by the digest of its configuration."""
    return options.runs_dir / f"{verb_of(run)}-{settings.digest(run)}"


def directory_of_weights(weights: Weights, options: Options) -> pathlib.Path:
    """The directory of the records of a model on disk."""
    return options.runs_dir / f"given-{weights.sha256[:10]}"


def is_finished(directory: pathlib.Path) -> bool:
    return (directory / "model.keras").is_file()


def ensure(run: Run, options: Options) -> pathlib.Path:
    """The directory of the finished run, trained or resumed if need be, after its teacher."""
    directory = directory_of(run, options)
    if not is_finished(directory):
        train(run, directory, options, resume=True)
    return directory


def train(run: Run, directory: pathlib.Path, options: Options, resume: bool = False) -> None:
    """Trains a run in `directory`.

    Raises:
      InputError: the directory holds another run, a finished one, or an interrupted one and
        `resume` is False.
      DivergedError: the loss is no longer finite; the last good state stays, for `resume`.
    """
    if options.tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise InputError(
            "tensorboard: its package is not installed (pip install 'igam_tf[tensorboard]')"
        )
    is_new = not _is_interrupted(run, directory, resume)
    teacher = None if isinstance(run, RobustRun) else _teacher(run.teacher, options)
    dataset = data.load(
        run.data.dataset,
        options.data_dir,
        run.data.train_size,
        1,
        run.data.seed,
        **values_of(run.data, SourceSettings),
        validation=run.data.validation or None,
        memory_limit=options.memory_limit,
    )
    steps_per_pass = data.steps_per_pass(dataset.train, run.schedule.batch_size)
    runtime.set_seed(run.seed, options.deterministic)
    setup = build.build(run, dataset, teacher, options.jit)
    if is_new and isinstance(run, StudentRun) and run.network.kind not in NETWORKS:
        images, labels = dataset.train.select(np.arange(min(4, len(dataset.train))))
        check = check_derivatives(setup.products["model"], images, labels, run.seed)
        options.log(f"{run.network.kind}: {check.status}: {check.text}")
    if is_new:
        directory.mkdir(parents=True, exist_ok=True)
        environment = runtime.environment()
        if dataset.class_names:
            environment["class_names"] = list(dataset.class_names)
        text = json.dumps(environment, indent=1)
        files.write_text(directory / "environment.json", text + "\n")
        files.write_text(directory / "config.json", settings.to_json(run) + "\n")
    _fit(run, directory, options, dataset, setup, min(run.schedule.steps, steps_per_pass))
    if setup.best_weights is not None:
        setup.best_weights.restore()
        options.log(
            f"{directory.name}: weights of epoch {setup.best_weights.epoch}, the best by "
            f"{setup.best_weights.monitor} ({100 * setup.best_weights.value:.1f} %)"
        )
    for name, model in reversed(setup.products.items()):
        with files.replacing(directory / f"{name}.keras") as file:
            model.save(file)
    shutil.rmtree(directory / "state")


def _fit(
    run: Run,
    directory: pathlib.Path,
    options: Options,
    dataset: data.Dataset,
    setup: build.TrainingSetup,
    epoch_steps: int,
) -> None:
    """Trains from the last saved state to the end: whole epochs, then the remaining steps."""
    # The teacher is no part of the state: it is loaded anew and never written to.
    state = TrainingState(directory / "state", **setup.products, **setup.progress)
    epoch, total = state.restore(), run.schedule.steps
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
    display = ProgressDisplay(sys.stdout)
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
    """The run's training batches from iteration `start` on."""
    return data.training_batches(
        dataset.train,
        run.schedule.batch_size,
        run.seed,
        dataset.bounds,
        start=start,
        augmented=run.data.augmented,
        pixel_noise=run.data.pixel_noise,
    )


def read_config(directory: pathlib.Path) -> Run:
    """The configuration of a run directory.

    Raises:
      InputError: it is no run directory, or the configuration is damaged.
    """
    try:
        content = json.loads((directory / "config.json").read_text())
        kind = next(k for k in VERBS.values() if k.__name__ == content["type"])
    except (OSError, ValueError, KeyError, StopIteration, TypeError) as error:
        raise InputError(f"{directory}: not a run directory (no readable config.json)") from error
    return settings.from_dict(kind, content, str(directory / "config.json"))


def data_of(path: pathlib.Path | str) -> Data | None:
    """The training data of the run in a directory; None where there is no run.

    Raises:
      InputError: the run's configuration is damaged.
    """
    directory = pathlib.Path(path)
    return read_config(directory).data if (directory / "config.json").is_file() else None


def _is_interrupted(run: Run, directory: pathlib.Path, resume: bool) -> bool:
    """Whether the directory holds the run's beginning; refuses what must not be overwritten."""
    if not directory.exists() or not any(directory.iterdir()):
        return False
    if not (directory / "config.json").exists():
        names = {path.name for path in directory.iterdir() if not files.is_temporary(path)}
        if names <= {"environment.json"}:  # killed before it began
            return False
        raise InputError(f"run_dir: {directory} is not empty and holds no run; choose another")
    if settings.digest(read_config(directory)) != settings.digest(run):
        raise InputError(
            f"run_dir: {directory} holds a run of another configuration (config.json); "
            "choose another"
        )
    if is_finished(directory):
        raise InputError(
            f"run_dir: {directory} holds this run, finished: {directory / 'model.keras'}"
        )
    if not resume:
        raise InputError(
            f"run_dir: {directory} holds this run, interrupted; --resume goes on with it"
        )
    return True


def _teacher(teacher: Run | Weights, options: Options) -> keras.Model:
    if not isinstance(teacher, Weights):
        return trained.load_model(ensure(teacher, options))
    if trained.weights(teacher.path, teacher.kind).sha256 != teacher.sha256:
        raise InputError(f"teacher: {teacher.path} has changed since this run was configured")
    return trained.load_model(teacher.path, teacher.kind)
