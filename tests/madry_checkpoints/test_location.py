import pytest

from madry_checkpoints import CheckpointError
from madry_checkpoints.location import prefix_of


@pytest.fixture
def folder(tmp_path):
    for step in (5, 70000):
        (tmp_path / f"checkpoint-{step}.index").touch()
    return tmp_path


@pytest.mark.parametrize("suffix", ["", ".index", ".meta", ".data-00000-of-00001"])
def test_a_prefix_or_any_of_its_files(folder, suffix):
    assert prefix_of(f"{folder}/checkpoint-5{suffix}") == f"{folder}/checkpoint-5"
    assert prefix_of(folder / f"checkpoint-5{suffix}") == f"{folder}/checkpoint-5"


@pytest.mark.parametrize(
    "entry",
    [
        "checkpoint-5",
        "/home/someone/models/a/checkpoint-5",
        "C:\\\\models\\\\checkpoint-5",
        "a/checkpoint-5",
    ],
)
def test_the_newest_by_the_state_file_whoever_wrote_it(folder, entry):
    all_of_them = 'all_model_checkpoint_paths: "checkpoint-70000"\n'
    (folder / "checkpoint").write_text(
        f'{all_of_them}model_checkpoint_path: "{entry}"\n{all_of_them}'
    )
    assert prefix_of(folder) == str(folder / "checkpoint-5")


def test_one_checkpoint_needs_no_state_file(folder):
    (folder / "checkpoint-5.index").rename(folder / "._checkpoint-5.index")
    assert prefix_of(folder) == str(folder / "checkpoint-70000")


@pytest.mark.parametrize(
    ("name", "contents", "message"),
    [
        ("", None, "no 'checkpoint' file, and checkpoint-5, checkpoint-70000 in it; name one"),
        ("checkpoint", b"", "expected a line"),
        ("checkpoint", b"\xff\x00\x80", "expected a line"),
        (
            "checkpoint",
            b'model_checkpoint_path: "checkpoint-9"',
            "names checkpoint-9, but .* holds checkpoint-5, ch",
        ),
        ("nothing", None, "no checkpoint here"),
        ("a.keras", b"PK\x03\x04....", "zip archive"),
        ("a.weights.h5", b"\x89HDF....", "HDF5"),
        ("a.py", b"x", "not a TensorFlow 1 checkpoint"),
        ("empty", b"", "not a TensorFlow 1 checkpoint"),
        ("model.ckpt-1", bytes(60) + b"\x57\xfb\x80\x8b\x24\x75\x47\xdb", "V1-format"),
    ],
)  # fmt: skip
def test_paths_without_a_checkpoint_are_refused(folder, name, contents, message):
    if contents is not None:
        (folder / name).write_bytes(contents)
    with pytest.raises(CheckpointError, match=message):
        prefix_of(folder if name == "checkpoint" else folder / name)


def test_an_empty_directory(tmp_path):
    with pytest.raises(CheckpointError, match=r"no \.index file in it$"):
        prefix_of(tmp_path)
