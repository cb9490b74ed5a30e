"""The work that a table needs before it is begun: steps in order, data, and measured time."""

import dataclasses
import math
import time
import types
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from igam_tf import data, gradients
from igam_tf.core import settings
from igam_tf.core.errors import InputError
from igam_tf.experiments import build, costs, runs, trained
from igam_tf.experiments.configs import Absent, RobustRun, Run, Table, Weights, with_teachers
from igam_tf.experiments.options import Options
from igam_tf.experiments.scoring import is_scored, record_paths

_BATCHES = (4, 32)  # batch sizes that are timed; the second where the first is quick
_QUICK = 0.1  # seconds


@dataclasses.dataclass(frozen=True)
class Step:
    """A run to train, or a row to score.

    Attributes:
      name: of the run's directory.
      action: `score`, or `train on` and the data set.
      rows: the rows that need the step.
      cost: of the whole step, also where a part of it is finished.
      state: `finished`, `begun` (and will be resumed) or `to do`.
      teacher: name of the teacher's run directory, or path of its file.
      run: what is trained; None of a score.
    """

    name: str
    action: str
    rows: tuple[str, ...]
    cost: costs.RunCost
    state: str
    teacher: str = ""
    run: Run | None = None

    @property
    def finished(self) -> bool:
        return self.state == "finished"


@dataclasses.dataclass(frozen=True)
class Plan:
    """A table's work.

    Attributes:
      data: the place of each data set, or why it is missing.
      absent: reasons of the rows without a run.
    """

    steps: tuple[Step, ...]
    data: Mapping[str, str]
    absent: Mapping[str, str]

    @property
    def unfinished(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if not step.finished)


def plan(
    table: Table,
    options: Options,
    rows: Sequence[str] = (),
    weights: Mapping[str, Weights] = types.MappingProxyType({}),
) -> Plan:
    """The steps of a table in the order of `reproduce`, whose arguments these are."""
    steps: dict[str, Step] = {}
    datasets = {table.scoring.dataset}
    absent: dict[str, str] = {}
    for row, run in table.rows.items():
        if rows and row not in rows:
            continue
        scored = weights.get(row, run)
        if isinstance(scored, Absent):
            absent[row] = scored.reason
            continue
        scoring = _scoring_step(scored, row, table, options)
        if not isinstance(scored, Weights):
            for needed in with_teachers(scored):
                training = _training_step(needed, row, options)
                if training.finished or not scoring.finished:
                    datasets.add(needed.data.dataset)
                    _add(steps, training)
        _add(steps, scoring)
    return Plan(
        tuple(steps.values()), {name: _place(name, options) for name in sorted(datasets)}, absent
    )


def seconds_per_pass(network: costs.SizedNetwork) -> float:
    """Seconds of one image's forward pass: half of an input gradient's on random images, with
    moving statistics.
    """
    if isinstance(network.network, Weights):
        model = trained.load_model(network.network.path, network.network.kind)
    else:
        model = build.network(network.network, _blank(network.dataset))
    shape = tuple(model.input_shape[1:])
    compute = tf.function(
        lambda x, y: gradients.input_gradient(model, x, y, of="xent"), autograph=False
    ).get_concrete_function(tf.TensorSpec((None, *shape)), tf.TensorSpec((None,), tf.int32))
    seconds = 0.0
    for size in _BATCHES:
        images = tf.random.stateless_uniform((size, *shape), seed=(0, 0))
        labels = tf.zeros(size, tf.int32)
        compute(images, labels)  # not timed: the first call of a size prepares the graph
        began = time.perf_counter()
        np.asarray(compute(images, labels))
        seconds = (time.perf_counter() - began) / (2 * size)
        if seconds * 2 * size > _QUICK:
            break
    return seconds


def reduced_bytes(run: Run) -> int:
    """Bytes of gradients that devices sum in a training step, those of a discriminator included.

    Raises:
      InputError: weights of a teacher that are not there.
    """
    setup = _untrained(run)
    variables = list(setup.trainer.trained_variables)
    if "discriminator" in setup.products:
        variables += setup.products["discriminator"].trainable_variables
    return sum(
        math.prod(variable.shape) * tf.as_dtype(variable.dtype).size for variable in variables
    )


def _untrained(run: Run) -> build.TrainingSetup:
    """The run's networks and trainer; every network has its first weights."""
    teacher = None
    if not isinstance(run, RobustRun):
        if isinstance(run.teacher, Weights):
            teacher = trained.load_model(run.teacher.path, run.teacher.kind)
        else:
            teacher = _untrained(run.teacher).products["model"]
    return build.build(run, _blank(run.data.dataset), teacher)


def _training_step(run: Run, row: str, options: Options) -> Step:
    directory = runs.directory_of(run, options)
    teacher = ""
    if not isinstance(run, RobustRun):
        teacher = (
            run.teacher.path
            if isinstance(run.teacher, Weights)
            else runs.directory_of(run.teacher, options).name
        )
    return Step(
        directory.name,
        f"train on {run.data.dataset}",
        (row,),
        costs.of_training(run),
        _state(runs.is_finished(directory), (directory / "state").exists()),
        teacher,
        run,
    )


def _scoring_step(scored: Run | Weights, row: str, table: Table, options: Options) -> Step:
    if isinstance(scored, Weights):
        directory = runs.directory_of_weights(scored, options)
    else:
        directory = runs.directory_of(scored, options)
    paths = record_paths(directory, table.scoring)
    state = _state(
        is_scored(directory, table.scoring),
        any(path.exists() or path.with_suffix(".parts").exists() for path in paths),
    )
    name = f"evaluation-{settings.digest(table.scoring)}"
    return Step(
        f"{directory.name}/{name}", "score", (row,), costs.of_scoring(scored, table.scoring), state
    )


def _state(finished: bool, begun: bool) -> str:
    return "finished" if finished else "begun" if begun else "to do"


def _add(steps: dict[str, Step], step: Step) -> None:
    earlier = steps.setdefault(step.name, step)
    if earlier is not step:
        steps[step.name] = dataclasses.replace(earlier, rows=(*earlier.rows, *step.rows))


def _place(name: str, options: Options) -> str:
    try:
        place = data.locate(name, options.data_dir)
    except InputError as error:
        return f"MISSING: {error}"
    return "embedded" if place is None else str(place)


def _blank(name: str) -> data.Dataset:
    form = data.FORMATS[name]
    split = data.Split(np.zeros((1, *form.image_shape), np.uint8), np.zeros(1, np.int64))
    return data.Dataset(name, split, split, form.num_classes, form.bounds)
