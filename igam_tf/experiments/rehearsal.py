"""A rehearsal of a table: every row in a few steps, before days are spent on it.

Each row is trained and scored as `igam_tf.experiments.reproduce` does, with the table's networks
but with few steps, images and attack steps. A wrong path, missing data, a broken row or too little
memory shows in minutes. The figures mean nothing and are not kept.
"""

import contextlib
import dataclasses
import io
import pathlib
import signal
import tempfile
import textwrap
import time
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from igam_tf import data
from igam_tf.attacks import registry
from igam_tf.core import files
from igam_tf.core.errors import InputError, StorageError
from igam_tf.experiments import jobs, reproduce
from igam_tf.experiments.configs import (
    Absent,
    Adversary,
    Network,
    RobustRun,
    Run,
    Schedule,
    Scoring,
    StudentRun,
    Table,
    Weights,
    with_teachers,
)
from igam_tf.experiments.options import Options

STEPS = 3  # of training: one before matching and two with it
TRAIN_IMAGES = 16
TEST_IMAGES = 4
ATTACK_STEPS = 2
_LIMITS = {"steps": ATTACK_STEPS, "queries": 10}  # of attacks, by the name of their setting
_MESSAGE = 400  # characters of a failure


@dataclasses.dataclass(frozen=True)
class RowOutcome:
    """What became of a row.

    Attributes:
      state: `passed`, `failed`, `data missing` or, of a row without a run, `absent`.
      reason: why the row did not pass.
    """

    row: str
    state: str
    seconds: float = 0.0
    reason: str = ""

    @property
    def counts(self) -> bool:
        """Whether the row had to pass."""
        return self.state != "absent"

    def line(self) -> str:
        seconds = f"  {self.seconds:.0f} s" if self.seconds else ""
        return f"{self.state:12}  {self.row}{seconds}{': ' if self.reason else ''}{self.reason}"


def rehearse(
    table: Table,
    options: Options,
    rows: Sequence[str] = (),
    weights: Mapping[str, Weights] = types.MappingProxyType({}),
    width: int | None = None,
) -> list[RowOutcome]:
    """The outcomes of the rows in the table's order, each also a line for `options.log`.

    Rows run in a process of their own, one after another. If it is killed, the row has failed and
    the next one begins a new process. An interruption ends it at once. All files are in a temporary
    folder of `options.runs_dir`.

    Args:
      rows, weights: as in `igam_tf.experiments.reproduce`.
      width: of all wide networks; None for the table's own.

    Raises:
      InputError: the table has no such row.
    """
    table = short_table(reproduce.adjusted(table, rows, weights=weights), width)
    names = [row for row in table.rows if not rows or row in rows]
    outcomes: list[RowOutcome] = []
    with _temporary_place(options) as place:
        while len(outcomes) < len(names):
            try:
                with jobs.process_pool(1, signal.SIGKILL) as pool:
                    for row in names[len(outcomes) :]:
                        began = time.monotonic()
                        outcome = _obstacle(row, table, options, weights)
                        if outcome is None:
                            call = pool.submit(failure_of, row, table, place, dict(weights))
                            outcome = _outcome(row, call.result(), began)
                        outcomes.append(outcome)
                        options.log(outcome.line())
            except jobs.KilledError:
                reason = "its process was killed, which can mean too little memory"
                outcomes.append(_outcome(row, reason, began))
                options.log(outcomes[-1].line())
    return outcomes


