"""What an evaluation says: counts, intervals, and everything that the numbers need to be believed."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from igam_tf.core.errors import InputError
from igam_tf.evaluation import intervals


@dataclasses.dataclass(frozen=True)
class Count:
    """How many of n examples stayed right; `never_fooled` counts those right at every step up to
    the last.
    """

    correct: int
    n: int
    never_fooled: int | None = None

    @property
    def accuracy(self) -> float:
        return self.correct / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval for the accuracy: chance of the drawn examples alone, not of
        training.
        """
        return intervals.wilson(self.correct, self.n)


def packed(flags: np.ndarray) -> str:
    """Booleans as hexadecimal digits, eight to two; `numpy.unpackbits` undoes it."""
    return np.packbits(flags).tobytes().hex()


@dataclasses.dataclass(frozen=True)
class EvalRecord:
    """Everything that the accuracies need to be believed: results[mode][attack], `clean` among the
    attacks.

    Attributes:
      doubts: what makes an attack weaker than its radius says.
      flags: by mode and attack, which examples are right: `packed`.
      diagnosis: `igam_tf.evaluation.diagnostics.Diagnosis` as plain data, where one was made.
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

    def count(self, attack: str = "clean", statistics: str | None = None) -> Count:
        """The result under an attack (`"clean"`: none), by default of the first mode."""
        mode = next(iter(self.results)) if statistics is None else statistics
        try:
            return self.results[mode][attack]
        except KeyError:
            known = {m: sorted(r) for m, r in self.results.items()}
            raise InputError(
                f"record: there is no {attack!r} with statistics {mode!r}, only {known}"
            ) from None

    def accuracy(self, attack: str = "clean", statistics: str | None = None) -> float:
        """Share of right answers in [0, 1] at the attack's last step."""
        return self.count(attack, statistics).accuracy

    def right(self, attack: str = "clean", statistics: str | None = None) -> np.ndarray:
        """Which examples are right at the attack's end, bool [n]; as `count` for the names.

        Raises:
          InputError: no such result, or a record from before records said so.
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
        """The record that `to_json` wrote, from the plain data in its text."""
        results = {
            mode: {name: Count(**count) for name, count in counts.items()}
            for mode, counts in fields["results"].items()
        }
        return cls(**{**fields, "bounds": tuple(fields["bounds"]), "results": results})
