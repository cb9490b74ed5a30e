"""The result of a diagnosis: verdicts with their evidence, measures, settings; and its text."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from igam_tf.core.errors import InputError

Verdict = Literal["PASS", "WARN", "SKIP"]
VERDICTS = ("PASS", "WARN", "SKIP")


@dataclasses.dataclass(frozen=True)
class Check:
    """One check of a model.

    Attributes:
      verdict: `"PASS"`; `"WARN"`, see `meaning`; or `"SKIP"`, whose reason is in `says`.
      evidence: counts, shares and chances by name, as plain data. Chances are those of
        `igam_tf.evaluation.diagnostics.chance`.
      says: the evidence in one line.
      meaning: the meaning of a WARN.
    """

    name: str
    verdict: Verdict
    evidence: dict[str, Any]
    says: str
    meaning: str

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise InputError(
                f"verdict: expected one of {', '.join(VERDICTS)}, got {self.verdict!r}"
            )


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """All checks in a fixed order, measures without a verdict, and all settings."""

    checks: tuple[Check, ...]
    measures: dict[str, Any]
    settings: dict[str, Any]

    @property
    def warnings(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.verdict == "WARN")

    def check(self, name: str) -> Check:
        """The check of that name, or an InputError."""
        by_name = {check.name: check for check in self.checks}
        if name not in by_name:
            raise InputError(f"diagnosis: there is no {name!r}, only {', '.join(by_name)}")
        return by_name[name]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            **dataclasses.asdict(self),
            "checks": [dataclasses.asdict(check) for check in self.checks],
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Diagnosis":
        """The inverse of `to_dict`, also after JSON.

        Raises:
          InputError: other fields than a diagnosis has.
        """
        try:
            return cls(**{**fields, "checks": tuple(Check(**check) for check in fields["checks"])})
        except (TypeError, KeyError) as error:
            raise InputError(f"diagnosis: not the fields of one ({error})") from error


def diagnosis_text(diagnosis: Diagnosis) -> str:
    """A line for each check, with a WARN's meaning below it; then the measures."""
    settings, measures = diagnosis.settings, diagnosis.measures
    width = max((len(check.name) for check in diagnosis.checks), default=0) + 1
    lines = [
        f"Diagnosis: n = {settings['n']} ({settings['clean_right']} right unattacked), linf, "
        f"eps {settings['epsilon_shown']}, PGD of {settings['steps']} steps of "
        f"{settings['step_size']:g}, statistics {settings['statistics']}, seed {settings['seed']}; "
        f"a difference counts if its chance is below {settings['level']:g}"
    ]
    for check in diagnosis.checks:
        lines.append(f"  {check.verdict} {check.name + ':':<{width}} {check.says}")
        if check.verdict == "WARN":
            lines.append(f"       {check.meaning}")
    lines.append(
        f"  median alignment {_number(measures['alignment'])}, linearised robustness "
        f"{_number(measures['linearised_robustness'])} "
        f"(Eq. 18; {measures['unit']}; n = {measures['n']})"
    )
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"
