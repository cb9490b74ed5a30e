import os

import numpy as np
import pytest

import madry_checkpoints
from madry_checkpoints import CheckpointError

from . import samples


@pytest.mark.parametrize("kind", samples.KINDS)
def test_a_tensorflow_1_graph_restores_what_is_written(tmp_path, kind):
    """By the original code's own means: a Saver over a graph with the original variables."""
    import tensorflow as tf

    weights = samples.arrays(kind)
    prefix = madry_checkpoints.write(
        madry_checkpoints.load_model(weights), kind, tmp_path, global_step=17
    )
    assert tf.train.latest_checkpoint(str(tmp_path)) == prefix
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        variables = {
            name: v1.get_variable(name, value.shape, tf.float32) for name, value in weights.items()
        }
        variables["global_step"] = v1.get_variable("global_step", (), tf.int64)
        v1.train.Saver().restore(session, prefix)
        restored = {name: np.asarray(value) for name, value in session.run(variables).items()}
    assert samples.same(restored, {**weights, "global_step": np.asarray(17)})
    assert samples.same(madry_checkpoints.read(tmp_path), restored)
    assert madry_checkpoints.detect(tmp_path) == {kind}


def test_only_whole_files_are_left(tmp_path):
    model = madry_checkpoints.load_model(samples.arrays("mnist_challenge"))
    for step in (0, 5):
        madry_checkpoints.write(model, "mnist_challenge", tmp_path / "new" / "folder", step)
    expected = {
        "checkpoint",
        *(f"checkpoint-{n}.{s}" for n in (0, 5) for s in ("index", "data-00000-of-00001")),
    }
    assert set(os.listdir(tmp_path / "new" / "folder")) == expected
    assert (
        'model_checkpoint_path: "checkpoint-5"'
        in (tmp_path / "new" / "folder" / "checkpoint").read_text()
    )


def _model(kind, **sizes):
    return madry_checkpoints.load_model(samples.arrays(kind, **sizes))


BAD = {
    "unknown": (lambda: _model("mnist_challenge"), "mnist", "expected one of"),
    "other network": (
        lambda: _model("mnist_challenge"),
        "igam_student",
        "no layer 'unit_1_0_conv1'",
    ),
    "no discriminator": (lambda: _model("igam_student"), "igam_discriminator", "no layer 'conv0'"),
    "no mnist": (lambda: _model("igam_discriminator"), "mnist_challenge", "no layer 'hidden'"),
    "teacher as source": (
        lambda: _model("igam_teacher"),
        "cifar10_challenge",
        "has a head for a target task",
    ),
    "source as teacher": (
        lambda: _model("cifar10_challenge"),
        "igam_teacher",
        "has no head for a target task",
    ),
    "classes": (lambda: _model("igam_student"), "cifar10_challenge", "7 classes instead of 10"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_model_of_another_kind_is_refused_and_nothing_written(tmp_path, case):
    model, kind, message = BAD[case]
    with pytest.raises(CheckpointError, match=message):
        madry_checkpoints.write(model(), kind, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_weights_without_a_name_are_refused():
    import keras

    model = _model("mnist_challenge")
    longer = keras.Model(model.inputs, keras.layers.Dense(10, name="more")(model.output))
    with pytest.raises(CheckpointError, match="it has 10 weights, mnist_challenge 8"):
        madry_checkpoints.variables(longer, "mnist_challenge")


def test_a_target_that_is_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="cannot write a checkpoint there"):
        madry_checkpoints.write(_model("mnist_challenge"), "mnist_challenge", tmp_path / "file")
