"""Prepared data sets as ArrayRecord files, whose examples can be read by place."""

import hashlib
import json
import logging
import os
import pathlib
import shutil
import tempfile
from typing import Any

import tensorflow as tf

from igam_tf.core import files
from igam_tf.core.errors import InputError


def open_builder(directory: pathlib.Path) -> Any:
    """TFDS's builder of a prepared directory.

    Raises:
      InputError: it is damaged or incomplete.
    """
    logging.getLogger("absl").setLevel(logging.WARNING)  # TFDS reports every step of its reading
    import tensorflow_datasets as tfds

    try:
        return tfds.builder_from_directory(str(directory))
    except Exception as error:  # TFDS raises many types for data that is damaged or incomplete
        raise unreadable(directory, error) from error


def unreadable(directory: str | os.PathLike[str], error: Exception) -> InputError:
    return InputError(
        f"dataset: {directory} cannot be read ({type(error).__name__}: {str(error)[:200]})"
    )


def by_place(builder: Any) -> Any:
    """A builder of the same data as ArrayRecord files.

    Data of another format is converted once, into the user's cache: the examples' bytes, in their
    order. TFDS's own converter needs Apache Beam.

    Raises:
      InputError: the data cannot be read, or there is no room for the copy.
    """
    import tensorflow_datasets as tfds

    if builder.info.file_format == tfds.core.FileFormat.ARRAY_RECORD:
        return builder
    source = pathlib.Path(builder.data_dir)
    copy = _cache(source)
    if not (copy / "dataset_info.json").is_file():
        print(f"converting {source} to ArrayRecord files once, in {copy}")
        try:
            _convert(builder, source, copy)
        except (OSError, tf.errors.OpError) as error:
            raise unreadable(source, error) from error
    return open_builder(copy)


def _cache(source: pathlib.Path) -> pathlib.Path:
    """Named by the place and by when it was prepared."""
    stamp = (source / "dataset_info.json").stat()
    identity = f"{source.resolve()} {stamp.st_mtime_ns} {stamp.st_size}"
    name = hashlib.sha256(identity.encode()).hexdigest()[:16]
    return files.cache_directory() / f"tfds-{name}" / source.parent.name / source.name


def _convert(builder: Any, source: pathlib.Path, copy: pathlib.Path) -> None:
    """Writes beside the place of the copy, then renames: the copy is whole or not there."""
    from array_record.python.array_record_module import ArrayRecordWriter

    copy.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=copy.parent) as folder:
        temporary = pathlib.Path(folder) / copy.name
        temporary.mkdir()
        for file in source.glob("*.txt"):
            shutil.copy(file, temporary)
        shutil.copy(source / "features.json", temporary)
        for split in builder.info.splits.values():
            for name in map(str, split.filepaths):
                target = pathlib.Path(name).name.replace(".tfrecord-", ".array_record-")
                writer = ArrayRecordWriter(str(temporary / target), "group_size:1")
                for record in tf.data.TFRecordDataset(name).as_numpy_iterator():
                    writer.write(record)
                writer.close()
        info = json.loads((source / "dataset_info.json").read_text("utf-8"))
        info["fileFormat"] = "array_record"
        files.write_text(temporary / "dataset_info.json", json.dumps(info))
        os.replace(temporary, copy)
