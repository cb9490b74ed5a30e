"""What each setting between paper and release does: the demo's student, one setting at a time.

`protocols` changes Table 1's student behind its MNIST CNN. Settings of BatchNorm in the teacher, of
resizing and of input normalisation need another teacher: `protocols_upsize` has a residual network,
trained on `shapes64`, behind the release's resize. All its students have one teacher; only they
have the seed.

    bin/reproduce_table --table=protocols --seed=0,1,2
    bin/reproduce_table --table=protocols_upsize --seed=0,1,2
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from igam_tf.core.errors import InputError
from igam_tf.experiments import table1
from igam_tf.experiments.configs import (
    Adversary,
    Data,
    FinetuneRun,
    Network,
    RobustRun,
    Run,
    Schedule,
    Scoring,
    StudentRun,
    Table,
    Weights,
)


def declare(preset: str, seed: int, teacher: Weights | None) -> Table:
    """`teacher` stands for the robust MNIST network, as in Table 1."""
    if preset != "demo":
        raise InputError(f"table protocols: it has the preset demo alone, got {preset!r}")
    student = table1.declare(preset, seed, teacher).student("IGAM-MNIST")
    keras_momentum = dataclasses.replace(student.schedule, optimizer="keras_momentum")
    rows = {
        "release": student,
        "gradient_of=xent": _with(student, gradient_of="xent"),
        "diff_reduction=mean": _with(student, diff_reduction="mean"),
        "adversarial_reduction=sum": _with(student, adversarial_reduction="sum"),
        "discriminator_update=same_gradients": _with(
            student, discriminator_update="same_gradients"
        ),
        "optimizer=keras_momentum": _with(student, schedule=keras_momentum),
        "paper": _with(student, protocol="paper"),
    }
    return _table("protocols", "settings, MNIST CNN teacher", rows, seed)


def declare_upsize(preset: str, seed: int, teacher: Weights | None) -> Table:
    """No weights can stand for the teacher."""
    if preset != "demo" or teacher is not None:
        raise InputError("table protocols_upsize: it has the preset demo alone, and no --teacher")
    source = RobustRun(
        Data("shapes64", train_size=2000, augmented=False),
        Network("wide_resnet", 1, 1, "unit_norm"),
        Schedule(400, 32, (0.1, 0.01, 0.001), (240, 340)),
        Adversary("8/255", "3/255", 5, ramp_steps=150),
    )
    release = FinetuneRun(
        Data("shapes32", augmented=False),
        source,
        Schedule(300, 64, (1e-3,), optimizer="adam"),
        ("resize_legacy:64",),
        normalization="l2",
    )
    student = StudentRun(
        Data("shapes32", augmented=False),
        Network("wide_resnet", 1, 1, "per_image"),
        release,
        Schedule(300, 32, (0.05, 0.005, 0.0005), (180, 255)),
        lambda_adv=1.0,
        lambda_diff=5000.0,
        steps_before_matching=50,
        disc_layers=4,
        disc_channels=8,
        seed=seed,
    )
    rows = {
        "release": student,
        "teacher_statistics=moving": _with(student, teacher_statistics="moving"),
        "resize (tf2)": _with(student, teacher=_with(release, adapter=("resize:64",))),
        "normalization kept": _with(student, teacher=_with(release, normalization=None)),
    }
    return _table("protocols_upsize", "settings, residual teacher behind a resize", rows, seed)


def _with(run: Any, **settings: Any) -> Any:
    return dataclasses.replace(run, **settings)


def _table(name: str, title: str, rows: Mapping[str, Run], seed: int) -> Table:
    return Table(
        name,
        "demo",
        title,
        rows,
        Scoring("shapes32", 500, ("pgd20",), seed=seed),
        against_first=True,
    )
