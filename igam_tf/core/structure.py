"""The layers that a Keras model is made of, those of nested models and composite layers too."""

from collections.abc import Iterator
from typing import Any

import keras


def walk(model: Any) -> Iterator[Any]:
    """All layers below `model` in their order, each once: a nested model, then its layers.

    A layer of a user's own that holds layers in its attributes, alone or in lists, is looked into
    too. Nothing for a layer that has none below it, and for a plain callable.
    """
    yield from _walk(model, {id(model)})


def _walk(model: Any, seen: set[int]) -> Iterator[Any]:
    for layer in _children(model):
        if id(layer) not in seen:
            seen.add(id(layer))
            yield layer
            yield from _walk(layer, seen)


def _children(layer: Any) -> Iterator[Any]:
    if isinstance(layer, keras.Model) or not isinstance(layer, keras.layers.Layer):
        yield from getattr(layer, "layers", [])
        return
    for value in vars(layer).values():
        for item in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(item, keras.layers.Layer):
                yield item


def last_layers(model: Any) -> Iterator[Any]:
    """The layer that a model ends in; where that is a model, also the one that it ends in."""
    while getattr(model, "layers", None):
        model = model.layers[-1]
        yield model
