"""Run directories: a configuration becomes a trained model, once. An interrupted run is resumed.

    config.json  environment.json  history.csv  model.keras  [discriminator.keras]
    state/ until the run is finished; lock while a process trains it

`model.keras` is written last and at once: the run is finished where it exists.
"""

import contextlib
import dataclasses
import importlib.util
import json
import pathlib
from collections.abc import Callable

import keras
import numpy as np

from igam_tf import data
from igam_tf.core import files, locks, runtime, settings
from igam_tf.core.errors import InputError
from igam_tf.core.settings import values_of
from igam_tf.core.settings.choices import NETWORKS
from igam_tf.core.settings.datasets import SourceSettings
from igam_tf.core.settings.devices import DistributionSettings
from igam_tf.experiments import build, fitting, trained, workers
from igam_tf.experiments.configs import (
    VERBS,
    Data,
    FinetuneRun,
    RobustRun,
    Run,
    StudentRun,
    Weights,
    verb_of,
)
from igam_tf.experiments.options import Options
from igam_tf.training import strategies
from igam_tf.training.callbacks import require_history
from igam_tf.training.derivatives import check_derivatives
from igam_tf.training.state import TrainingState

# What a run directory holds beside state/ and tensorboard/, without the finished model.
FILES = ("discriminator.keras", "history.csv", "environment.json", "config.json")


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
    run = strategies.resolved(run)
    directory = directory_of(run, options)
    if not is_finished(directory):
        train(run, directory, options, resume=True)
    return directory


def train(
    run: Run,
    directory: pathlib.Path,
    options: Options,
    resume: bool = False,
    restart: bool = False,
) -> None:
    """Trains a run in `directory`, on the devices of its strategy.

    Under `multi_worker` every worker calls this, and all see the directory. The chief alone writes
    to it. `resume` then also takes a finished run, for all workers start again where one has ended.

    Args:
      resume: whether to go on with an interrupted run.
      restart: whether to remove an interrupted run and begin it anew.

    Raises:
      InputError: the directory holds another run, a finished one, or an interrupted one and
        both `resume` and `restart` are False; another process trains in it; no state of it is
        whole; devices that the run does not fit.
      DivergedError: the loss is no longer finite; the last good state stays, for `resume`.
      WorkerLostError: another worker has ended.
    """
    if options.tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise InputError(
            "tensorboard: its package is not installed (pip install 'igam_tf[tensorboard]')"
        )
    run = strategies.resolved(run)
    workers.require_support(run, options)
    if resume and run.strategy == "multi_worker" and is_finished(directory):
        _require_same(run, directory)
        return
    _is_begun(run, directory)  # before the lock: nothing is written beside other files
    with _lock_of(run, directory, options) as require_place:
        is_new = restart or not _is_begun(run, directory)
        if not is_new and not resume:
            raise InputError(
                f"run_dir: {directory} holds this run, interrupted; --resume goes on with it, "
                "--restart begins it anew"
            )
        if strategies.is_chief(run):
            _clear(directory, is_new)
        source = None if isinstance(run, RobustRun) else _teacher(run, options)
        _train(run, directory, options, source, is_new, require_place)


def _train(
    run: Run,
    directory: pathlib.Path,
    options: Options,
    source: Weights | None,
    is_new: bool,
    require_place: Callable[[], None],
) -> None:
    """Trains a run in its directory, which holds the run's beginning or is new.

    Args:
      source: the trained teacher; None for a run without one.
      require_place: raises where the directory has vanished.
    """
    with workers.joined(run, directory, options) as (place, options):
        with strategies.scope(strategies.strategy_of(run)):
            teacher = None if source is None else trained.load_model(source.path, source.kind)
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
        setup = _setup(run, options, dataset, teacher, is_new)
        # The teacher is no part of the state: it is loaded anew and never written to.
        state = TrainingState(
            place / "state",
            require_place,
            options.keep_every,
            **setup.products,
            **setup.progress,
        )
        if is_new:
            state.save(0)  # before config.json: a run that is begun has a state
            _write_configuration(run, place, dataset)
        else:
            _log_changes(directory, options)
        epoch = 0 if is_new else state.restore(directory / "state", options.log)
        require_history(directory / "history.csv", epoch)
        workers.require_one_state(run, directory, epoch)
        fitting.fit(run, place, options, dataset, setup, state)
        require_place()
        _save(place, options, setup)
        state.close()


def _clear(directory: pathlib.Path, is_new: bool) -> None:
    """Removes unfinished writes, and where the run is new all its files, config.json last."""
    for path in [*directory.iterdir(), *directory.glob("state/*")]:
        if files.is_temporary(path):
            files.remove(path)
    for name in ("state", "tensorboard", *FILES) if is_new else ():
        files.remove(directory / name)


