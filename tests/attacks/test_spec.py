"""Attacks by name: what is run, what is printed of it, what is doubted."""

import dataclasses
from typing import Any

import pytest

from igam_tf.attacks.spec import AttackSpec, Chain, parse
from igam_tf.bounds import PIXELS, UNIT, Amount, Bounds
from igam_tf.errors import InputError


def spec(name: str, steps: int, loss: str = "xent", **fields: Any) -> AttackSpec:
    """With the defaults of PGD; `step_size` as for APGD and Square where the method is theirs."""
    step_size: Amount = "2/255" if fields.get("method", "pgd") == "pgd" else 0
    return AttackSpec(name, "8/255", **{"step_size": step_size, "random_start": True, **fields}, steps=steps, loss=loss)


def fgsm(name: str, **fields: Any) -> AttackSpec:
    return spec(name, 1, **{"step_size": "8/255", "random_start": False, **fields})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("fgsm", AttackSpec("fgsm", "8/255", "8/255", 1, False, "xent")),
        ("fgsm-margin", AttackSpec("fgsm-margin", "8/255", "8/255", 1, False, "margin")),
        ("pgd1", AttackSpec("pgd1", "8/255", "2/255", 1, True, "xent")),
        ("pgd20", AttackSpec("pgd20", "8/255", "2/255", 20, True, "xent")),
        ("pgd100-margin", AttackSpec("pgd100-margin", "8/255", "2/255", 100, True, "margin")),
        ("pgd20-x10", AttackSpec("pgd20-x10", "8/255", "2/255", 20, True, "xent", 10)),
        ("pgd5-margin-x2", AttackSpec("pgd5-margin-x2", "8/255", "2/255", 5, True, "margin", 2)),
        ("pgd5-dlr", spec("pgd5-dlr", 5, "dlr")),
        ("pgd5-l2", spec("pgd5-l2", 5, norm="l2")),
        ("pgd20-margin-l2-x3", spec("pgd20-margin-l2-x3", 20, "margin", norm="l2", restarts=3)),
        ("fgsm-dlr", fgsm("fgsm-dlr", loss="dlr")),
        ("fgsm-uint8", fgsm("fgsm-uint8", uint8_first_step=True)),
        ("fgsm-margin-uint8", fgsm("fgsm-margin-uint8", loss="margin", uint8_first_step=True)),
        ("apgd-ce", spec("apgd-ce", 100, method="apgd")),
        ("apgd-t", spec("apgd-t", 100, "targeted_dlr", method="apgd")),
        ("apgd50-dlr-x2", spec("apgd50-dlr-x2", 50, "dlr", method="apgd", restarts=2)),
        ("square", spec("square", 5000, "margin", method="square")),
        ("square200", spec("square200", 200, "margin", method="square")),
        ("transfer-fgsm", fgsm("transfer-fgsm", through="surrogate")),
        ("transfer-pgd20", spec("transfer-pgd20", 20, through="surrogate")),
        ("transfer-pgd2-l2-x2", spec("transfer-pgd2-l2-x2", 2, norm="l2", restarts=2, through="surrogate")),
        ("transfer-apgd-ce", spec("transfer-apgd-ce", 100, method="apgd", through="surrogate")),
        ("transfer-square9", spec("transfer-square9", 9, "margin", method="square", through="surrogate")),
    ],
)
def test_names(name: str, expected: AttackSpec) -> None:
    assert AttackSpec.named(name) == expected
    assert parse(name) == expected


def test_amounts_are_passed_on() -> None:
    assert AttackSpec.named("pgd7", 0.3, "1/255") == AttackSpec("pgd7", 0.3, "1/255", 7, True, "xent")
    assert AttackSpec.named("fgsm", 0.3, "1/255").step_size == 0.3  # its one step is epsilon
    for name in ("apgd-t", "square"):
        found = parse(name, 0.3, "1/255")
        assert (found.epsilon, found.step_size) == (0.3, 0)
    assert parse("pgd7", 0.3, "1/255") == AttackSpec.named("pgd7", 0.3, "1/255")


