"""The parts of a table, whatever their size."""

import abc
from collections.abc import Mapping
from typing import ClassVar

from igam_tf.experiments.appendix import APPENDIX
from igam_tf.experiments.configs import FinetuneRun, RobustRun, Scoring, StudentRun, Weights

# The release rebuilds its Tiny-ImageNet teacher without the zero mean that it was trained with.
REBUILT: Mapping[str, str] = {"tiny_imagenet": "l2"}


class Recipes(abc.ABC):
    """Runs of one preset and one seed. Data sets and rows go by the paper's names.

    Attributes:
      datasets: what stands at this preset for each of the paper's data sets.
      strong_examples: test images that meet the strong attacks, where a table asks for these.
    """

    datasets: ClassVar[Mapping[str, str]]
    strong_examples: ClassVar[int]

    def __init__(self, seed: int, given: Mapping[str, Weights | None]) -> None:
        self.seed, self._given = seed, given

    def source(self, data: str) -> RobustRun | Weights:
        """The robust teacher of a source task: given weights, else this preset's own."""
        return self._given.get(data) or self.teacher(data)

    def path(self, source: str, target: str) -> str:
        """Which data a table goes from and to, for its title."""
        return f"{self.datasets[source]} -> {self.datasets[target]}"

    @abc.abstractmethod
    def teacher(self, data: str) -> RobustRun:
        """The robust network trained on a source task."""

    @abc.abstractmethod
    def standard(self, data: str) -> RobustRun:
        """The baseline Standard: plain training of the student's network."""

    @abc.abstractmethod
    def robust(self, data: str) -> RobustRun:
        """The baseline PGD7-trained: adversarial training of the student's network."""

    @abc.abstractmethod
    def finetuned(self, source: str, target: str, adapter: tuple[str, ...]) -> FinetuneRun:
        """A baseline FT-*: a new head on the teacher, trained for longer than a student's teacher
        is.
        """

    @abc.abstractmethod
    def student(self, table: str, row: str) -> StudentRun:
        """A row of Appendix A."""

    def students(self, table: str) -> dict[str, StudentRun]:
        """All of Appendix A's rows of a table or figure, in its order."""
        return {row: self.student(table, row) for place, row in APPENDIX if place == table}

    @abc.abstractmethod
    def examples(self, table: str) -> int:
        """Test images of a table's rows."""

    def scoring(
        self, table: str, data: str, attacks: tuple[str, ...], strong: bool = False
    ) -> Scoring:
        return Scoring(
            self.datasets[data],
            self.examples(table),
            attacks,
            seed=self.seed,
            strong_examples=self.strong_examples if strong else None,
        )
