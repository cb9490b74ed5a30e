"""Commands that read a network of RobustBench, and their mistakes."""

import pathlib
import re
from collections.abc import Callable

import keras
import numpy as np
import pytest
import safetensors.numpy

from igam_tf import models

from ..models.torch_states import wide_resnet_state
from .verbs import require_one_line, run

State = dict[str, np.ndarray]


def write(path: pathlib.Path, change: Callable[[State], object] = lambda state: None) -> str:
    """The source of a network whose state dict has been changed."""
    state = wide_resnet_state()
    change(state)
    safetensors.numpy.save_file(state, path / "wrn.safetensors")
    return f"robustbench:WideResNet:{path / 'wrn.safetensors'}"


def test_a_network_is_converted(tmp_path: pathlib.Path) -> None:
    source = f"{write(tmp_path)}:activation=swish:mean=0.5,0.5,0.5"
    assert run("convert_checkpoint", source, str(tmp_path / "model.keras")) == 0
    model = keras.saving.load_model(tmp_path / "model.keras")
    expected = models.robustbench(
        "WideResNet", tmp_path / "wrn.safetensors", activation="swish", mean=0.5
    )
    images = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    assert np.array_equal(model(images), expected(images))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.update(extra=state["fc.bias"]), "unknown: extra"),
        (lambda state: state.pop("bn1.bias"), "missing: bn1.bias"),
        (
            lambda state: state.update({"bn1.bias": state["fc.bias"]}),
            r"of another shape: bn1.bias \[10\] instead of \[64\]",
        ),
    ],
    ids=["one name too many", "one too few", "one of another shape"],
)
@pytest.mark.parametrize(
    "verb",
    [
        "convert_checkpoint",
        pytest.param("evaluate", marks=pytest.mark.slow),
        pytest.param("finetune_teacher", marks=pytest.mark.slow),
    ],
)
def test_a_state_dict_that_does_not_fit(
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
    verb: str,
    change: Callable[[State], object],
    message: str,
) -> None:
    source, out = write(tmp_path, change), tmp_path / "out.keras"
    arguments = {
        "convert_checkpoint": [source, str(out)],
        "evaluate": [source],
        "finetune_teacher": [
            *(f"--teacher={source}", f"--run_dir={out}", "--train_size=8", "--batch_size=8")
        ],
    }
    assert run(verb, *arguments[verb]) == 2
    errors = capsys.readouterr().err
    assert re.fullmatch(rf"[\w ]+: \S+wrn.safetensors: WideResNet: {message}\n", errors), errors
    assert not (out / "model.keras").exists()
    assert not out.is_file()


@pytest.mark.parametrize(
    ("verb", "arguments", "message"),
    [
        ("evaluate", ["robustbench:VGG:x.pt"], "expected robustbench:ARCHITECTURE:PATH with one"),
        ("evaluate", ["robustbench:ResNet18:no.pt"], "no.pt: is not a file"),
        (
            "train_student",
            ["--teacher=robustbench:ResNet18:no.pt:depth=18"],
            "expected options image_size, .*, got 'depth'",
        ),
    ],
)
def test_a_source_that_is_none(
    capsys: pytest.CaptureFixture[str], verb: str, arguments: list[str], message: str
) -> None:
    require_one_line(capsys, verb, arguments, message)


@pytest.mark.parametrize("arguments", [["out"], ["out.keras", "--kind=igam_teacher"]])
def test_a_network_has_no_checkpoint(
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("convert_checkpoint", "robustbench:ResNet18:x.pt", *arguments) == 2
    assert "is converted to a .keras or .weights.h5 file" in capsys.readouterr().err
