"""Files and directories that reach their place complete or not at all."""

import contextlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence

from igam_tf.core.errors import InputError


def require_free(targets: Sequence[pathlib.Path], overwrite: bool, is_export: bool) -> None:
    """Checks that the targets are free, or exports that may be replaced.

    Args:
      is_export: whether the targets, where they exist, are an export of the same format.

    Raises:
      InputError: a target exists, and `overwrite` is off or it is no such export.
    """
    existing = [target for target in targets if os.path.lexists(target)]
    if existing and not overwrite:
        raise InputError(f"{existing[0]}: is there already; --overwrite replaces it")
    if existing and not is_export:
        raise InputError(
            f"{existing[0]}: is no such export and is not replaced; choose another OUT"
        )


@contextlib.contextmanager
def replacing(targets: Sequence[pathlib.Path]) -> Iterator[pathlib.Path]:
    """A temporary directory beside the targets, whose files of their names replace them at the end.

    If the block raises or a rename fails, the targets are as they were before.
    """
    parent = targets[0].parent
    parent.mkdir(parents=True, exist_ok=True)
    temporary = pathlib.Path(tempfile.mkdtemp(prefix=".exporting-", dir=parent))
    try:
        yield temporary
        _swap(targets, temporary, pathlib.Path(tempfile.mkdtemp(prefix="old-", dir=temporary)))
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _swap(targets: Sequence[pathlib.Path], new: pathlib.Path, old: pathlib.Path) -> None:
    moved = []
    try:
        for target in targets:
            if os.path.lexists(target):
                os.rename(target, old / target.name)
            moved.append(target)
            os.rename(new / target.name, target)
    except BaseException:
        for target in moved:
            if os.path.lexists(target):
                os.rename(target, new / target.name)
            if os.path.lexists(old / target.name):
                os.rename(old / target.name, target)
        raise
