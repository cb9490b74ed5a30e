"""The trained models that several modules test."""

import pytest

from . import pipeline as training
from .pipeline import Pipeline


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return training.train(tmp_path_factory.mktemp("pipeline"))
