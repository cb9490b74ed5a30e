#!/usr/bin/env python3
"""Classifies the PNG and JPEG images of a folder with a SavedModel; needs TensorFlow alone.

    bin/export_model runs/STUDENT student
    python examples/serve_folder.py student photos/

Prints a line for each image: file, label, probability. Resizes images that are not of the model's
size (bilinear). Names images that it cannot read. Exit codes: 0 done, 1 some image could not be
read, 2 a mistake in the command.
"""

import json
import os
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

from absl import flags  # comes with TensorFlow

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

SUFFIXES = (".png", ".jpg", ".jpeg")
USAGE = "usage: serve_folder MODEL FOLDER [--batch_size=32]"


def main(argv: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    if {"--help", "-h"} & set(arguments):
        print(f"{__doc__}\n{USAGE}")
        return 0
    values = flags.FlagValues()
    flags.DEFINE_integer("batch_size", 32, "Images at a time.", lower_bound=1, flag_values=values)
    try:
        positional = values(["serve_folder", *arguments])[1:]
        if len(positional) != 2:
            raise flags.Error(USAGE)
        return serve(pathlib.Path(positional[0]), pathlib.Path(positional[1]), values.batch_size)
    except flags.Error as error:
        print(f"serve_folder: {error}", file=sys.stderr)
        return 2


def serve(exported: pathlib.Path, folder: pathlib.Path, batch_size: int) -> int:
    """Prints a line for each image; returns 1 if some image could not be read.

    Raises:
      flags.Error: there is no such folder, no image in it, or no exported model.
    """
    if not folder.is_dir():
        raise flags.Error(f"{folder}: no such folder")
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)
    if not files:
        raise flags.Error(f"{folder}: no PNG or JPEG images in it")
    import tensorflow as tf  # not at the top: --help and mistakes come at once

    try:
        model = tf.saved_model.load(str(exported))
        metadata = json.loads(pathlib.Path(model.metadata.asset_path.numpy().decode()).read_text())
    except (OSError, AttributeError, ValueError) as error:
        raise flags.Error(f"{exported}: no SavedModel of bin/export_model ({error})") from error
    names = metadata["classes"]["names"] or list(map(str, range(metadata["classes"]["count"])))
    failed = 0
    for start in range(0, len(files), batch_size):
        images = {
            file: read(file, metadata["image_shape"]) for file in files[start : start + batch_size]
        }
        readable = {file: image for file, image in images.items() if image is not None}
        failed += len(images) - len(readable)
        if readable:
            show(list(readable), model.serve(tf.stack(list(readable.values()))), names)
    return 1 if failed else 0


def read(file: pathlib.Path, shape: Sequence[int]) -> Any:
    """uint8 pixels of the shape; for a file that is no image None, and a line on standard error."""
    import tensorflow as tf

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


def show(files: Sequence[pathlib.Path], outputs: Any, names: Sequence[str]) -> None:
    labels, probabilities = outputs["labels"].numpy(), outputs["probabilities"].numpy()
    for file, label, row in zip(files, labels, probabilities, strict=True):
        print(f"{file.name}\t{names[label]}\t{row[label]:.4f}")


if __name__ == "__main__":
    sys.exit(main())
