"""Saved layers and models give the same outputs in a fresh process."""

import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

from igam_tf import adapters, gradients, layers, models
from igam_tf.core.bounds import PIXELS
from igam_tf.training import Momentum, SteppedSchedule

from . import tiny

SCRIPT = """
import pathlib, sys
import numpy as np
from igam_tf import adapters, gradients, layers, models
from igam_tf.training import Momentum
import keras
for path in pathlib.Path(sys.argv[1]).glob("*.keras"):
    saved = np.load(path.with_suffix(".npz"))
    model = keras.saving.load_model(path)
    for statistics in ("moving", "batch"):
        logits = gradients.logits_of(model, saved["x"], statistics)
        np.testing.assert_array_equal(logits, saved[statistics], path.name)
    assert saved["bounds"] == "none" or saved["bounds"] == str(layers.bounds_of(model))
"""


def built() -> dict[str, keras.Model]:
    adapter = keras.Sequential(
        [adapters.ChannelMean(), adapters.CenterCrop(6), adapters.Scale(1 / 255)]
    )
    built_models = {
        "mnist_cnn": models.mnist_cnn(3, (2, 3), 4),
        "wide_resnet": models.wide_resnet(3, width=1, blocks=1, input_shape=tiny.SHAPE),
        "discriminator": models.discriminator(tiny.SHAPE, 2, 4),
        "new_head": models.with_new_head(tiny.classifier(), 5),
        "adapted": models.adapted(
            tiny.classifier(shape=(6, 6, 1), high=1.0), adapter, tiny.SHAPE, PIXELS
        ),
    }
    single = [layers.normalization(kind) for kind in layers.NORMALIZATIONS]
    single += [adapters.Resize(4, sampling) for sampling in adapters.SAMPLINGS]
    single += [
        adapters.Pad(12),
        adapters.Pad(12, "random", name="pad_random"),
        adapters.TransposedConv(16),
    ]
    for layer in single:
        built_models[layer.name] = keras.Sequential(
            [keras.Input(tiny.SHAPE), layers.PixelRange(-1, 1), layer]
        )
    return built_models


@pytest.mark.slow
def test_saved_models_load_in_a_fresh_process(tmp_path: pathlib.Path) -> None:
    for name, model in built().items():
        tiny.shaken(model)
        x, _ = tiny.batch(2, model.input_shape[1:], 1.0)
        outputs = {
            statistics: gradients.logits_of(model, x, statistics)
            for statistics in layers.STATISTICS
        }
        bounds = "none" if name == "discriminator" else str(layers.bounds_of(model))
        np.savez(tmp_path / f"{name}.npz", x=x, bounds=bounds, **outputs)
        model.save(tmp_path / f"{name}.keras")
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT, tmp_path], capture_output=True, text=True
    )
    assert (process.returncode, process.stderr) == (
        0,
        "",
    )  # quiet in a child of a quiet process too


def test_a_model_without_moving_averages_is_saved_as_such(tmp_path: pathlib.Path) -> None:
    model = models.wide_resnet(3, width=1, blocks=1, input_shape=tiny.SHAPE, moving_averages=False)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert [v.path for v in loaded.weights] == [v.path for v in model.weights]


def test_an_optimiser_and_its_schedule_survive() -> None:
    optimizer = Momentum(SteppedSchedule([0.1, 0.01], [5], every=2, start=3), momentum=0.8)
    loaded = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(optimizer))
    assert isinstance(loaded, Momentum)
    assert loaded.get_config() == optimizer.get_config()
    assert [float(loaded._learning_rate(step)) for step in (1, 2)] == [
        np.float32(0.1),
        np.float32(0.01),
    ]
