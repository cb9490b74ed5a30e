"""A SavedModel where there is no igam_tf: the same logits, gradients and adversarial images."""

import json
import pathlib
import subprocess
import sys
import venv

import keras
import numpy as np
import pytest
import tensorflow as tf

import madry_checkpoints
from igam_tf import adapters, data, export, models
from igam_tf.cli import export_model, finetune_teacher, train_robust, train_student
from igam_tf.core.bounds import UNIT
from igam_tf.experiments import trained

from .. import tiny
from . import asking

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIGNATURES = (
    *("serve", "serve_uint8", "serve_encoded"),
    *("input_gradient", "input_gradient_xent", "attack"),
)


def padded() -> keras.Model:
    """Behind an adapter that pads at random places in training, with pixels in [0, 1]."""
    inner = tiny.classifier(2, (12, 12, 3), high=1.0)
    return models.adapted(inner, adapters.parse(("pad_random:12",)), tiny.SHAPE, UNIT)


@pytest.mark.slow
def test_of_a_tiny_model(tmp_path: pathlib.Path) -> None:
    """With batch statistics, a random adapter and both gradients."""
    model = padded()
    export.export(model, tmp_path / "tiny", statistics="batch", gradients="both")
    noise = np.random.default_rng(0).integers(0, 256, (12, *tiny.SHAPE), np.uint8)
    questions = asking.ask(model, tmp_path, "tiny", noise, "batch")
    asking.answer(tmp_path)
    asking.check(model, tmp_path, "tiny", questions)
    with np.load(tmp_path / "tiny.answers.npz") as answers:
        (adapter,) = json.loads(str(answers["metadata"]))["adapter"]
    assert (adapter["part"], adapter["place"], adapter["size"]) == ("Pad", "random", 12)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The executables of an environment with TensorFlow and what it needs itself, nothing else."""
    where = tmp_path_factory.mktemp("elsewhere")
    venv.create(where, with_pip=True)
    line = [where / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*line, f"tensorflow=={tf.__version__}", f"keras=={keras.__version__}"], check=True
    )
    return where / "bin"


def demo(where: pathlib.Path) -> dict[str, pathlib.Path]:
    """Run directories of a fine-tuned teacher and a student, trained as the demo's in few steps."""
    common = ["--train_size=64", "--batch_size=16", "--noaugmented"]
    robust, teacher, student = (str(where / name) for name in ("robust", "teacher", "student"))
    small = [
        "--dataset=shapes28",
        "--network=mnist_cnn",
        "--optimizer=adam",
        "--learning_rates=0.001",
        "--attack_steps=0",
        "--steps=20",
    ]
    assert train_robust.main([*common, *small, f"--run_dir={robust}"]) == 0
    adapter = ["--adapter=mean,crop:28,scale:1/255", "--steps=20"]
    assert (
        finetune_teacher.main([*common, *adapter, f"--teacher={robust}", f"--run_dir={teacher}"])
        == 0
    )
    igam = [
        "--steps=20",
        "--normalization=per_image",
        "--disc_layers=4",
        "--disc_channels=8",
        "--gradient_crop=28",
    ]
    assert train_student.main([*common, *igam, f"--teacher={teacher}", f"--run_dir={student}"]) == 0
    return {"teacher": where / "teacher", "student": where / "student"}


@pytest.mark.slow
@tiny.if_long
def test_of_networks_in_use(elsewhere: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """A student, an adapted MNIST teacher and a wide network of a TensorFlow 1 checkpoint."""
    sources = demo(tmp_path) | {"checkpoint": tmp_path / "tf1"}
    wide = tiny.shaken(models.wide_resnet(10, 2, 1, normalization="per_image"))
    madry_checkpoints.write(wide, "cifar10_challenge", sources["checkpoint"])
    where = tmp_path / "exported"
    task = data.load("shapes32", train_size=1, test_size=24)
    images, questions = task.test.pixels().astype(np.uint8), {}
    for name, source in sources.items():
        assert (
            export_model.main([str(source), str(where / name), "--gradients=both", "--encoded"])
            == 0
        )
        questions[name] = asking.ask(trained.load_model(source), where, name, images)
    asking.answer(where, str(elsewhere / "python"))
    for name, source in sources.items():
        asking.check(trained.load_model(source), where, name, questions[name])
        listing = subprocess.run(
            [elsewhere / "saved_model_cli", "show", "--dir", where / name, "--all"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for signature in SIGNATURES:
            assert f"signature_def['{signature}']:" in listing
    folder = tmp_path / "images"
    folder.mkdir()
    for index, pixels in enumerate(images):
        (folder / f"{index:02}.png").write_bytes(tf.io.encode_png(pixels).numpy())
    line = [
        elsewhere / "python",
        "-I",
        ROOT / "examples/serve_folder.py",
        where / "student",
        folder,
    ]
    served = subprocess.run(line, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert [row.split("\t")[:2] for row in served.splitlines()] == [
        [f"{index:02}.png", str(label)] for index, label in enumerate(questions["student"]["y"])
    ]


LOADS = """
from igam_tf import adapters, export, models
import keras
import numpy as np
x = np.load("x.npy")
np.save("keras.npy", keras.saving.load_model("m.keras")(x, training=False))
np.save("weights.npy", export.load_weights("m.weights.h5")(x, training=False))
"""


@pytest.mark.slow
def test_keras_files_and_weights_in_a_fresh_process(tmp_path: pathlib.Path) -> None:
    model = padded()
    for name, format in (("m.keras", "keras"), ("m.weights.h5", "weights")):
        exported = export.export(model, tmp_path / name, format=format)
        assert exported.metadata == json.loads((tmp_path / f"{name}.json").read_text())
    x, _ = tiny.batch()
    np.save(tmp_path / "x.npy", x)
    line = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{LOADS}"]
    process = subprocess.run(line, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (process.returncode, process.stderr) == (0, "")
    for name in ("keras", "weights"):
        np.testing.assert_array_equal(np.load(tmp_path / f"{name}.npy"), model(x, training=False))
