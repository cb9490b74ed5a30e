"""An affine map of the channels, such as the input scaling of published networks."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from igam_tf.core.precision import FloatLayer


@keras.saving.register_keras_serializable("igam_tf")
class AffineChannels(FloatLayer):
    """Images [B, H, W, C] to `images @ matrix + offset` [B, H, W, K].

    Args:
      matrix: [C, K].
      offset: [K].
    """

    def __init__(
        self, matrix: Sequence[Sequence[float]], offset: Sequence[float], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.matrix = [[float(value) for value in row] for row in matrix]
        self.offset = [float(value) for value in offset]

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        matrix = tf.constant(self.matrix, inputs.dtype)
        return tf.tensordot(inputs, matrix, 1) + tf.constant(self.offset, inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "matrix": self.matrix, "offset": self.offset}
