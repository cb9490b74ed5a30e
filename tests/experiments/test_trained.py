"""Models on disk: the three forms are one, and a model goes only with the data that it is for."""

import pathlib
import subprocess
import sys
from collections.abc import Callable

import keras
import numpy as np
import pytest

import madry_checkpoints
from igam_tf import adapters, data, models
from igam_tf.cli import evaluate as evaluate_verb
from igam_tf.core.bounds import PIXELS
from igam_tf.core.errors import InputError
from igam_tf.experiments import trained

from ..data import prepared


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pathlib.Path]:
    """One network as a run directory, as a file, and as a TensorFlow 1 checkpoint by directory and
    by prefix.
    """
    root = tmp_path_factory.mktemp("models")
    keras.utils.set_random_seed(1)
    model = models.mnist_cnn(10, (2, 3), 4)
    (root / "run").mkdir()
    model.save(root / "run" / "model.keras")
    prefix = pathlib.Path(madry_checkpoints.write(model, "mnist_challenge", root / "tf1"))
    return {
        "run": root / "run",
        "file": root / "run" / "model.keras",
        "directory": root / "tf1",
        "prefix": prefix,
    }


@pytest.mark.parametrize("form", ["run", "file", "directory", "prefix"])
def test_the_forms_are_one(places: dict[str, pathlib.Path], form: str) -> None:
    expected = trained.load_model(places["file"]).get_weights()
    weights = trained.load_model(places[form]).get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(weights, expected, strict=True))


@pytest.mark.slow
def test_a_program_that_imports_nothing_else_loads_an_adapted_model(tmp_path: pathlib.Path) -> None:
    body = models.mnist_cnn(10, (2, 3), 4)
    adapter = adapters.parse(("mean", "crop:28", "scale:1/255"))
    models.adapted(body, adapter, (32, 32, 3), PIXELS).save(tmp_path / "model.keras")
    program = (
        "import sys; from igam_tf.experiments import trained; "
        "print(trained.load_model(sys.argv[1]).input_shape)"
    )
    process = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "model.keras")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.stdout == "(None, 32, 32, 3)\n", process.stderr


def test_weights_are_known_by_content(places: dict[str, pathlib.Path]) -> None:
    assert trained.weights(places["run"]).sha256 == trained.weights(places["file"]).sha256
    assert trained.weights(places["directory"]).sha256 == trained.weights(places["prefix"]).sha256
    assert trained.weights(places["file"]).sha256 != trained.weights(places["prefix"]).sha256
    assert (
        trained.weights(places["prefix"]).sha256
        != trained.weights(places["prefix"], "mnist_challenge").sha256
    )


def _absent(path: pathlib.Path) -> None:
    """Leaves nothing there."""


def _empty_directory(path: pathlib.Path) -> None:
    path.mkdir()


def _text(path: pathlib.Path) -> None:
    path.write_text("text")


def _no_model(path: pathlib.Path) -> None:
    path.mkdir()
    (path / "config.json").write_text("{}")


@pytest.mark.parametrize("make", [_absent, _empty_directory, _text, _no_model])
def test_what_is_no_model(tmp_path: pathlib.Path, make: Callable[[pathlib.Path], None]) -> None:
    make(tmp_path / "x")
    for read in (trained.weights, trained.load_model):
        with pytest.raises(
            InputError,
            match=f"^{tmp_path / 'x'}: expected the directory of a finished run, a .keras file,",
        ):
            read(tmp_path / "x")


@pytest.mark.parametrize("name", ["text.keras", "half.keras"])
def test_a_damaged_model(
    places: dict[str, pathlib.Path], tmp_path: pathlib.Path, name: str
) -> None:
    (tmp_path / "text.keras").write_text("not a model")
    (tmp_path / "half.keras").write_bytes(places["file"].read_bytes()[:1000])
    path = tmp_path / name
    with pytest.raises(InputError, match=f"^{path}: not a readable Keras model") as error:
        trained.load_model(path)
    assert "\n" not in str(error.value)


def test_a_model_goes_with_its_own_images_and_classes(
    places: dict[str, pathlib.Path], tmp_path: pathlib.Path
) -> None:
    with pytest.raises(
        InputError,
        match=r"takes \(28, 28, 1\) images of 10 classes; shapes32 has \(32, 32, 3\) and 10",
    ):
        trained.load_for(data.load("shapes32", train_size=1, test_size=1), places["run"])
    models.mnist_cnn(3, (2, 3), 4).save(tmp_path / "three.keras")
    with pytest.raises(InputError, match=r"of 3 classes; shapes28 has \(28, 28, 1\) and 10"):
        trained.load_for(data.load("shapes28", train_size=1, test_size=1), tmp_path / "three.keras")


def test_the_challenges_suite_stands_beside_the_secret_models(
    places: dict[str, pathlib.Path], tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepared.write(tmp_path, "mnist")
    assert (
        evaluate_verb.main([str(places["prefix"]), "--suite=madry", f"--data_dir={tmp_path}"]) == 0
    )
    lines = capsys.readouterr().out.splitlines()
    published = [
        line.split()[0] + " " + line.rsplit(": ", 1)[1] for line in lines if "published" in line
    ]
    assert published == ["clean none", "fgsm 96.36", "pgd100 92.52", "pgd100-x50 89.62"]
    assert any(
        "pgd100-x50: linf, eps 76.5/255 (0.3 of [0, 1]), 100 steps of 0.01" in line
        for line in lines
    )
