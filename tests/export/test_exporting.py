"""What is written and what is not: metadata, refusals, failures that leave nothing, replacement."""

import json
import os
import pathlib
import re
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import madry_checkpoints
from igam_tf import attacks, evaluation, export, gradients, models
from igam_tf.core.bounds import PIXELS
from igam_tf.core.errors import InputError
from igam_tf.core.settings import configuration
from igam_tf.export import endpoints, exporting, metadata
from igam_tf.export.replacing import replacing
from igam_tf.layers import PixelRange

from .. import tiny
from ..experiments import small


def contents(where: pathlib.Path) -> dict[str, bytes]:
    return small.contents(where)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return tiny.classifier(1)


@pytest.fixture(scope="module")
def exported(model: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    where = tmp_path_factory.mktemp("exported") / "model"
    export.export(model, where, encoded=True, class_names=["a", "b", "c"])
    return where


@pytest.fixture(scope="module")
def loaded(exported: pathlib.Path) -> Any:
    return tf.saved_model.load(str(exported))


def test_the_signatures(loaded: Any) -> None:
    signatures = {
        "serve",
        "serve_uint8",
        "serve_encoded",
        "input_gradient",
        "attack",
        "serving_default",
    }
    assert set(loaded.signatures) == signatures
    x, y = tiny.batch()
    answers = loaded.signatures["serving_default"](images=tf.constant(x))
    assert {name: (value.dtype, value.shape) for name, value in answers.items()} == {
        "logits": (tf.float32, (6, 3)),
        "probabilities": (tf.float32, (6, 3)),
        "labels": (tf.int64, (6,)),
    }
    adversarial = loaded.signatures["attack"](
        images=tf.constant(x),
        labels=tf.constant(y),
        epsilon=tf.constant(8.0),
        step_size=tf.constant(2.0),
        steps=tf.constant(3),
        seed=tf.constant(1),
    )
    np.testing.assert_array_equal(
        adversarial["adversarial"], loaded.attack(x, y, 8.0, 2.0, 3, 1)["adversarial"]
    )
    assert not np.array_equal(
        adversarial["adversarial"], loaded.attack(x, y, 8.0, 2.0, 3, 2)["adversarial"]
    )


def test_the_answers(loaded: Any, model: keras.Model) -> None:
    """In `test_alone.py` with a batch's statistics; here with moving averages."""
    x, y = tiny.batch()
    assert tiny.relative(loaded.serve(x)["logits"], gradients.logits_of(model, x)) <= 1e-6
    for labels in (y, y.astype(np.int32)):
        found = loaded.input_gradient(x, labels)["gradient"]
        assert tiny.relative(found, gradients.input_gradient(model, x, y, "softmax")) <= 1e-6
    found = loaded.attack(x, y, 8.0, 2.0, 4, -3)["adversarial"]
    expected = attacks.pgd(model, x, y, epsilon=8, step_size=2, steps=4, seed=-3)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_encoded_images_are_decoded_and_resized(loaded: Any) -> None:
    rng = np.random.default_rng(0)
    fitting, other = (
        rng.integers(0, 256, (8, 8, 3), np.uint8),
        rng.integers(0, 256, (20, 13, 1), np.uint8),
    )
    texts = [
        tf.io.encode_png(fitting),
        tf.io.encode_png(other),
        tf.io.encode_jpeg(fitting, quality=100),
    ]
    expected = [
        fitting,
        tf.image.resize(np.repeat(other, 3, -1), (8, 8), antialias=True),
        tf.io.decode_jpeg(texts[2]),
    ]
    pixels = np.stack([np.asarray(image, np.float32) for image in expected])
    found, served = loaded.serve_encoded(tf.stack(texts)), loaded.serve(pixels)
    assert tiny.relative(found["logits"], served["logits"]) <= 1e-6
    with pytest.raises(tf.errors.InvalidArgumentError, match="Unknown image file format"):
        loaded.serve_encoded(tf.constant(["no image"]))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"labels": np.array([3])}, "labels: expected 0 to 2"),
        ({"labels": np.array([-1])}, "labels: expected 0 to 2"),
        ({"images": np.full((1, *tiny.SHAPE), 256, np.float32)}, "images: expected 0 to 255"),
        ({"images": np.full((1, *tiny.SHAPE), -1, np.float32)}, "images: expected 0 to 255"),
        ({"images": np.full((1, *tiny.SHAPE), np.nan, np.float32)}, "images: expected 0 to 255"),
        ({"epsilon": 300.0}, "epsilon: expected 0 to 255"),
        ({"step_size": -1.0}, "step_size: expected 0 to 255"),
        ({"steps": -1}, "steps: expected 0 or more"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_what_an_attack_refuses(loaded: Any, wrong: dict[str, Any], message: str) -> None:
    right = {"images": np.zeros((1, *tiny.SHAPE), np.float32), "labels": np.array([0])}
    settings = {**right, "epsilon": 8.0, "step_size": 2.0, "steps": 1, "seed": 0, **wrong}
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        loaded.attack(**settings)
    if "labels" in wrong:
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            loaded.input_gradient(right["images"], wrong["labels"])


def test_metadata(exported: pathlib.Path, model: keras.Model) -> None:
    said = json.loads((exported / "assets/metadata.json").read_text())
    assert said["classes"] == {"count": 3, "names": ["a", "b", "c"]}
    assert (said["image_shape"], said["bounds"], said["statistics"]) == (
        [8, 8, 3],
        [0, 255],
        "moving",
    )
    assert (said["normalization"], said["adapter"], said["gradients"]) == (None, [], "softmax")
    assert said["origin"] == {
        "source": None,
        "config": None,
        "environment": None,
        "evaluations": {},
    }
    assert said["environment"]["tensorflow"] == tf.__version__
    again = keras.models.model_from_json(json.dumps(said["architecture"]))
    assert [weight.path for weight in again.weights] == [weight.path for weight in model.weights]
    assert said["endpoints"]["attack"] == {
        "inputs": {
            "images": {"dtype": "float32", "shape": [None, 8, 8, 3]},
            "labels": {"dtype": "int64", "shape": [None]},
            "epsilon": {"dtype": "float32", "shape": []},
            "step_size": {"dtype": "float32", "shape": []},
            "steps": {"dtype": "int32", "shape": []},
            "seed": {"dtype": "int32", "shape": []},
        },
        "outputs": {"adversarial": {"dtype": "float32", "shape": [None, 8, 8, 3]}},
    }


@pytest.mark.parametrize("name", [None, "per_image", "unit_norm", "l2"])
def test_the_normalization_in_the_metadata(name: str | None) -> None:
    inner = models.wide_resnet(2, 1, 1, (4, 4, 3), name) if name else models.mnist_cnn(2, (1, 1), 1)
    shape = inner.input_shape[1:]
    outer = keras.Sequential([keras.Input(shape), inner])
    assert (
        metadata.describe(outer, PIXELS, "moving", None, export.Origin())["normalization"] == name
    )


def test_a_run_directorys_records_are_in_the_metadata(
    model: keras.Model, tmp_path: pathlib.Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    model.save(run / "model.keras")
    (run / "config.json").write_text(configuration.to_json(small.STUDENT))
    (run / "environment.json").write_text('{"seen": 1}')
    record = evaluation.evaluate(model, tiny.batch(), attacks=("fgsm",), batch_size=6).to_json()
    for name in ("run/evaluation-1.json", "run/strong-2.json", "own.json"):
        (tmp_path / name).write_text(record)
    found = export.origin_of(run, records=[tmp_path / "own.json"])
    assert found.config == json.loads(configuration.to_json(small.STUDENT))
    assert found.environment == {"seen": 1}
    assert found.evaluations == dict.fromkeys(
        ("evaluation-1.json", "strong-2.json", "own.json"), json.loads(record)
    )
    assert found.source["path"] == str(run)
    of_file = export.origin_of(run / "model.keras")
    assert (of_file.config, of_file.source["sha256"]) == (found.config, found.source["sha256"])
    for text, message in (
        ("{}", "no evaluation record"),
        ("[]", "no evaluation record"),
        ("{", "not readable as JSON"),
    ):
        (tmp_path / "own.json").write_text(text)
        with pytest.raises(InputError, match=f"own.json: {message}"):
            export.origin_of(run, records=[tmp_path / "own.json"])


def forgetful() -> keras.Model:
    """What it computes is another thing each time that it is traced."""

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


REFUSED: dict[str, tuple[Any, str, dict[str, Any], str]] = {
    "format": (tiny.classifier, "m", {"format": "onnx"}, "format: expected one of savedmodel, keras, weights"),
    "suffix": (tiny.classifier, "m.h5", {"format": "weights"}, "m.h5: expected a file .*weights.h5 for format weights"),
    "file": (tiny.classifier, "m.keras", {}, "m.keras: a SavedModel is a directory"),
    "endpoints": (tiny.classifier, "m.keras", {"format": "keras", "encoded": True}, "format: keras has no endpoints"),
    "gradients": (tiny.classifier, "m", {"gradients": "margin"}, "gradients: expected one of softmax, xent, both"),
    "statistics": (tiny.classifier, "m", {"statistics": "both"}, "statistics: expected one of moving, batch"),
    "names": (tiny.classifier, "m", {"class_names": ["a"]}, "class_names: the model has 3 classes, got 1 names"),
    "batch only": (
        lambda: models.wide_resnet(2, 1, 1, (4, 4, 3), moving_averages=False),
        "m",
        {},
        'no moving averages .*statistics="batch"',
    ),
    "stock": (stock, "m", {"statistics": "batch"}, "stock BatchNormalization"),
    "bounds": (lambda: keras.Sequential([keras.Input(tiny.SHAPE), keras.layers.Flatten()]), "m", {}, "its pixel range"),
    "probabilities": (with_softmax, "m", {}, "the model gives probabilities"),
    "shape": (lambda: keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)]), "m", {}, "expected a Keras model of"),
    "unlike": (forgetful, "m", {}, "its logits do not survive the export"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_leaves_nothing(case: str, tmp_path: pathlib.Path) -> None:
    build, name, settings, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        export.export(build(), tmp_path / name, **settings)
    assert not list(tmp_path.iterdir())


def untraced(monkeypatch: pytest.MonkeyPatch, said: str = "new") -> None:
    """Writing a SavedModel is writing a word."""

    def save(traced: Any, temporary: pathlib.Path, name: str, said_of_it: Any) -> None:
        (temporary / name).mkdir()
        (temporary / name / "saved_model.pb").write_text(said)

    monkeypatch.setattr(endpoints, "build", lambda *_: endpoints.Endpoints(tf.Module(), {}))
    monkeypatch.setattr(exporting, "_save", save)
    monkeypatch.setattr(exporting, "_verify", lambda *_: None)


def test_nothing_is_overwritten_unasked(
    model: keras.Model, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    untraced(monkeypatch)
    out, kept = tmp_path / "deep" / "model", tmp_path / "photos"
    export.export(model, out)
    before = contents(tmp_path)
    assert before == {"deep/model/saved_model.pb": b"new"}
    untraced(monkeypatch, "newer")
    with pytest.raises(InputError, match="model: is there already; --overwrite replaces it"):
        export.export(model, out)
    assert contents(tmp_path) == before
    export.export(model, out, overwrite=True)
    assert contents(tmp_path) == {"deep/model/saved_model.pb": b"newer"}
    kept.mkdir()
    (kept / "dear.png").touch()
    with pytest.raises(InputError, match="photos: is no such export and is not replaced"):
        export.export(model, kept, overwrite=True)
    assert (kept / "dear.png").exists()


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


def test_weights_are_loaded(model: keras.Model, tmp_path: pathlib.Path) -> None:
    export.export(model, tmp_path / "m.weights.h5", format="weights")
    assert tiny.equal(
        tiny.values(export.load_weights(tmp_path / "m.weights.h5")), tiny.values(model)
    )


def test_weights_that_are_not_there_or_damaged(model: keras.Model, tmp_path: pathlib.Path) -> None:
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
    """A released teacher's checkpoint holds no adapter: it is asked for, and its input is the
    target task's image.
    """
    seen: list[Any] = []
    monkeypatch.setattr(
        exporting, "export", lambda model, out, **settings: seen.append((model, settings))
    )
    madry_checkpoints.write(models.mnist_cnn(10, (2, 3), 4), "mnist_challenge", tmp_path)
    parts = ("mean", "crop:28", "scale:1/255")
    export.export_from(tmp_path, "out", adapter=parts, image_shape=(32, 32, 3), statistics="moving")
    ((model, settings),) = seen
    assert model.input_shape == (None, 32, 32, 3)
    assert settings["statistics"] == "moving"
    assert settings["origin"].source["sha256"]
    with pytest.raises(InputError, match="adapter: it needs image_shape"):
        export.export_from(tmp_path, "out", adapter=parts)
