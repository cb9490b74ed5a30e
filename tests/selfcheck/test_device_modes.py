"""The modes of a device: what networks compute in, and that nothing stays set."""

import keras
import pytest
import tensorflow as tf

from igam_tf.selfcheck.device_modes import REFERENCE, DeviceMode, device_modes
from igam_tf.selfcheck.matching_step import normalized_network


def test_the_reference_is_the_first_mode() -> None:
    modes = device_modes()
    assert modes[:2] == [REFERENCE, DeviceMode("CPU:0", "float32")]


@pytest.mark.parametrize(
    ("kind", "dtype", "tf32"),
    [
        ("float64", "float64", False),
        ("float32", "float32", False),
        ("TF32", "float32", True),
        ("bfloat16", "bfloat16", False),
    ],
)
def test_a_mode_is_set_in_its_context_only(kind: str, dtype: str, tf32: bool) -> None:
    def state() -> tuple[str, str, bool]:
        config = tf.config.experimental
        return (
            keras.config.floatx(),
            keras.config.dtype_policy().name,
            config.tensor_float_32_execution_enabled(),
        )

    before = state()
    with DeviceMode("CPU:0", kind).active():
        assert normalized_network().layers[3].compute_dtype == dtype
        assert state()[2] == tf32
    assert state() == before