def _lock_of(
    run: Run, directory: pathlib.Path, options: Options
) -> contextlib.AbstractContextManager[Callable[[], None]]:
    """The lock of the process that writes to the directory."""
    if not strategies.is_chief(run):
        return contextlib.nullcontext(lambda: None)
    return locks.locked(directory, options.log)


def _setup(
    run: Run, options: Options, dataset: data.Dataset, teacher: keras.Model | None, is_new: bool
) -> build.TrainingSetup:
    """The run's trainer; logs a check of the derivatives of a user's network once."""
    data.steps_per_pass(dataset.train, run.schedule.batch_size)
    runtime.set_seed(run.seed, options.deterministic)
    with strategies.scope(strategies.strategy_of(run)):
        setup = build.build(run, dataset, teacher, options.jit)
    if is_new and isinstance(run, StudentRun) and run.network.kind not in NETWORKS:
        images, labels = dataset.train.select(np.arange(min(4, len(dataset.train))))
        check = check_derivatives(setup.products["model"], images, labels, run.seed)
        options.log(f"{run.network.kind}: {check.status}: {check.text}")
    return setup


def _write_configuration(run: Run, directory: pathlib.Path, dataset: data.Dataset) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    environment = runtime.environment()
    if dataset.class_names:
        environment["class_names"] = list(dataset.class_names)
    if distribution := strategies.record(run):
        environment["distribution"] = distribution
    files.write_text(directory / "environment.json", json.dumps(environment, indent=1) + "\n")
    files.write_text(directory / "config.json", settings.to_json(run) + "\n")


def _log_changes(directory: pathlib.Path, options: Options) -> None:
    """Logs a line where the run was begun in another environment that rounds in another way."""
    try:
        record = dict(json.loads((directory / "environment.json").read_text()))
    except (OSError, ValueError, TypeError):
        options.log(f"WARNING {directory.name}: environment.json is missing or damaged")
        return
    if lines := runtime.changes(record):
        options.log(
            f"WARNING {directory.name}: its last digits will differ from those of an uninterrupted "
            f"run: it was begun with {'; '.join(lines)}"
        )


def _save(directory: pathlib.Path, options: Options, setup: build.TrainingSetup) -> None:
    """Saves the models of a run that is trained to its end."""
    if setup.best_weights is not None:
        setup.best_weights.restore()
        options.log(
            f"{directory.name}: weights of epoch {setup.best_weights.epoch}, the best by "
            f"{setup.best_weights.monitor} ({100 * setup.best_weights.value:.1f} %)"
        )
    for name, model in reversed(setup.products.items()):
        with files.replacing(directory / f"{name}.keras") as file:
            model.save(file)


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


def _is_begun(run: Run, directory: pathlib.Path) -> bool:
    """Whether the directory holds the run's beginning; refuses what must not be overwritten."""
    if not directory.exists() or not any(directory.iterdir()):
        return False
    if not (directory / "config.json").exists():
        names = {path.name for path in directory.iterdir() if not files.is_temporary(path)}
        states = {path.name for path in (directory / "state").glob("epoch-*")}
        # Killed before it began.
        if names <= {"state", "environment.json", locks.NAME} and states <= {"epoch-0"}:
            return False
        raise InputError(f"run_dir: {directory} is not empty and holds no run; choose another")
    _require_same(run, directory)
    if is_finished(directory):
        raise InputError(
            f"run_dir: {directory} holds this run, finished: {directory / 'model.keras'}"
        )
    return True


def _require_same(run: Run, directory: pathlib.Path) -> None:
    """Raises an InputError unless the directory holds this run, on the same devices."""
    other = read_config(directory)
    if settings.digest(other) == settings.digest(run):
        return
    if type(other) is type(run):
        moved = dataclasses.replace(other, **values_of(run, DistributionSettings))
        if settings.digest(moved) == settings.digest(run):
            raise InputError(
                f"run_dir: {directory} holds this run on {strategies.describe(other)}, got "
                f"{strategies.describe(run)}; choose another"
            )
    raise InputError(
        f"run_dir: {directory} holds a run of another configuration (config.json); choose another"
    )


def _teacher(run: StudentRun | FinetuneRun, options: Options) -> Weights:
    """The run's trained teacher; one that is a run itself is trained first.

    Raises:
      InputError: the teacher's file has changed; under `multi_worker`, a run to be trained first.
    """
    teacher = run.teacher
    if isinstance(teacher, Weights):
        if trained.weights(teacher.path, teacher.kind).sha256 != teacher.sha256:
            raise InputError(f"teacher: {teacher.path} has changed since this run was configured")
        return teacher
    teacher = strategies.resolved(teacher)
    if run.strategy == "multi_worker" and not is_finished(directory_of(teacher, options)):
        raise InputError(
            f"teacher: multi_worker expects a trained one, {directory_of(teacher, options)} is not "
            "finished"
        )
    return Weights("", str(ensure(teacher, options)))
