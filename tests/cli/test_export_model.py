"""`export_model` and `examples/serve_folder.py`: what they print, and mistakes in one line."""

import importlib.util
import json
import pathlib
import re
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest
import tensorflow as tf

from igam_tf import evaluation
from igam_tf.cli import export_model
from igam_tf.core import settings

from .. import tiny
from ..experiments import small
from .verbs import NO_MODEL, NOWHERE, ROOT, require_one_line

EXAMPLE = ROOT / "examples/serve_folder.py"


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A directory with a run's directory in it, and a file of names."""
    place = tmp_path_factory.mktemp("export")
    (place / "run").mkdir()
    model = tiny.classifier(1)
    model.save(place / "run/model.keras")
    (place / "run/config.json").write_text(settings.to_json(small.STUDENT))
    record = evaluation.evaluate(model, tiny.batch(), attacks=("fgsm",), batch_size=6)
    (place / "run/evaluation-1.json").write_text(record.to_json())
    (place / "names.txt").write_text("disc\nsquare\n\nring \n")
    return place


def serve_folder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("serve_folder", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_a_run_is_exported_and_serves_a_folder(
    where: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(where)
    assert export_model.main(["run", "student", "--class_names=names.txt", "--gradients=both"]) == 0
    text, errors = capsys.readouterr()
    assert errors == ""
    images, answers = (
        "[B, 8, 8, 3]",
        "logits: float32 [B, 3], probabilities: float32 [B, 3], labels: int64 [B]",
    )
    inputs = f"images: float32 {images}, labels: int64 [B]"
    lines = text.splitlines()
    assert re.fullmatch(
        r"student: SavedModel of functional\S*, 323 parameters, 3 classes", lines[0]
    )
    assert lines[1:-3] == [
        f"images {images} with pixels in [0, 255]; BatchNorm statistics: moving; "
        "evaluation records: evaluation-1.json",
        f"  serve(images: float32 {images}) -> {answers}",
        f"  serve_uint8(images: uint8 {images}) -> {answers}",
        f"  input_gradient({inputs}) -> gradient: float32 {images}",
        f"  input_gradient_xent({inputs}) -> gradient: float32 {images}",
        f"  attack({inputs}, epsilon: float32, step_size: float32, steps: int32, seed: int32) "
        f"-> adversarial: float32 {images}",
        "",
    ]
    exec("\n".join(lines[-3:]), {})  # what it says of calling the model is so
    assert re.fullmatch(
        r"tf.Tensor\(\[\d\], shape=\(1,\), dtype=int64\)\n", capsys.readouterr().out
    )
    assert (
        json.loads((where / "student/assets/metadata.json").read_text())["origin"]["config"]["type"]
        == "StudentRun"
    )

    example = serve_folder()
    model = tf.saved_model.load("student")
    small_, large = (
        tf.cast(tf.reshape(tf.range(n * n * 3) * 7 % 256, (n, n, 3)), tf.uint8) for n in (8, 20)
    )
    (where / "photos").mkdir()
    (where / "photos/b.png").write_bytes(tf.io.encode_png(small_).numpy())
    (where / "photos/a.JPG").write_bytes(tf.io.encode_jpeg(large).numpy())
    (where / "photos/notes.txt").touch()
    assert example.main(["student", "photos", "--batch_size=1"]) == 0
    rows = [row.split("\t") for row in capsys.readouterr().out.splitlines()]
    answer = model.serve(small_[None])
    assert [row[0] for row in rows] == ["a.JPG", "b.png"]
    assert rows[1][1:] == [
        ("disc", "square", "ring")[int(answer["labels"][0])],
        f"{float(tf.reduce_max(answer['probabilities'])):.4f}",
    ]
    (where / "photos/c.png").write_bytes(b"no image")
    assert example.main(["student", "photos"]) == 1
    text, errors = capsys.readouterr()
    assert len(text.splitlines()) == 2
    assert errors == "serve_folder: photos/c.png: not a readable PNG or JPEG image\n"
    for arguments, message in (
        (["student", "nowhere"], "nowhere: no such folder"),
        (["student", "run"], "run: no PNG or JPEG images in it"),
        (["run", "photos"], "run: no SavedModel of bin/export_model"),
        (
            ["student", "photos", "--batch_size=0"],
            "flag --batch_size=0: 0 is not a positive integer",
        ),
        (["student"], "usage: serve_folder MODEL FOLDER"),
    ):
        assert example.main(arguments) == 2
        assert re.fullmatch(f"serve_folder: {message}.*\n", capsys.readouterr().err)


def test_the_examples_help_starts_no_tensorflow() -> None:
    script = (
        "import atexit, runpy, sys\n"
        "atexit.register(lambda: print('tensorflow' in sys.modules))\n"
        "sys.argv = ['x', '--help']\n"
        f"runpy.run_path({str(EXAMPLE)!r}, run_name='__main__')\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.startswith("Classifies the PNG and JPEG images")
    assert process.stdout.endswith("usage: serve_folder MODEL FOLDER [--batch_size=32]\nFalse\n")


@pytest.mark.parametrize("format", ["keras", "weights"])
def test_other_formats(
    format: str,
    where: pathlib.Path,
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    out = {"keras": "m.keras", "weights": "m.weights.h5"}[format]
    assert export_model.main([str(where / "run"), out, f"--format={format}"]) == 0
    text, errors = capsys.readouterr()
    assert errors == ""
    assert len(text.splitlines()) == 6
    variables: dict[str, Any] = {}
    exec("\n".join(text.splitlines()[-3:]), variables)
    assert tiny.equal(tiny.values(variables["model"]), small.values(where / "run"))
    assert {file.name for file in tmp_path.iterdir()} == {out, f"{out}.json"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected SOURCE OUT; --help says what it can be"),
        (["run"], "expected OUT; --help says what it can be"),
        (["run", "out", "more"], "unexpected argument 'more'"),
        (["nowhere", "out"], NO_MODEL.replace(NOWHERE, "nowhere")),
        (["run", "run"], "run: is there already; --overwrite replaces it"),
        (["run", "run", "--overwrite"], "run: is no such export and is not replaced"),
        (["run", "out.keras"], "out.keras: a SavedModel is a directory"),
        (
            ["run", "out", "--format=onnx"],
            "format: expected one of savedmodel, keras, weights, got 'onnx'",
        ),
        (["run", "out", "--bounds=0"], "bounds: expected a list of 2 numbers, got '0'"),
        (["run", "out", "--bounds=0,wide"], "bounds: expected a list of 2 numbers, got '0,wide'"),
        (["run", "out", "--adapter=mean"], "adapter: it needs image_shape"),
        (
            ["run", "out", "--adapter=mean", "--image_shape=8,8"],
            "image_shape: expected a list of 3 whole numbers of at least 1, got '8,8'",
        ),
        (["run", "out", "--adapter=mean", "--image_shape=8,8,3"], r"adapter: it gives \(8, 8, 1\)"),
        (["run", "out", "--class_names=nowhere"], "No such file or directory: nowhere"),
        (["run", "out", "--evaluations=names.txt"], "names.txt: not readable as JSON"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else None,
)
def test_a_mistake_is_one_line_and_status_2(
    arguments: list[str],
    message: str,
    where: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(where)
    before = {path.name for path in where.iterdir()}
    assert require_one_line(capsys, "export_model", arguments, message) == ""
    assert {path.name for path in where.iterdir()} == before
