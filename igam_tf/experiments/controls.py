"""How much of a student's robustness is its teacher's: Table 1's student, matched to other things.

A student matched to zero has a penalty on its own input gradients and no teacher. One matched to
the gradients of other images has the teacher's magnitudes without its judgement. A stronger penalty
trades clean accuracy for robustness, so the teacher and zero are compared at three values of
lambda_diff. Strong attacks tell whether a penalty on gradients merely hides them.

    bin/reproduce_table --table=controls --seed=0,1,2 [--preset=cpu]
"""

import dataclasses

from igam_tf.experiments import table1
from igam_tf.experiments.configs import Table, Weights


def declare(preset: str, seed: int, teacher: Weights | None) -> Table:
    """`teacher` stands for the robust MNIST network, as in Table 1."""
    base = table1.declare(preset, seed, teacher)
    student = base.student("IGAM-MNIST")
    alone = dataclasses.replace(student, lambda_adv=0.0)
    rows = {
        "J_t": alone,
        "J_t and L_adv": student,
        "other images": dataclasses.replace(alone, matched_to="other_images"),
        "zero": dataclasses.replace(alone, matched_to="zero"),
    }
    for factor in (0.25, 4.0):
        scaled = dataclasses.replace(alone, lambda_diff=factor * alone.lambda_diff)
        rows[f"J_t x{factor:g}"] = scaled
        rows[f"zero x{factor:g}"] = dataclasses.replace(scaled, matched_to="zero")
    scoring = dataclasses.replace(base.scoring, attacks=("fgsm", "pgd20"))
    lambda_diff = f"lambda_diff {alone.lambda_diff:g} (x0.25, x4)"
    title = f"what the student is matched to, {lambda_diff}, lambda_adv 0"
    return Table("controls", preset, title, rows, scoring, against_first=True)