def failure_of(row: str, table: Table, options: Options, weights: Mapping[str, Weights]) -> str:
    """Trains and scores a row; returns why it failed, in one line, or nothing."""
    try:
        with _silence():
            result = reproduce.reproduce(table, options, (row,), weights=weights)[row]
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        return _line(f"too little memory: {error}")
    except StorageError as error:
        return _line(str(error))
    except Exception as error:  # whatever it is, the other rows can run
        return _line(f"{type(error).__name__}: {error}")
    return "" if result.record else _line(result.note)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Hides the lines and bars of training, and TensorFlow's warnings of one graph after another,
    for rows of few steps are little else.
    """
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel("ERROR")
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)


def short_table(table: Table, width: int | None = None) -> Table:
    """The table with short runs and a short scoring."""
    rows = {
        name: run if isinstance(run, Absent) else short_run(run, width)
        for name, run in table.rows.items()
    }
    return dataclasses.replace(table, rows=rows, scoring=short_scoring(table.scoring))


def short_run(run: Run, width: int | None = None) -> Run:
    """The run, and its teachers' runs, in few steps on few images.

    A student's matching and its discriminator's steps take place in these steps.
    """
    images = min(run.data.train_size or TRAIN_IMAGES, TRAIN_IMAGES)
    changes: dict[str, Any] = {
        "data": dataclasses.replace(run.data, train_size=images),
        "schedule": _short_schedule(run.schedule, images),
    }
    if not isinstance(run, RobustRun) and not isinstance(run.teacher, Weights):
        changes["teacher"] = short_run(run.teacher, width)
    if isinstance(run, RobustRun | StudentRun):
        changes["network"] = _at_width(run.network, width)
    if isinstance(run, RobustRun) and run.adversary:
        changes["adversary"] = _short_adversary(run.adversary)
    if isinstance(run, StudentRun):
        changes["steps_before_matching"] = min(run.steps_before_matching, 1)
        changes["disc_every"] = min(run.disc_every, 2)
    return dataclasses.replace(run, **changes)


def short_scoring(scoring: Scoring) -> Scoring:
    """The scoring of few images by attacks of few steps. Attacks that become the same are one."""
    images = min(scoring.num_examples, TEST_IMAGES)
    has_strong = scoring.strong_examples is not None
    return dataclasses.replace(
        scoring,
        num_examples=images,
        batch_size=min(scoring.batch_size, images),
        attacks=tuple(dict.fromkeys(map(_short_attack, scoring.attacks))),
        strong_examples=1 if has_strong else None,
        strong_queries=_LIMITS["queries"] if has_strong else None,
    )


def _short_schedule(schedule: Schedule, images: int) -> Schedule:
    """The first learning rates, each for one step."""
    steps = min(schedule.steps, STEPS)
    changes = min(len(schedule.boundaries), steps - 1)
    return dataclasses.replace(
        schedule,
        steps=steps,
        batch_size=min(schedule.batch_size, images),
        learning_rates=schedule.learning_rates[: changes + 1],
        boundaries=tuple(range(1, changes + 1)),
    )


def _short_adversary(adversary: Adversary) -> Adversary:
    return dataclasses.replace(
        adversary,
        steps=min(adversary.steps, ATTACK_STEPS),
        ramp_steps=min(adversary.ramp_steps, STEPS),
    )


def _short_attack(name: str) -> str:
    """The name of the same attack in few steps."""
    attack: Any = registry.resolve(name)
    limits = {
        field.name: min(getattr(attack, field.name), _LIMITS[field.name])
        for field in dataclasses.fields(attack)
        if field.init and field.name in _LIMITS
    }
    return str(dataclasses.replace(attack, **limits).name)


def _at_width(network: Network, width: int | None) -> Network:
    if width is None or network.kind != "wide_resnet":
        return network
    return dataclasses.replace(network, width=width)


@contextlib.contextmanager
def _temporary_place(options: Options) -> Iterator[Options]:
    """The options with a run directory's folder that is removed, on the disk of the real runs."""
    place = options.runs_dir
    with files.new_directory(place):
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="rehearsal-", dir=place) as folder:
            yield dataclasses.replace(options, runs_dir=pathlib.Path(folder))


def _obstacle(
    row: str, table: Table, options: Options, weights: Mapping[str, Weights]
) -> RowOutcome | None:
    """The outcome of a row that cannot be tried."""
    model = weights.get(row, table.rows[row])
    if isinstance(model, Absent):
        return RowOutcome(row, "absent", reason=model.reason)
    names = {table.scoring.dataset}
    if not isinstance(model, Weights):
        names |= {run.data.dataset for run in with_teachers(model)}
    for name in sorted(names):
        try:
            data.locate(name, options.data_dir)
        except InputError as error:
            return RowOutcome(row, "data missing", reason=_line(str(error)))
    return None


def _outcome(row: str, failure: str, began: float) -> RowOutcome:
    return RowOutcome(row, "failed" if failure else "passed", time.monotonic() - began, failure)


def _line(text: str) -> str:
    return textwrap.shorten(text, _MESSAGE, placeholder=" ...")
