"""Our weights by their names in the original code's checkpoints."""

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
    """The weights of a residual network or a discriminator by their original names."""
    teacher = any(layer.name == "source_logits" for layer in model.layers)
    scopes = (
        *_SCOPES,
        ("source_logits", "logit"),
        ("logits", "target_task_logit" if teacher else "logit"),
    )
    variables = {}
    for layer in model.layers:
        if layer.weights:
            scope = next(re.sub(p, s, layer.name) for p, s in scopes if re.fullmatch(p, layer.name))
            for variable in layer.weights:
                leaf = _LEAVES.get(variable.name, variable.name)
                variables[f"{prefix}{scope}/{leaf}"] = variable
    return variables


def load(values: Mapping[str, np.ndarray], *models: dict[str, keras.Variable]) -> None:
    """Assigns every weight of the models; a missing value is a KeyError."""
    for named in models:
        for name, variable in named.items():
            variable.assign(values[name])
