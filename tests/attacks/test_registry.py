"""Attacks by name: the object of a name, its description, doubts, costs and settings."""

import dataclasses
from typing import Any

import pytest

from igam_tf.attacks import (
    APGD,
    FAB,
    FGSM,
    PGD,
    Attack,
    Chain,
    Square,
    Transfer,
    resolve,
    resolve_all,
)
from igam_tf.attacks.balls import LinfBall
from igam_tf.core.bounds import PIXELS, UNIT, Amount, Bounds
from igam_tf.core.errors import InputError

STRONG = Chain(label="strong", stages=(APGD(), APGD(loss="targeted_dlr"), Square()))
L2_STAGES = (
    APGD(norm="l2"),
    APGD(norm="l2", loss="targeted_dlr"),
    FAB(norm="l2"),
    Square(norm="l2"),
)
RAND_STAGES = (APGD(eot_samples=20), APGD(loss="dlr", eot_samples=20))
NAMES: dict[str, Attack] = {
    "fgsm": FGSM(),
    "fgsm-margin": FGSM(loss="margin"),
    "fgsm-dlr": FGSM(loss="dlr"),
    "fgsm-uint8": FGSM(uint8_first_step=True),
    "fgsm-margin-uint8": FGSM(loss="margin", uint8_first_step=True),
    "pgd1": PGD(steps=1),
    "pgd20": PGD(steps=20),
    "pgd100-margin": PGD(steps=100, loss="margin"),
    "pgd20-x10": PGD(steps=20, restarts=10),
    "pgd5-margin-x2": PGD(steps=5, loss="margin", restarts=2),
    "pgd5-dlr": PGD(steps=5, loss="dlr"),
    "pgd5-l2": PGD(steps=5, norm="l2"),
    "pgd20-margin-l2-x3": PGD(steps=20, loss="margin", norm="l2", restarts=3),
    "apgd-ce": APGD(),
    "apgd-t": APGD(loss="targeted_dlr"),
    "apgd-ce-l2": APGD(norm="l2"),
    "apgd9-t-l2-x2": APGD(steps=9, loss="targeted_dlr", norm="l2", restarts=2),
    "apgd-ce-eot20": APGD(eot_samples=20),
    "apgd-dlr-l2-eot5-x2": APGD(loss="dlr", norm="l2", eot_samples=5, restarts=2),
    "apgd50-dlr-x2": APGD(steps=50, loss="dlr", restarts=2),
    "apgd100-ce": APGD(label="apgd100-ce"),
    "fab": FAB(),
    "fab9-l2-x2": FAB(steps=9, norm="l2", restarts=2),
    "square": Square(),
    "square200": Square(queries=200),
    "square-l2": Square(norm="l2"),
    "square200-l2": Square(queries=200, norm="l2"),
    "transfer-fgsm": Transfer(attack=FGSM()),
    "transfer-pgd20": Transfer(attack=PGD(steps=20)),
    "transfer-pgd2-l2-x2": Transfer(attack=PGD(steps=2, norm="l2", restarts=2)),
    "transfer-apgd-ce": Transfer(attack=APGD()),
    "transfer-square9": Transfer(attack=Square(queries=9)),
    "strong": STRONG,
    "transfer-strong": Transfer(attack=STRONG),
    "autoattack": Chain(
        label="autoattack", stages=(APGD(), APGD(loss="targeted_dlr"), FAB(), Square())
    ),
    "autoattack-l2": Chain(label="autoattack-l2", stages=L2_STAGES),
    "autoattack-rand": Chain(label="autoattack-rand", stages=RAND_STAGES),
}


@dataclasses.dataclass(frozen=True)
class OwnBall(LinfBall):
    """A user's ball, which FAB cannot project in."""


@pytest.mark.parametrize("name", NAMES)
def test_names(name: str) -> None:
    attack = resolve(name)
    assert attack == NAMES[name]
    assert attack.name == name
    assert hash(attack) == hash(NAMES[name])
    assert resolve(attack) is attack


