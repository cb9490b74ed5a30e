"""What is refused; failures that leave nothing; replacement of exports."""

import json
import os
import pathlib
from collections.abc import Callable
from typing import Any

import keras
import pytest
import tensorflow as tf

from igam_tf import export, models
from igam_tf.core.errors import InputError
from igam_tf.export import endpoints, exporting
from igam_tf.export.replacing import replacing
from igam_tf.layers import PixelRange

from .. import tiny
from ..experiments.small import contents


def forgetful() -> keras.Model:
    """A model that computes something else each time that it is traced."""

    class Counted(keras.layers.Layer):
        calls = 0

        def call(self, inputs: Any) -> Any:
            self.calls += 1
            return inputs * self.calls

    return keras.Sequential(
        [keras.Input((2, 2, 1)), PixelRange(0, 255), keras.layers.Flatten(), Counted()]
    )


def with_softmax() -> keras.Model:
    return keras.Sequential(
        [keras.Input(tiny.SHAPE), PixelRange(0, 1), keras.layers.Flatten(), keras.layers.Softmax()]
    )


def stock() -> keras.Model:
    normalized = [keras.layers.BatchNormalization(), keras.layers.Flatten()]
    return keras.Sequential([keras.Input(tiny.SHAPE), PixelRange(0, 1), *normalized])


WITHOUT_RANGE = [keras.Input(tiny.SHAPE), keras.layers.Flatten()]
VECTORS = [keras.Input((8,)), keras.layers.Dense(2)]
# Name of the export, settings, message; the model is tiny.classifier() or that of MODELS.
REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "format": ("m", {"format": "onnx"}, "format: expected one of savedmodel, keras, weights"),
    "suffix": (
        "m.h5",
        {"format": "weights"},
        "m.h5: expected a file .*weights.h5 for format weights",
    ),
    "file": ("m.keras", {}, "m.keras: a SavedModel is a directory"),
    "endpoints": (
        "m.keras",
        {"format": "keras", "encoded": True},
        "format: keras has no endpoints",
    ),
    "gradients": (
        "m",
        {"gradients": "margin"},
        "gradients: expected one of softmax, xent, both",
    ),
    "statistics": ("m", {"statistics": "both"}, "statistics: expected one of moving, batch"),
    "names": ("m", {"class_names": ["a"]}, "class_names: the model has 3 classes, got 1 names"),
    "batch only": ("m", {}, 'no moving averages .*statistics="batch"'),
    "stock": ("m", {"statistics": "batch"}, "stock BatchNormalization"),
    "bounds": ("m", {}, "its pixel range"),
    "probabilities": ("m", {}, "the model gives probabilities"),
    "shape": ("m", {}, "expected a Keras model of"),
    "unlike": ("m", {}, "its logits do not survive the export"),
}
MODELS: dict[str, Callable[[], keras.Model]] = {
    "batch only": lambda: models.wide_resnet(2, 1, 1, (4, 4, 3), moving_averages=False),
    "stock": stock,
    "bounds": lambda: keras.Sequential(WITHOUT_RANGE),
    "probabilities": with_softmax,
    "shape": lambda: keras.Sequential(VECTORS),
    "unlike": forgetful,
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_leaves_nothing(case: str, tmp_path: pathlib.Path) -> None:
    name, settings, message = REFUSED[case]
    model = MODELS.get(case, tiny.classifier)()
    with pytest.raises(InputError, match=message):
        export.export(model, tmp_path / name, **settings)
    assert not list(tmp_path.iterdir())


def untraced(monkeypatch: pytest.MonkeyPatch, text: str = "new") -> None:
    """Lets `export` write a text in place of a SavedModel."""

    def save(traced: Any, temporary: pathlib.Path, name: str, description: Any) -> None:
        (temporary / name).mkdir()
        (temporary / name / "saved_model.pb").write_text(text)

    monkeypatch.setattr(endpoints, "build", lambda *_: endpoints.Endpoints(tf.Module(), {}))
    monkeypatch.setattr(exporting, "_save", save)
    monkeypatch.setattr(exporting, "_verify", lambda *_: None)


def test_nothing_is_overwritten_by_default(
    model: keras.Model, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    untraced(monkeypatch)
    out, photos = tmp_path / "deep" / "model", tmp_path / "photos"
    export.export(model, out)
    before = contents(tmp_path)
    assert before == {"deep/model/saved_model.pb": b"new"}
    untraced(monkeypatch, "newer")
    with pytest.raises(InputError, match="model: is there already; --overwrite replaces it"):
        export.export(model, out)
    assert contents(tmp_path) == before
    export.export(model, out, overwrite=True)
    assert contents(tmp_path) == {"deep/model/saved_model.pb": b"newer"}
    photos.mkdir()
    (photos / "dear.png").touch()
    with pytest.raises(InputError, match="photos: is no such export and is not replaced"):
        export.export(model, photos, overwrite=True)
    assert (photos / "dear.png").exists()


@pytest.mark.parametrize("format", ["keras", "weights"])
def test_files_and_their_metadata_are_replaced_together(
    format: str, model: keras.Model, tmp_path: pathlib.Path
) -> None:
    out = tmp_path / {"keras": "m.keras", "weights": "m.weights.h5"}[format]
    sidecar = out.with_name(out.name + ".json")
    sidecar.write_text("old")
    with pytest.raises(InputError, match="json: is there already"):
        export.export(model, out, format=format)
    assert contents(tmp_path) == {sidecar.name: b"old"}
    export.export(model, out, format=format, overwrite=True, class_names=["a", "b", "c"])
    assert set(contents(tmp_path)) == {out.name, sidecar.name}
    assert json.loads(sidecar.read_text())["classes"]["names"] == ["a", "b", "c"]


def test_a_failed_export_leaves_what_was_there(
    model: keras.Model, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    untraced(monkeypatch)
    out = tmp_path / "model"
    export.export(model, out)
    untraced(monkeypatch, "newer")
    rename, failures = os.rename, iter([True])

    def fail(*_: Any) -> None:
        raise OSError("disk full")

    def fail_once_to_place(source: pathlib.Path, target: pathlib.Path) -> None:
        if target == out and next(failures, False):
            fail()
        rename(source, target)

    with monkeypatch.context() as placing:
        placing.setattr(os, "rename", fail_once_to_place)
        with pytest.raises(OSError, match="disk full"):
            export.export(model, out, overwrite=True)
    monkeypatch.setattr(exporting, "_verify", fail)
    for target in (out, tmp_path / "fresh"):
        with pytest.raises(OSError, match="disk full"):
            export.export(model, target, overwrite=True)
    assert contents(tmp_path) == {"model/saved_model.pb": b"new"}
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_two_files_are_replaced_both_or_not_at_all(tmp_path: pathlib.Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for file in (first, second):
        file.write_text("old")
    with pytest.raises(FileNotFoundError), replacing([first, second]) as temporary:
        (temporary / "a").write_text("new")
    assert contents(tmp_path) == {"a": b"old", "b": b"old"}
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}
