"""How much of a student's robustness is its teacher's: Table 1's student, matched to other things.

A student matched to zero is trained with a penalty on its own input gradients and without any
teacher; one matched to the gradients of other images has the teacher's magnitudes without its
judgement. Penalties of different strength trade clean accuracy for robustness, so the teacher and
zero are compared at three values of lambda_diff; whether a penalty on gradients hides them is for
the strong attacks to say.
"""

import dataclasses

from igam_tf.experiments import table1
from igam_tf.experiments.configs import Run, StudentRun, Table, Weights


def declare(preset: str, seed: int, teacher: Weights | None) -> Table:
    """`teacher` stands for the robust MNIST network, as in Table 1."""
    base = table1.declare(preset, seed, teacher)
    student = base.rows["IGAM-MNIST"]
    assert isinstance(student, StudentRun)
    alone = dataclasses.replace(student, lambda_adv=0.0)
    rows: dict[str, Run] = {
        "J_t": alone,
        "J_t and L_adv": student,
        "other images": dataclasses.replace(alone, matched_to="other_images"),
        "zero": dataclasses.replace(alone, matched_to="zero"),
    }
    for share in (0.25, 4.0):
        for target, name in (("teacher", "J_t"), ("zero", "zero")):
            rows[f"{name} x{share:g}"] = dataclasses.replace(
                alone, matched_to=target, lambda_diff=share * alone.lambda_diff
            )
    scoring = dataclasses.replace(base.scoring, attacks=("fgsm", "pgd20"))
    title = f"what the student is matched to, lambda_diff {alone.lambda_diff:g} (x0.25, x4), lambda_adv 0"
    return Table("controls", preset, title, rows, scoring, against_first=True)
