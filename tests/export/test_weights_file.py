"""Exported weights and checkpoints behind an adapter as models."""

import pathlib
import re
from typing import Any

import keras
import pytest

import madry_checkpoints
from igam_tf import export, models
from igam_tf.core.errors import InputError
from igam_tf.export import exporting

from .. import tiny


def test_weights_are_loaded(model: keras.Model, tmp_path: pathlib.Path) -> None:
    export.export(model, tmp_path / "m.weights.h5", format="weights")
    assert tiny.equal(
        tiny.values(export.load_weights(tmp_path / "m.weights.h5")), tiny.values(model)
    )


def test_weights_that_are_missing_or_damaged(model: keras.Model, tmp_path: pathlib.Path) -> None:
    out = tmp_path / "m.weights.h5"
    with pytest.raises(InputError, match="there is no such file"):
        export.load_weights(out)
    export.export(model, out, format="weights")
    (tmp_path / "m.weights.h5.json").write_text("{}")
    with pytest.raises(
        InputError, match=re.escape("not the readable weights of m.weights.h5.json")
    ):
        export.load_weights(out)


def test_a_checkpoint_behind_an_adapter(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A released teacher's checkpoint holds no adapter; with one it takes the target's images."""
    calls: list[Any] = []
    monkeypatch.setattr(
        exporting, "export", lambda model, out, **settings: calls.append((model, settings))
    )
    madry_checkpoints.write(models.mnist_cnn(10, (2, 3), 4), "mnist_challenge", tmp_path)
    parts = ("mean", "crop:28", "scale:1/255")
    export.export_from(tmp_path, "out", adapter=parts, image_shape=(32, 32, 3), statistics="moving")
    ((model, settings),) = calls
    assert model.input_shape == (None, 32, 32, 3)
    assert settings["statistics"] == "moving"
    assert settings["origin"].source["sha256"]
    with pytest.raises(InputError, match="adapter: it needs image_shape"):
        export.export_from(tmp_path, "out", adapter=parts)
