"""The speed of bare convolutions at a network's sizes and in its compute type."""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable
from typing import Any

import keras
import tensorflow as tf

LEAST_FLOPS = 2e9  # of a call, so that the time of starting it does not count


@dataclasses.dataclass(frozen=True)
class Convolution:
    """A convolution of one image.

    Attributes:
      inputs: height, width and channels of its inputs.
      kernel: height, width, channels of inputs and of outputs.
      strides: down and across.
      padding: `SAME` or `VALID`.
    """

    inputs: tuple[int, int, int]
    kernel: tuple[int, int, int, int]
    strides: tuple[int, int] = (1, 1)
    padding: str = "SAME"

    @classmethod
    def of(cls, layer: keras.layers.Conv2D) -> "Convolution":
        return cls(
            tuple(layer.input.shape[1:]),
            tuple(layer.kernel.shape),
            tuple(layer.strides),
            layer.padding.upper(),
        )

    @property
    def outputs(self) -> tuple[int, int, int]:
        height, width = (
            -(-(side if self.padding == "SAME" else side - size + 1) // stride)
            for side, size, stride in zip(self.inputs, self.kernel, self.strides, strict=False)
        )
        return height, width, self.kernel[3]

    @property
    def flops(self) -> int:
        """Operations of a pass of one image of any kind."""
        return 2 * math.prod(self.kernel) * math.prod(self.outputs[:2])


@dataclasses.dataclass(frozen=True)
class BareConvolution:
    """A call that runs one convolution several times, alone, and waits for the device.

    Attributes:
      times: how often the call runs it.
      flops: operations of one time, for the whole batch.
    """

    call: Callable[[], Any]
    times: int
    flops: int


def calls(
    width: int, batch_size: int, compute_dtype: str = "float32"
) -> dict[str, BareConvolution]:
    """The 3x3 convolutions of a wide residual network's three stages, forward, by name.

    A name is `conv` and the channels.
    """
    return {
        f"conv {base * width}": bare(
            Convolution((side, side, base * width), (3, 3, base * width, base * width)),
            batch_size,
            compute_dtype,
        )["forward"]
        for base, side in ((16, 32), (32, 16), (64, 8))
    }


def bare_passes(
    convolutions: Iterable[Convolution], batch_size: int, compute_dtype: str = "float32"
) -> dict[tuple[Convolution, str], BareConvolution]:
    """Every different convolution in every kind of pass."""
    return {
        (convolution, kind): each
        for convolution in dict.fromkeys(convolutions)
        for kind, each in bare(convolution, batch_size, compute_dtype).items()
    }


def bare(
    convolution: Convolution, batch_size: int, compute_dtype: str = "float32"
) -> dict[str, BareConvolution]:
    """A convolution (`forward`), and its gradients with respect to `inputs` and `weights`.

    XLA never compiles them, as it compiles those of a step with `jit`.
    """
    images, outputs = (
        _noise((batch_size, *shape), compute_dtype)
        for shape in (convolution.inputs, convolution.outputs)
    )
    kernel = _noise(convolution.kernel, compute_dtype)
    settings = {"strides": [1, *convolution.strides, 1], "padding": convolution.padding}
    operations = {
        "forward": lambda: tf.raw_ops.Conv2D(input=images, filter=kernel, **settings),
        "inputs": lambda: tf.raw_ops.Conv2DBackpropInput(
            input_sizes=images.shape, filter=kernel, out_backprop=outputs, **settings
        ),
        "weights": lambda: tf.raw_ops.Conv2DBackpropFilter(
            input=images, filter_sizes=kernel.shape, out_backprop=outputs, **settings
        ),
    }
    flops = convolution.flops * batch_size
    times = max(1, round(LEAST_FLOPS / flops))
    return {
        kind: BareConvolution(_repeated(operation, times), times, flops)
        for kind, operation in operations.items()
    }


def _repeated(operation: Callable[[], tf.Tensor], times: int) -> Callable[[], Any]:
    def body(index: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # An operation that waits for the one before is not moved out of the loop.
        with tf.control_dependencies([total]):
            element = tf.reshape(operation(), (-1,))[0]
        return index + 1, total + tf.cast(element, tf.float32)

    def loop() -> tf.Tensor:
        start = (0, 0.0)
        _, total = tf.while_loop(lambda index, _: index < times, body, start, parallel_iterations=1)
        return total

    @functools.cache
    def compiled() -> Any:  # as the networks' convolutions are
        return tf.function(loop, autograph=False).get_concrete_function()

    return lambda: compiled()().numpy()


def _noise(shape: tuple[int, ...], compute_dtype: str) -> tf.Tensor:
    return tf.cast(tf.random.stateless_normal(shape, (0, math.prod(shape))), compute_dtype)
