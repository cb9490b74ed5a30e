"""Robustness transfer through input gradients (IGAM) on TensorFlow 2 and Keras 3.

Submodules load on first use. Importing the package costs nothing, and TensorFlow starts only when it
is needed::

    import igam_tf
    model = igam_tf.models.wide_resnet(10, width=1)
    attack = igam_tf.attacks.PGD(epsilon="8/255", steps=20)
"""

import importlib
from types import ModuleType

from igam_tf import _quiet
from igam_tf.version import __version__

_quiet.install()

_SUBMODULES = (
    "adapters",
    "attacks",
    "bounds",
    "data",
    "diagnostics",
    "errors",
    "evaluation",
    "experiments",
    "export",
    "figures",
    "gradients",
    "layers",
    "losses",
    "models",
    "paper",
    "precision",
    "pretrained",
    "report",
    "runtime",
    "settings",
    "training",
)
__all__ = ["__version__", *_SUBMODULES]


def __getattr__(name: str) -> ModuleType:
    if name in _SUBMODULES:
        return importlib.import_module(f"igam_tf.{name}")
    raise AttributeError(f"module 'igam_tf' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
