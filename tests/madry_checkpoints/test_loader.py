import math

import numpy as np
import pytest

import madry_checkpoints
from madry_checkpoints import CheckpointError

from . import samples

SHAPES = {
    "mnist_challenge": (28, 28, 1),
    "cifar10_challenge": (32, 32, 3),
    "igam_student": (32, 32, 3),
    "igam_teacher": (32, 32, 3),
    "igam_discriminator": (32, 32, 3),
    "igam_tiny_source": (64, 64, 3),
}


@pytest.mark.parametrize("kind", samples.KINDS)
def test_loads_each_kind_alone_or_from_the_release_file(tmp_path, kind):
    weights = samples.arrays(kind)
    samples.save({**weights, **samples.slots(weights)}, tmp_path / "alone" / "checkpoint-1")
    model = madry_checkpoints.load_model(tmp_path / "alone")
    assert model.input_shape[1:] == SHAPES[kind]
    assert samples.same(madry_checkpoints.variables(model, kind), weights)
    assert model.statistics == ("batch" if kind == "igam_teacher" else "moving")
    if kind in madry_checkpoints.detect(samples.release_file()):
        prefix = samples.save(samples.release_file(), tmp_path / "modelIGAM-1")
        assert samples.same(
            madry_checkpoints.variables(madry_checkpoints.load_model(prefix, kind), kind), weights
        )


def test_a_teacher_keeps_both_heads_and_has_no_moving_mode():
    from igam_tf.core.errors import InputError

    model = madry_checkpoints.load_model(samples.arrays("igam_teacher"))
    assert model.output_shape == (None, 7)
    assert model.get_layer("source_logits").units == 10
    with pytest.raises(InputError, match="no moving averages"):
        model(np.zeros((2, 32, 32, 3), np.float32), training=False)
    assert (
        madry_checkpoints.load_model(
            samples.arrays("igam_teacher", moving_averages=True)
        ).statistics
        == "moving"
    )


@pytest.mark.parametrize(
    ("kind", "sizes", "arguments", "normalization", "side"),
    [
        ("cifar10_challenge", {}, {}, "per_image", 32),
        ("igam_student", {}, {}, "unit_norm", 32),
        ("igam_student", {"classes": 200}, {}, "unit_norm", 32),
        ("igam_student", {"classes": 200}, {"input_shape": (64, 64, 3)}, "unit_norm", 64),
        ("igam_tiny_source", {}, {}, "unit_norm", 64),
        ("igam_teacher", {}, {}, "per_image", 32),
        ("igam_teacher", {"classes": 200}, {}, "l2", 64),
        ("igam_teacher", {"classes": 200}, {"normalization": "unit_norm"}, "unit_norm", 64),
        ("igam_teacher", {"classes": 100}, {"normalization": "per_image"}, "per_image", 32),
    ],
)
def test_normalization_and_input_size(kind, sizes, arguments, normalization, side):
    from igam_tf import layers

    model = madry_checkpoints.load_model(samples.arrays(kind, **sizes), **arguments)
    expected = layers.normalization(normalization)
    layer = model.get_layer("normalization")
    assert type(layer) is type(expected)
    assert getattr(layer, "zero_mean", None) == getattr(expected, "zero_mean", None)
    assert model.input_shape == (None, side, side, 3)


def test_a_discriminator_of_cropped_gradients():
    values = samples.arrays("igam_discriminator", features=4 * 4 * 16)
    assert madry_checkpoints.load_model(values, input_shape=(28, 28, 3)).input_shape == (
        None,
        28,
        28,
        3,
    )
    with pytest.raises(CheckpointError, match=r"gives 144 features, the checkpoint has 256"):
        madry_checkpoints.load_model(values, input_shape=(24, 24, 3))


def _without(kind, *names):
    return {name: value for name, value in samples.arrays(kind).items() if name not in names}


