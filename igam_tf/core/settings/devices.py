"""The settings of training on several devices."""

import dataclasses
from typing import Annotated

from igam_tf.core.settings.choices import STRATEGIES
from igam_tf.core.settings.fields import Setting, Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class DistributionSettings(Settings):
    """The devices that share every batch of a run."""

    strategy: Annotated[
        str,
        Setting(
            "The devices that share every batch: one device (none), the GPUs of this machine "
            "(mirrored), or those of the processes in TF_CONFIG (multi_worker). "
            "docs/distribution.md has examples.",
            choices=STRATEGIES,
            identity="if set",
        ),
    ] = "none"
    replicas: Annotated[
        int | None,
        Setting(
            "With --strategy=mirrored, the number of devices; by default all GPUs. Without a GPU "
            "the CPU becomes so many logical devices. The record names the number.",
            at_least=1,
            identity="if set",
        ),
    ] = None
    sync_batchnorm: Annotated[
        bool,
        Setting(
            "With a strategy, BatchNorm uses the statistics of the whole batch, as on one device; "
            "by default those of each replica's part, which is another algorithm.",
            identity="if set",
        ),
    ] = False
