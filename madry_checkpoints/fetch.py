"""Fetches a published checkpoint: downloads it, verifies the known hashes, unpacks it."""

import hashlib
import os
import pathlib
import zipfile
from collections.abc import Callable, Mapping

from igam_tf.core import files
from madry_checkpoints.archive import unpack
from madry_checkpoints.checkpoint_error import CheckpointError
from madry_checkpoints.download import Unreachable, download
from madry_checkpoints.manifest import PublishedArchive, manifest

Log = Callable[[str], None]


def fetch(
    name: str,
    directory: str | os.PathLike[str] = "checkpoints",
    log: Log = print,
    published: Mapping[str, PublishedArchive] | None = None,
) -> pathlib.Path:
    """Downloads and unpacks the checkpoint `name` of the manifest to `directory/name`.

    An archive that is already at `directory/NAME.zip` is used instead of a download. A partial
    download is resumed. The archive's Git blob id is verified where its repository states one. Its
    SHA-256, which nobody published, is recorded beside it the first time (`NAME.zip.sha256`) and
    verified later.

    Args:
      log: receives one line for each thing that is done, verified or cannot be verified.
      published: replaces the package's manifest.

    Returns:
      The directory that holds the checkpoint's index.

    Raises:
      CheckpointError: an unknown name; no connection (the message says what to download, and to
        where); a download that broke off; a wrong hash; an archive that is damaged, unsafe or
        without a checkpoint. Only a partial download is left behind.
    """
    entries = manifest() if published is None else published
    if name not in entries:
        raise CheckpointError(f"expected one of {', '.join(entries)}, got {name!r}")
    entry, root = entries[name], pathlib.Path(directory).expanduser()
    target, archive = root / name, root / f"{name}.zip"
    if target.is_dir():
        log(f"{target}: already there")
        return _checkpoint_in(target)
    if entry.manual and not archive.exists():
        source = f"download {entry.url} by hand, as one zip archive"
        raise CheckpointError(f"{name}: {source}, to {archive}; then run the same command again")
    try:
        root.mkdir(parents=True, exist_ok=True)
        if archive.exists():
            log(f"{archive}: used instead of a download")
            _verify(archive, archive, entry, log)
        else:
            _download(archive, entry, log)
        unpack(archive, target)
    except OSError as error:
        raise CheckpointError(f"{root}: cannot be written to ({error})") from error
    _report_published_hash(target, entry, log)
    return _checkpoint_in(target)


def _download(archive: pathlib.Path, entry: PublishedArchive, log: Log) -> None:
    part = archive.with_name(f"{archive.name}.part")
    log(f"{entry.url} -> {archive}")
    try:
        download(entry.url, part)
    except Unreachable as error:
        raise CheckpointError(
            f"cannot download ({error}): get {entry.url} by other means, save it as {archive}, "
            "and run the same command again"
        ) from error
    try:
        _verify(part, archive, entry, log)
    except CheckpointError:
        part.unlink()  # a wrong file cannot be resumed
        raise
    os.replace(part, archive)


def _verify(file: pathlib.Path, archive: pathlib.Path, entry: PublishedArchive, log: Log) -> None:
    """Checks `file`, which is or becomes `archive`, against the known hashes."""
    if not zipfile.is_zipfile(file):
        reason = "not a zip archive (perhaps a page that asks for a login)"
        raise CheckpointError(f"{file}: {reason}; look at {entry.url}")
    if entry.git_blob:
        blob = _git_blob(file)
        if blob != entry.git_blob:
            ids = f"its Git blob id is {blob}, expected {entry.git_blob}"
            raise CheckpointError(f"{archive}: {ids}: not the published file")
        log(f"{archive}: Git blob id {blob} verified")
    digest, record = _sha256(file), archive.with_name(f"{archive.name}.sha256")
    if not record.exists():
        files.write_text(record, f"{digest}  {archive.name}\n")
        log(f"{archive}: SHA-256 {digest} recorded in {record.name}; none is published")
    elif record.read_text("utf-8").split()[:1] != [digest]:
        raise CheckpointError(
            f"{archive}: its SHA-256 is {digest}, but {record} has another from an earlier "
            "download; delete that file if you trust the new one"
        )
    else:
        log(f"{archive}: SHA-256 {digest} as at the first download")


def _sha256(file: pathlib.Path) -> str:
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _git_blob(file: pathlib.Path) -> str:
    header = b"blob %d\0" % file.stat().st_size
    with open(file, "rb") as stream:
        digest = hashlib.file_digest(stream, lambda: hashlib.sha1(header, usedforsecurity=False))
    return digest.hexdigest()


def _report_published_hash(target: pathlib.Path, entry: PublishedArchive, log: Log) -> None:
    """The authors published a SHA-256 of "the model file" without saying which file that is."""
    if entry.published_sha256 is None:
        return
    files = sorted(file for file in target.rglob("*") if file.is_file())
    match = next((file for file in files if _sha256(file) == entry.published_sha256), None)
    if match:
        log(f"{match}: has the SHA-256 that its authors published")
    else:
        log(
            f"{target}: no file in it has the SHA-256 that its authors published "
            f"({entry.published_sha256}); they did not say which file has it"
        )


def _checkpoint_in(target: pathlib.Path) -> pathlib.Path:
    """The directory of the only checkpoint in `target`; `target` where there are several."""
    directories = {index.parent for index in target.rglob("[!.]*.index")}
    return directories.pop() if len(directories) == 1 else target
