"""Set up before any test: devices, seeds, and the place of the reference data."""

import os
import pathlib

import pytest

if os.environ.get("IGAM_TEST_GPU") != "1":
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
# As commands do: tests and commands then compute the same results to the last bit.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import igam_tf  # noqa: F401  # before TensorFlow, whose start-up messages it hides

import tensorflow as tf  # isort: skip

# Two devices, so that tests can place work on several without a GPU.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], 2 * [tf.config.LogicalDeviceConfiguration()]
)

SHARED = pathlib.Path(
    os.environ.get("IGAM_TF_SHARED", pathlib.Path(__file__).resolve().parents[2] / "shared")
)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    import keras

    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def _no_lines_of_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is; tests of these lines set the interval themselves."""
    from igam_tf.core import progress_bar

    monkeypatch.setattr(progress_bar, "LINE_SECONDS", 3600.0)


@pytest.fixture(scope="session")
def golden() -> pathlib.Path:
    """The folder of numbers computed with the original code; tests skip where it does not exist."""
    if not (SHARED / "golden").is_dir():
        pytest.skip("the golden data is not beside this checkout")
    return SHARED / "golden"