def test_amounts_are_passed_on() -> None:
    assert resolve("pgd7", 0.3, "1/255") == PGD(epsilon=0.3, step_size="1/255", steps=7)
    assert resolve("fgsm", 0.3, "1/255") == FGSM(epsilon=0.3)
    assert FGSM(epsilon=0.3).step_size == 0.3  # its one step is epsilon
    assert resolve("apgd-t", 0.3, "1/255") == APGD(epsilon=0.3, loss="targeted_dlr")
    assert resolve("fab", 0.3, "1/255") == FAB(epsilon=0.3)
    assert resolve("square", 0.3, "1/255") == Square(epsilon=0.3)
    strong = resolve("strong", 0.3, "1/255")
    assert isinstance(strong, Chain)
    assert [stage.name for stage in strong.stages] == ["apgd-ce", "apgd-t", "square"]
    assert {stage.epsilon for stage in strong.stages} == {0.3}


@pytest.mark.parametrize(
    "name",
    [
        *("", "clean", "pgd", "pgd0", "pgd-20", "pgd020", "pgd20-cw", "pgd20-", "PGD20", "pgd2\n"),
        *("fgsm1", " fgsm", "fgsm-x2", "fgsm-l2", "fgsm-uint8-margin", "pgd5-uint8", "pgd5-linf"),
        *("pgd5-x0", "pgd5-x2-l2", "pgd5-l2-margin", "apgd", "apgd50", "apgd0-ce", "apgd-margin"),
        *(
            "apgd-l2-ce",
            "apgd-ce-x2-l2",
            "square0",
            "square-l2-x2",
            "transfer-",
            "transfer-strong2",
        ),
        *("strong2", "transfer-transfer-fgsm", "fab0", "fab-x2-l2", "fab-t"),
    ],
)
def test_unknown_names(name: str) -> None:
    with pytest.raises(InputError) as error:
        resolve(name)
    assert str(error.value).startswith("attacks: expected fgsm[-margin|-dlr][-uint8], pgdK")
    assert str(error.value).endswith(f"; got {name!r}")


@pytest.mark.parametrize("attack", [7, None, PGD, object(), [PGD()], lambda x: x])
def test_other_things_are_refused(attack: Any) -> None:
    with pytest.raises(InputError, match=r"^attacks: expected a name, or an object with name"):
        resolve(attack)


@pytest.mark.parametrize("label", ["clean", "a/b", "two words", "a:b", "../up"])
def test_labels_that_no_record_can_have(label: str) -> None:
    with pytest.raises(InputError, match=r"^attacks: expected a name of letters, digits"):
        resolve(PGD(label=label))


def test_several_attacks() -> None:
    assert resolve_all("fgsm") == resolve_all(FGSM()) == [FGSM()]
    attacks = resolve_all(("fgsm", PGD(epsilon=4, label="mine")), 2, 1)
    assert attacks == [FGSM(epsilon=2), PGD(epsilon=4, label="mine")]
    assert resolve_all(()) == []
    with pytest.raises(InputError, match="every name needs to differ, got pgd20, pgd20; label="):
        resolve_all((PGD(), "pgd20"))


@pytest.mark.parametrize(
    ("attack", "settings", "message"),
    [
        (PGD, {"loss": "cw"}, "loss: expected one of xent, margin, dlr, or a callable, got 'cw'"),
        (PGD, {"norm": "l1"}, "norm: expected one of linf, l2 or a Ball, got 'l1'"),
        (PGD, {"steps": -1}, "pgd: expected steps >= 0 and restarts >= 1, got -1 and 1"),
        (PGD, {"restarts": 0}, "pgd: expected steps >= 0 and restarts >= 1, got 20 and 0"),
        (APGD, {"loss": "margin"}, "loss: expected one of xent, dlr, targeted_dlr, or a callable"),
        (FAB, {"steps": 0}, "fab: need steps, restarts, num_targets >= 1, got 0, 1, 9"),
        (FAB, {"norm": "l1"}, "norm: expected one of linf, l2 or a Ball, got 'l1'"),
        (FAB, {"norm": OwnBall()}, r"norm: fab needs linf or l2, got OwnBall\(\)"),
        (APGD, {"num_targets": 0}, "apgd: need steps, restarts, num_targets, eot_samples >= 1"),
        (Square, {"queries": 0}, "square: need queries >= 1"),
        (Chain, {"stages": ()}, "chain: expected stages of different names"),
        (Chain, {"stages": (PGD(), PGD())}, "chain: expected stages of different names"),
    ],
)
def test_settings_out_of_range(attack: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}"):
        attack(**settings)


