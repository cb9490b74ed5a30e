import hashlib
import io
import os
import subprocess
import zipfile

import pytest

import madry_checkpoints
from madry_checkpoints import CheckpointError
from madry_checkpoints.fetch import fetch
from madry_checkpoints.kinds import KINDS
from madry_checkpoints.manifest import PublishedArchive, manifest

from . import samples
from .serving import serving

BODY = b"a model file"


def _archive(tmp_path) -> bytes:
    prefix = samples.save(samples.arrays("mnist_challenge"), tmp_path / "original" / "checkpoint-9")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for suffix in (".index", ".data-00000-of-00001"):
            file.write(prefix + suffix, f"models/natural/checkpoint-9{suffix}")
        file.writestr(
            "models/natural/checkpoint",
            'model_checkpoint_path: "/scratch/models/natural/checkpoint-9"\n',
        )
        file.writestr("models/natural/checkpoint-9.meta", BODY)
        file.writestr("__MACOSX/models/natural/._checkpoint-9.index", b"what macOS adds")
    return buffer.getvalue()


@pytest.fixture
def server(tmp_path):
    with serving() as running:
        running.contents = _archive(tmp_path)
        yield running


def _fetch(server, directory, log=None, **fields):
    lines = [] if log is None else log
    return fetch(
        "one",
        directory,
        lines.append,
        {"one": PublishedArchive("mnist_challenge", server.url, **fields)},
    )


def _git_blob(contents: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(contents) + contents).hexdigest()


def test_fetches_verifies_and_unpacks(server, tmp_path):
    server.breaks = [1000]
    log: list[str] = []
    published = hashlib.sha256(BODY).hexdigest()
    path = _fetch(
        server, tmp_path / "d", log, git_blob=_git_blob(server.contents), published_sha256=published
    )
    assert path == tmp_path / "d/one/models/natural"
    assert samples.same(madry_checkpoints.read(path), samples.arrays("mnist_challenge"))
    assert madry_checkpoints.load_model(path).name == "mnist_cnn"
    assert sorted(os.listdir(tmp_path / "d")) == ["one", "one.zip", "one.zip.sha256"]
    text = "\n".join(log)
    assert f"Git blob id {_git_blob(server.contents)} verified" in text
    assert f"SHA-256 {hashlib.sha256(server.contents).hexdigest()} recorded" in text
    assert "checkpoint-9.meta: has the SHA-256 that its authors published" in text
    count = len(server.requests)
    assert _fetch(server, tmp_path / "d") == path
    assert len(server.requests) == count


def test_git_agrees_about_blob_ids(tmp_path):
    (tmp_path / "file").write_bytes(BODY)
    result = subprocess.run(
        ["git", "hash-object", tmp_path / "file"], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == _git_blob(BODY)


def test_no_hash_is_claimed_that_was_not_found(server, tmp_path):
    log: list[str] = []
    _fetch(server, tmp_path, log, published_sha256="0" * 64)
    text = "\n".join(log)
    assert "verified" not in text
    assert "no file in it has the SHA-256 that its authors published" in text


def test_another_file_than_published_is_refused(server, tmp_path):
    with pytest.raises(
        CheckpointError, match=f"blob id is {_git_blob(server.contents)}, expected {'0' * 40}"
    ):
        _fetch(server, tmp_path / "d", git_blob="0" * 40)
    assert os.listdir(tmp_path / "d") == []


def test_another_file_than_the_first_time_is_refused(server, tmp_path):
    _fetch(server, tmp_path / "d")
    (tmp_path / "d/one.zip").unlink()
    (tmp_path / "d/one").rename(tmp_path / "away")
    server.contents += b"\0"
    with pytest.raises(CheckpointError, match="has another from an earlier download"):
        _fetch(server, tmp_path / "d")
    assert os.listdir(tmp_path / "d") == ["one.zip.sha256"]


def test_a_page_instead_of_an_archive(server, tmp_path):
    server.contents = b"<html>Sign in</html>"
    with pytest.raises(CheckpointError, match="not a zip archive"):
        _fetch(server, tmp_path / "d")
    assert os.listdir(tmp_path / "d") == []


def test_offline_the_message_says_what_to_download_and_to_where(tmp_path, server):
    entry = {"one": PublishedArchive("mnist_challenge", "http://127.0.0.1:1/natural.zip")}
    source, target = "http://127.0.0.1:1/natural.zip", f"{tmp_path}/d/one.zip"
    message = f"get {source} by other means, save it as {target}, and run the same command"
    with pytest.raises(CheckpointError, match=message) as excinfo:
        fetch("one", tmp_path / "d", published=entry)
    assert "\n" not in str(excinfo.value)
    (tmp_path / "d/one.zip").write_bytes(server.contents)
    assert fetch("one", tmp_path / "d", published=entry) == tmp_path / "d/one/models/natural"


def test_an_archive_downloaded_by_hand(tmp_path, server):
    entry = {"one": PublishedArchive(None, "https://example.org/folder", manual=True)}
    with pytest.raises(
        CheckpointError,
        match=f"download https://example.org/folder by hand.* to {tmp_path}/one.zip",
    ):
        fetch("one", tmp_path, published=entry)
    (tmp_path / "one.zip").write_bytes(server.contents)
    assert fetch("one", tmp_path, published=entry).name == "natural"


def test_a_bad_archive_of_the_user_is_not_deleted(tmp_path):
    (tmp_path / "one.zip").write_bytes(b"something")
    with pytest.raises(CheckpointError, match="not a zip archive"):
        fetch("one", tmp_path, published={"one": PublishedArchive(None, "https://example.org")})
    assert os.listdir(tmp_path) == ["one.zip"]


def test_an_unknown_name_and_a_target_that_is_a_file(tmp_path):
    with pytest.raises(CheckpointError, match=r"expected one of mnist_natural, .*, got 'mnist'"):
        fetch("mnist", tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="cannot be written to"):
        fetch("mnist_secret", tmp_path / "file")


def test_the_manifest():
    entries = manifest()
    assert {entry.kind for entry in entries.values()} <= {*KINDS, None}
    assert all(len(entry.git_blob) == 40 for entry in entries.values() if entry.git_blob)
    assert [name for name, entry in entries.items() if entry.published_accuracy] == [
        "mnist_secret",
        "cifar10_secret",
    ]
    assert entries["cifar10_secret"].published_accuracy["pgd20"] == 47.04
    assert entries["igam_release"].manual
