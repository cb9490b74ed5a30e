"""The layers of a Keras model, including those of nested models and composite layers."""

from collections.abc import Iterator
from typing import Any

import keras


def walk(model: Any) -> Iterator[Any]:
    """All layers below `model`, each once and in order: a nested model, then its layers.

    Includes layers that a user's layer holds as attributes or in lists. A plain callable has none.
    """
    yield from _walk(model, {id(model)})


def _walk(model: Any, visited: set[int]) -> Iterator[Any]:
    for layer in _children(model):
        if id(layer) not in visited:
            visited.add(id(layer))
            yield layer
            yield from _walk(layer, visited)


def _children(layer: Any) -> Iterator[Any]:
    if isinstance(layer, keras.Model) or not isinstance(layer, keras.layers.Layer):
        yield from getattr(layer, "layers", [])
        return
    for value in vars(layer).values():
        for item in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(item, keras.layers.Layer):
                yield item


def last_layers(model: Any) -> Iterator[Any]:
    """The last layer of a model, then the last layer of that layer if it is a model, and so on."""
    while getattr(model, "layers", None):
        model = model.layers[-1]
        yield model


def is_graph(model: Any) -> bool:
    """Whether a model is functional or sequential, so that Keras can copy and cut it."""
    return isinstance(model, keras.Sequential) or bool(getattr(model, "operations", None))
