"""RobustBench's networks give the logits and input gradients of the originals in PyTorch."""

import pathlib

import keras
import numpy as np
import pytest

from igam_tf import gradients, models

from .. import tiny
from .torch_states import golden_state

slow = pytest.mark.slow


def require_equal(model: keras.Model, file: pathlib.Path, suffix: str = "") -> None:
    numbers = np.load(file)
    images, labels = 255 * numbers[f"images{suffix}"], numbers[f"labels{suffix}"]
    assert tiny.relative(model(images), numbers[f"logits{suffix}"]) < 1e-4
    gradient = np.asarray(gradients.input_gradient(model, images, labels, of="xent"))
    assert tiny.relative(255 * gradient, numbers[f"input_gradient{suffix}"]) < 1e-3


@pytest.mark.parametrize(
    ("name", "architecture"),
    [
        ("WideResNet_d10_w1", "WideResNet"),
        ("DMWideResNet_d10_w1_swish", "DMWideResNet"),
        pytest.param("PreActResNet_18", "PreActResNet", marks=slow),
        pytest.param("ResNet_18", "ResNet18", marks=slow),
        pytest.param("torchvision_resnet50_normalized", "ResNet50", marks=slow),
    ],
)
def test_logits_and_input_gradients(golden: pathlib.Path, name: str, architecture: str) -> None:
    folder = golden / "robustbench"
    state = golden_state(folder / f"{name}.state_dict.json")
    model = models.robustbench(architecture, state)
    require_equal(model, folder / f"{name}.npz")
    if architecture == "ResNet50":
        larger = models.robustbench(architecture, state, image_size=64)
        require_equal(larger, folder / f"{name}.npz", "_64")


@pytest.mark.parametrize("suffix", [".safetensors", pytest.param(".pt", marks=slow)])
def test_files(golden: pathlib.Path, suffix: str) -> None:
    if suffix == ".pt":
        pytest.importorskip("torch")
    name = golden / "robustbench" / "WideResNet_d10_w1"
    model = models.robustbench("WideResNet", name.with_suffix(suffix))
    require_equal(model, name.with_suffix(".npz"))
