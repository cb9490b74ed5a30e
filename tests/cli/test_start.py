"""What bin/* set before TensorFlow starts."""

import importlib.util
import os
import pathlib
import platform
import sys
import types

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("setting", [None, "0"])
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_onednn_is_on_unless_the_user_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, setting: str | None, machine: str
) -> None:
    specification = importlib.util.spec_from_file_location("_start", ROOT / "bin" / "_start.py")
    start = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(start)
    verb = types.ModuleType("a_verb")
    verb.main = lambda: os.environ.get(start.ONEDNN)
    monkeypatch.setitem(sys.modules, "a_verb", verb)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setenv(start.ONEDNN, setting or "")  # so that what `start` sets is undone
    if setting is None:
        monkeypatch.delenv(start.ONEDNN)
    assert start.start("a_verb") == (setting or ("1" if machine == "x86_64" else None))