@pytest.mark.parametrize("settings", [{"step_size": 1}, {"steps": 2}, {"restarts": 3}])
def test_fgsm_has_no_steps_to_set(settings: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        FGSM(**settings)


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("pgd20", "pgd5", True),
        ("pgd20-margin-l2-x3", "pgd5-margin-l2-x3", True),
        ("pgd20-margin-l2-x3", "pgd5-margin-x3", False),
        ("pgd20", "pgd20-margin", False),
        ("pgd20", "pgd20-x2", False),
        ("pgd1", "fgsm", False),
        ("fgsm", "fgsm-uint8", False),
    ],
)
def test_attacks_that_are_read_off_one_trajectory(first: str, second: str, shared: bool) -> None:
    assert (resolve(first).trajectory == resolve(second).trajectory) is shared


@pytest.mark.parametrize("changed", [{"epsilon": 4}, {"step_size": 1}, {"random_start": False}])
def test_other_settings_make_another_trajectory(changed: dict[str, Any]) -> None:
    assert dataclasses.replace(PGD(), **changed).trajectory != PGD().trajectory


@pytest.mark.parametrize("name", ["transfer-pgd20", "apgd-ce", "fab", "square", "strong"])
def test_attacks_that_run_alone(name: str) -> None:
    """Readings on a surrogate do not judge the model; APGD's steps depend on their number."""
    assert resolve(name).trajectory is None


EPS = "linf, eps 8/255 (8 of [0, 255])"


@pytest.mark.parametrize(
    ("name", "bounds", "line"),
    [
        (
            "fgsm",
            PIXELS,
            f"{EPS}, 1 steps of 8, no random start, loss xent, right at the last step",
        ),
        (
            "fgsm-uint8",
            PIXELS,
            f"{EPS}, 1 steps of 8, no random start, loss xent, right at the last step, first step "
            "in 8 bits that wrap around",
        ),
        (
            "pgd20-x10",
            UNIT,
            "linf, eps 8/255 (0.0313725 of [0, 1]), 20 steps of 0.00784314, random start, "
            "10 restarts, loss xent, right at the last step",
        ),
        (
            "pgd5-margin-l2",
            PIXELS,
            "l2, eps 8/255 (8 of [0, 255]), 5 steps of 2, random start, loss margin, "
            "right at the last step",
        ),
        ("apgd-ce", PIXELS, f"{EPS}, 100 steps, random start, loss xent"),
        (
            "apgd50-t-x2",
            PIXELS,
            f"{EPS}, 50 steps, random start, 2 restarts, loss targeted_dlr towards up to 9 classes",
        ),
        (
            "apgd-ce-l2",
            UNIT,
            "l2, eps 8/255 (0.0313725 of [0, 1]), 100 steps, random start, loss xent",
        ),
        ("apgd-ce-eot20", PIXELS, f"{EPS}, 100 steps, random start, loss xent, mean of 20 draws"),
        ("square-l2", PIXELS, "l2, eps 8/255 (8 of [0, 255]), 5000 queries, black box"),
        (
            "fab",
            PIXELS,
            f"{EPS}, 100 steps, no random start, smallest perturbation towards up to 9 classes",
        ),
        (
            "fab9-l2-x3",
            PIXELS,
            "l2, eps 8/255 (8 of [0, 255]), 9 steps, no random start, then 2 with one, "
            "smallest perturbation towards up to 9 classes",
        ),
        ("square200", PIXELS, f"{EPS}, 200 queries, black box"),
        (
            "transfer-pgd20",
            PIXELS,
            f"{EPS}, 20 steps of 2, random start, loss xent, right at the last step, "
            "computed on the surrogate",
        ),
        ("transfer-square", PIXELS, f"{EPS}, 5000 queries, black box, computed on the surrogate"),
    ],
)
def test_all_of_an_attack_in_one_line(name: str, bounds: Bounds, line: str) -> None:
    assert resolve(name).describe(bounds) == line


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
        ("fgsm", "8/255", 100, []),
        ("apgd-ce", "8/255", "2/255", []),
        ("fab", "8/255", 100, []),
        ("square", "8/255", 100, []),
        ("strong", "8/255", 100, []),
        (
            "transfer-pgd3",
            "8/255",
            "2/255",
            ["transfer-pgd3: 3 steps of 2 do not reach its radius 8"],
        ),
    ],
)
def test_doubts(name: str, epsilon: Amount, step_size: Amount, doubts: list[str]) -> None:
    assert resolve(name, epsilon, step_size).doubts(PIXELS, (32, 32, 3)) == doubts


