"""What every command sets before TensorFlow starts, however it is started."""

import os
import platform
import sys

import pytest

from igam_tf.core import command
from igam_tf.core.settings import Settings


@pytest.mark.parametrize("setting", [None, "0"])
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_onednn_is_on_unless_the_user_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, setting: str | None, machine: str
) -> None:
    monkeypatch.delitem(sys.modules, "tensorflow")
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setenv(command.ONEDNN, setting or "")  # so that what the command sets is undone
    if setting is None:
        monkeypatch.delenv(command.ONEDNN)
    values = []
    verb = command.Command("verb", "", Settings)
    assert verb.run(lambda _: values.append(os.environ.get(command.ONEDNN)), []) == 0
    assert values == [setting or ("1" if machine == "x86_64" else None)]


def test_onednn_stays_as_it_is_once_tensorflow_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorFlow would not notice, and a run's record would be wrong."""
    monkeypatch.delenv(command.ONEDNN)
    assert command.Command("verb", "", Settings).run(lambda _: None, []) == 0
    assert command.ONEDNN not in os.environ
