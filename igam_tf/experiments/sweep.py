"""What the matching is sensitive to: Table 1's student with one setting changed at a time.

`controls` varies what the student is matched to, and lambda_diff. The rows here keep the teacher.

    bin/reproduce_table --table=sweep --seed=0,1,2 [--preset=cpu]
"""

import dataclasses

from igam_tf.experiments import table1
from igam_tf.experiments.configs import StudentRun, Table, Weights


def declare(preset: str, seed: int, teacher: Weights | None) -> Table:
    """`teacher` stands for the robust MNIST network, as in Table 1."""
    base = table1.declare(preset, seed, teacher)
    student = base.student("IGAM-MNIST")
    paper = dataclasses.replace(student, protocol="paper")
    rows = {
        "IGAM-MNIST": student,
        "lambda_adv x0.25": dataclasses.replace(student, lambda_adv=0.25 * student.lambda_adv),
        "whole gradients to D": dataclasses.replace(student, gradient_crop=None),
        "matching x2": _longer(student),
        "paper": paper,
        # The paper's L_diff is a mean over the batch, the release's a sum.
        "paper and lambda_diff xB": dataclasses.replace(
            paper, lambda_diff=student.lambda_diff * student.schedule.batch_size
        ),
    }
    scoring = dataclasses.replace(base.scoring, attacks=("fgsm", "pgd20"), strong_examples=None)
    title = "Table 1's student, one setting at a time"
    return Table("sweep", preset, title, rows, scoring, against_first=True)


def _longer(student: StudentRun) -> StudentRun:
    """Twice as many iterations of matching; rates change at twice their distance from its start."""
    start, schedule = student.steps_before_matching, student.schedule
    steps, *boundaries = (
        start + 2 * (step - start) if step > start else step
        for step in (schedule.steps, *schedule.boundaries)
    )
    return dataclasses.replace(
        student, schedule=dataclasses.replace(schedule, steps=steps, boundaries=tuple(boundaries))
    )