def test_amounts_are_in_the_ranges_unit_and_in_l2_up_to_the_images_diagonal() -> None:
    assert PGD().amounts(PIXELS) == (8.0, 2.0)
    assert PGD().amounts(UNIT) == (8 / 255, 2 / 255)
    wide = PGD(epsilon=3, step_size=2, steps=5, norm="l2")
    assert wide.amounts(UNIT, (2, 2, 3)) == (3.0, 2.0)
    assert wide.describe(UNIT, (2, 2, 3)).startswith(
        "l2, eps 765/255 (3 of [0, 1]), 5 steps of 2, "
    )
    assert wide.doubts(UNIT, (2, 2, 3)) == []
    for attack, shape, message in (
        (wide, (2, 2, 1), "epsilon: expected 0 to 2"),
        (PGD(epsilon=3), (2, 2, 3), "0 to 1, the width"),
    ):
        with pytest.raises(InputError, match=message):
            attack.amounts(UNIT, shape)


@pytest.mark.parametrize(
    ("name", "classes", "cost"),
    [
        ("fgsm", 10, (1, 0)),
        ("pgd20-x3", 10, (60, 0)),
        ("apgd-ce", 10, (100, 0)),
        ("apgd-t", 10, (900, 0)),
        ("apgd-ce-eot20", 10, (2000, 0)),
        ("apgd-t", 5, (400, 0)),
        ("fab", 10, (900, 900)),
        ("fab20-l2-x2", 3, (80, 80)),
        ("square", 10, (0, 5000)),
        ("transfer-pgd20", 10, (20, 0)),
        ("strong", 10, (1000, 5000)),
        ("autoattack", 10, (1900, 5900)),
        ("autoattack-rand", 10, (4000, 0)),
    ],
)
def test_costs(name: str, classes: int, cost: tuple[int, int]) -> None:
    assert resolve(name).cost(classes) == cost


def test_settings_are_plain_data_for_records() -> None:
    settings = PGD(epsilon="4/255", norm="l2", loss="margin", steps=5).settings(PIXELS, (8, 8, 3))
    assert settings.pop("shown").startswith("l2, eps 4/255")
    assert settings == {
        "name": "pgd5-margin-l2",
        "attack": "PGD",
        "epsilon": 4.0,
        "step_size": 2.0,
        "epsilon_shown": "4/255 (4 of [0, 255])",
        "steps": 5,
        "loss": "margin",
        "norm": "l2",
        "random_start": True,
        "restarts": 1,
        "step_rule": "SteepestStep()",
        "ball": "L2Ball()",
    }
    assert resolve("square200").settings(PIXELS)["queries"] == 200
    assert resolve("transfer-pgd20").settings(PIXELS)["through"] == "surrogate"
