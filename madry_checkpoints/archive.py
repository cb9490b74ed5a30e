"""Unpacks a zip archive completely or not at all, and only inside its target.

`zipfile` would rename unsafe members and unpack them. This module refuses an archive that has one.
"""

import os
import pathlib
import re
import shutil
import stat
import tempfile
import zipfile
import zlib

from madry_checkpoints.checkpoint_error import CheckpointError

_MAX_BYTES = 4 * 2**30  # ten times the largest published archive


def unpack(archive: pathlib.Path, target: pathlib.Path) -> None:
    """Unpacks into a temporary directory, then renames that to `target`.

    Raises:
      CheckpointError: not a whole zip archive; a member with an absolute path or a `..`, or one
        that is neither a file nor a directory; no checkpoint; more than 4 GiB. Nothing is left
        behind.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            _check(archive, file.infolist())
            temporary = pathlib.Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
            try:
                file.extractall(temporary / target.name)
                os.replace(temporary / target.name, target)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    # zipfile raises RuntimeError for encryption, and its subclass NotImplementedError for unknown
    # compression.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError) as error:
        message = f"{archive}: cannot be unpacked ({error}); delete it and fetch it again"
        raise CheckpointError(message) from error


def _check(archive: pathlib.Path, members: list[zipfile.ZipInfo]) -> None:
    for member in members:
        refusal = f"{archive}: refused: its member {member.filename!r} is"
        parts = re.split(r"[/\\]", member.filename)
        if not parts[0] or ".." in parts or re.match(r"[A-Za-z]:", member.filename):
            raise CheckpointError(f"{refusal} outside the target")
        if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise CheckpointError(f"{refusal} a link or another special file")
    if not any(member.filename.endswith(".index") for member in members):
        raise CheckpointError(f"{archive}: no checkpoint (.index file) in it")
    if sum(member.file_size for member in members) > _MAX_BYTES:
        limit = f"{_MAX_BYTES >> 30} GiB"
        raise CheckpointError(f"{archive}: refused: it would unpack to more than {limit}")
