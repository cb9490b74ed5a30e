"""Keeps TensorFlow's start-up messages from the user, whichever module imports it first.

They come from C++ before its logging is set up, so that no environment variable governs them: the
one way is to catch what the import writes to file descriptor 2. If the import fails, what it wrote
is shown.
"""

import contextlib
import importlib.machinery
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from types import ModuleType


@contextlib.contextmanager
def _stderr_held_back() -> Iterator[None]:
    try:
        sys.stderr.flush()
        before = os.dup(2)
    except (OSError, AttributeError):  # no standard error to hold back
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(before, held.read())
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
        with _stderr_held_back():
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
            spec.loader = _QuietLoader(spec.loader)  # type: ignore[assignment]  # a loader by protocol, not by base class
        return spec


def install() -> None:
    """Silences the first import of TensorFlow, unless it is done already or TF_CPP_MIN_LOG_LEVEL
    asks for its messages.
    """
    if "tensorflow" in sys.modules or os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "3":
        return
    sys.meta_path.insert(0, _QuietFinder())
