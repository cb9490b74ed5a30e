import os

import numpy as np
import pytest

import madry_checkpoints
from madry_checkpoints import CheckpointError
from madry_checkpoints.convert import convert

from . import samples


@pytest.mark.parametrize("kind", samples.KINDS)
def test_there_and_back(tmp_path, kind):
    import keras

    weights = samples.arrays(kind)
    samples.save({**weights, **samples.slots(weights)}, tmp_path / "original" / "checkpoint-3")
    model = convert(tmp_path / "original", tmp_path / "out" / "model.keras")
    convert(tmp_path / "out" / "model.keras", tmp_path / "back", kind=kind)
    assert samples.same(
        madry_checkpoints.variables(madry_checkpoints.load_model(tmp_path / "back"), kind), weights
    )
    convert(tmp_path / "original", tmp_path / "out" / "model.weights.h5")
    fresh = keras.models.clone_model(model)
    fresh.load_weights(tmp_path / "out" / "model.weights.h5")
    assert samples.same(madry_checkpoints.variables(fresh, kind), weights)
    assert sorted(os.listdir(tmp_path / "out")) == ["model.keras", "model.weights.h5"]


def test_one_network_out_of_a_release_file(tmp_path):
    samples.save(samples.release_file(), tmp_path / "modelIGAM-1")
    convert(tmp_path / "modelIGAM-1", tmp_path / "student", kind="igam_student")
    expected = {**samples.arrays("igam_student"), "global_step": np.asarray(0)}
    assert samples.same(madry_checkpoints.read(tmp_path / "student"), expected)


@pytest.mark.parametrize(
    ("source", "out", "arguments", "message"),
    [
        ("c", "x.h5", {}, "expected a .keras or .weights.h5 file, or a directory"),
        ("c", "there.keras", {}, "is there already"),
        ("c", "there", {}, "is there already"),
        ("c", "there/file", {"overwrite": True}, "cannot write"),
        ("c", "there/file/x.keras", {}, "cannot be written"),
        ("nothing", "x.keras", {}, "no checkpoint here"),
        ("c", "x.keras", {"kind": "igam_teacher"}, "not a whole igam_teacher"),
        ("nothing.keras", "x", {"kind": "mnist_challenge"}, "no such Keras file"),
        ("there.keras", "x", {"kind": "mnist_challenge"}, "no such Keras file"),
        ("there.keras", "x", {}, "name its kind"),
        ("there.keras", "x.keras", {"kind": "mnist_challenge"}, "converted to a directory"),
    ],
)
def test_what_cannot_be_converted_writes_nothing(tmp_path, source, out, arguments, message):
    samples.save(samples.arrays("mnist_challenge"), tmp_path / "c")
    (tmp_path / "there").mkdir()
    (tmp_path / "there.keras").touch()
    (tmp_path / "there" / "file").touch()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(CheckpointError, match=message):
        convert(tmp_path / source, tmp_path / out, **arguments)
    assert sorted(tmp_path.rglob("*")) == before


def test_overwrite_replaces_the_target(tmp_path):
    samples.save(samples.arrays("mnist_challenge"), tmp_path / "c")
    (tmp_path / "x.keras").touch()
    convert(tmp_path / "c", tmp_path / "x.keras", overwrite=True)
    assert (tmp_path / "x.keras").stat().st_size > 1000