def test_the_chain() -> None:
    """AutoAttack's line without FAB, at one radius."""
    found = parse("strong", 0.3, "1/255")
    assert found == Chain("strong", tuple(AttackSpec.named(name, 0.3) for name in ("apgd-ce", "apgd-t", "square")))
    assert [(stage.method, stage.loss, stage.steps) for stage in found.stages] == [
        ("apgd", "xent", 100),
        ("apgd", "targeted_dlr", 100),
        ("square", "margin", 5000),
    ]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "clean",
        "pgd",
        "pgd0",
        "pgd-20",
        "pgd020",
        "pgd20-cw",
        "pgd20-",
        "PGD20",
        "fgsm1",
        " fgsm",
        "pgd2\n",
        "fgsm-x2",
        "pgd5-x0",
        "pgd5-x2-l2",
        "pgd5-l2-margin",
        "pgd5-linf",
        "pgd5-uint8",
        "fgsm-uint8-margin",
        "fgsm-l2",
        "apgd",
        "apgd50",
        "apgd0-ce",
        "apgd-margin",
        "apgd-ce-l2",
        "square0",
        "square-x2",
        "transfer-",
        "transfer-strong",
        "transfer-transfer-fgsm",
        "strong2",
    ],
)
def test_unknown_names(name: str) -> None:
    for read in (AttackSpec.named, parse):
        with pytest.raises(InputError) as error:
            read(name)
        assert str(error.value).startswith("attacks: expected fgsm[-margin|-dlr][-uint8], pgdK")
        assert str(error.value).endswith(f"; got {name!r}")


@pytest.mark.parametrize(
    "fields", [{"method": "pdg"}, {"method": "apgd", "norm": "l2"}, {"method": "square", "norm": "l2"}]
)
def test_attacks_that_there_are_none_of(fields: dict[str, str]) -> None:
    with pytest.raises(InputError, match=r"^attacks: mine: expected one of pgd, apgd, square, with pgd alone"):
        spec("mine", 5, **fields)


def test_what_shares_a_trajectory() -> None:
    base = AttackSpec.named("pgd20")
    assert base.trajectory == AttackSpec.named("pgd5").trajectory
    others = [AttackSpec.named("pgd20-margin"), AttackSpec.named("pgd20", 4), AttackSpec.named("pgd20", step_size=1)]
    others += [
        AttackSpec.named("fgsm"),
        AttackSpec("x", "8/255", "2/255", 20, False, "xent"),
        AttackSpec.named("pgd20-x2"),
        AttackSpec.named("pgd20-l2"),
        AttackSpec.named("transfer-pgd20"),
        dataclasses.replace(base, uint8_first_step=True),
    ]
    assert all(base.trajectory != other.trajectory for other in others)


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("pgd20-margin-l2-x3", "pgd5-margin-l2-x3", True),
        ("pgd20-margin-l2-x3", "pgd5-margin-x3", False),
        ("fgsm", "fgsm-uint8", False),
        ("transfer-pgd20", "transfer-pgd5", False),  # a reading on the surrogate is none on the model
        ("apgd20-ce", "apgd50-ce", False),  # its steps depend on how many there are
        ("square100", "square200", False),
        ("apgd-ce", "square", False),
    ],
)
def test_only_pgd_on_the_model_itself_is_read_at_many_steps(first: str, second: str, shared: bool) -> None:
    assert (AttackSpec.named(first).trajectory == AttackSpec.named(second).trajectory) is shared


