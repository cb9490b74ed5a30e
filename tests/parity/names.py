"""Where our weights stand in the original code's checkpoints, and what its numbers are compared by."""

import re
from collections.abc import Mapping

import keras
import numpy as np

_SCOPES = (
    (r"init_conv", "input/init_conv"),
    (r"unit_last_bn", "unit_last/BatchNorm"),
    (r"(unit_1_0)_1_bn", r"\1/shared_activation/BatchNorm"),
    (r"(unit_\d_\d)_1_bn", r"\1/residual_only_activation/BatchNorm"),
    (r"(unit_\d_\d)_2_bn", r"\1/sub2/BatchNorm"),
    (r"(unit_\d_\d)_conv(\d)", r"\1/sub\2/conv\2"),
    (r"bn0", "BatchNorm"),
    (r"bn(\d)", r"BatchNorm_\1"),
    (r"(conv\d)", r"\1"),
)
_LEAVES = {"kernel": "DW", "bias": "biases"}


def weights(model: keras.Model, prefix: str = "") -> dict[str, keras.Variable]:
    """A residual network's or a discriminator's weights by their original names."""
    teacher = any(layer.name == "source_logits" for layer in model.layers)
    scopes = (
        *_SCOPES,
        ("source_logits", "logit"),
        ("logits", "target_task_logit" if teacher else "logit"),
    )
    found = {}
    for layer in model.layers:
        if layer.weights:
            scope = next(re.sub(p, s, layer.name) for p, s in scopes if re.fullmatch(p, layer.name))
            found |= {f"{prefix}{scope}/{_LEAVES.get(v.name, v.name)}": v for v in layer.weights}
    return found


def load(values: Mapping[str, np.ndarray], *models: dict[str, keras.Variable]) -> None:
    """Every weight of the models from the values, each of which must be there."""
    for named in models:
        for name, variable in named.items():
            variable.assign(values[name])
