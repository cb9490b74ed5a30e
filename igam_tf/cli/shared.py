"""What several commands take, and how a run is trained from its flags."""

import dataclasses
import pathlib
from typing import Annotated

from igam_tf.core.settings import Setting, Settings
from igam_tf.experiments.configs import Network, Run, Schedule, Weights
from igam_tf.experiments.options import Options
from igam_tf.experiments.sizes import PRESETS

MODEL = "a run directory, a .keras file or a TensorFlow 1 checkpoint"
Kind = Annotated[
    str | None,
    Setting("Which network of a TensorFlow 1 checkpoint that holds several, such as igam_teacher."),
]
Preset = Annotated[
    str, Setting("Sizes: embedded data, two cores, or the paper's.", choices=tuple(PRESETS))
]
Rows = Annotated[tuple[str, ...], Setting("Only these rows; all by default.")]

# Defaults of the training commands: what two cores train in minutes.
NETWORK = Network("wide_resnet", 1, 1)
UNKNOWN = Weights("", "")  # what --teacher replaces


def schedule(batch_size: int, rate: float, optimizer: str) -> Schedule:
    return Schedule(600, batch_size, (rate,), optimizer=optimizer)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingFlags(Settings):
    """Flags of the training commands beside the run's own, which each adds as `run`."""

    options: Options = Options()
    run_dir: Annotated[
        pathlib.Path | None,
        Setting("This run's own directory; by default under runs_dir, named by its config."),
    ] = None
    resume: Annotated[bool, Setting("Go on with an interrupted run of the same configuration.")] = (
        False
    )


def train(flags: TrainingFlags, run: Run) -> None:
    """Trains in the directory that the flags name, and says where the result is."""
    from igam_tf.experiments import runs

    directory = flags.run_dir or runs.directory_of(run, flags.options)
    runs.train(run, directory, flags.options, flags.resume)
    print(f"done: {directory / 'model.keras'}")
