"""Networks by source: a user's own, a saved one, or one of keras.applications.

    PATH.keras                            a saved model, with fresh weights or its own
    keras:NAME[:OPTION=VALUE...]          keras.applications.NAME behind its documented scaling
    package.module:function, file.py:function
                                          function(input_shape=..., num_classes=...)

What comes out returns logits, carries the data's pixel range, and has exact normalisation layers.
"""

import contextlib
import importlib
import pathlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from igam_tf import layers
from igam_tf.core import imports
from igam_tf.core.bounds import PIXELS, Bounds
from igam_tf.core.errors import InputError
from igam_tf.core.precision import full_precision
from igam_tf.core.settings.choices import INITIAL_WEIGHTS
from igam_tf.core.structure import is_graph
from igam_tf.layers import AffineChannels, PixelRange
from igam_tf.models.heads import SubclassedNetwork, without_softmax
from igam_tf.models.source_options import source_option

Say = Callable[[str], None]
Shape = tuple[int, int, int]


def user_network(
    source: str,
    input_shape: Shape,
    num_classes: int,
    bounds: Bounds,
    initial_weights: str = "fresh",
    say: Say = print,
) -> keras.Model:
    """The network of a source, ready to be trained.

    Args:
      source: `PATH.keras`, `keras:NAME[:OPTION=VALUE...]` (options are arguments of the
        application, and `weights=FILE`), or the import path of a function that is called with
        `input_shape` and `num_classes` and takes images in `bounds`.
      input_shape: of the data's images, [H, W, C].
      bounds: of the data's images.
      initial_weights: of `PATH.keras`, `fresh` or `keep`.
      say: receives one line for each change, such as a softmax that was cut off or normalisation
        layers that were converted.

    Raises:
      InputError: no such source, it fails, or its input or number of classes does not fit.
    """
    if initial_weights not in INITIAL_WEIGHTS:
        raise InputError(
            f"initial_weights: expected one of {', '.join(INITIAL_WEIGHTS)}, got "
            f"{initial_weights!r}"
        )
    if source.startswith("keras:"):
        model = _application(source, input_shape, num_classes, bounds)
    elif source.endswith(".keras"):
        model = _saved(pathlib.Path(source), initial_weights)
    elif ":" in source:
        function = imports.load(source, "network")
        settings = {"input_shape": input_shape, "num_classes": num_classes}
        model = imports.call(lambda: function(**settings), source, "network")
    else:
        raise InputError(
            "network: expected wide_resnet, mnist_cnn, PATH.keras, keras:NAME or "
            f"package.module:function, got {source!r}"
        )
    if not isinstance(model, keras.Model):
        raise InputError(f"network: {source} is {type(model).__name__}, expected a Keras model")
    return _prepare(model, source, input_shape, num_classes, bounds, say)


def _prepare(
    model: keras.Model,
    source: str,
    input_shape: Shape,
    num_classes: int,
    bounds: Bounds,
    say: Say,
) -> keras.Model:
    """A model with logits, a pixel range and exact normalisation layers.

    `source` names the model in messages.

    Raises:
      InputError: its input or number of classes does not fit.
    """
    model = without_softmax(model, lambda line: say(f"{source}: {line}"))
    inputs = keras.Input(input_shape, name="images", dtype=full_precision())
    try:
        stock = layers.stock_normalizations(model)
        if not is_graph(model):
            model = SubclassedNetwork(model, name=model.name)
        if not is_graph(model) or not _has_bounds(model):
            x = PixelRange(bounds.low, bounds.high, name="pixels")(inputs)
            model = keras.Model(inputs, model(x), name=model.name)
        shape = tuple(model.compute_output_shape((None, *input_shape)))
    except InputError:
        raise
    except Exception as error:  # whatever a user's layers raise on these images
        raise InputError(
            f"network: {source} does not take images {input_shape} "
            f"({type(error).__name__}: {str(error).splitlines()[0][:200]})"
        ) from error
    if tuple(model.input_shape[1:]) != input_shape:
        raise InputError(
            f"network: {source} takes {tuple(model.input_shape[1:])}, the data has {input_shape}"
        )
    if shape[1:] != (num_classes,):
        raise InputError(
            f"network: {source} gives {list(shape[1:])} for an image, expected logits of "
            f"{num_classes} classes"
        )
    if layers.bounds_of(model) != bounds:
        raise InputError(
            f"network: {source} takes pixels in {layers.bounds_of(model)}, the data has {bounds}"
        )
    if stock:
        say(
            f"{source}: {len(stock)} normalisation layers ({stock[0]}, ...) became those of "
            "igam_tf.layers, whose second derivatives are right"
        )
    return layers.exact_batchnorm(model) if layers.stock_normalizations(model) else model


def _has_bounds(model: keras.Model) -> bool:
    try:
        layers.bounds_of(model)
    except InputError:
        return False
    return True


def _saved(file: pathlib.Path, initial_weights: str) -> keras.Model:
    if not file.is_file():
        raise InputError(f"network: {file} is not a file")
    imports.make_importable()
    try:
        model = keras.saving.load_model(file, compile=False)
        if initial_weights == "keep":
            return model
        if is_graph(model):
            return keras.models.clone_model(model)
        return type(model).from_config(model.get_config())
    except Exception as error:  # Keras raises whatever the damaged part raised
        raise InputError(
            f"network: {file} is not a readable Keras model ({type(error).__name__}: "
            f"{str(error).splitlines()[0][:200]})"
        ) from error


def _application(source: str, shape: Shape, num_classes: int, bounds: Bounds) -> keras.Model:
    """A network of keras.applications without its top, then pooling and logits."""
    _, name, *options = source.split(":")
    build = getattr(keras.applications, name, None)
    if not callable(build):
        names = [each for each in dir(keras.applications) if each[0].isupper()]
        raise InputError(
            f"network: expected keras:NAME with one of {', '.join(names)}, got {name!r}"
        )
    arguments = dict(map(source_option, options))
    weights = arguments.pop("weights", None)
    inputs = keras.Input(shape, name="images")
    x = PixelRange(bounds.low, bounds.high, name="pixels")(inputs)
    x = AffineChannels(*_scaling(build, shape[-1], bounds), name="scaling")(x)
    with _one_line(source):
        body = build(include_top=False, weights=None, pooling="avg", input_tensor=x, **arguments)
        if weights is not None:
            body.load_weights(weights)
    logits = keras.layers.Dense(num_classes, name="logits", dtype=full_precision())(body.output)
    return keras.Model(inputs, logits, name=name.lower())


@contextlib.contextmanager
def _one_line(source: str) -> Any:
    try:
        yield
    except Exception as error:  # of Keras, for a size, an option or a file that it does not take
        raise InputError(
            f"network: {source}: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
        ) from error


def _scaling(build: Any, channels: int, bounds: Bounds) -> tuple[list[list[float]], list[float]]:
    """Matrix and offset from pixels in `bounds` to what the application's documentation asks for.

    Its `preprocess_input` is an affine map of red, green and blue; a grey image is all three.
    """
    module = importlib.import_module(build.__module__)
    pixels = np.concatenate([np.zeros((1, 3)), 255 * np.eye(3)]).astype(np.float64)
    outputs = np.asarray(module.preprocess_input(pixels[None, None].copy()), np.float64)[0, 0]
    matrix, offset = (outputs[1:] - outputs[0]) / 255, outputs[0]
    if channels == 1:
        matrix = matrix.sum(0, keepdims=True)
    return (matrix * (PIXELS.high / bounds.high)).tolist(), offset.tolist()
