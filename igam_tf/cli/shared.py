"""Flags that several commands share, and the training of a run from its flags."""

import dataclasses
import pathlib
from typing import Annotated

from igam_tf.core.errors import InputError
from igam_tf.core.settings import Setting, Settings
from igam_tf.experiments.configs import Network, Run, Schedule, Weights
from igam_tf.experiments.options import Options
from igam_tf.experiments.sizes import PRESETS

MODEL = (
    "a run directory, a .keras file, a TensorFlow 1 checkpoint or robustbench:ARCHITECTURE:PATH"
    "[:OPTION=VALUE...]"
)
Kind = Annotated[
    str | None,
    Setting("The network to load from a TensorFlow 1 checkpoint with several, e.g. igam_teacher."),
]
Preset = Annotated[
    str,
    Setting(
        "Sizes: embedded data in minutes (demo), real data on two cores in hours (cpu), or the "
        "paper's (paper).",
        choices=tuple(PRESETS),
    ),
]
Rows = Annotated[tuple[str, ...], Setting("Only these rows; all by default.")]

# Defaults of the training commands: sizes that two cores train in minutes.
NETWORK = Network("wide_resnet", 1, 1)
UNKNOWN = Weights("", "")  # a placeholder: --teacher replaces it


def schedule(batch_size: int, rate: float, optimizer: str) -> Schedule:
    return Schedule(600, batch_size, (rate,), optimizer=optimizer)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingFlags(Settings):
    """Flags of all training commands. Each command adds the flags of its field `run`."""

    options: Options = Options()
    run_dir: Annotated[
        pathlib.Path | None,
        Setting("This run's directory; by default a directory in runs_dir, named by the settings."),
    ] = None
    resume: Annotated[bool, Setting("Continue an interrupted run of the same configuration.")] = (
        False
    )
    restart: Annotated[
        bool, Setting("Remove an interrupted run of the same configuration and begin it anew.")
    ] = False


def train(flags: TrainingFlags, run: Run) -> None:
    """Trains in the directory that the flags name, and prints the path of the result."""
    from igam_tf.experiments import runs
    from igam_tf.training import strategies

    if flags.resume and flags.restart:
        raise InputError("restart: it begins a run anew, --resume goes on with it; expected one")
    run = strategies.resolved(run)
    directory = flags.run_dir or runs.directory_of(run, flags.options)
    runs.train(run, directory, flags.options, flags.resume, flags.restart)
    if strategies.is_chief(run):
        print(f"done: {directory / 'model.keras'}")
