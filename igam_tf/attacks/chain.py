"""Attacks one after the other, each on the survivors of those before it."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from igam_tf.attacks.attack import Attack, AttackResult, as_attack
from igam_tf.attacks.inputs import AttackInputs
from igam_tf.core.bounds import Bounds
from igam_tf.core.errors import InputError

RunStage = Callable[[Attack, np.ndarray], AttackResult]  # a stage, the places of its examples


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chain(Attack):
    """The worst case of several attacks: an example is right if no stage fools it.

    Of a batch whose statistics are part of the model all examples stay in, fooled or not.

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
        """What the counts after each stage are called; the last one has the chain's own name."""
        return [*(f"{self.name}: {stage.name}" for stage in self.stages[:-1]), self.name]

    def describe(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> str:
        return "; then ".join(
            f"{stage.name}: {stage.describe(bounds, image_shape)}" for stage in self.stages
        )

    def in_turn(
        self, correct: np.ndarray, keep_all: bool, run_stage: RunStage
    ) -> Iterator[tuple[np.ndarray, np.ndarray, AttackResult | None]]:
        """Runs the stages on what is left.

        Args:
          correct: bool [N], right without an attack; it is updated in place after every stage.
          keep_all: every stage attacks all examples, as the batch's statistics require.
          run_stage: attacks the examples at some places.

        Yields:
          After each stage: the places that it attacked, which of them were open before, and its
          result; None and no places where nothing was left.
        """
        for stage in self.stages:
            places = np.arange(len(correct)) if keep_all else np.flatnonzero(correct)
            open_ = correct[places]
            result = None
            if open_.any():
                result = run_stage(stage, places)
                correct[places] &= result.correct
            yield places, open_, result

    def generate(self, inputs: AttackInputs) -> np.ndarray:
        def run_stage(stage: Attack, places: np.ndarray) -> AttackResult:
            return stage.run_group([stage], inputs.select(places))[0]

        x_adv, correct = inputs.images.copy(), inputs.correct(inputs.images)
        keep_all = inputs.statistics == "batch"
        for places, open_, result in self.in_turn(correct, keep_all, run_stage):
            if result is not None:
                x_adv[places[open_]] = result.x_adv[open_]
        return x_adv

    def on_surrogate(self, surrogate: Any) -> Attack:
        stages = tuple(stage.on_surrogate(surrogate) for stage in self.stages)
        return dataclasses.replace(self, stages=stages)

    def doubts(self, bounds: Bounds, image_shape: Sequence[int] = ()) -> list[str]:
        return [doubt for stage in self.stages for doubt in stage.doubts(bounds, image_shape)]

    def cost(self, num_classes: int) -> tuple[int, int]:
        """As if every stage met every example: the most that it can be."""
        costs = [stage.cost(num_classes) for stage in self.stages]
        return sum(gradients for gradients, _ in costs), sum(queries for _, queries in costs)


def _flat(stages: Iterable[Any]) -> Iterator[Attack]:
    """Users' objects as attacks, and a chain's own stages in its place."""
    for stage in map(as_attack, stages):
        yield from stage.stages if isinstance(stage, Chain) else (stage,)
