"""One exported model for all tests of its endpoints and metadata."""

import pathlib
from typing import Any

import keras
import pytest
import tensorflow as tf

from igam_tf import export

from .. import tiny


@pytest.fixture(scope="package")
def model() -> keras.Model:
    return tiny.classifier(1)


@pytest.fixture(scope="package")
def exported(model: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    out = tmp_path_factory.mktemp("exported") / "model"
    export.export(model, out, encoded=True, class_names=["a", "b", "c"])
    return out


@pytest.fixture(scope="package")
def loaded(exported: pathlib.Path) -> Any:
    return tf.saved_model.load(str(exported))