@pytest.mark.parametrize(
    ("name", "bounds", "line"),
    [
        (
            "fgsm",
            PIXELS,
            "linf, eps 8/255 (8 of [0, 255]), 1 steps of 8, no random start, loss xent, right at the last step",
        ),
        (
            "fgsm-uint8",
            PIXELS,
            "linf, eps 8/255 (8 of [0, 255]), 1 steps of 8, no random start, loss xent, right at the last step, first step "
            "in 8 bits that wrap around",
        ),
        (
            "pgd20-x10",
            UNIT,
            "linf, eps 8/255 (0.0313725 of [0, 1]), 20 steps of 0.00784314, random start, 10 restarts, loss xent, right at "
            "the last step",
        ),
        (
            "pgd5-margin-l2",
            PIXELS,
            "l2, eps 8/255 (8 of [0, 255]), 5 steps of 2, random start, loss margin, right at the last step",
        ),
        ("apgd-ce", PIXELS, "linf, eps 8/255 (8 of [0, 255]), 100 steps, random start, loss xent"),
        (
            "apgd50-t-x2",
            PIXELS,
            "linf, eps 8/255 (8 of [0, 255]), 50 steps, random start, 2 restarts, loss targeted_dlr towards 9 classes",
        ),
        ("square200", PIXELS, "linf, eps 8/255 (8 of [0, 255]), 200 queries, black box"),
        (
            "transfer-pgd20",
            PIXELS,
            "linf, eps 8/255 (8 of [0, 255]), 20 steps of 2, random start, loss xent, right at the last step, made on the "
            "surrogate",
        ),
        (
            "transfer-apgd-ce",
            PIXELS,
            "linf, eps 8/255 (8 of [0, 255]), 100 steps, random start, loss xent, made on the surrogate",
        ),
        ("transfer-square", PIXELS, "linf, eps 8/255 (8 of [0, 255]), 5000 queries, black box, made on the surrogate"),
    ],
)
def test_all_of_an_attack_in_one_line(name: str, bounds: Bounds, line: str) -> None:
    assert AttackSpec.named(name).describe(bounds) == line


@pytest.mark.parametrize(
    ("name", "epsilon", "step_size", "doubts"),
    [
        ("pgd20", "8/255", "2/255", []),
        ("pgd4", "8/255", "2/255", []),
        ("pgd40", 0.3, 0.0075, []),
        ("pgd1", 8, 8, []),
        ("pgd3", "8/255", "2/255", ["pgd3: 3 steps of 2 do not reach its radius 8"]),
        ("pgd20-margin", 1, "2/255", ["pgd20-margin: its step 2 is larger than its radius 1"]),
        ("pgd5", 0, 2, ["pgd5: its step 2 is larger than its radius 0"]),
        ("pgd3-l2", 128, 16, ["pgd3-l2: 3 steps of 16 do not reach its radius 128"]),
        ("pgd3-l2", 8, 16, ["pgd3-l2: its step 16 is larger than its radius 8"]),
        ("fgsm", "8/255", "2/255", []),
        ("fgsm", "8/255", 100, []),
        ("fgsm-uint8", "8/255", "2/255", []),
        ("apgd-ce", "8/255", "2/255", []),
        ("square", "8/255", 100, []),
        ("transfer-pgd3", "8/255", "2/255", ["transfer-pgd3: 3 steps of 2 do not reach its radius 8"]),
    ],
)
def test_doubts(name: str, epsilon: Amount, step_size: Amount, doubts: list[str]) -> None:
    assert AttackSpec.named(name, epsilon, step_size).doubts(PIXELS) == doubts


def test_amounts_are_in_the_ranges_unit_and_in_l2_up_to_the_images_diagonal() -> None:
    assert AttackSpec.named("pgd5").amounts(PIXELS) == (8.0, 2.0)
    assert AttackSpec.named("pgd5").amounts(UNIT) == (8 / 255, 2 / 255)
    wide = AttackSpec.named("pgd5-l2", 3, 2)
    assert wide.amounts(UNIT, (2, 2, 3)) == (3.0, 2.0)
    assert wide.describe(UNIT, (2, 2, 3)).startswith("l2, eps 765/255 (3 of [0, 1]), 5 steps of 2, ")
    assert wide.doubts(UNIT, (2, 2, 3)) == []
    for name, shape, message in (
        ("pgd5-l2", (2, 2, 1), "epsilon: expected 0 to 2"),
        ("pgd5", (2, 2, 3), "0 to 1, the width"),
    ):
        with pytest.raises(InputError, match=message):
            AttackSpec.named(name, 3, 2).amounts(UNIT, shape)
