#!/usr/bin/env python3
"""Classifies the PNG and JPEG images of a folder with an exported SavedModel. Needs TensorFlow alone.

    bin/export_model runs/STUDENT student
    python examples/serve_folder.py student photos/

Prints a line for each image: file, label, probability. Images of another size than the model's are resized (bilinear).
Exit codes: 0 done, 1 some image could not be read (they are named), 2 a mistake in the command.
"""

import argparse
import json
import os
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

SUFFIXES = (".png", ".jpg", ".jpeg")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, prog="serve_folder"
    )
    parser.add_argument("model", type=pathlib.Path, help="directory that bin/export_model wrote")
    parser.add_argument("folder", type=pathlib.Path, help="directory with images")
    parser.add_argument("--batch_size", type=int, default=32, help="images at a time (default: 32)")
    asked = parser.parse_args(argv)
    if asked.batch_size < 1:
        parser.error(f"--batch_size: expected 1 or more, got {asked.batch_size}")
    if not asked.folder.is_dir():
        parser.error(f"{asked.folder}: no such folder")
    files = sorted(file for file in asked.folder.iterdir() if file.suffix.lower() in SUFFIXES)
    if not files:
        parser.error(f"{asked.folder}: no PNG or JPEG images in it")
    try:
        model = tf.saved_model.load(str(asked.model))
        said = json.loads(pathlib.Path(model.metadata.asset_path.numpy().decode()).read_text())
    except (OSError, AttributeError, ValueError) as error:
        parser.error(f"{asked.model}: no SavedModel of bin/export_model ({error})")
    names = said["classes"]["names"] or list(map(str, range(said["classes"]["count"])))
    failed = 0
    for start in range(0, len(files), asked.batch_size):
        images = {file: read(file, said["image_shape"]) for file in files[start : start + asked.batch_size]}
        readable = {file: image for file, image in images.items() if image is not None}
        failed += len(images) - len(readable)
        if readable:
            show(list(readable), model.serve(tf.stack(list(readable.values()))), names)
    return 1 if failed else 0


def read(file: pathlib.Path, shape: Sequence[int]) -> Any:
    """uint8 pixels of the given shape; None, and a line on standard error, for what is no image."""
    height, width, channels = shape
    try:
        image = tf.io.decode_image(tf.io.read_file(str(file)), channels, expand_animations=False)
    except tf.errors.OpError:
        print(f"serve_folder: {file}: not a readable PNG or JPEG image", file=sys.stderr)
        return None
    if image.shape[:2] == (height, width):
        return image
    resized = tf.image.resize(image, (height, width), antialias=True)
    return tf.saturate_cast(tf.round(resized), tf.uint8)


def show(files: Sequence[pathlib.Path], answers: Any, names: Sequence[str]) -> None:
    labels, probabilities = answers["labels"].numpy(), answers["probabilities"].numpy()
    for file, label, row in zip(files, labels, probabilities, strict=True):
        print(f"{file.name}\t{names[label]}\t{row[label]:.4f}")


if __name__ == "__main__":
    sys.exit(main())
