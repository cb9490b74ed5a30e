"""The devices of this process, and the precisions that each computes in."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from igam_tf.core import precision

_BFLOAT16_FLAGS = {"amx_bf16", "avx512_bf16", "bf16"}  # of processors that multiply bfloat16
_BFLOAT16_CAPABILITY = (8, 0)  # of GPUs with tensor cores for bfloat16 and TF32


@dataclasses.dataclass(frozen=True)
class DeviceMode:
    """A device and a precision.

    Attributes:
      device: `CPU:0`, `GPU:0` and so on.
      kind: `float64`, `float32`, `TF32` (float32 whose convolutions round their inputs to 10 bits)
        or `bfloat16`.
    """

    device: str
    kind: str

    @property
    def name(self) -> str:
        return f"{self.device} {self.kind}"

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Networks built and run in the context are on the device, in the precision."""
        building: Any = (
            precision.building_in_float64()
            if self.kind == "float64"
            else precision.building("bfloat16" if self.kind == "bfloat16" else "float32")
        )
        config = tf.config.experimental
        before = config.tensor_float_32_execution_enabled()
        config.enable_tensor_float_32_execution(self.kind == "TF32")
        try:
            with tf.device(self.device), building:
                yield
        finally:
            config.enable_tensor_float_32_execution(before)


REFERENCE = DeviceMode("CPU:0", "float64")


def device_modes() -> list[DeviceMode]:
    """The CPU's modes, the reference first, then those of every GPU."""
    kinds = {"CPU:0": ["float64", "float32", *(["bfloat16"] if _cpu_has_bfloat16() else [])]}
    for index, gpu in enumerate(tf.config.list_physical_devices("GPU")):
        capability = tf.config.experimental.get_device_details(gpu).get("compute_capability")
        has_tensor_cores = bool(capability) and tuple(capability) >= _BFLOAT16_CAPABILITY
        reduced = ["TF32", "bfloat16"] if has_tensor_cores else []
        kinds[f"GPU:{index}"] = ["float64", "float32", *reduced]
    return [DeviceMode(device, kind) for device, each in kinds.items() for kind in each]


def _cpu_has_bfloat16() -> bool:
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    lines = [line for line in text.splitlines() if line.startswith(("flags", "Features"))]
    return bool(lines) and bool(_BFLOAT16_FLAGS & set(lines[0].split()))
