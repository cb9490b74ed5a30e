"""Files as wholes: what a reader can find at any time, and what is refused before any work."""

import pathlib
import re

import numpy as np
import pytest

from igam_tf.core import files
from igam_tf.core.errors import InputError, StorageError


def test_text_replaces_text(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "deep/er/file.txt"
    files.write_text(path, "first\n")
    files.write_text(path, "ε\r\n")
    assert path.read_bytes() == "ε\r\n".encode()
    assert [file.name for file in path.parent.iterdir()] == ["file.txt"]


@pytest.mark.parametrize("compressed", [True, False])
def test_arrays_come_back_under_their_names(tmp_path: pathlib.Path, compressed: bool) -> None:
    path = tmp_path / "arrays"  # no suffix is added
    files.write_arrays(
        path, {"moving/pgd20": np.zeros((50, 4), np.float32), "labels": np.arange(3)}, compressed
    )
    with np.load(path) as arrays:
        assert sorted(arrays) == ["labels", "moving/pgd20"]
        assert arrays["moving/pgd20"].dtype == np.float32
        assert arrays["labels"].tolist() == [0, 1, 2]
    assert (path.stat().st_size < 800) == compressed


def test_what_fails_leaves_the_old_file(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "file"
    files.write_text(path, "old")

    def fill(stream: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.write(path, fill)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_what_writes_to_a_path_gets_one_of_the_same_suffix(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "new/model.keras"
    with files.replacing(path) as temporary:
        temporary.write_text("whole")
        assert temporary.suffix == ".keras"
        assert files.is_temporary(temporary)
        assert not path.exists()
    assert path.read_text() == "whole"
    assert not files.is_temporary(path)
    with pytest.raises(StorageError, match="written: No such file"), files.replacing(path):
        pass  # nothing was written
    assert path.read_text() == "whole"
    assert [file.name for file in path.parent.iterdir()] == ["model.keras"]


def test_a_place_that_can_be_written(tmp_path: pathlib.Path) -> None:
    files.require_place(tmp_path / "not/there/yet.html", "output")
    assert not list(tmp_path.iterdir())
    (tmp_path / "old.html").touch()
    files.require_place(tmp_path / "old.html", "output")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "output: {} is a directory, expected a file's name"),
        ("file/x.html", "output: {} cannot be written, {file} is no directory"),
    ],
)
def test_a_place_that_cannot(tmp_path: pathlib.Path, name: str, message: str) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / name
    with pytest.raises(
        InputError, match=f"^{re.escape(message.format(path, file=tmp_path / 'file'))}$"
    ):
        files.require_place(path, "output")
