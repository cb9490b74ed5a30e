"""A miniature of `tiny-imagenet-200` on disk: three classes of noise, as a folder or as a zip."""

import pathlib
import zipfile

import numpy as np
import tensorflow as tf

WNIDS = ("n03", "n01", "n02")  # unsorted, as in the original
PER_CLASS = 11  # image 10 must come after image 9
VALIDATED = 4


def jpeg(seed: int, grey: bool = False, side: int = 64) -> bytes:
    pixels = np.random.default_rng(seed).integers(
        0, 256, (side // 8, side // 8, 1 if grey else 3), np.uint8
    )
    return tf.io.encode_jpeg(pixels.repeat(8, 0).repeat(8, 1)).numpy()


def files() -> dict[str, bytes]:
    """Bytes by path inside `tiny-imagenet-200`; image 1 of every class is grey."""
    content_of = {"wnids.txt": "\n".join(WNIDS).encode() + b"\n", "words.txt": b"n01\tfirst\n"}
    for label, wnid in enumerate(sorted(WNIDS)):
        content_of[f"train/{wnid}/{wnid}_boxes.txt"] = b"box"
        for index in range(PER_CLASS):
            content_of[f"train/{wnid}/images/{wnid}_{index}.JPEG"] = jpeg(
                100 * label + index, grey=index == 1
            )
    lines = []
    for index in range(VALIDATED * len(WNIDS)):
        content_of[f"val/images/val_{index}.JPEG"] = jpeg(1000 + index)
        lines.append(f"val_{index}.JPEG\t{WNIDS[index % 3]}\t0\t0\t63\t63\n")
    content_of["val/val_annotations.txt"] = "".join(lines).encode()
    content_of["test/images/test_0.JPEG"] = b"without a label"
    return content_of


def write(
    root: pathlib.Path, form: str = "folder", content: dict[str, bytes] | None = None
) -> pathlib.Path:
    """`form`: `folder`, `zip`, or `zip inside` a folder. Returns the folder or the zip."""
    content, place = files() if content is None else content, root / "tiny-imagenet-200"
    if form == "folder":
        for name, data in content.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(data)
        return place
    archive = (place if form == "zip inside" else root) / "tiny-imagenet-200.zip"
    archive.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(archive, "w") as stream:
        for name, data in content.items():
            stream.writestr(f"tiny-imagenet-200/{name}", data)
    return archive
