"""Damages of Tiny-ImageNet's folder and zip: each is one error that names the file."""

import pathlib
from collections.abc import Callable

import pytest

from igam_tf import data
from igam_tf.core.errors import InputError

from . import tiny_tree


def load(root: pathlib.Path) -> data.Dataset:
    return data.load("tiny_imagenet", root)


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


DAMAGES: dict[str, tuple[str, Callable[[bytes], bytes] | None, str]] = {
    "truncated image": (
        "train/n02/images/n02_3.JPEG",
        cut,
        "truncated or not a JPEG image .*, expected one of 64x64 pixels",
    ),
    "no image": ("train/n02/images/n02_3.JPEG", lambda _: b"GIF", "truncated or not a JPEG image"),
    "empty image": ("val/images/val_3.JPEG", lambda _: b"", "truncated or not a JPEG image"),
    "other size": (
        "val/images/val_3.JPEG",
        lambda _: tiny_tree.jpeg(0, side=32),
        "32x32 pixels, expected 64x64",
    ),
    "missing image": (
        "val/images/val_3.JPEG",
        None,
        "missing, expected the image that val/val_annotations.txt names",
    ),
    "missing annotations": (
        "val/val_annotations.txt",
        None,
        "missing, expected name, tab, wnid of each image",
    ),
    "missing annotation": ("val/val_annotations.txt", cut, ""),
    "annotation of no class": (
        "val/val_annotations.txt",
        lambda lines: lines.replace(b"n02", b"n04", 1),
        r"line 3: expected name, tab, wnid of wnids.txt, got 'val_2.JPEG\\tn04",
    ),
    "no annotations": ("val/val_annotations.txt", lambda _: b"", ""),
    "binary annotations": (
        "val/val_annotations.txt",
        lambda _: b"\xff\xfe",
        r"cannot be read \(UnicodeDecodeError\)",
    ),
    "missing classes": ("wnids.txt", None, "missing, expected the classes' WordNet ids"),
    "no classes": ("wnids.txt", lambda _: b"\n", "empty, expected the classes' WordNet ids"),
}


@pytest.mark.parametrize("form", ["folder", "zip"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damages(tmp_path: pathlib.Path, form: str, damage: str) -> None:
    file, change, problem = DAMAGES[damage]
    content = tiny_tree.files()
    original = content.pop(file)
    if change is not None:
        content[file] = change(original)
    place = tiny_tree.write(tmp_path, form, content)
    inside = place if form == "folder" else place / "tiny-imagenet-200"
    where = (
        f"{file}: " if problem else "val/"
    )  # where an annotation is lacking its image is named, or the line
    with pytest.raises(
        InputError, match=rf"^dataset tiny_imagenet: {inside}/{where}.*{problem}"
    ) as error:
        load(tmp_path)
    assert str(error.value).endswith(
        ". With a network, `curl -O http://cs231n.stanford.edu/tiny-imagenet-200.zip` "
        f"in {tmp_path} fetches the original"
    )
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_missing_folders(tmp_path: pathlib.Path, form: str) -> None:
    content = {
        name: file
        for name, file in tiny_tree.files().items()
        if not name.startswith("train/n02/images/")
    }
    place = tiny_tree.write(tmp_path, form, content)
    inside = place if form == "folder" else place / "tiny-imagenet-200"
    with pytest.raises(
        InputError,
        match=f"^dataset tiny_imagenet: {inside}/train/n02/images: missing or empty, expected",
    ):
        load(tmp_path)


def test_an_image_without_annotation(tmp_path: pathlib.Path) -> None:
    tiny_tree.write(
        tmp_path, "zip", {**tiny_tree.files(), "val/images/val_99.JPEG": tiny_tree.jpeg(9)}
    )
    with pytest.raises(
        InputError, match=r"/val/images/val_99.JPEG: without annotation, expected its wnid in val/"
    ):
        load(tmp_path)


@pytest.mark.parametrize("keep", [cut, lambda content: content[:-200], lambda _: b""])
def test_a_truncated_zip(tmp_path: pathlib.Path, keep: Callable[[bytes], bytes]) -> None:
    archive = tiny_tree.write(tmp_path, "zip")
    archive.write_bytes(keep(archive.read_bytes()))
    with pytest.raises(InputError) as error:
        load(tmp_path)
    assert str(error.value).startswith(f"dataset tiny_imagenet: {archive}: not a whole zip file (")
    assert "\n" not in str(error.value)


def test_a_zip_damaged_inside(tmp_path: pathlib.Path) -> None:
    archive, broken = (
        tiny_tree.write(tmp_path, "zip"),
        tiny_tree.files()["train/n02/images/n02_3.JPEG"],
    )
    archive.write_bytes(archive.read_bytes().replace(broken, broken[:-9] + b"?" * 9))
    with pytest.raises(
        InputError,
        match=r"train/n02/images/n02_3.JPEG: truncated or not a JPEG image \(BadZipFile\)",
    ):
        load(tmp_path)
