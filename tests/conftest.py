"""Shared by all tests: deterministic seeds, and where the reference data is."""

import os
import pathlib

import pytest

# Before TensorFlow: two cores are what CI has.
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
# As bin/* do: what a command and a test compute is then the same to the last bit.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import igam_tf  # noqa: F401  # silences TensorFlow's start-up before any test module imports it

SHARED = pathlib.Path(
    os.environ.get("IGAM_TF_SHARED", pathlib.Path(__file__).resolve().parents[2] / "shared")
)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    import keras

    keras.utils.set_random_seed(0)


@pytest.fixture(scope="session")
def golden() -> pathlib.Path:
    """The folder of numbers computed with the original code; only its absence skips a test."""
    if not (SHARED / "golden").is_dir():
        pytest.skip("the golden data is not beside this checkout")
    return SHARED / "golden"
