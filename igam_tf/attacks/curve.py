"""`Curve`: one attack's trajectory, read at several numbers of steps."""

import dataclasses
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Curve:
    """Which examples stay correct at several numbers of steps k.

    Attributes:
      last: k to bool [B]: correct at x_k in every restart (what papers print).
      never_fooled: k to bool [B]: correct on the clean image and at every x_0 .. x_k of every
        restart. It is the honest, lower figure.
      clean: bool [B], correct on the clean image.
      x_adv: float32, like x: per example the final iterate of the first restart that fools the
        model there, or of the last restart.
    """

    last: dict[int, np.ndarray]
    never_fooled: dict[int, np.ndarray]
    clean: np.ndarray
    x_adv: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence["Curve"]) -> "Curve":
        """The curves of consecutive batches as one."""

        def by_step(name: str) -> dict[int, np.ndarray]:
            columns = [getattr(part, name) for part in parts]
            return {k: np.concatenate([column[k] for column in columns]) for k in parts[0].last}

        return cls(
            by_step("last"),
            by_step("never_fooled"),
            np.concatenate([part.clean for part in parts]),
            np.concatenate([part.x_adv for part in parts]),
        )

    @property
    def any(self) -> dict[int, np.ndarray]:
        """An alias of `never_fooled`, kept for scripts that use this earlier name."""
        return self.never_fooled
