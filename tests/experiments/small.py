"""Runs of a second or two: every kind, in the sizes that still have two whole epochs and a
remainder.
"""

import csv
import dataclasses
import pathlib
from typing import Any

import numpy as np

from igam_tf.experiments import trained
from igam_tf.experiments.configs import (
    Adversary,
    Data,
    FinetuneRun,
    Network,
    RobustRun,
    Run,
    Schedule,
    StudentRun,
)
from igam_tf.experiments.options import Options

DATA = Data("shapes28", train_size=24, augmented=False)
NETWORK = Network("mnist_cnn", channels=(2, 3), hidden=4)
SCHEDULE = Schedule(7, 8, (1e-2, 1e-3), (4,), optimizer="adam")  # 3 iterations an epoch
ROBUST = RobustRun(DATA, NETWORK, SCHEDULE, Adversary("16/255", 0.03, 2, ramp_steps=5), seed=3)
FINETUNED = FinetuneRun(
    dataclasses.replace(DATA, augmented=True, pixel_noise=0.05), ROBUST, SCHEDULE, seed=4
)
STUDENT = StudentRun(
    DATA,
    NETWORK,
    FINETUNED,
    dataclasses.replace(SCHEDULE, optimizer="momentum"),
    lambda_adv=1.0,
    lambda_diff=1.0,
    steps_before_matching=4,
    disc_every=2,
    disc_layers=2,
    disc_channels=2,
    gradient_crop=20,
    seed=5,
)
RUNS: dict[str, Run] = {"robust": ROBUST, "finetuned": FINETUNED, "student": STUDENT}


def options(where: pathlib.Path, **settings: Any) -> Options:
    return Options(where, **{"log": lambda line: None, **settings})


def values(path: pathlib.Path) -> list[np.ndarray]:
    return [weight.numpy() for weight in trained.load_model(path).weights]


def contents(directory: pathlib.Path) -> dict[str, bytes]:
    """Every file below, by its relative path."""
    return {
        str(file.relative_to(directory)): file.read_bytes()
        for file in directory.rglob("*")
        if file.is_file()
    }


def history(directory: pathlib.Path) -> list[dict[str, str]]:
    """The rows of a run's history.csv."""
    with (directory / "history.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))
