"""Pixel ranges and perturbation sizes: exact numbers in, one printed form out."""

import dataclasses
from fractions import Fraction
from typing import Any

from igam_tf.core.errors import InputError

Amount = str | int | float | Fraction


@dataclasses.dataclass(frozen=True)
class Bounds:
    """The closed pixel range [low, high] that a model takes."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise InputError(f"bounds: low must be below high, got [{self.low:g}, {self.high:g}]")

    @property
    def range(self) -> float:
        return self.high - self.low

    def amount(
        self,
        value: Amount,
        name: str = "epsilon",
        most: float | None = None,
        limit: str = "",
    ) -> float:
        """A perturbation size in this range's unit.

        Args:
          value: `"n/d"` is that fraction of the range; a plain number is in the range's own unit.
          name: what the value is, for the error.
          most: the largest that makes sense; by default the width of the range.
          limit: what `most` is, for the error.

        Raises:
          InputError: not a number, negative, or larger than `most`.
        """
        most = self.range if most is None else most
        limit = limit or f"the width of the pixel range {self}"
        exact = self._exact(value, name)
        if not 0 <= exact <= Fraction(most):
            raise InputError(f"{name}: expected 0 to {most:g}, {limit}, got {value}")
        return float(exact)

    def _exact(self, value: Amount, name: str) -> Fraction:
        try:
            is_share = isinstance(value, str) and "/" in value
            return Fraction(value) * (Fraction(self.range) if is_share else 1)
        except (ValueError, ZeroDivisionError, OverflowError, TypeError) as error:
            raise InputError(
                f"{name}: expected a number or a fraction such as 8/255, got {value!r}"
            ) from error

    def describe(self, amount: float) -> str:
        """`amount` as a share of the range, with its value in the range's own unit: `8/255 (8 of
        [0, 255])`.
        """
        return f"{amount / self.range * 255:g}/255 ({amount:g} of {self})"

    def __str__(self) -> str:
        return f"[{self.low:g}, {self.high:g}]"


UNIT = Bounds(0.0, 1.0)
PIXELS = Bounds(0.0, 255.0)


def as_bounds(value: Any) -> Bounds:
    """A `Bounds` from itself or a `(low, high)` pair."""
    if isinstance(value, Bounds):
        return value
    try:
        low, high = map(float, value)
    except (TypeError, ValueError) as error:
        raise InputError(f"bounds: expected Bounds or (low, high), got {value!r}") from error
    return Bounds(low, high)
