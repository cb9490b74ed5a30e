"""Small data sets on disk in the form that TFDS prepares, written without TFDS and without a
network.
"""

import json
import pathlib

import numpy as np
import tensorflow as tf

SHAPES = {"mnist": (28, 28, 1), "cifar10": (32, 32, 3), "cifar100": (32, 32, 3)}


def examples(name: str, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    classes = 100 if name == "cifar100" else 10
    return rng.integers(0, 256, (size, *SHAPES[name]), np.uint8), rng.integers(0, classes, size)


def write(
    root: pathlib.Path,
    name: str = "mnist",
    version: str = "3.0.1",
    sizes: tuple[int, int] = (12, 6),
    seed: int = 0,
) -> pathlib.Path:
    """Writes `examples` of seed and seed + 1 as train and test; returns the version's directory."""
    directory = root / name / version
    directory.mkdir(parents=True)
    splits = []
    for part, (split, size) in enumerate(zip(("train", "test"), sizes, strict=True)):
        records = [
            _record(*example) for example in zip(*examples(name, size, seed + part), strict=True)
        ]
        with tf.io.TFRecordWriter(
            str(directory / f"{name}-{split}.tfrecord-00000-of-00001")
        ) as writer:
            for record in records:
                writer.write(record)
        template = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
        size_on_disk = str(sum(map(len, records)))
        splits.append(
            {
                "filepathTemplate": template,
                "name": split,
                "numBytes": size_on_disk,
                "shardLengths": [str(size)],
            }
        )
    info = {"fileFormat": "tfrecord", "name": name, "version": version, "splits": splits}
    (directory / "dataset_info.json").write_text(json.dumps(info))
    (directory / "features.json").write_text(json.dumps(_features(name)))
    return directory


def _record(image: np.ndarray, label: int) -> bytes:
    values = {
        "image": tf.train.Feature(
            bytes_list=tf.train.BytesList(value=[tf.io.encode_png(image).numpy()])
        ),
        "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
    }
    return tf.train.Example(features=tf.train.Features(feature=values)).SerializeToString()


def _features(name: str) -> dict[str, object]:
    places = "tensorflow_datasets.core.features"
    image = {"dtype": "uint8", "shape": {"dimensions": [str(side) for side in SHAPES[name]]}}
    label = {"numClasses": "100" if name == "cifar100" else "10"}
    parts = {
        "image": {"image": image, "pythonClassName": f"{places}.image_feature.Image"},
        "label": {
            "classLabel": label,
            "pythonClassName": f"{places}.class_label_feature.ClassLabel",
        },
    }
    return {
        "featuresDict": {"features": parts},
        "pythonClassName": f"{places}.features_dict.FeaturesDict",
    }
