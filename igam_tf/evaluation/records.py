"""Records of evaluations: counts, intervals, settings, environment, per-example flags."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from igam_tf.core.errors import InputError
from igam_tf.evaluation import intervals


@dataclasses.dataclass(frozen=True)
class Count:
    """Correct examples out of n at an attack's last step.

    Attributes:
      never_fooled: correct on the clean image and at every step; None where not recorded.
    """

    correct: int
    n: int
    never_fooled: int | None = None

    @property
    def accuracy(self) -> float:
        return self.correct / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval for the accuracy. It covers the draw of examples, not training."""
        return intervals.wilson(self.correct, self.n)


def packed(flags: np.ndarray) -> str:
    """Booleans as hexadecimal digits, two for eight; `numpy.unpackbits` is the inverse."""
    return np.packbits(flags).tobytes().hex()


@dataclasses.dataclass(frozen=True)
class EvalRecord:
    """An evaluation with all its settings.

    Attributes:
      attacks: each attack's settings, by name.
      results: by mode and attack; `"clean"` is without an attack.
      doubts: settings that make an attack weaker than its radius says, and what else speaks
        against the result (`igam_tf.evaluation.doubts`).
      flags: by mode and attack, which examples are correct: `packed`.
      diagnosis: `igam_tf.evaluation.diagnostics.Diagnosis` as plain data; None without one.
      class_names: by label; empty where the data set has none.
    """

    n: int
    batch_size: int
    seed: int
    bounds: tuple[float, float]
    attacks: dict[str, dict[str, Any]]
    results: dict[str, dict[str, Count]]
    environment: dict[str, Any]
    doubts: list[str] = dataclasses.field(default_factory=list)
    flags: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)
    diagnosis: dict[str, Any] | None = None
    class_names: list[str] = dataclasses.field(default_factory=list)

    def count(self, attack: str = "clean", statistics: str | None = None) -> Count:
        """The result under an attack, or without one (`"clean"`); by default in the first mode."""
        mode = next(iter(self.results)) if statistics is None else statistics
        try:
            return self.results[mode][attack]
        except KeyError:
            names = {mode: sorted(counts) for mode, counts in self.results.items()}
            raise InputError(
                f"record: there is no {attack!r} with statistics {mode!r}, only {names}"
            ) from None

    def accuracy(self, attack: str = "clean", statistics: str | None = None) -> float:
        """Accuracy in [0, 1] at the attack's last step."""
        return self.count(attack, statistics).accuracy

    def right(self, attack: str = "clean", statistics: str | None = None) -> np.ndarray:
        """Which examples are correct at the attack's last step, bool [n]; arguments as `count`.

        Raises:
          InputError: no such result, or a record of an older version, without flags.
        """
        self.count(attack, statistics)
        mode = next(iter(self.results)) if statistics is None else statistics
        if attack not in self.flags.get(mode, {}):
            raise InputError("record: it does not say which examples are right; evaluate again")
        return np.unpackbits(
            np.frombuffer(bytes.fromhex(self.flags[mode][attack]), np.uint8), count=self.n
        ).astype(bool)

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> "EvalRecord":
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "EvalRecord":
        """The record from the plain data in `to_json`'s text."""
        results = {
            mode: {name: Count(**count) for name, count in counts.items()}
            for mode, counts in fields["results"].items()
        }
        return cls(**{**fields, "bounds": tuple(fields["bounds"]), "results": results})
