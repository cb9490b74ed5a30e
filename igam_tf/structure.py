"""The layers that a Keras model is made of, those of nested models too."""

from collections.abc import Iterator
from typing import Any


def walk(model: Any) -> Iterator[Any]:
    """All layers below `model` in their order: each nested model, then its layers.

    Nothing for a layer that has none below it, and for a plain callable.
    """
    for layer in getattr(model, "layers", []):
        yield layer
        yield from walk(layer)


def last_layers(model: Any) -> Iterator[Any]:
    """The layer that a model ends in; where that is a model, also the one that it ends in."""
    while getattr(model, "layers", None):
        model = model.layers[-1]
        yield model
