"""A model's layers, those of nested models too."""

from typing import Any

import keras
import numpy as np
import pytest

from igam_tf import layers
from igam_tf.attacks import inputs
from igam_tf.core.errors import InputError
from igam_tf.core.structure import last_layers, walk


def nested(end: Any) -> keras.Model:
    """a, (b, (c), end)."""
    inner = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, name="c")], name="inner")
    outer = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(2, name="b"), inner, end], name="outer"
    )
    return keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(2, name="a"), outer], name="whole"
    )


def test_every_layer_comes_once_each_model_before_its_own() -> None:
    model = nested(keras.layers.Dense(2, name="end"))
    assert [layer.name for layer in walk(model)] == ["a", "outer", "b", "inner", "c", "end"]
    assert [layer.name for layer in last_layers(model)] == ["outer", "end"]


class Block(keras.layers.Layer):
    """A layer of a user's own, with layers in an attribute and in a list."""

    def __init__(self) -> None:
        super().__init__(name="block")
        self.norm = keras.layers.BatchNormalization(name="norm")
        self.heads = [keras.layers.Dense(2, name="first"), keras.layers.Dense(2, name="second")]

    def call(self, x: Any) -> Any:
        return self.heads[0](self.norm(x)) + self.heads[1](x)


def test_layers_inside_a_users_layer_are_seen() -> None:
    model = keras.Sequential([keras.Input((2,)), Block()])
    names = [layer.name for layer in walk(model)]
    assert names[0] == "block"
    assert sorted(names[1:]) == ["first", "norm", "second"]
    assert layers.stock_batchnorms(model) == ["norm"]
    with pytest.raises(InputError, match=r'statistics="batch" needs igam_tf.layers.BatchNorm'):
        layers.check_statistics("batch", model)


@pytest.mark.parametrize("model", [keras.layers.Dense(1), np.sum])
def test_what_has_no_layers_has_none(model: Any) -> None:
    assert not list(walk(model))
    assert not list(last_layers(model))


@pytest.mark.parametrize(
    "end",
    [
        keras.layers.Softmax,
        lambda: keras.layers.Dense(2, "softmax"),
        lambda: keras.layers.Activation("softmax"),
    ],
    ids=["Softmax", "Dense", "Activation"],
)
def test_a_softmax_at_any_depth_is_seen(end: Any) -> None:
    inputs.require_logits(nested(keras.layers.Dense(2)))
    with pytest.raises(InputError, match=r"^whole: the model gives probabilities"):
        inputs.require_logits(nested(end()))
