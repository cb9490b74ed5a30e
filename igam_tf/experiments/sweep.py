"""Table 1's student with one setting changed at a time, on the target's own data: what the matching
is sensitive to.

`controls` varies what the student is matched to and lambda_diff; the rows here keep the teacher.
"""

import dataclasses
from typing import Any

from igam_tf.experiments import table1
from igam_tf.experiments.configs import Run, StudentRun, Table, Weights


def declare(preset: str, seed: int, teacher: Weights | None) -> Table:
    """`teacher` stands for the robust MNIST network, as in Table 1."""
    base = table1.declare(preset, seed, teacher)
    student = base.rows["IGAM-MNIST"]
    assert isinstance(student, StudentRun)

    def but(**settings: Any) -> StudentRun:
        return dataclasses.replace(student, **settings)

    rows: dict[str, Run] = {
        "IGAM-MNIST": student,
        "lambda_adv x0.25": but(lambda_adv=0.25 * student.lambda_adv),
        "whole gradients to D": but(gradient_crop=None),
        "matching x2": _longer(student),
        "paper": but(protocol="paper"),
        # the paper's L_diff is a mean over the batch, the release's a sum
        "paper and lambda_diff xB": but(
            protocol="paper", lambda_diff=student.lambda_diff * student.schedule.batch_size
        ),
    }
    scoring = dataclasses.replace(base.scoring, attacks=("fgsm", "pgd20"), strong_examples=None)
    return Table(
        "sweep",
        preset,
        "Table 1's student, one setting at a time",
        rows,
        scoring,
        against_first=True,
    )


def _longer(student: StudentRun) -> StudentRun:
    """Twice as many iterations of matching; rates change at twice their distance from its start."""
    start, schedule = student.steps_before_matching, student.schedule
    steps, *boundaries = (
        start + 2 * (at - start) if at > start else at
        for at in (schedule.steps, *schedule.boundaries)
    )
    return dataclasses.replace(
        student, schedule=dataclasses.replace(schedule, steps=steps, boundaries=tuple(boundaries))
    )
