"""An evaluation in shards: shares are computed, stored as parts, and merged."""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from igam_tf.evaluation.running import Evaluation, Outcome, Outcomes
from igam_tf.evaluation.shards import Division, Shards, UnfinishedShards, names_of
from igam_tf.evaluation.stages import stage

POLL_SECONDS = 0.2  # between looks for the other shards' parts


@dataclasses.dataclass(frozen=True)
class ShardedEvaluation:
    """An evaluation in shards.

    A share is stored as a part of `whole`. While it is computed, its own parts are in a directory
    below, so that a killed process resumes.

    Attributes:
      whole: all examples; the ledger is in the directory that the processes share.
      compute: the outcomes by mode on the examples of an evaluation.
    """

    whole: Evaluation
    division: Division
    compute: Callable[[Evaluation], dict[str, Outcomes]]

    def outcomes(self, shards: Shards | None) -> dict[str, Outcomes]:
        """The outcomes of all examples, merged from all shares.

        Args:
          shards: this process's share, which it computes first; None computes every share that is
            not stored.

        Raises:
          UnfinishedShards: another process makes the record.
        """
        if shards is None:
            return self._merged([self._share(index) for index in self._indices])
        self._share(shards.index)
        message = f"shard {shards}: stored in {self.whole.ledger.directory}"
        if not shards.merges:
            raise UnfinishedShards(f"{message}; shard 1/{self.division.count} makes the record")
        if shards.concurrent:
            self._wait()
        if missing := self._missing():
            raise UnfinishedShards(
                f"{message}; the record needs {names_of(missing, self.division.count)}"
            )
        try:
            keys = [self._key(index) for index in self._indices]
            return self._merged([self.whole.ledger.read(key) for key in keys])
        except FileNotFoundError:  # two processes finished at once
            raise UnfinishedShards(f"{message}; another shard makes the record") from None

    def _key(self, index: int) -> str:
        return f"shard-{index}-of-{self.division.count}"

    @property
    def _indices(self) -> range:
        return range(1, self.division.count + 1)

    def _missing(self) -> list[int]:
        keys = self.whole.ledger.keys()
        return [index for index in self._indices if self._key(index) not in keys]

    def _wait(self) -> None:
        """Returns when every share is stored."""
        size = len(self.whole.places)
        with stage(self.whole.progress, "other shards", size) as on_examples:
            while missing := self._missing():
                on_examples(size - sum(len(self.division.places(index)) for index in missing))
                time.sleep(POLL_SECONDS)

    def _share(self, index: int) -> dict[str, np.ndarray]:
        """A share as arrays by mode and attack, read if it is stored."""
        whole = self.whole
        share = dataclasses.replace(
            whole,
            places=self.division.places(index),
            ledger=whole.ledger.inner(self._key(index)),
            images=None if whole.images is None else {},
        )
        arrays = whole.ledger.part(
            self._key(index), lambda: _arrays(self.compute(share), share.images)
        )
        share.ledger.close()
        return arrays

    def _merged(self, shares: Sequence[Mapping[str, np.ndarray]]) -> dict[str, Outcomes]:
        """The outcomes of all examples from all shares' arrays; fills the images."""
        size = len(self.whole.places)
        arrays: dict[str, np.ndarray] = {}
        for index, share in enumerate(shares, 1):
            places = self.division.places(index)
            for name, values in share.items():
                whole = arrays.setdefault(name, np.empty((size, *values.shape[1:]), values.dtype))
                whole[places] = values
        outcomes: dict[str, Outcomes] = {}
        for name, values in arrays.items():
            kind, _, rest = name.partition(" ")
            mode, _, attack = rest.partition("/")
            if kind == "correct":
                never_fooled = arrays.get(f"never_fooled {rest}")
                outcomes.setdefault(mode, {})[attack] = Outcome(values, never_fooled)
            elif kind == "images" and self.whole.images is not None:
                self.whole.images[rest] = values
        return outcomes


def _arrays(
    outcomes: Mapping[str, Outcomes], images: Mapping[str, np.ndarray] | None
) -> dict[str, np.ndarray]:
    """A share as arrays to store; the inverse of `ShardedEvaluation._merged`."""
    arrays: dict[str, np.ndarray] = {}
    for mode, by_name in outcomes.items():
        for name, outcome in by_name.items():
            arrays[f"correct {mode}/{name}"] = outcome.correct
            if outcome.never_fooled is not None:
                arrays[f"never_fooled {mode}/{name}"] = outcome.never_fooled
    return arrays | {f"images {name}": values for name, values in (images or {}).items()}
