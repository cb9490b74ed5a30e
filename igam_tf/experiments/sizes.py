"""What the tables' files share: the presets, and the form in which a file states its sizes.

Chan, Tay, Ong: What it Thinks is Important is Important: Robustness Transfers through Input
Gradients. CVPR 2020.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from igam_tf.experiments.configs import Adversary, Data, Network, RobustRun, Schedule, Weights

PRESETS = ("demo", "cpu", "paper")
RATES = (0.1, 0.01, 0.001)


@dataclasses.dataclass(frozen=True)
class Student:
    """An IGAM row as published: Appendix A's values, with the adapter and the window of §4.3.

    Attributes:
      source: the teacher's data, a key of `Sizes.sources`.
      adapter: for `igam_tf.adapters.parse`.
    """

    source: str
    adapter: tuple[str, ...]
    lambda_adv: float
    lambda_diff: float
    disc_layers: int
    disc_channels: int
    disc_every: int
    gradient_crop: int | None = None


@dataclasses.dataclass(frozen=True)
class Source:
    """A robust model on the source task.

    Attributes:
      robust: its training, with seed 0.
      head: training of the new head that makes it a student's teacher.
    """

    robust: RobustRun
    head: Schedule

    def model(self, seed: int, weights: Weights | None = None) -> RobustRun | Weights:
        """The model that new heads are put on; `weights` replace the training."""
        return weights or dataclasses.replace(self.robust, seed=seed)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sizes:
    """A table at one preset.

    Attributes:
      sources: robust models by the paper's name of their data.
      target: data of the heads, the baselines and the students.
      network: of the baselines and the students.
      baselines: schedule and adversary of the rows without a teacher.
      baseline_head: schedule of the rows FT-*.
      student: schedule of the students; matching begins after `steps_before_matching`.
      lambda_diff_factor: factor on the published lambda_diff.
      settings: settings of all students that replace the published ones.
      row_settings: the same for single rows.
      num_examples, strong_examples: numbers of test images, for all attacks and for `strong`.
      strong_queries: of Square in `strong`, where they are not 5000.
    """

    sources: Mapping[str, Source]
    target: Data
    network: Network
    baselines: Mapping[str, tuple[Schedule, Adversary | None]]
    baseline_head: Schedule
    student: Schedule
    steps_before_matching: int
    lambda_diff_factor: float = 1.0
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    row_settings: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    num_examples: int
    strong_examples: int | None = None
    strong_queries: int | None = None

    def path(self) -> str:
        """The data sets that the table goes from and to, for its title."""
        names = " and ".join(source.robust.data.dataset for source in self.sources.values())
        return f"{names} -> {self.target.dataset}"

    def baseline(self, row: str, seed: int) -> RobustRun:
        """A row without a teacher."""
        schedule, adversary = self.baselines[row]
        return RobustRun(self.target, self.network, schedule, adversary, seed=seed)

    def student_settings(self, row: str, published: Student) -> dict[str, Any]:
        """The keywords of a row's `StudentRun` at this preset, but for `teacher` and `seed`."""
        settings = {
            "data": self.target,
            "network": self.network,
            "schedule": self.student,
            "steps_before_matching": self.steps_before_matching,
            **vars(published),
            "lambda_diff": self.lambda_diff_factor * published.lambda_diff,
            **self.settings,
            **self.row_settings.get(row, {}),
        }
        del settings["source"], settings["adapter"]  # are the teacher's
        return settings


def by_column(
    columns: Sequence[str], rows: Mapping[str, Sequence[float]]
) -> dict[str, dict[str, float]]:
    """A published table, in percent, by row and column."""
    return {row: dict(zip(columns, figures, strict=True)) for row, figures in rows.items()}
