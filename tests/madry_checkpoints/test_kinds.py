import numpy as np
import pytest

import madry_checkpoints
from madry_checkpoints import CheckpointError, kinds
from madry_checkpoints.reader import specs_of

from . import samples


@pytest.mark.parametrize("kind", samples.KINDS)
@pytest.mark.parametrize("slots", [False, True])
def test_detects_each_kind_alone(kind, slots):
    weights = samples.arrays(kind)
    assert madry_checkpoints.detect({**weights, **(samples.slots(weights) if slots else {})}) == {
        kind
    }


def test_detects_all_that_a_release_file_holds(tmp_path):
    expected = {"igam_teacher", "igam_student", "igam_discriminator"}
    assert madry_checkpoints.detect(samples.release_file()) == expected
    samples.save(samples.release_file(), tmp_path / "modelIGAM-1")
    assert madry_checkpoints.detect(tmp_path) == expected


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"Variable": np.zeros(3, np.float32)},
        {"dense/kernel": np.zeros((3, 3), np.float32)},
        samples.slots(samples.arrays("mnist_challenge")),
        samples.arrays("cifar10_challenge", classes=100),
    ],
)
def test_other_checkpoints_have_no_kind(values):
    assert madry_checkpoints.detect(values) == set()


@pytest.mark.parametrize(
    ("name", "slot"),
    [
        ("global_step", True),
        ("beta1_power", True),
        ("beta2_power_1", True),
        ("Variable_3/Adam_1", True),
        ("classifier/logit/DW/Momentum", True),
        ("logit/DW/Adam", True),
        ("logit/DW", False),
        ("Momentum/DW", False),
        ("unit_1_0/Momentums", False),
        ("beta", False),
    ],
)
def test_slots(name, slot):
    assert kinds.is_slot(name) is slot


def test_an_audit_names_the_problems():
    weights = samples.arrays("igam_student")
    missing = "classifier/unit_last/BatchNorm/gamma"
    odd = "classifier/unit_2_0/sub2/conv2/DW"
    values = {name: value for name, value in weights.items() if name != missing}
    values |= {
        odd: weights[odd][..., :-1],
        "classifier/new": weights[missing],
        "other": weights[missing],
    }
    audit = kinds.audit(kinds.KINDS["igam_student"], specs_of(values))
    assert audit.missing == (missing,)
    assert audit.unused == ("classifier/new",)
    assert audit.misshaped == (f"{odd} (float32 [3, 3, 64, 63], expected float32 [3, 3, 64, 64])",)
    assert len(audit.problems()) == 3


def test_an_unknown_kind_lists_the_known_ones():
    with pytest.raises(
        CheckpointError, match=r"expected one of mnist_challenge, cifar10_challenge, .*, got 'wrn'"
    ):
        kinds.kind_named("wrn")
