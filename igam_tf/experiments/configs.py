"""What a training run is, as data. A run's directory is named by the content of its configuration."""

import dataclasses
from typing import Any

from igam_tf.bounds import Amount


@dataclasses.dataclass(frozen=True)
class Data:
    """A data set's training part (`igam_tf.data.load`) and how batches are drawn from it."""

    dataset: str
    train_size: int | None = None
    augmented: bool = True
    pixel_noise: float = 0.0
    seed: int = 0  # of embedded data only


@dataclasses.dataclass(frozen=True)
class Network:
    """A classifier: `wide_resnet` reads width, blocks and normalization; `mnist_cnn` channels and hidden."""

    kind: str
    width: int = 10
    blocks: int = 5
    normalization: str = "unit_norm"
    channels: tuple[int, int] = (32, 64)
    hidden: int = 1024


@dataclasses.dataclass(frozen=True)
class Schedule:
    """`learning_rates` change after the iterations in `boundaries`.

    `optimizer` is `momentum` (TF1's form), `keras_momentum` (the rate inside the velocity) or `adam`.
    """

    steps: int
    batch_size: int
    learning_rates: tuple[float, ...]
    boundaries: tuple[int, ...] = ()
    optimizer: str = "momentum"


@dataclasses.dataclass(frozen=True)
class Adversary:
    """The PGD attack of adversarial training; epsilon and step_size rise from 0 over `ramp_steps` iterations."""

    epsilon: Amount
    step_size: Amount
    steps: int
    ramp_steps: int = 0


@dataclasses.dataclass(frozen=True)
class Weights:
    """A trained model on disk. Its content, not its place, is part of a configuration."""

    sha256: str
    path: str = dataclasses.field(metadata={"identity": False})
    kind: str | None = None  # of a checkpoint that holds several networks


@dataclasses.dataclass(frozen=True)
class RobustRun:
    """Adversarial training (`train_robust`); plain training without an adversary.

    `precision`, here and in the other runs, is `igam_tf.precision`'s, of the network that the run trains.
    """

    data: Data
    network: Network
    schedule: Schedule
    adversary: Adversary | None = None
    weight_decay: float = 2e-4
    seed: int = 0
    precision: str = dataclasses.field(default="float32", metadata={"identity": "if set"})


@dataclasses.dataclass(frozen=True)
class FinetuneRun:
    """Phase 1 (`finetune_teacher`): a new head on the frozen teacher, behind its adapter.

    `normalization` rebuilds the teacher with another input normalisation than it was trained with, as the release does, and a
    `precision` of bfloat16 rebuilds it for that; float32 leaves it what it was trained in.
    """

    data: Data
    teacher: RobustRun | Weights
    schedule: Schedule
    adapter: tuple[str, ...] = ()
    statistics: str = "batch"
    seed: int = 0
    normalization: str | None = dataclasses.field(default=None, metadata={"identity": "if set"})
    precision: str = dataclasses.field(default="float32", metadata={"identity": "if set"})


@dataclasses.dataclass(frozen=True)
class StudentRun:
    """Phase 2 (`train_student`): IGAM. Settings left at None are the protocol's."""

    data: Data
    network: Network
    teacher: FinetuneRun | Weights
    schedule: Schedule
    lambda_adv: float
    lambda_diff: float
    steps_before_matching: int = 0
    disc_every: int = 5
    disc_layers: int = 5
    disc_channels: int = 16
    gradient_crop: int | None = None
    adapter: tuple[str, ...] = ()
    weight_decay: float = 2e-4
    protocol: str = "release"
    gradient_of: str | None = None
    diff_reduction: str | None = None
    adversarial_reduction: str | None = None
    discriminator_update: str | None = None
    teacher_statistics: str | None = None
    seed: int = 0
    precision: str = dataclasses.field(default="float32", metadata={"identity": "if set"})
    matched_to: str = dataclasses.field(default="teacher", metadata={"identity": "if set"})


Run = RobustRun | FinetuneRun | StudentRun
VERBS: dict[str, type] = {"train_robust": RobustRun, "finetune_teacher": FinetuneRun, "train_student": StudentRun}


def verb_of(run: Run) -> str:
    return next(verb for verb, kind in VERBS.items() if isinstance(run, kind))


def at_precision(run: Run, precision: str) -> Run:
    """The run, and those that make its teachers, in that precision; given weights are what they are."""
    changed: dict[str, Any] = {"precision": precision}
    if not isinstance(run, RobustRun) and not isinstance(run.teacher, Weights):
        changed["teacher"] = at_precision(run.teacher, precision)
    return dataclasses.replace(run, **changed)


@dataclasses.dataclass(frozen=True)
class Scoring:
    """How the rows of a table are scored: attacks by name, each BatchNorm mode on its own.

    `strong_examples`: the first so many images also meet the chain `strong` and the diagnostics, in the first mode.
    """

    dataset: str
    num_examples: int
    attacks: tuple[str, ...]
    epsilon: Amount = "8/255"
    step_size: Amount = "2/255"
    statistics: tuple[str, ...] = ("moving", "batch")
    batch_size: int = 100
    seed: int = 0
    strong_examples: int | None = dataclasses.field(default=None, metadata={"identity": False})


@dataclasses.dataclass(frozen=True)
class Table:
    """A table at one preset: its rows in order, by the paper's names, and the paper's figures for them.

    A row is a run, or the reason why there is none at this preset (weights can still be given for it). Over several seeds
    every row is compared with the first one where `against_first`.
    """

    name: str
    preset: str
    title: str
    rows: dict[str, Run | str]
    scoring: Scoring
    published: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)
    against_first: bool = False


def table_at_precision(table: Table, precision: str) -> Table:
    """The table with every run, and those of its teachers, in that precision."""
    rows = {name: run if isinstance(run, str) else at_precision(run, precision) for name, run in table.rows.items()}
    return dataclasses.replace(table, rows=rows)
