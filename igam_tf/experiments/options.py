"""Options that leave a run's result alone: places, speed, progress messages."""

import dataclasses
import pathlib
from collections.abc import Callable
from typing import Annotated

from igam_tf.core.settings import Setting, Settings
from igam_tf.core.settings.datasets import MemoryLimit

DataDir = Annotated[
    str | pathlib.Path | None,
    Setting(
        "Directory of TFDS's prepared data and of tiny-imagenet-200; by default TFDS_DATA_DIR, or "
        "else ~/tensorflow_datasets."
    ),
]


@dataclasses.dataclass(frozen=True)
class Options(Settings):
    """Options of all commands that train."""

    runs_dir: Annotated[pathlib.Path, Setting("Directory of the run directories.")] = pathlib.Path(
        "runs"
    )
    data_dir: DataDir = None
    memory_limit: MemoryLimit = 2.0
    tensorboard: Annotated[bool, Setting("Write TensorBoard summaries into the run directory.")] = (
        False
    )
    keep_every: Annotated[
        int,
        Setting(
            "Keep the state after every N-th epoch, beside the last two, also of a finished run; "
            "0 for none.",
            at_least=0,
        ),
    ] = 0
    deterministic: Annotated[
        bool, Setting("Use TensorFlow's deterministic operations where they exist.")
    ] = False
    jit: Annotated[bool, Setting("Compile training steps with XLA, which takes minutes.")] = False
    log: Annotated[Callable[[str], None], Setting("Prints a line of progress.", flag=None)] = print
