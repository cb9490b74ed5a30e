import base64
import pathlib
import random
import shutil

import numpy as np
import pytest

import madry_checkpoints
from madry_checkpoints import CheckpointError
from madry_checkpoints.reader import Checkpoint, VariableSpec

from . import samples

DATA = ".data-00000-of-00001"
SUFFIXES = (".index", DATA)


def test_reads_every_sort_of_variable(tmp_path):
    dtypes = (
        *(np.float16, np.float32, np.float64, np.bool_),
        *(np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16),
    )
    values = {f"of/{np.dtype(dtype)}": np.arange(6).reshape(2, 3).astype(dtype) for dtype in dtypes}
    values |= {
        "scalar": np.asarray(3.5, np.float32),
        "empty": np.zeros((0, 4), np.float32),
        "größe": np.ones(1, np.float32),
    }
    values |= {f"long/{i}": np.full((i + 1, 50), i, np.float32) for i in range(300)}
    checkpoint = Checkpoint(samples.save(values, tmp_path / "of every sort*"))
    assert list(checkpoint) == sorted(values)
    assert samples.same(checkpoint, values)
    assert checkpoint.specs["of/int16"] == VariableSpec((2, 3), np.dtype(np.int16))
    assert "other" not in checkpoint
    with pytest.raises(KeyError, match="other"):
        checkpoint["other"]


def test_reads_several_data_files(tmp_path):
    import tensorflow as tf

    parts = [
        {"a": np.ones(3, np.float32), "c": np.zeros(2, np.int32)},
        {"b": np.full(4, 2, np.int8)},
    ]
    prefixes = [samples.save(part, tmp_path / f"part{i}") for i, part in enumerate(parts)]
    whole = str(tmp_path / "whole")
    tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=prefixes, destination_prefix=whole)
    shutil.copy(f"{whole}.data-00000-of-00002", f"{whole}{DATA}")  # of an older save
    assert samples.same(Checkpoint(whole), parts[0] | parts[1])
    pathlib.Path(f"{whole}.data-00001-of-00002").unlink()
    with pytest.raises(CheckpointError, match=r"20 or 20 bytes in its \.data files instead of 24"):
        Checkpoint(whole)


def test_reads_an_index_that_snappy_compressed(tmp_path):
    """As TensorFlow 1.1, of the challenges' time, wrote it; later versions no longer compress."""
    index = (
        "TD$-N1_%Kf0tf*B2oqLea%o{=Y-I=m5(p9k2m%rU2m>e>HNe|F7YG6oUoi*)5(Ewu05BjJC=4~}2~a-?0TD796#z"
        "s8AS5UdH6u66y8r+H0096100EHaP9FdO000310002M@}aN*0RmS5SpWb400961004XYH<n%qYYqSa00000000000"
        "000000000000000000000000000000039}fQuw`N81"
    )
    values = {
        "Variable": np.arange(6, dtype=np.float32).reshape(2, 3),
        "Variable_1": np.arange(3, dtype=np.float32),
        "Variable_2": np.ones(4, np.float32),
    }
    (tmp_path / "c.index").write_bytes(base64.b85decode(index))
    (tmp_path / f"c{DATA}").write_bytes(b"".join(value.tobytes() for value in values.values()))
    assert samples.same(Checkpoint(str(tmp_path / "c")), values)


def _save_slices(prefix, starts):
    import tensorflow as tf

    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=["v"] * len(starts),
        shape_and_slices=[f"4 {start},2" for start in starts],
        tensors=[tf.constant([start, start + 1.0]) for start in starts],
    )


def test_a_partitioned_variable_is_read_if_all_its_parts_are_there(tmp_path):
    _save_slices(tmp_path / "whole", (0, 2))
    np.testing.assert_array_equal(madry_checkpoints.read(tmp_path / "whole")["v"], [0, 1, 2, 3])
    _save_slices(tmp_path / "half", (2,))
    with pytest.raises(CheckpointError, match=r"8 bytes in its \.data files instead of 16"):
        madry_checkpoints.read(tmp_path / "half")


def test_a_directory_of_the_same_name_is_not_read_instead(tmp_path):
    for prefix, value in (("c", 1.0), ("c/other", 2.0)):
        samples.save({"v": np.float32(value)}, tmp_path / prefix)
    (tmp_path / "c/checkpoint").write_text('model_checkpoint_path: "other"')
    assert madry_checkpoints.read(tmp_path / "c.index")["v"] == 1
    assert madry_checkpoints.read(tmp_path / "c")["v"] == 2


def _save_objects(prefix):
    import tensorflow as tf

    tf.train.Checkpoint(v=tf.Variable(1.0)).write(str(prefix))


