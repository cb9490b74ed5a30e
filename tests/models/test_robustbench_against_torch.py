"""Variants of RobustBench's networks beside the originals in PyTorch, in float64.

Needs PyTorch, torchvision, and a checkout of https://github.com/RobustBench/robustbench in the
folder that the environment variable ROBUSTBENCH names: `pytest -m slow tests/models`.
"""

import functools
import importlib
import importlib.util
import os
import pathlib
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from igam_tf import models

from .. import tiny

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
torch = pytest.importorskip("torch")
OPERATORS: list[Any] = []  # exist as long as this does
CIFAR100 = {"mean": (0.5071, 0.4865, 0.4409), "std": (0.2673, 0.2564, 0.2762)}


@functools.cache
def original(module: str) -> Any:
    """A module of RobustBench's architectures, or torchvision's networks."""
    if module == "torchvision":
        return torchvision_networks()
    if "ROBUSTBENCH" not in os.environ:
        pytest.skip("ROBUSTBENCH names no checkout of RobustBench")
    folder = pathlib.Path(os.environ["ROBUSTBENCH"]) / "robustbench/model_zoo/architectures"
    spec = importlib.util.spec_from_file_location(module, folder / f"{module}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@functools.cache
def torchvision_networks() -> Any:
    try:
        return pytest.importorskip("torchvision.models")
    except RuntimeError:
        # Beside another release of PyTorch its compiled operators do not load. No network has one.
        operators = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            operators.define(f"{name}(Tensor boxes, Tensor scores, float threshold) -> Tensor")
        OPERATORS.append(operators)
        return importlib.import_module("torchvision.models")


def wide(**settings: Any) -> Any:
    return original("wide_resnet").WideResNet(**settings)


def deepmind(name: str, activation: str = "Swish", **settings: Any) -> Any:
    module = original("dm_wide_resnet")
    function = getattr(module, activation, None) or getattr(torch.nn, activation)
    return getattr(module, name)(activation_fn=function, **settings)


def cifar(network: str, block: str, units: list[int], **settings: Any) -> Any:
    module = original("resnet")
    return getattr(module, network)(getattr(module, block), units, **settings)


def preact_bottleneck(units: list[int], **settings: Any) -> Any:
    """RobustBench's PreActResNet passes an argument that its PreActBottleneck does not take."""
    module = original("resnet")

    class Bottleneck(module.PreActBottleneck):
        def __init__(self, *sizes: int, out_shortcut: bool) -> None:
            super().__init__(*sizes)

    return module.PreActResNet(Bottleneck, units, **settings)


def normalized(network: Any, wrapper: bool = True) -> Any:
    """Behind normalize_model, or with buffers `mu` and `sigma`, which a subclass uses."""
    if wrapper:
        statistics = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        return original("utils_architectures").normalize_model(network, *statistics)
    network.register_buffer("mu", torch.tensor([0.5, 0.4, 0.3]).view(1, 3, 1, 1))
    network.register_buffer("sigma", torch.tensor([0.25, 0.2, 0.3]).view(1, 3, 1, 1))
    plain = network.forward
    network.forward = types.MethodType(lambda self, x: plain((x - self.mu) / self.sigma), network)
    return network


# Architecture, the original, arguments, and the image's side.
VARIANTS: dict[str, tuple[str, Callable[[], Any], dict[str, Any], int]] = {
    "wrn-10-1": ("WideResNet", lambda: wide(depth=10, widen_factor=1), {}, 32),
    "wrn-28-2-sub_block1": (
        "WideResNet",
        lambda: wide(depth=28, widen_factor=2, num_classes=100, sub_block1=True),
        {},
        32,
    ),
    "wrn-34-1-mu-sigma": (
        "WideResNet",
        lambda: normalized(wide(depth=34, widen_factor=1, num_classes=200), False),
        {},
        32,
    ),
    "wrn-16-4-at-48": ("WideResNet", lambda: wide(depth=16, widen_factor=4), {}, 48),
    "wrn-16-1-at-31": ("WideResNet", lambda: wide(depth=16, widen_factor=1), {}, 31),
    "wrn-without-bias": (
        "WideResNet",
        lambda: wide(depth=10, widen_factor=2, bias_last=False),
        {"bias_last": False},
        32,
    ),
    "dm-28-2": ("DMWideResNet", lambda: deepmind("DMWideResNet", depth=28, width=2), {}, 32),
    "dm-34-1-cifar100": (
        "DMWideResNet",
        lambda: deepmind("DMWideResNet", "SiLU", depth=34, width=1, num_classes=100, **CIFAR100),
        CIFAR100,
        32,
    ),
    "dm-relu": (
        "DMWideResNet",
        lambda: deepmind("DMWideResNet", "ReLU", depth=16, width=2),
        {"activation": "relu"},
        32,
    ),
    "dm-at-36": ("DMWideResNet", lambda: deepmind("DMWideResNet", depth=10, width=2), {}, 36),
    "dm-grey-padded": (
        "DMWideResNet",
        lambda: deepmind(
            "DMWideResNet", depth=10, width=1, padding=2, num_input_channels=1, mean=0.5, std=0.25
        ),
        {"padding": 2, "mean": 0.5, "std": 0.25},
        28,
    ),
    "dm-preact-18": ("DMPreActResNet", lambda: deepmind("DMPreActResNet"), {}, 32),
    "dm-preact-34-softplus": (
        "DMPreActResNet",
        lambda: deepmind("DMPreActResNet", "Softplus", depth=34, num_classes=100, **CIFAR100),
        {"activation": "softplus", **CIFAR100},
        32,
    ),
    "dm-preact-at-41": ("DMPreActResNet", lambda: deepmind("DMPreActResNet"), {}, 41),
    "preact": (
        "PreActResNet",
        lambda: normalized(cifar("PreActResNet", "PreActBlock", [2, 2, 2, 2]), False),
        {},
        32,
    ),
    "preact-bn-out_shortcut": (
        "PreActResNet",
        lambda: cifar(
            "PreActResNet",
            "PreActBlock",
            [2, 2, 2, 2],
            num_classes=100,
            bn_before_fc=True,
            out_shortcut=True,
        ),
        {},
        32,
    ),
    "preact-bn": (
        "PreActResNet",
        lambda: cifar("PreActResNet", "PreActBlock", [1, 2, 1, 1], bn_before_fc=True),
        {"out_shortcut": False},
        32,
    ),
    "preact-v2": (
        "PreActResNet",
        lambda: cifar("PreActResNet", "PreActBlockV2", [1, 1, 1, 1]),
        {"out_shortcut": True},
        32,
    ),
    "preact-v2-bn-at-50": (
        "PreActResNet",
        lambda: cifar("PreActResNet", "PreActBlockV2", [2, 2, 2, 2], bn_before_fc=True),
        {},
        50,
    ),
    "preact-50": (
        "PreActResNet",
        lambda: preact_bottleneck([3, 4, 6, 3]),
        {},
        32,
    ),
    "preact-bottleneck-bn": (
        "PreActResNet",
        lambda: preact_bottleneck([1, 2, 1, 1], bn_before_fc=True),
        {},
        32,
    ),
    "resnet-18-at-43": ("ResNet18", lambda: cifar("ResNet", "BasicBlock", [2, 2, 2, 2]), {}, 43),
    "resnet-34": (
        "ResNet18",
        lambda: cifar("ResNet", "BasicBlock", [3, 4, 6, 3], num_classes=100),
        {},
        32,
    ),
    "resnet-50-cifar-mu-sigma": (
        "ResNet50",
        lambda: normalized(cifar("ResNet", "Bottleneck", [3, 4, 6, 3]), False),
        {},
        32,
    ),
    "torchvision-18": (
        "ResNet18",
        lambda: normalized(original("torchvision").resnet18(weights=None)),
        {},
        64,
    ),
    "torchvision-34-plain": (
        "ResNet50",
        lambda: original("torchvision").resnet34(weights=None, num_classes=30),
        {"mean": 0, "std": 1},
        65,
    ),
    "torchvision-50-at-224": (
        "ResNet50",
        lambda: normalized(original("torchvision").resnet50(weights=None)),
        {},
        224,
    ),
    "torchvision-50-2": (
        "ResNet50",
        lambda: normalized(original("torchvision").wide_resnet50_2(weights=None, num_classes=200)),
        {},
        64,
    ),
    "torchvision-101": (
        "ResNet50",
        lambda: normalized(original("torchvision").resnet101(weights=None)),
        {},
        64,
    ),
}


def randomized(network: Any) -> Any:
    """In float64 and eval mode, with the weights of the golden data's recipe."""
    rng = np.random.default_rng(7)
    for name, buffer in network.double().named_buffers():
        if name.endswith((".mean", ".std", "mu", "sigma")) or name in ("mean", "std"):
            buffer.copy_(buffer.round(decimals=4))  # they were rounded to float32
    for name, tensor in sorted(network.state_dict().items()):
        shape = tuple(tensor.shape)
        if name.endswith(("num_batches_tracked", "mu", "sigma", "mean", "std")) and (
            "running" not in name
        ):
            continue
        if name.endswith("running_var"):
            value = rng.uniform(0.5, 1.5, shape)
        elif len(shape) > 1:
            value = rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
        else:
            value = name.endswith("weight") + 0.1 * rng.standard_normal(shape)
        tensor.copy_(torch.from_numpy(value))
    return network.eval()


@pytest.mark.parametrize("name", VARIANTS)
def test_logits_and_input_gradients_are_the_originals(name: str) -> None:
    architecture, build, arguments, side = VARIANTS[name]
    torch.manual_seed(0)
    network = randomized(build())
    channels = next(each for each in network.parameters() if each.ndim == 4).shape[1]
    images = np.random.default_rng(11).random((2, side, side, channels))
    labels = np.array([1, 4])
    x = torch.tensor(images.transpose(0, 3, 1, 2), requires_grad=True)
    logits = network(x)
    torch.nn.functional.cross_entropy(logits, torch.tensor(labels), reduction="sum").backward()

    with tiny.precision("float64"):
        model = models.robustbench(architecture, network.state_dict(), image_size=side, **arguments)
        pixels = tf.constant(255 * images)
        with tf.GradientTape() as tape:
            tape.watch(pixels)
            outputs = model(pixels)
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, outputs)
            gradient = tape.gradient(tf.reduce_sum(loss), pixels)

    assert outputs.dtype == tf.float64
    assert tiny.relative(outputs, logits.detach().numpy()) < 1e-10
    expected = x.grad.numpy().transpose(0, 2, 3, 1) / 255
    assert tiny.relative(gradient, expected) < 1e-9  # PyTorch's softplus(x) is x from 20 on
