"""Fetches a published checkpoint: download, verify what can be verified, unpack."""

import hashlib
import os
import pathlib
import zipfile
from collections.abc import Callable, Mapping

from madry_checkpoints.archive import unpack
from madry_checkpoints.download import Unreachable, download
from madry_checkpoints.errors import CheckpointError
from madry_checkpoints.manifest import Published, manifest

Log = Callable[[str], None]


def fetch(
    name: str,
    directory: str | os.PathLike[str] = "checkpoints",
    log: Log = print,
    published: Mapping[str, Published] | None = None,
) -> pathlib.Path:
    """Downloads and unpacks the checkpoint `name` of the manifest to `directory/name`; returns where its index is.

    An archive that is already at `directory/NAME.zip`, downloaded by other means, is taken instead. A broken download is
    taken up again. Git's blob id is verified where the repository has one. The SHA-256 of an archive is recorded beside it
    the first time (`NAME.zip.sha256`, none was ever published) and verified after that.

    Args:
      log: receives one line for each thing done, verified or not verifiable.
      published: instead of the package's manifest.

    Raises:
      CheckpointError: unknown name; no connection (the message says what to download and where to put it); a download that
        broke off; a hash that differs; an archive that is damaged, unsafe or without a checkpoint. Nothing half-done is
        left behind except a partial download.
    """
    known = manifest() if published is None else published
    if name not in known:
        raise CheckpointError(f"expected one of {', '.join(known)}, got {name!r}")
    entry, root = known[name], pathlib.Path(directory).expanduser()
    target, archive = root / name, root / f"{name}.zip"
    if target.is_dir():
        log(f"{target}: already there")
        return _checkpoint_in(target)
    if entry.manual and not archive.exists():
        raise CheckpointError(
            f"{name}: download {entry.url} by hand, as one zip archive, to {archive}; then run this again"
        )
    try:
        root.mkdir(parents=True, exist_ok=True)
        if archive.exists():
            log(f"{archive}: taken as it is there")
            _verify(archive, archive, entry, log)
        else:
            _download(archive, entry, log)
        unpack(archive, target)
    except OSError as error:
        raise CheckpointError(f"{root}: cannot be written to ({error})") from error
    _report_published_hash(target, entry, log)
    return _checkpoint_in(target)


def _download(archive: pathlib.Path, entry: Published, log: Log) -> None:
    part = archive.with_name(f"{archive.name}.part")
    log(f"{entry.url} -> {archive}")
    try:
        download(entry.url, part)
    except Unreachable as error:
        raise CheckpointError(
            f"cannot download ({error}): get {entry.url} by other means, save it as {archive}, and run this again"
        ) from error
    try:
        _verify(part, archive, entry, log)
    except CheckpointError:
        part.unlink()  # wrong bytes are no beginning to go on from
        raise
    os.replace(part, archive)


def _verify(file: pathlib.Path, archive: pathlib.Path, entry: Published, log: Log) -> None:
    """Checks `file`, which is or will be `archive`, against every hash that there is."""
    if not zipfile.is_zipfile(file):
        raise CheckpointError(f"{file}: not a zip archive (a page that asks for something?); look at {entry.url}")
    if entry.git_blob:
        found = _hash(file, hashlib.sha1(b"blob %d\0" % file.stat().st_size, usedforsecurity=False))
        if found != entry.git_blob:
            raise CheckpointError(
                f"{archive}: its Git blob id is {found}, expected {entry.git_blob}: not the published file"
            )
        log(f"{archive}: Git blob id {found} verified")
    found, record = sha256(file), archive.with_name(f"{archive.name}.sha256")
    if not record.exists():
        record.write_text(f"{found}  {archive.name}\n", "utf-8")
        log(f"{archive}: SHA-256 {found} recorded in {record.name}; none is published to compare it with")
    elif record.read_text("utf-8").split()[:1] != [found]:
        raise CheckpointError(
            f"{archive}: its SHA-256 is {found}, but {record} has another from an earlier download; delete that file if the "
            "change is known to be right"
        )
    else:
        log(f"{archive}: SHA-256 {found} as at the first download")


def sha256(file: pathlib.Path) -> str:
    return _hash(file, hashlib.sha256())


def _hash(file: pathlib.Path, digest: "hashlib._Hash") -> str:
    with open(file, "rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _report_published_hash(target: pathlib.Path, entry: Published, log: Log) -> None:
    """The authors published a SHA-256 of "the model file" without saying which, so a miss proves nothing."""
    if entry.published_sha256 is None:
        return
    files = sorted(file for file in target.rglob("*") if file.is_file())
    matching = next((file for file in files if sha256(file) == entry.published_sha256), None)
    if matching:
        log(f"{matching}: has the SHA-256 that its authors published")
    else:
        log(
            f"{target}: no file in it has the SHA-256 that its authors published ({entry.published_sha256}); "
            "which file theirs is of is not known"
        )


def _checkpoint_in(target: pathlib.Path) -> pathlib.Path:
    """The directory with the checkpoint inside an unpacked archive; the whole of it where there are several."""
    directories = {index.parent for index in target.rglob("[!.]*.index")}
    return directories.pop() if len(directories) == 1 else target
