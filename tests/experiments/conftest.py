"""Finished runs, shared by the tests that only read them."""

import pytest

from igam_tf.experiments import runs
from igam_tf.experiments.options import Options

from . import small


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Options:
    """A place with one finished run of each kind, each the teacher of the next. Read it only."""
    options = small.options(tmp_path_factory.mktemp("runs"))
    runs.ensure(small.STUDENT, options)
    return options
