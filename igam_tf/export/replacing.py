"""Files and directories that reach their place whole or not at all."""

import contextlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence

from igam_tf.core.errors import InputError


def require_free(targets: Sequence[pathlib.Path], overwrite: bool, is_ours: bool) -> None:
    """Refuses to replace anything unless asked to, and to replace what is no export even then.

    Args:
      is_ours: whether what is there now is of the sort that would be written.

    Raises:
      InputError: names what is in the way.
    """
    there = [target for target in targets if os.path.lexists(target)]
    if there and not overwrite:
        raise InputError(f"{there[0]}: is there already; --overwrite replaces it")
    if there and not is_ours:
        raise InputError(f"{there[0]}: is no such export and is not replaced; choose another OUT")


@contextlib.contextmanager
def replacing(targets: Sequence[pathlib.Path]) -> Iterator[pathlib.Path]:
    """A temporary directory beside the targets; what lies there at the end by their names takes
    their places.

    Nothing is changed if the block raises, nor if a rename fails: what was there is put back.
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
    begun = []
    try:
        for target in targets:
            if os.path.lexists(target):
                os.rename(target, old / target.name)
            begun.append(target)
            os.rename(new / target.name, target)
    except BaseException:
        for target in begun:
            if os.path.lexists(target):
                os.rename(target, new / target.name)
            if os.path.lexists(old / target.name):
                os.rename(old / target.name, target)
        raise
