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
        "Where TFDS's prepared data, or tiny-imagenet-200, is; TFDS_DATA_DIR, else "
        "~/tensorflow_datasets."
    ),
]


@dataclasses.dataclass(frozen=True)
class Options(Settings):
    """Options of all commands that train."""

    runs_dir: Annotated[pathlib.Path, Setting("Where run directories are.")] = pathlib.Path("runs")
    data_dir: DataDir = None
    memory_limit: MemoryLimit = 2.0
    tensorboard: Annotated[bool, Setting("Write TensorBoard summaries into a run's directory.")] = (
        False
    )
    deterministic: Annotated[
        bool, Setting("Use deterministic TensorFlow operations where there are any.")
    ] = False
    jit: Annotated[bool, Setting("Compile training steps with XLA; takes minutes at first.")] = (
        False
    )
    log: Annotated[Callable[[str], None], Setting("Prints a line of progress.", flag=None)] = print
