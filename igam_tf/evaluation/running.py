"""All attacks on one model in one BatchNorm mode, part by part, so that a killed run resumes."""

import dataclasses
import functools
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np

from igam_tf.attacks import Attack, AttackInputs, AttackResult, Chain, programs
from igam_tf.core.bounds import Bounds
from igam_tf.data.splits import Split
from igam_tf.evaluation.ledger import Ledger
from igam_tf.evaluation.records import Count
from igam_tf.evaluation.stages import OnExamples, Progress, stage


class Outcome(NamedTuple):
    """Correct at an attack's last step, and at every step where recorded; bool [N]."""

    correct: np.ndarray
    never_fooled: np.ndarray | None = None

    @property
    def summary(self) -> Count:
        never_fooled = None if self.never_fooled is None else int(self.never_fooled.sum())
        return Count(int(self.correct.sum()), len(self.correct), never_fooled)


Outcomes = dict[str, Outcome]  # by attack


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What all modes of an evaluation share.

    Attributes:
      places: the examples of the split to evaluate, in ascending order.
      images: filled with adversarial images by `mode/attack`; None for none.
    """

    split: Split
    places: np.ndarray
    bounds: Bounds
    seed: int
    batch_size: int
    ledger: Ledger
    progress: Progress | None
    images: dict[str, np.ndarray] | None


@dataclasses.dataclass(frozen=True)
class ModeRun:
    """Attacks on all examples of an evaluation in one mode.

    Attributes:
      mode: its name in records.
      statistics: the BatchNorm mode that the model runs in.
    """

    mode: str
    model: Any
    statistics: str
    evaluation: Evaluation

    def run(self, attacks: Sequence[Attack]) -> Outcomes:
        """Outcomes by name, `clean` first and then in the attacks' order."""
        places = self.evaluation.places
        clean = np.concatenate([self._correct(batch) for batch in self._batches(places)])
        outcomes: Outcomes = {"clean": Outcome(clean)}
        for group in _trajectories(attacks):
            outcomes.update(self._group(group))
        for attack in attacks:
            if isinstance(attack, Chain):
                outcomes.update(self._chain(attack, clean))
        order = ["clean", *(name for attack in attacks for name in count_names(attack))]
        return {name: outcomes[name] for name in order}

    def _chain(self, chain: Chain, clean: np.ndarray) -> Outcomes:
        """A chain's outcomes after each stage."""
        correct, images = clean.copy(), self.evaluation.images
        name = f"{self.mode}/{chain.name}"
        if images is not None:
            images[name] = self.evaluation.split.select(self.evaluation.places)[0]

        def run_stage(stage: Attack, numbers: np.ndarray) -> AttackResult:
            places = self.evaluation.places[numbers]
            return self._attack([stage], places, f"{chain.name}-{stage.name}")[stage.name]

        outcomes: Outcomes = {}
        stages = chain.in_turn(correct, self.statistics == "batch", run_stage)
        for count_name, (numbers, survivors, result) in zip(chain.count_names, stages, strict=True):
            if images is not None and result is not None:
                images[name][numbers[survivors]] = result.x_adv[survivors]
            outcomes[count_name] = Outcome(correct.copy())
        return outcomes

    def _group(self, group: Sequence[Attack]) -> Outcomes:
        """The outcomes of attacks on one trajectory, on all examples."""
        longest = group[-1].name
        results = self._attack(group, self.evaluation.places, longest)
        if self.evaluation.images is not None:
            self.evaluation.images[f"{self.mode}/{longest}"] = results[longest].x_adv
        return {
            name: Outcome(result.correct, result.never_fooled) for name, result in results.items()
        }

    def _attack(
        self, group: Sequence[Attack], places: np.ndarray, label: str
    ) -> dict[str, AttackResult]:
        """Results by name on the examples at those places; images are those of the last attack."""
        parts: list[dict[str, np.ndarray]] = []
        progress, title = self.evaluation.progress, f"{self.mode}, {label}"
        done = correct = 0
        with stage(progress, title, len(places)) as on_examples:
            for number, batch in enumerate(self._batches(places)):
                on_share = functools.partial(_report_share, on_examples, done, len(batch))
                compute = functools.partial(self._part, group, batch, on_share)
                parts.append(self.evaluation.ledger.part(f"{self.mode}-{label}-{number}", compute))
                done += len(batch)
                correct += int(parts[-1][f"correct {group[-1].name}"].sum())
                if progress:
                    progress(title, done, len(places), correct / done)
        arrays = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
        x_adv = arrays.get("images", np.empty(0, np.float32))
        return {
            attack.name: AttackResult(
                x_adv, arrays[f"correct {attack.name}"], arrays.get(f"never_fooled {attack.name}")
            )
            for attack in group
        }

    def _part(
        self, group: Sequence[Attack], places: np.ndarray, on_share: Callable[[float], None]
    ) -> dict[str, np.ndarray]:
        """One batch's results as arrays to store, with images if the evaluation returns them."""
        inputs = dataclasses.replace(self._inputs(places), on_share=on_share)
        results = group[-1].run_group(group, inputs)
        arrays: dict[str, np.ndarray] = {}
        for attack, result in zip(group, results, strict=True):
            arrays[f"correct {attack.name}"] = result.correct
            if result.never_fooled is not None:
                arrays[f"never_fooled {attack.name}"] = result.never_fooled
        if self.evaluation.images is not None:
            arrays["images"] = results[-1].x_adv
        return arrays

    def _inputs(self, places: np.ndarray) -> AttackInputs:
        x, y = self.evaluation.split.select(places)
        return AttackInputs.of(
            self.model,
            x,
            y,
            bounds=self.evaluation.bounds,
            statistics=self.statistics,
            seed=self.evaluation.seed,
            indices=places,
        )

    def _correct(self, places: np.ndarray) -> np.ndarray:
        x, y = self.evaluation.split.select(places)
        return programs.logits(self.model, x, self.statistics).argmax(-1) == y

    def _batches(self, places: np.ndarray) -> list[np.ndarray]:
        size = self.evaluation.batch_size
        return [places[start : start + size] for start in range(0, len(places), size)]


def _report_share(on_examples: OnExamples, done: int, batch_size: int, share: float) -> None:
    on_examples(done + share * batch_size)


def count_names(attack: Attack) -> list[str]:
    """The names of an attack's counts in a record: a chain has one after each stage."""
    return attack.count_names if isinstance(attack, Chain) else [attack.name]


def _trajectories(attacks: Sequence[Attack]) -> list[list[Attack]]:
    """Groups of attacks on one trajectory, the longest last, without chains."""
    groups: dict[Hashable, list[Attack]] = {}
    for attack in attacks:
        if not isinstance(attack, Chain):
            groups.setdefault(attack.trajectory or id(attack), []).append(attack)
    return [
        sorted(group, key=lambda attack: getattr(attack, "steps", 0)) for group in groups.values()
    ]
