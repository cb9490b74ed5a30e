"""The metadata of an export: the model, its normalisation, the run that it comes from."""

import dataclasses
import json
import pathlib

import keras
import pytest
import tensorflow as tf

from igam_tf import evaluation, export, models
from igam_tf.core.bounds import PIXELS
from igam_tf.core.errors import InputError
from igam_tf.core.settings import configuration
from igam_tf.export import metadata

from .. import tiny
from ..experiments import small


def test_metadata(exported: pathlib.Path, model: keras.Model) -> None:
    description = json.loads((exported / "assets/metadata.json").read_text())
    assert description["classes"] == {"count": 3, "names": ["a", "b", "c"]}
    assert (description["image_shape"], description["bounds"], description["statistics"]) == (
        [8, 8, 3],
        [0, 255],
        "moving",
    )
    assert (description["normalization"], description["adapter"], description["gradients"]) == (
        None,
        [],
        "softmax",
    )
    assert description["origin"] == dataclasses.asdict(export.Origin())
    assert description["environment"]["tensorflow"] == tf.__version__
    rebuilt = keras.models.model_from_json(json.dumps(description["architecture"]))
    assert [weight.path for weight in rebuilt.weights] == [weight.path for weight in model.weights]
    assert description["endpoints"]["attack"] == {
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


def test_class_names_of_a_run_directory(model: keras.Model, tmp_path: pathlib.Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    model.save(run / "model.keras")
    (run / "environment.json").write_text('{"class_names": ["x", "y", "z"]}')
    names = {}
    for number, settings in enumerate(({}, {"class_names": ["a", "b", "c"]})):
        out = tmp_path / f"{number}.keras"
        exported = export.export_from(run, out, format="keras", **settings)
        names[number] = exported.metadata["classes"]["names"]
    assert names == {0: ["x", "y", "z"], 1: ["a", "b", "c"]}


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
    (run / "environment.json").write_text('{"python": "3"}')
    record = evaluation.evaluate(model, tiny.batch(), attacks=("fgsm",), batch_size=6).to_json()
    for name in ("run/evaluation-1.json", "run/strong-2.json", "own.json"):
        (tmp_path / name).write_text(record)
    origin = export.origin_of(run, records=[tmp_path / "own.json"])
    assert origin.config == json.loads(configuration.to_json(small.STUDENT))
    assert origin.environment == {"python": "3"}
    assert origin.evaluations == dict.fromkeys(
        ("evaluation-1.json", "strong-2.json", "own.json"), json.loads(record)
    )
    assert origin.source["path"] == str(run)
    of_file = export.origin_of(run / "model.keras")
    assert (of_file.config, of_file.source["sha256"]) == (origin.config, origin.source["sha256"])
    for text, message in (
        ("{}", "no evaluation record"),
        ("[]", "no evaluation record"),
        ("{", "not readable as JSON"),
    ):
        (tmp_path / "own.json").write_text(text)
        with pytest.raises(InputError, match=f"own.json: {message}"):
            export.origin_of(run, records=[tmp_path / "own.json"])
