"""The examples run on a user's folder, by Python and by the commands that they name."""

import importlib.util
import json
import pathlib
import re
import shlex
import textwrap
from collections.abc import Mapping
from types import ModuleType

import numpy as np
import pytest
import tensorflow as tf

from igam_tf.cli import evaluate, export_model, finetune_teacher, train_robust, train_student

ROOT = pathlib.Path(__file__).resolve().parents[1]
COLORS = {"blue": (0, 0, 255), "green": (0, 255, 0), "red": (255, 0, 0)}


def photos(
    root: pathlib.Path, colors: Mapping[str, tuple[int, ...]], count: int = 24, side: int = 48
) -> pathlib.Path:
    """Noisy PNGs, each class of a colour of its own, under train/ and val/."""
    rng = np.random.default_rng(0)
    for part in ("train", "val"):
        for name, color in colors.items():
            for number in range(count if part == "train" else count // 2):
                image = 0.4 * np.array(color) + rng.uniform(0, 150, (side, side, 3))
                file = root / part / name / f"{number}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(tf.io.encode_png(image.astype(np.uint8)).numpy())
    return root


def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("own_task", ROOT / "examples/own_task.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_own_task(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = photos(tmp_path / "photos", COLORS)
    example().main(str(folder), str(tmp_path / "out"), steps=4, num_examples=12)
    output = capsys.readouterr().out
    assert "PASS" in output
    assert "pgd20" in output
    record = json.loads((tmp_path / "out/record.json").read_text())
    assert record["n"] == 12
    served = tf.saved_model.load(str(tmp_path / "out/student")).signatures["serve"]
    assert served(tf.zeros((2, 48, 48, 3)))["logits"].shape == (2, 3)


@pytest.mark.slow
def test_own_task_by_commands(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of the example's docstring, with few steps and images."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    photos(tmp_path / "photos", COLORS)
    lines = textwrap.dedent(str(example().__doc__)).splitlines()
    variables = dict(re.findall(r'^ +(OWN|NET)="(.*)"$', "\n".join(lines), re.M))
    commands = [line.strip() for line in lines if line.strip().startswith("bin/")]
    assert [line.split()[0] for line in commands] == [
        *2 * ["bin/train_robust"],
        *("bin/finetune_teacher", "bin/train_student", "bin/evaluate", "bin/export_model"),
    ]
    for line in commands:
        for name, value in variables.items():
            line = line.replace(f"${name}", value)
        verb, *arguments = shlex.split(line.removeprefix("bin/"))
        arguments += ["--steps=2"] if "train" in verb or "finetune" in verb else []
        if verb == "evaluate":
            arguments = [text.replace("strong", "apgd5-t,square9") for text in arguments]
            arguments += ["--num_examples=4", "--output=record.json"]
        assert importlib.import_module(f"igam_tf.cli.{verb}").main(arguments) == 0, line
    assert "square9" in pathlib.Path("record.json").read_text()
    assert tf.saved_model.contains_saved_model("student")


OWN_NETWORK = """
import keras

@keras.saving.register_keras_serializable("mine")
class Net(keras.Model):
    def __init__(self, num_classes, **kwargs):
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.conv = keras.layers.Conv2D(8, 3, strides=2, kernel_regularizer="l2")
        self.norm = keras.layers.GroupNormalization(4)
        self.drop = keras.layers.Dropout(0.3)
        self.head = keras.layers.Dense(num_classes)

    def call(self, x, training=None):
        x = keras.activations.relu6(self.norm(self.conv(x / 255)))
        return self.head(self.drop(keras.ops.mean(x, (1, 2)), training=training))

    def get_config(self):
        return {**super().get_config(), "num_classes": self.num_classes}

def net(input_shape, num_classes):
    return Net(num_classes)
"""


@pytest.mark.slow
def test_another_layout_by_commands(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seven classes in train/ and val/, grey, from disk, a subclassed teacher and student."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    photos(tmp_path / "photos", {f"class {k}": (30 * k, 0, 200) for k in range(7)}, count=6)
    (tmp_path / "own.py").write_text(OWN_NETWORK)
    own = ["--dataset=folder:photos", "--image_size=32", "--color=grey", "--memory_limit=0"]
    train = [*own, "--batch_size=8", "--steps=3"]
    network = "--network=own.py:net"
    commands = [
        [train_robust, *train, network, "--attack_steps=2", "--run_dir=robust"],
        [finetune_teacher, *train, "--teacher=robust", "--run_dir=teacher"],
        [train_student, *train, network, "--teacher=teacher", "--run_dir=student"],
        [evaluate, "student", "--memory_limit=0", "--attacks=pgd2,apgd2-t", "--num_examples=7"],
        [export_model, "student", "exported"],
    ]
    for command, *arguments in commands:
        assert command.main(arguments) == 0, arguments
    served = tf.saved_model.load("exported").signatures["serve"]
    assert served(tf.zeros((1, 32, 32, 1)))["logits"].shape == (1, 7)