def _save_large_index(prefix):
    pathlib.Path(f"{prefix}.index").write_bytes(bytes((1 << 20) + 1))


REFUSALS = {
    "tf.train.Checkpoint": (
        _save_objects,
        "c: of tf.train.Checkpoint, not of a TensorFlow 1 Saver",
    ),
    "text": (
        lambda prefix: samples.save({"text": np.asarray("words")}, prefix),
        "text has the unsupported dtype string",
    ),
    "a path that TensorFlow takes for a pattern": (
        lambda prefix: samples.save({"v": np.ones(1)}, prefix.with_name("c[1]")),
        r"c\[1\]: TensorFlow reads no checkpoint from a path with '\['",
    ),
    "large index": (_save_large_index, "c.index: larger than 1 MiB"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_unreadable_checkpoints_are_one_clear_error(tmp_path, case):
    save, message = REFUSALS[case]
    save(tmp_path / "c")
    with pytest.raises(CheckpointError, match=message):
        madry_checkpoints.read(tmp_path)


def test_missing_data_are_an_error(tmp_path):
    prefix = samples.save({"v": np.ones(2, np.float32)}, tmp_path / "c")
    pathlib.Path(prefix + DATA).unlink()
    with pytest.raises(CheckpointError, match=r"no bytes in its \.data files instead of 8"):
        Checkpoint(prefix)


def _truncations(contents, count):
    return [contents[:length] for length in range(0, len(contents), -(-len(contents) // count))]


def _bit_flips(contents, count):
    choice = random.Random(5)
    copies = []
    for _ in range(count):
        copy = bytearray(contents)
        copy[choice.randrange(len(copy))] ^= 1 << choice.randrange(8)
        copies.append(bytes(copy))
    return copies


def _count_outcomes(prefix, copy, suffix, damage, count):
    """Errors, right values and other values of `count` copies with one damaged file."""
    contents = {each: pathlib.Path(prefix + each).read_bytes() for each in SUFFIXES}
    values = dict(Checkpoint(prefix).items())
    outcomes = {"errors": 0, "right values": 0, "other values": 0}
    for each in SUFFIXES:
        pathlib.Path(copy + each).write_bytes(contents[each])
    for damaged in damage(contents[suffix], count):
        pathlib.Path(copy + suffix).write_bytes(damaged)
        try:
            equal = samples.same(dict(Checkpoint(copy).items()), values)
            outcomes["right values" if equal else "other values"] += 1
        except CheckpointError:
            outcomes["errors"] += 1
    return outcomes


# From the issue that introduced TensorFlow's reader.
DAMAGE = {
    "index truncated": (".index", _truncations, 424),
    "index flipped": (".index", _bit_flips, 400),
    "data truncated": (DATA, _truncations, 60),
    "data flipped": (DATA, _bit_flips, 60),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_an_error_or_harmless(tmp_path, damage):
    suffix, function, count = DAMAGE[damage]
    weights = samples.arrays("mnist_challenge")
    prefix = samples.save({**weights, **samples.slots(weights)}, tmp_path / "c")
    outcomes = _count_outcomes(prefix, str(tmp_path / "copy"), suffix, function, count)
    assert outcomes["other values"] == 0
    # Only the padding of the index's footer has no checksum, and no meaning.
    assert outcomes["right values"] <= (20 if damage == "index flipped" else 0)
    assert outcomes["errors"] > 50


def test_damage_to_one_block_of_the_index_loses_no_variable(tmp_path):
    """TensorFlow's reader alone would skip the damaged block and return fewer variables."""
    shape = (1,) * 60  # for a long entry: a block takes 256 KiB
    values = {f"v/{i}": np.full(shape, i, np.float32) for i in range(3000)}
    prefix = samples.save(values, tmp_path / "c")
    index = pathlib.Path(f"{prefix}.index")
    contents = index.read_bytes()
    assert samples.same(Checkpoint(prefix), values)
    assert 2**18 < len(contents) < 2**20
    for offset in (1000, 300_000):
        damaged = bytearray(contents)
        damaged[offset] ^= 1
        index.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"12000 bytes in its \.data files instead of"):
            Checkpoint(prefix)


@pytest.mark.parametrize(
    "name", ["mnist_challenge/checkpoint-200", "cifar10_challenge/checkpoint-40"]
)
@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_to_the_golden_checkpoints(tmp_path, golden, name, damage):
    suffix, function, count = DAMAGE[damage]
    copy = str(tmp_path / "copy")
    outcomes = _count_outcomes(str(golden / name), copy, suffix, function, count)
    assert outcomes["other values"] == 0
    assert outcomes["errors"] > 50
