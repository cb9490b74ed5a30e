"""The package's public names: all of them, nothing else, and without TensorFlow."""

import importlib
import subprocess
import sys

import pytest

import igam_tf


@pytest.mark.parametrize("name", [name for name in igam_tf.__all__ if name != "__version__"])
def test_every_public_name_is_a_module(name: str) -> None:
    assert getattr(igam_tf, name) is importlib.import_module(f"igam_tf.{name}")


def test_dir_shows_exactly_the_public_names() -> None:
    """In a fresh process, and also once submodules have been loaded."""
    code = "import igam_tf, sys; print(dir(igam_tf) == sorted(igam_tf.__all__), 'tensorflow' in sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert output.stdout.split() == ["True", "False"]
    importlib.import_module("igam_tf.attacks.pgd")
    assert dir(igam_tf) == sorted(igam_tf.__all__)


def test_what_is_reached_through_it() -> None:
    assert igam_tf.attacks.PGD(steps=5).name == "pgd5"
    assert igam_tf.pretrained.path("igam").is_dir()
    assert igam_tf.precision.PRECISIONS == ("float32", "bfloat16")
    with pytest.raises(AttributeError, match="'igam_tf' has no attribute 'nonsense'"):
        _ = igam_tf.nonsense
