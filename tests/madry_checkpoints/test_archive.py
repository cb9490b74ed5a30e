import os
import stat
import zipfile

import pytest

from madry_checkpoints import CheckpointError
from madry_checkpoints.archive import unpack


def _zip(path, members):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("models/c.index", b"index")
        for name, contents in members:
            file.writestr(name, contents)
    return path


def _special(name, mode):
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (mode | 0o777) << 16
    return info


def test_unpacks(tmp_path):
    archive = _zip(
        tmp_path / "a.zip",
        [("models/checkpoint", b"state"), ("models/..odd..", b""), ("empty/", b"")],
    )
    unpack(archive, tmp_path / "a")
    assert (tmp_path / "a/models/checkpoint").read_bytes() == b"state"
    assert (tmp_path / "a/models/..odd..").is_file()
    assert (tmp_path / "a/empty").is_dir()
    assert sorted(os.listdir(tmp_path)) == ["a", "a.zip"]


@pytest.mark.parametrize(
    ("member", "message"),
    [
        ("../outside", "outside the target"),
        ("models/../../outside", "outside the target"),
        ("models\\..\\..\\outside", "outside the target"),
        ("/outside", "outside the target"),
        ("\\outside", "outside the target"),
        ("C:outside", "outside the target"),
        (_special("models/link", stat.S_IFLNK), "a link"),
        (_special("models/pipe", stat.S_IFIFO), "special file"),
    ],
)
def test_unsafe_members_are_refused(tmp_path, member, message):
    inner = tmp_path / "inner"
    inner.mkdir()
    archive = _zip(inner / "a.zip", [(member, b"/etc/passwd")])
    with pytest.raises(CheckpointError, match=message):
        unpack(archive, inner / "a")
    assert os.listdir(inner) == ["a.zip"]
    assert os.listdir(tmp_path) == ["inner"]


def _without_index(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("readme", b"")


def _damaged(path):
    contents = bytearray(_zip(path, [("data", b"x" * 1000)]).read_bytes())
    contents[contents.index(b"x" * 1000) + 500] ^= 1
    path.write_bytes(contents)


def _conflicting(path):
    _zip(path, [("a", b""), ("a/b", b"")])


def _huge(path):
    contents = _zip(path, []).read_bytes()
    # Behind the compressed size, which is 20 bytes into the member's entry in the central
    # directory.
    at = contents.rindex(b"PK\x01\x02") + 24
    path.write_bytes(contents[:at] + b"\xfe\xff\xff\xff" + contents[at + 4 :])
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("more", b"123")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_bytes(b"<html>"), "cannot be unpacked"),
        (_without_index, "no checkpoint"),
        (_damaged, "Bad CRC"),
        (_conflicting, "cannot be unpacked"),
        (_huge, "more than 4 GiB"),
    ],
)
def test_what_cannot_be_unpacked_leaves_nothing(tmp_path, make, message):
    make(tmp_path / "a.zip")
    with pytest.raises(CheckpointError, match=message):
        unpack(tmp_path / "a.zip", tmp_path / "a")
    assert os.listdir(tmp_path) == ["a.zip"]
