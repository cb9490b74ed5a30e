"""Several attacks in turn, each on the survivors of those before it."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from igam_tf.attacks.attack import Attack, AttackResult
from igam_tf.attacks.inputs import AttackInputs
from igam_tf.attacks.user_attack import as_attack
from igam_tf.core.bounds import Bounds
from igam_tf.core.errors import InputError

RunStage = Callable[[Attack, np.ndarray], AttackResult]  # a stage, the places of its examples


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chain(Attack):
    """The worst case of several attacks: an example is correct if no stage fools it.

    With batch statistics every stage attacks all examples, since each changes the model's outputs
    on the others.

    Attributes:
      stages: attacks in order; the cheapest first saves most.
    """

    stages: tuple[Attack, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", tuple(_flat(self.stages)))
        names = [stage.name for stage in self.stages]
        if not names or len(set(names)) < len(names):
            raise InputError(f"chain: expected stages of different names, got {', '.join(names)}")

    @property
    def default_name(self) -> str:
        return "+".join(stage.name for stage in self.stages)

    @property
    def count_names(self) -> list[str]:
        """The names of the counts after each stage; the last one is the chain's own name."""
        return [*(f"{self.name}: {stage.name}" for stage in self.stages[:-1]), self.name]

    def describe(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> str:
        return "; then ".join(
            f"{stage.name}: {stage.describe(bounds, image_shape)}" for stage in self.stages
        )

    def in_turn(
        self, correct: np.ndarray, keep_all: bool, run_stage: RunStage
    ) -> Iterator[tuple[np.ndarray, np.ndarray, AttackResult | None]]:
        """Runs the stages on the survivors.

        Args:
          correct: bool [N], correct without an attack; updated in place after every stage.
          keep_all: every stage attacks all examples, as the batch's statistics require.
          run_stage: attacks the examples at some places.

        Yields:
          After each stage: the places that it attacked, which of them survived until then, and its
          result. The result is None where no example survived.
        """
        for stage in self.stages:
            places = np.arange(len(correct)) if keep_all else np.flatnonzero(correct)
            survivors = correct[places]
            result = None
            if survivors.any():
                result = run_stage(stage, places)
                correct[places] &= result.correct
            yield places, survivors, result

    def generate(self, inputs: AttackInputs) -> np.ndarray:
        def run_stage(stage: Attack, places: np.ndarray) -> AttackResult:
            part = dataclasses.replace(inputs.select(places), on_share=lambda share: None)
            return stage.run_group([stage], part)[0]

        x_adv, correct = inputs.images.copy(), inputs.correct(inputs.images)
        keep_all = inputs.statistics == "batch"
        stages = self.in_turn(correct, keep_all, run_stage)
        for number, (places, survivors, result) in enumerate(stages, 1):
            if result is not None:
                x_adv[places[survivors]] = result.x_adv[survivors]
            inputs.on_share(number / len(self.stages))
        return x_adv

    @property
    def takes_targets(self) -> bool:
        return all(stage.takes_targets for stage in self.stages)

    def on_surrogate(self, surrogate: Any) -> Attack:
        stages = tuple(stage.on_surrogate(surrogate) for stage in self.stages)
        return dataclasses.replace(self, stages=stages)

    def doubts(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> list[str]:
        return [doubt for stage in self.stages for doubt in stage.doubts(bounds, image_shape)]

    def class_doubts(self, num_classes: int) -> list[str]:
        return [doubt for stage in self.stages for doubt in stage.class_doubts(num_classes)]

    @property
    def averages_draws(self) -> bool:
        return all(stage.averages_draws for stage in self.stages)

    def cost(self, num_classes: int) -> tuple[int, int]:
        """The most that it can be: every stage attacks every example."""
        costs = [stage.cost(num_classes) for stage in self.stages]
        return sum(gradients for gradients, _ in costs), sum(queries for _, queries in costs)


def _flat(stages: Iterable[Any]) -> Iterator[Attack]:
    """Users' objects as attacks, and in place of a chain its stages."""
    for stage in map(as_attack, stages):
        yield from stage.stages if isinstance(stage, Chain) else (stage,)
