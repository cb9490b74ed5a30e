"""All attacks on one model under one BatchNorm mode, part by part, so that a killed run goes on."""

import dataclasses
import functools
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from igam_tf.attacks import Attack, AttackInputs, AttackResult, Chain, programs
from igam_tf.core.bounds import Bounds
from igam_tf.data.splits import Split
from igam_tf.evaluation.ledger import Ledger

# Mode and attack, examples done, examples in all, accuracy so far under that attack.
Progress = Callable[[str, int, int, float], None]

# By attack: correct after the attack, and never fooled on the way there, where known.
Outcomes = dict[str, tuple[np.ndarray, np.ndarray | None]]


@dataclasses.dataclass
class ModeRun:
    """Attacks on the whole split in one mode.

    Attributes:
      mode: as records call it; `statistics` is the BatchNorm mode that the model runs in.
      images: filled with adversarial images by `mode/attack`, unless it is None.
    """

    mode: str
    model: Any
    statistics: str
    split: Split
    bounds: Bounds
    seed: int
    batch_size: int
    ledger: Ledger
    progress: Progress | None
    images: dict[str, np.ndarray] | None

    def run(self, attacks: Sequence[Attack]) -> Outcomes:
        """Outcomes by name, in the attacks' order, `clean` first."""
        everyone = np.arange(len(self.split))
        clean = np.concatenate([self._correct(places) for places in self._batches(everyone)])
        outcomes: Outcomes = {"clean": (clean, None)}
        for group in _trajectories(attacks):
            outcomes.update(self._group(group))
        for attack in attacks:
            if isinstance(attack, Chain):
                outcomes.update(self._chain(attack, clean))
        order = ["clean", *(name for attack in attacks for name in count_names(attack))]
        return {name: outcomes[name] for name in order}

    def _chain(self, chain: Chain, clean: np.ndarray) -> Outcomes:
        """A chain's outcomes after each stage."""
        correct = clean.copy()
        name = f"{self.mode}/{chain.name}"
        if self.images is not None:
            self.images[name] = self.split.pixels()

        def run_stage(stage: Attack, places: np.ndarray) -> AttackResult:
            return self._attack([stage], places, f"{chain.name}-{stage.name}")[stage.name]

        outcomes: Outcomes = {}
        stages = chain.in_turn(correct, self.statistics == "batch", run_stage)
        for count_name, (places, open_, result) in zip(chain.count_names, stages, strict=True):
            if self.images is not None and result is not None:
                self.images[name][places[open_]] = result.x_adv[open_]
            outcomes[count_name] = (correct.copy(), None)
        return outcomes

    def _group(self, group: Sequence[Attack]) -> Outcomes:
        """The outcomes of attacks on one trajectory, on everything."""
        results = self._attack(group, np.arange(len(self.split)), group[-1].name)
        if self.images is not None:
            self.images[f"{self.mode}/{group[-1].name}"] = results[group[-1].name].x_adv
        return {name: (result.correct, result.never_fooled) for name, result in results.items()}

    def _attack(
        self, group: Sequence[Attack], places: np.ndarray, label: str
    ) -> dict[str, AttackResult]:
        """Results by name, on the examples at those places. The last attack's images alone are
        whole.
        """
        parts: list[dict[str, np.ndarray]] = []
        done = correct = 0
        for number, batch in enumerate(self._batches(places)):
            compute = functools.partial(self._part, group, batch)
            parts.append(self.ledger.part(f"{self.mode}-{label}-{number}", compute))
            done += len(batch)
            correct += int(parts[-1][f"last {group[-1].name}"].sum())
            if self.progress:
                self.progress(f"{self.mode}, {label}", done, len(places), correct / done)
        whole = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
        x_adv = whole.get("images", np.empty(0, np.float32))
        return {
            attack.name: AttackResult(
                x_adv, whole[f"last {attack.name}"], whole.get(f"always {attack.name}")
            )
            for attack in group
        }

    def _part(self, group: Sequence[Attack], places: np.ndarray) -> dict[str, np.ndarray]:
        """One batch's results as arrays to keep on disk; images where they are asked for."""
        longest = group[-1]
        results = longest.run_group(group, self._inputs(places))
        arrays: dict[str, np.ndarray] = {}
        for attack, result in zip(group, results, strict=True):
            arrays[f"last {attack.name}"] = result.correct
            if result.never_fooled is not None:
                arrays[f"always {attack.name}"] = result.never_fooled
        if self.images is not None:
            arrays["images"] = results[-1].x_adv
        return arrays

    def _inputs(self, places: np.ndarray) -> AttackInputs:
        x, y = self.split.select(places)
        return AttackInputs.of(
            self.model,
            x,
            y,
            bounds=self.bounds,
            statistics=self.statistics,
            seed=self.seed,
            indices=places,
        )

    def _correct(self, places: np.ndarray) -> np.ndarray:
        x, y = self.split.select(places)
        return programs.logits(self.model, x, self.statistics).argmax(-1) == y

    def _batches(self, places: np.ndarray) -> list[np.ndarray]:
        size = self.batch_size
        return [places[start : start + size] for start in range(0, len(places), size)]


def count_names(attack: Attack) -> list[str]:
    """What an attack's counts are called in a record: a chain has one after each stage."""
    return attack.count_names if isinstance(attack, Chain) else [attack.name]


def _trajectories(attacks: Sequence[Attack]) -> list[list[Attack]]:
    """Attacks that are read off one run, the longest last; chains are not among them."""
    groups: dict[Hashable, list[Attack]] = {}
    for attack in attacks:
        if not isinstance(attack, Chain):
            groups.setdefault(attack.trajectory or id(attack), []).append(attack)
    return [
        sorted(group, key=lambda attack: getattr(attack, "steps", 0)) for group in groups.values()
    ]
