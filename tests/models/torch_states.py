"""State dicts in PyTorch's names and layouts, with the weights of the golden data's recipe."""

import json
import pathlib
from collections.abc import Iterator, Mapping

import numpy as np

IMAGENET = {"normalize.mean": (0.485, 0.456, 0.406), "normalize.std": (0.229, 0.224, 0.225)}


def weights(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """By the recipe in the golden data's README; in the order of `shapes`."""
    rng = np.random.default_rng(7)
    values = {}
    for name in sorted(shapes):
        shape = tuple(shapes[name])
        if name in IMAGENET:
            value = np.reshape(IMAGENET[name], shape)
        elif name.endswith("num_batches_tracked"):
            value = np.zeros(shape)
        elif name.endswith("running_var"):
            value = rng.uniform(0.5, 1.5, shape)
        elif len(shape) > 1:
            value = rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
        else:
            scale = name.endswith("weight")
            value = scale + 0.1 * rng.standard_normal(shape)
        values[name] = value.astype(np.float32)
    return {name: values[name] for name in shapes}


def golden_state(file: pathlib.Path) -> dict[str, np.ndarray]:
    """The state dict whose names and shapes are in a `.state_dict.json` file."""
    entries = json.loads(file.read_text())
    return weights({entry["name"]: tuple(entry["shape"]) for entry in entries})


def wide_resnet_state(
    units: int = 1, width: int = 1, classes: int = 10, sub_block1: bool = False
) -> dict[str, np.ndarray]:
    """Of RobustBench's WideResNet of depth `6 * units + 4`."""
    return weights(dict(_wide_resnet(units, width, classes, sub_block1)))


def _wide_resnet(
    units: int, width: int, classes: int, sub_block1: bool
) -> Iterator[tuple[str, tuple[int, ...]]]:
    channels = (16, 16 * width, 32 * width, 64 * width)
    stages = [("block1", 0), *([("sub_block1", 0)] * sub_block1), ("block2", 1), ("block3", 2)]
    yield "conv1.weight", (16, 3, 3, 3)
    for name, stage in stages:
        for unit in range(units):
            prefix, outer = f"{name}.layer.{unit}", channels[stage + 1]
            inner = outer if unit else channels[stage]
            yield from _norm(f"{prefix}.bn1", inner)
            yield f"{prefix}.conv1.weight", (outer, inner, 3, 3)
            yield from _norm(f"{prefix}.bn2", outer)
            yield f"{prefix}.conv2.weight", (outer, outer, 3, 3)
            if inner != outer:
                yield f"{prefix}.convShortcut.weight", (outer, inner, 1, 1)
    yield from _norm("bn1", channels[3])
    yield "fc.weight", (classes, channels[3])
    yield "fc.bias", (classes,)


def _norm(name: str, channels: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    for part in ("weight", "bias", "running_mean", "running_var"):
        yield f"{name}.{part}", (channels,)
    yield f"{name}.num_batches_tracked", ()
