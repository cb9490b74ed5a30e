"""Runs, scorings and tables as data. The digest of a run's configuration names its directory."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Annotated

from igam_tf.core.bounds import Amount
from igam_tf.core.settings import Setting, Settings
from igam_tf.core.settings.choices import (
    INITIAL_WEIGHTS,
    MODES,
    NETWORKS,
    NORMALIZATIONS,
    OPTIMIZERS,
    PRECISIONS,
)
from igam_tf.core.settings.datasets import DatasetName, SourceSettings
from igam_tf.core.settings.devices import DistributionSettings
from igam_tf.core.settings.training import Adversary as Adversary
from igam_tf.core.settings.training import (
    FinalWeights,
    FinetuneSettings,
    IgamSettings,
    PlainSettings,
)


@dataclasses.dataclass(frozen=True)
class Data(SourceSettings):
    """A data set's training part (`igam_tf.data.load`) and how batches are drawn from it."""

    dataset: DatasetName
    train_size: Annotated[
        int | None,
        Setting("Use only this many training images, the first ones; all by default.", at_least=1),
    ] = None
    augmented: Annotated[
        bool, Setting("Augment by random crops (2 pixels of padding) and flips.")
    ] = True
    pixel_noise: Annotated[
        float,
        Setting("Half width of the uniform noise on training pixels, in pixel units.", at_least=0),
    ] = 0.0
    seed: Annotated[int, Setting("Of embedded data, and of nothing else.", flag=None)] = 0
    validation: Annotated[
        float,
        Setting(
            "Share of the training images that is held out, for callbacks and best weights.",
            at_least=0,
            identity="if set",
        ),
    ] = 0.0


_NETWORK = (
    f"The classifier: {', '.join(NETWORKS)}, PATH.keras, keras:NAME of keras.applications, or "
    "package.module:function (docs/networks.md)."
)


@dataclasses.dataclass(frozen=True)
class Network(Settings):
    """A classifier (`igam_tf.models`)."""

    kind: Annotated[str, Setting(_NETWORK, flag="network")]
    width: Annotated[
        int, Setting("WRN: factor on the channels 16, 32, 64 (the paper: 10).", at_least=1)
    ] = 10
    blocks: Annotated[int, Setting("WRN: residual units per stage (the paper: 5).", at_least=1)] = 5
    normalization: Annotated[
        str,
        Setting(
            "WRN: normalisation of the input, inside the model. MadryLab: per_image; the release's "
            "student: unit_norm.",
            choices=NORMALIZATIONS,
        ),
    ] = "unit_norm"
    channels: Annotated[
        tuple[int, int], Setting("MNIST CNN: channels of its two convolutions.", at_least=1)
    ] = (32, 64)
    hidden: Annotated[int, Setting("MNIST CNN: units of its hidden layer.", at_least=1)] = 1024
    initial_weights: Annotated[
        str,
        Setting(
            "Of PATH.keras: fresh ones, or its own.", choices=INITIAL_WEIGHTS, identity="if set"
        ),
    ] = "fresh"

    def canonical(self) -> "Network":
        """The same network with defaults in the fields that its kind ignores: one digest each."""
        fields = {
            "mnist_cnn": ("channels", "hidden"),
            "wide_resnet": ("width", "blocks", "normalization"),
        }.get(self.kind, ("initial_weights",))
        return Network(self.kind, **{name: getattr(self, name) for name in fields})


@dataclasses.dataclass(frozen=True)
class Schedule(Settings):
    """How long, in which batches and at which rates a network is trained."""

    steps: Annotated[int, Setting("Training iterations.", at_least=1)]
    batch_size: Annotated[int, Setting("Images per iteration.", at_least=1)]
    learning_rates: Annotated[
        tuple[float, ...], Setting("Learning rates, one more than boundaries.")
    ]
    boundaries: Annotated[
        tuple[int, ...], Setting("Iterations after which the learning rate changes.")
    ] = ()
    optimizer: Annotated[
        str,
        Setting(
            "momentum is TensorFlow 1's form with 0.9; keras_momentum has the learning rate inside "
            "its velocity.",
            choices=OPTIMIZERS,
        ),
    ] = "momentum"


@dataclasses.dataclass(frozen=True)
class Weights(Settings):
    """A trained model on disk. A configuration's digest has its content, not its path."""

    sha256: str
    path: Annotated[str, Setting("Where it is.", identity="never")]
    kind: Annotated[str | None, Setting("Of a checkpoint that holds several networks.")] = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunSettings(DistributionSettings):
    """The settings of every run."""

    seed: Annotated[int, Setting("Seed of initial weights, data order and random starts.")] = 0
    precision: Annotated[
        str,
        Setting(
            "Precision of the trained network's convolutions and activations. bfloat16 is for "
            "processors that support it (docs/performance.md).",
            choices=PRECISIONS,
            identity="if set",
        ),
    ] = "float32"


