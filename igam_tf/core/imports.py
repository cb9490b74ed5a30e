"""A user's own objects by import path: `package.module:name` or `file.py:name`."""

import importlib
import importlib.util
import pathlib
import sys
from collections.abc import Callable
from typing import Any

from igam_tf.core.errors import InputError


def load(path: str, setting: str) -> Any:
    """The object at an import path; modules of the working directory are importable.

    Args:
      path: `package.module:name` or `folder/file.py:name`; `name` may contain dots.
      setting: the flag or argument that takes the path, for the error message.

    Raises:
      InputError: no such file, module or name, or the import fails.
    """
    module_name, _, name = path.rpartition(":")
    if not module_name or not name:
        raise InputError(f"{setting}: expected package.module:name or file.py:name, got {path!r}")
    value = _module(module_name, path, setting)
    for part in name.split("."):
        if not hasattr(value, part):
            raise InputError(f"{setting}: {module_name} has no {name!r}")
        value = getattr(value, part)
    return value


def call(function: Callable[[], Any], path: str, setting: str) -> Any:
    """Calls a user's function.

    Raises:
      InputError: the function raised an exception; the message quotes it.
    """
    try:
        return function()
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{setting}: {path} failed ({type(error).__name__}: {error})") from error


def make_importable() -> None:
    """Makes modules in the working directory importable."""
    if "" not in sys.path and str(pathlib.Path.cwd()) not in sys.path:
        sys.path.insert(0, str(pathlib.Path.cwd()))


def _module(name: str, path: str, setting: str) -> Any:
    if name.endswith(".py"):
        return call(lambda: _from_file(pathlib.Path(name), setting), path, setting)
    make_importable()
    return call(lambda: importlib.import_module(name), path, setting)


def _from_file(file: pathlib.Path, setting: str) -> Any:
    if not file.is_file():
        raise InputError(f"{setting}: {file} is not a file")
    # Named by its path: a file is loaded once, and files of equal names are separate modules.
    name = f"igam_tf_user:{file.resolve()}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file.resolve())
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
