"""What a table will take before it is begun: its steps in order, their data, and the time by a
calibration on this machine.
"""

import dataclasses
import time
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

_BATCHES = (4, 32)  # of the calibration; the second one where the first is quick
_QUICK = 0.1  # seconds


@dataclasses.dataclass(frozen=True)
class Step:
    """A run to train, or a row to score.

    Attributes:
      name: of the run's directory.
      what: the verb, or `score`.
      rows: those that need it.
      cost: of all of it, an interrupted one's beginning included.
      state: `finished`, `begun` (it will go on from there) or `to do`.
      teacher: the directory that it starts from, or the file.
    """

    name: str
    what: str
    rows: tuple[str, ...]
    cost: costs.RunCost
    state: str
    teacher: str = ""

    @property
    def finished(self) -> bool:
        return self.state == "finished"


@dataclasses.dataclass(frozen=True)
class Plan:
    """`data`: where each data set is, or why it is not; `absent`: rows without a run, with the
    reason.
    """

    steps: tuple[Step, ...]
    data: Mapping[str, str]
    absent: Mapping[str, str]

    @property
    def left(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if not step.finished)


def plan(
    table: Table,
    options: Options,
    rows: Sequence[str] = (),
    given: Mapping[str, Weights] | None = None,
) -> Plan:
    """The steps of a table in the order in which `reproduce` takes them; arguments as there."""
    given = given or {}
    steps: dict[str, Step] = {}
    needed = {table.scoring.dataset}
    absent: dict[str, str] = {}
    for row, run in table.rows.items():
        if rows and row not in rows:
            continue
        scored = given.get(row, run)
        if isinstance(scored, Absent):
            absent[row] = scored.reason
            continue
        scoring = _scoring_step(scored, row, table, options)
        if not isinstance(scored, Weights):
            for each in with_teachers(scored):
                training = _training_step(each, row, options)
                if training.finished or not scoring.finished:
                    needed.add(each.data.dataset)
                    _add(steps, training)
        _add(steps, scoring)
    return Plan(
        tuple(steps.values()), {name: _place(name, options) for name in sorted(needed)}, absent
    )


def seconds_per_pass(sized: costs.Sized) -> float:
    """The measured time of a forward pass of one image: half of an input gradient's, moving
    statistics, random images.
    """
    if isinstance(sized.network, Weights):
        model = trained.load_model(sized.network.path, sized.network.kind)
    else:
        model = build.network(sized.network, _blank(sized.dataset))
    shape = tuple(model.input_shape[1:])
    compute = tf.function(
        lambda x, y: gradients.input_gradient(model, x, y, of="xent"), autograph=False
    ).get_concrete_function(tf.TensorSpec((None, *shape)), tf.TensorSpec((None,), tf.int32))
    seconds = 0.0
    for size in _BATCHES:
        images = tf.random.stateless_uniform((size, *shape), seed=(0, 0))
        labels = tf.zeros(size, tf.int32)
        compute(images, labels)  # the first call of a size prepares it
        began = time.perf_counter()
        np.asarray(compute(images, labels))
        seconds = (time.perf_counter() - began) / (2 * size)
        if seconds * 2 * size > _QUICK:
            break
    return seconds


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
        costs.training(run),
        _state(runs.is_finished(directory), (directory / "state").exists()),
        teacher,
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
        f"{directory.name}/{name}", "score", (row,), costs.scoring(scored, table.scoring), state
    )


def _state(finished: bool, begun: bool) -> str:
    return "finished" if finished else "begun" if begun else "to do"


def _add(steps: dict[str, Step], step: Step) -> None:
    known = steps.setdefault(step.name, step)
    if known is not step:
        steps[step.name] = dataclasses.replace(known, rows=(*known.rows, *step.rows))


def _place(name: str, options: Options) -> str:
    try:
        place = data.locate(name, options.data_dir)
    except InputError as error:
        return f"MISSING: {error}"
    return "embedded" if place is None else str(place)


def _blank(name: str) -> data.Dataset:
    stored = data.FORMATS[name]
    split = data.Split(np.zeros((1, *stored.image_shape), np.uint8), np.zeros(1, np.int64))
    return data.Dataset(name, split, split, stored.num_classes, stored.bounds)
