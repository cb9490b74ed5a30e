"""Robustness transfer through input gradients (IGAM) on TensorFlow 2 and Keras 3.

Submodules load on first use, and TensorFlow starts with the first one that needs it::

    import igam_tf
    model = igam_tf.models.wide_resnet(10, width=1)
    attack = igam_tf.attacks.PGD(epsilon="8/255", steps=20)
"""

import importlib
from typing import Any

from igam_tf.core import quiet
from igam_tf.core.version import __version__

quiet.install()

_SUBMODULES = (
    "adapters",
    "attacks",
    "core",
    "data",
    "evaluation",
    "experiments",
    "export",
    "gradients",
    "layers",
    "losses",
    "models",
    "pretrained",
    "report",
    "training",
)
_OBJECTS = {"Bounds": "igam_tf.core.bounds", "InputError": "igam_tf.core.errors"}
__all__ = ["__version__", *_SUBMODULES, *_OBJECTS]


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"igam_tf.{name}")
    if name in _OBJECTS:
        return getattr(importlib.import_module(_OBJECTS[name]), name)
    raise AttributeError(f"module 'igam_tf' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