_ADAPTER = (
    "Steps from target image to teacher input, in order: mean, crop:SIZE, scale:FACTOR, "
    "resize:SIZE, resize_legacy:SIZE, resize_mean:SIZE, pad:SIZE, pad_random:SIZE, transposed:SIZE."
)


@dataclasses.dataclass(frozen=True)
class RobustRun(FinalWeights, RunSettings, PlainSettings):
    """Adversarial training (`train_robust`); plain training without an adversary."""

    data: Data
    network: Network
    schedule: Schedule
    adversary: Adversary | None = None


@dataclasses.dataclass(frozen=True)
class FinetuneRun(RunSettings, FinetuneSettings):
    """Phase 1 (`finetune_teacher`): a new head on the frozen teacher, behind its adapter.

    A `precision` of bfloat16 rebuilds the teacher in it; float32 keeps the teacher's own.
    """

    data: Data
    teacher: Annotated[RobustRun | Weights, Setting("The robust model.", flag=None)]
    schedule: Schedule
    adapter: Annotated[tuple[str, ...], Setting(_ADAPTER)] = ()
    normalization: Annotated[
        str | None,
        Setting(
            "Rebuild the teacher with another input normalisation. The release rebuilds its "
            "Tiny-ImageNet teacher, which was trained with unit_norm, with l2.",
            choices=NORMALIZATIONS,
            identity="if set",
        ),
    ] = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class DiscriminatorSize(Settings):
    """The network that tells the student's input gradients from the teacher's."""

    disc_layers: Annotated[int, Setting("Discriminator: number of convolutions.", at_least=1)] = 5
    disc_channels: Annotated[
        int,
        Setting("Discriminator: channels of its first layer, doubled in each layer.", at_least=1),
    ] = 16


@dataclasses.dataclass(frozen=True)
class StudentRun(FinalWeights, RunSettings, IgamSettings, DiscriminatorSize):
    """Phase 2 (`train_student`): IGAM."""

    data: Data
    network: Network
    teacher: Annotated[FinetuneRun | Weights, Setting("The fine-tuned teacher.", flag=None)]
    schedule: Schedule
    adapter: Annotated[
        tuple[str, ...], Setting("Adapter of a teacher that contains none; see finetune_teacher.")
    ] = ()


Run = RobustRun | FinetuneRun | StudentRun
VERBS: dict[str, type] = {
    "train_robust": RobustRun,
    "finetune_teacher": FinetuneRun,
    "train_student": StudentRun,
}


def verb_of(run: Run) -> str:
    """The command that trains the run."""
    return next(verb for verb, kind in VERBS.items() if isinstance(run, kind))


def with_teachers(run: Run) -> Iterator[Run]:
    """The runs that a run starts from, in the order of training, and the run itself."""
    if not isinstance(run, RobustRun) and not isinstance(run.teacher, Weights):
        yield from with_teachers(run.teacher)
    yield run


@dataclasses.dataclass(frozen=True)
class Scoring(Settings):
    """How the rows of a table are scored: by every attack in every BatchNorm mode."""

    dataset: DatasetName
    num_examples: Annotated[int, Setting("Test images, the first ones.", at_least=1)]
    attacks: tuple[str, ...]
    epsilon: Amount = "8/255"
    step_size: Amount = "2/255"
    statistics: Annotated[tuple[str, ...], Setting("BatchNorm modes.", choices=MODES)] = (
        "moving",
        "batch",
    )
    batch_size: Annotated[int, Setting("Images at a time.", at_least=1)] = 100
    seed: int = 0
    strong_examples: Annotated[
        int | None,
        Setting(
            "The first so many images also meet the chain `strong` and the diagnostics, in the "
            "first mode.",
            at_least=1,
            identity="never",
        ),
    ] = None
    strong_queries: Annotated[
        int | None,
        Setting("Queries of Square in `strong`; 5000 by default.", at_least=1, identity="never"),
    ] = None


@dataclasses.dataclass(frozen=True)
class Absent:
    """A row without a run, and why. Weights on disk can still be scored for it."""

    reason: str


Row = Run | Absent


@dataclasses.dataclass(frozen=True)
class Table:
    """A table at one preset.

    Attributes:
      rows: in order, by the paper's names.
      published: the paper's accuracy in percent, by row and column.
      against_first: summaries over several seeds compare every row with the first one.
    """

    name: str
    preset: str
    title: str
    rows: Mapping[str, Row]
    scoring: Scoring
    published: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    against_first: bool = False

    def student(self, row: str) -> StudentRun:
        """The run of a row that is one of IGAM's students."""
        run = self.rows[row]
        assert isinstance(run, StudentRun)
        return run
