"""Shards: the shares of an evaluation that several processes compute."""

import dataclasses
import pathlib
import re
from collections.abc import Collection

import numpy as np

from igam_tf.core.cluster import Cluster
from igam_tf.core.errors import InputError

_FORM = re.compile(r"([1-9]\d*)/([1-9]\d*)")


class UnfinishedShards(RuntimeError):
    """This process has stored its share, and another process makes the record."""


@dataclasses.dataclass(frozen=True)
class Shards:
    """One process's share of an evaluation.

    Attributes:
      index: of the share, from 1 to `count`.
      count: number of shares.
      concurrent: all processes run at the same time: the first waits for the others and makes the
        record. Otherwise the process that finishes last makes it.
    """

    index: int
    count: int
    concurrent: bool = False

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> "Shards":
        """The share that `"I/N"` names.

        Raises:
          InputError: another form, or I above N.
        """
        match = _FORM.fullmatch(str(text))
        if match is None or int(match[1]) > int(match[2]):
            raise InputError(f"shards: expected I/N with I from 1 to N, such as 2/3, got {text!r}")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of_worker(cls, cluster: Cluster) -> "Shards":
        """The share of a worker of TF_CONFIG."""
        return cls(cluster.index + 1, len(cluster.workers), concurrent=True)

    @property
    def merges(self) -> bool:
        """Whether this process may make the record."""
        return not self.concurrent or self.index == 1


@dataclasses.dataclass(frozen=True)
class Division:
    """The examples of an evaluation, divided among shards.

    A share is every `count`-th batch of one process, so that rounding is the same too. Where there
    are fewer batches than shards, and verdicts do not depend on batches, a share is a part of the
    examples.

    Attributes:
      count: number of shards.
      whole_batches: with batch statistics, a verdict depends on which examples share a batch.
    """

    count: int
    num_examples: int
    batch_size: int
    whole_batches: bool

    def require(self) -> None:
        """Every share has an example.

        Raises:
          InputError: there are fewer examples, or batches that must be whole, than shards.
        """
        if self.num_examples < self.count:
            raise InputError(
                f"shards: {self.num_examples} examples are too few for {self.count} shards"
            )
        if self.whole_batches and len(self._starts()) < self.count:
            raise InputError(
                f"shards: with batch statistics batches stay whole, and {self.num_examples} "
                f"examples in batches of {self.batch_size} are too few for {self.count} shards"
            )

    def places(self, index: int) -> np.ndarray:
        """The examples of share `index`, from 1 to `count`, in ascending order, int64."""
        starts = self._starts()
        if len(starts) < self.count:
            return np.array_split(np.arange(self.num_examples), self.count)[index - 1]
        return np.concatenate(
            [
                np.arange(start, min(start + self.batch_size, self.num_examples))
                for start in starts[index - 1 :: self.count]
            ]
        )

    def _starts(self) -> range:
        return range(0, self.num_examples, self.batch_size)


def as_shards(shards: "Shards | str | None", parts_dir: pathlib.Path | None) -> Shards | None:
    """The share of a call of `evaluate`; None for the whole.

    Raises:
      InputError: a text of another form than I/N, or no directory that the processes share.
    """
    if isinstance(shards, str):
        shards = Shards.parse(shards)
    if shards is None or shards.count == 1:
        return None
    if parts_dir is None:
        raise InputError(
            f"shards: {shards} needs a directory that all processes share "
            "(parts_dir; on the command line that of --output)"
        )
    return shards


def names_of(indices: Collection[int], count: int) -> str:
    """Shares as a message lists them."""
    return ", ".join(f"{index}/{count}" for index in indices)
