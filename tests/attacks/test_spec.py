"""Attacks by name."""

import pytest

from igam_tf.attacks.spec import AttackSpec
from igam_tf.errors import InputError


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
    ],
)
def test_names(name: str, expected: AttackSpec) -> None:
    assert AttackSpec.named(name) == expected


def test_amounts_are_passed_on() -> None:
    assert AttackSpec.named("pgd7", 0.3, "1/255") == AttackSpec("pgd7", 0.3, "1/255", 7, True, "xent")
    assert AttackSpec.named("fgsm", 0.3, "1/255").step_size == 0.3  # its one step is epsilon


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
    ],
)
def test_unknown_names(name: str) -> None:
    with pytest.raises(InputError) as error:
        AttackSpec.named(name)
    assert str(error.value).startswith("attacks: expected fgsm[-margin|-dlr][-uint8], pgdK")
    assert str(error.value).endswith(f"; got {name!r}")


def test_what_shares_a_trajectory() -> None:
    base = AttackSpec.named("pgd20")
    assert base.trajectory == AttackSpec.named("pgd5").trajectory
    others = [AttackSpec.named("pgd20-margin"), AttackSpec.named("pgd20", 4), AttackSpec.named("pgd20", step_size=1)]
    others += [
        AttackSpec.named("fgsm"),
        AttackSpec("x", "8/255", "2/255", 20, False, "xent"),
        AttackSpec.named("pgd20-x2"),
    ]
    assert all(base.trajectory != other.trajectory for other in others)
