"""Unpacks a zip archive whole or not at all, and only inside its target."""

import os
import pathlib
import re
import shutil
import stat
import tempfile
import zipfile
import zlib

from madry_checkpoints.errors import CheckpointError

_MOST_BYTES = 4 * 2**30  # ten times the largest published archive: more is no checkpoint


def unpack(archive: pathlib.Path, target: pathlib.Path) -> None:
    """Unpacks into the new directory `target`, under another name beside it until all of it is there.

    Raises:
      CheckpointError: not a whole zip archive; a member with an absolute path, a `..`, or that is not a plain file or
        directory; more than 4 GiB. Nothing is left behind.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            _check(archive, file.infolist())
            temporary = pathlib.Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
            try:
                inside = temporary / target.name
                file.extractall(inside)
                os.replace(inside, target)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    # zipfile reports encryption as RuntimeError and unknown compression as NotImplementedError, a subclass of it.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError) as error:
        raise CheckpointError(f"{archive}: cannot be unpacked ({error}); delete it and fetch it again") from error


def _check(archive: pathlib.Path, members: list[zipfile.ZipInfo]) -> None:
    for member in members:
        parts = re.split(r"[/\\]", member.filename)
        if not parts[0] or ".." in parts or re.match(r"[A-Za-z]:", member.filename):
            raise CheckpointError(
                f"{archive}: refused: its member {member.filename!r} would be written outside the target"
            )
        if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise CheckpointError(
                f"{archive}: refused: its member {member.filename!r} is a link or another special file"
            )
    if not any(member.filename.endswith(".index") for member in members):
        raise CheckpointError(f"{archive}: no checkpoint (.index file) in it")
    if sum(member.file_size for member in members) > _MOST_BYTES:
        raise CheckpointError(f"{archive}: refused: it would unpack to more than {_MOST_BYTES >> 30} GiB")
