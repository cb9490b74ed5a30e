"""Functions have every setting of their classes, with the same defaults, and `run`'s arguments."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from igam_tf import attacks
from igam_tf.attacks import APGD, FAB, FGSM, PGD, Attack, Square

# Of `run`, beside model, x and y.
CALL = {"bounds", "statistics", "seed", "indices", "batch_size"}
DATA = {"model", "x", "y"}


@pytest.mark.parametrize(
    ("function", "kind", "extra"),
    [
        (attacks.pgd, PGD, {"targets"}),
        (attacks.pgd_curve, PGD, {"targets", "record_at"}),
        (attacks.fgsm, FGSM, set()),
        (attacks.apgd, APGD, set()),
        (attacks.fab, FAB, set()),
        (attacks.square, Square, set()),
    ],
)
def test_signatures(function: Callable[..., Any], kind: type[Attack], extra: set[str]) -> None:
    parameters = inspect.signature(function).parameters
    settings = {f.name: f for f in dataclasses.fields(kind) if f.init and f.name != "label"}
    assert set(parameters) == DATA | set(settings) | CALL | extra
    assert all(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters.values())
    run = inspect.signature(Attack.run).parameters
    for name in CALL:
        assert parameters[name].default == run[name].default
    amounts = {"epsilon", "step_size"}  # a function has none of its own
    for name in set(settings) - amounts - {"steps"}:
        assert parameters[name].default == settings[name].default
    assert all(
        parameters[name].default is inspect.Parameter.empty for name in amounts & set(settings)
    )
    assert function.__doc__
    assert all(
        f"{name}" in function.__doc__
        for name in set(settings) - {"steps"}
        if function is not attacks.pgd_curve
    )
