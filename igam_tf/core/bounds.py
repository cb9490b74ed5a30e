"""Pixel ranges, and perturbation sizes given as "8/255" or as plain numbers."""

import dataclasses
from fractions import Fraction
from typing import Any

from igam_tf.core.errors import InputError

# A perturbation size: a string "n/d" is that fraction of the pixel range, a number is in its unit.
Amount = str | int | float | Fraction


@dataclasses.dataclass(frozen=True)
class Bounds:
    """The closed pixel range [low, high] of a model's input."""

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
        maximum: float | None = None,
        maximum_name: str = "",
    ) -> float:
        """A perturbation size as a number in the unit of this range.

        Args:
          value: `"n/d"`, such as `"8/255"` or `"0.5/1"`, is that fraction of the range; a plain
            number is in its unit already.
          name: the setting's name, for the error message.
          maximum: the largest allowed size; by default the width of the range.
          maximum_name: what `maximum` is, for the error message.

        Raises:
          InputError: not a number, negative, or larger than `maximum`.
        """
        if maximum is None:
            maximum, maximum_name = self.range, f"the width of the pixel range {self}"
        try:
            exact = self._exact(value)
        except (ValueError, ZeroDivisionError, OverflowError, TypeError) as error:
            raise InputError(
                f"{name}: expected a number or a fraction such as 8/255, got {value!r}"
            ) from error
        if not 0 <= exact <= Fraction(maximum):
            raise InputError(f"{name}: expected 0 to {maximum:g}, {maximum_name}, got {value}")
        return float(exact)

    def _exact(self, value: Amount) -> Fraction:
        if isinstance(value, str) and "/" in value:
            numerator, denominator = map(Fraction, value.split("/", 1))
            return numerator / denominator * Fraction(self.range)
        return Fraction(value)

    def describe(self, amount: float) -> str:
        """A size as a fraction of the range and in its unit: `8/255 (8 of [0, 255])`."""
        return f"{amount / self.range * 255:g}/255 ({amount:g} of {self})"

    def __str__(self) -> str:
        return f"[{self.low:g}, {self.high:g}]"


UNIT = Bounds(0.0, 1.0)
PIXELS = Bounds(0.0, 255.0)


def as_bounds(value: Any) -> Bounds:
    """`Bounds` from `Bounds` or a `(low, high)` pair."""
    if isinstance(value, Bounds):
        return value
    try:
        low, high = map(float, value)
    except (TypeError, ValueError) as error:
        raise InputError(f"bounds: expected Bounds or (low, high), got {value!r}") from error
    return Bounds(low, high)
