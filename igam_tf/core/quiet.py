"""Hides TensorFlow's start-up messages, whichever module imports TensorFlow first.

C++ code prints them before its logging reads any environment variable. So the import runs with file
descriptor 2 redirected to a temporary file, whose content is printed if the import fails.
"""

import contextlib
import importlib.machinery
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from types import ModuleType


@contextlib.contextmanager
def _stderr_captured() -> Iterator[None]:
    try:
        sys.stderr.flush()
        before = os.dup(2)
    except (OSError, AttributeError):  # there is no standard error
        yield
        return
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            yield
        except BaseException:
            captured.seek(0)
            os.write(before, captured.read())
            raise
        finally:
            os.dup2(before, 2)
            os.close(before)


class _QuietLoader:
    def __init__(self, loader: importlib.machinery.SourceFileLoader) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = module.__loader__ = self._loader
        with _stderr_captured():
            self._loader.exec_module(module)


class _QuietFinder:
    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            # A loader by protocol, not by base class.
            spec.loader = _QuietLoader(spec.loader)  # type: ignore[assignment]
        return spec


def install() -> None:
    """Makes the first import of TensorFlow silent, unless TF_CPP_MIN_LOG_LEVEL is set below 3."""
    if "tensorflow" in sys.modules or os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "3":
        return
    sys.meta_path.insert(0, _QuietFinder())