CIFAR, MNIST = samples.arrays("cifar10_challenge"), samples.arrays("mnist_challenge")
GAMMA = "unit_2_1/sub2/BatchNorm/gamma"
BAD = {
    "nothing": ({}, {}, "no known network; its variables are none"),
    "another network": ({"w": np.zeros(2)}, {}, "no known network; its variables are w"),
    "several kinds": (
        samples.release_file(),
        {},
        "holds igam_discriminator, igam_student, igam_teacher: choose one",
    ),
    "unknown kind": (MNIST, {"kind": "mnist"}, "expected one of mnist_challenge"),
    "wrong kind": (
        MNIST,
        {"kind": "igam_student"},
        "not a whole igam_student.* looks like mnist_challenge",
    ),
    "teacher as source": (
        samples.release_file(),
        {"kind": "cifar10_challenge"},
        "has a head for a target task",
    ),
    "source as teacher": (CIFAR, {"kind": "igam_teacher"}, "has no head for a target task"),
    "missing": (_without("cifar10_challenge", GAMMA), {}, f"missing: {GAMMA}$"),
    "missing average": (
        _without("cifar10_challenge", GAMMA.replace("gamma", "moving_mean")),
        {},
        "missing: .*moving_mean$",
    ),
    "missing first layer": (
        _without("cifar10_challenge", "input/init_conv/DW"),
        {},
        "no known network",
    ),
    "missing mnist": (_without("mnist_challenge", "Variable_5"), {}, "missing Variable_5"),
    "missing in a scope": (
        _without("igam_discriminator", "discriminator/BatchNorm_1/beta"),
        {},
        "missing: discriminator/BatchNorm_1/beta$",
    ),
    "extra": ({**CIFAR, "unit_2_1/sub3/DW": CIFAR[GAMMA]}, {}, "not part of it: unit_2_1/sub3/DW$"),
    "extra unit": ({**CIFAR, "unit_2_7/sub1/conv1/DW": CIFAR[GAMMA]}, {}, "missing: unit_.* and"),
    "misshaped": (
        {**CIFAR, GAMMA: CIFAR[GAMMA][1:]},
        {},
        r"gamma \(float32 \[31\], expected float32 \[32\]\)",
    ),
    "rank": (
        {**CIFAR, "logit/biases": np.float32(1)},
        {},
        "no known network|neither|of too low a rank",
    ),
    "type": (
        {**CIFAR, GAMMA: CIFAR[GAMMA].astype(np.float64)},
        {},
        r"gamma \(float64 \[32\], expected float32",
    ),
    "classes of cifar": (
        samples.arrays("cifar10_challenge", classes=100),
        {},
        "100 classes, neither the 10 nor the 200",
    ),
    "classes by kind": (
        samples.arrays("igam_tiny_source"),
        {"kind": "cifar10_challenge"},
        "200 classes instead of 10",
    ),
    "classes of tiny": (CIFAR, {"kind": "igam_tiny_source"}, "10 classes instead of 200"),
    "classes of mnist": (
        samples.arrays("mnist_challenge", classes=7),
        {},
        "7 classes instead of 10",
    ),
    "source classes": (
        samples.arrays("igam_teacher", classes=100),
        {},
        "100 source classes: .* pass normalization=",
    ),
    "normalization": (CIFAR, {"normalization": "zscore"}, "normalization"),
    "mnist normalization": (MNIST, {"normalization": "l2"}, "has no choice"),
    "mnist input": (MNIST, {"input_shape": (32, 32, 1)}, r"expected \(28, 28, 1\)"),
    "channels": (CIFAR, {"input_shape": (32, 32, 1)}, r"expected \(height, width, 3\)"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_fit_is_one_clear_error(case):
    values, arguments, message = BAD[case]
    with pytest.raises(ValueError, match=message) as excinfo:
        madry_checkpoints.load_model(values, **arguments)
    assert isinstance(excinfo.value, CheckpointError)
    assert "\n" not in str(excinfo.value)


def test_the_path_is_in_the_error(tmp_path):
    samples.save({"w": np.zeros(2, np.float32)}, tmp_path / "c")
    with pytest.raises(CheckpointError, match=f"^{tmp_path}: no known network"):
        madry_checkpoints.load_model(tmp_path)


def test_damage_outside_the_scope_does_not_matter(tmp_path):
    """But damage inside it does: a tensor's checksum is verified where it is read."""
    prefix = samples.save(samples.release_file(), tmp_path / "c")
    data = tmp_path / "c.data-00000-of-00001"
    contents = bytearray(data.read_bytes())
    at = contents.index(samples.arrays("igam_teacher")["logit/DW"].tobytes())
    contents[at] ^= 1
    data.write_bytes(contents)
    madry_checkpoints.load_model(prefix, "igam_student")
    with pytest.raises(CheckpointError, match=r"read logit/DW \(.*Checksum does not") as excinfo:
        madry_checkpoints.load_model(prefix, "igam_teacher")
    assert "\n" not in str(excinfo.value)


@pytest.mark.slow
def test_the_wide_network_loads_within_ten_seconds_and_twice_its_size(tmp_path):
    """Width 10 with Momentum slots, 367 MB; in a child, whose peak memory is its own."""
    import json
    import subprocess
    import sys

    weights = samples.arrays("cifar10_challenge", width=10, blocks=5)
    momentum = {
        f"{name}/Momentum": value for name, value in weights.items() if "moving" not in name
    }
    samples.save({**weights, **momentum}, tmp_path / "checkpoint-1")
    script = """
import json, sys, time
import tensorflow, igam_tf.models, madry_checkpoints
def peak():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1e3
before, start = peak(), time.monotonic()
model = madry_checkpoints.load_model(sys.argv[1])
print(json.dumps([time.monotonic() - start, peak() - before, model.count_params()]))
"""
    result = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True
    )
    seconds, megabytes, parameters = json.loads(result.stdout)
    assert parameters == math.fsum(value.size for value in weights.values())
    assert seconds <= 10
    assert megabytes < 2 * 184
