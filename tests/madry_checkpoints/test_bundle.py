import multiprocessing
import pathlib
import random
import shutil

import numpy as np
import pytest

from madry_checkpoints import CheckpointError
from madry_checkpoints.bundle import Bundle

from . import samples


def _tensorflow_reads(prefix: str) -> dict[str, np.ndarray]:
    import tensorflow as tf

    reader = tf.train.load_checkpoint(prefix)
    return {name: np.asarray(reader.get_tensor(name)) for name in reader.get_variable_to_shape_map()}


def test_reads_what_tensorflow_reads(tmp_path):
    types = (np.float32, np.float64, np.float16, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.bool_)
    values = {f"of/{np.dtype(dtype)}": np.arange(6).reshape(2, 3).astype(dtype) for dtype in types}
    values |= {
        "scalar": np.asarray(3.5, np.float32),
        "empty": np.zeros((0, 4), np.float32),
        "größe": np.ones(1, np.float32),
    }
    values |= {f"long/{i}": np.full((i + 1, 50), i, np.float32) for i in range(300)}
    prefix = samples.saved(values, tmp_path / "of every sort")
    bundle = Bundle(prefix)
    assert samples.same(bundle, _tensorflow_reads(prefix))
    assert bundle.shape("long/3") == (4, 50)
    assert bundle.dtype("of/int16") == np.int16


def test_reads_several_data_files(tmp_path):
    import tensorflow as tf

    values = [{"a": np.ones(3, np.float32), "c": np.zeros(2, np.int32)}, {"b": np.full(4, 2, np.float32)}]
    parts = [samples.saved(part, tmp_path / f"part{i}") for i, part in enumerate(values)]
    whole = str(tmp_path / "whole")
    tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=parts, destination_prefix=whole)
    assert samples.same(Bundle(whole), values[0] | values[1])
    pathlib.Path(f"{whole}.data-00001-of-00002").unlink()
    with pytest.raises(CheckpointError, match="data-00001-of-00002: cannot be read"):
        Bundle(whole)


def test_the_golden_checkpoints(golden):
    for name in ("mnist_challenge/checkpoint-200", "cifar10_challenge/checkpoint-40"):
        assert samples.same(Bundle(str(golden / name)), _tensorflow_reads(str(golden / name)))


def test_what_is_not_read_says_so(tmp_path):
    import tensorflow as tf

    tf.train.Checkpoint(v=tf.Variable(1.0)).write(str(tmp_path / "object"))
    with pytest.raises(CheckpointError, match="not by a TensorFlow 1 Saver"):
        Bundle(str(tmp_path / "object"))
    samples.saved({"text": np.asarray("words")}, tmp_path / "text")
    with pytest.raises(CheckpointError, match="text has the unsupported data type"):
        Bundle(str(tmp_path / "text"))
    tf.raw_ops.SaveV2(
        prefix=str(tmp_path / "sliced"), tensor_names=["v"], shape_and_slices=["4 0,2"], tensors=[tf.ones(2)]
    )
    with pytest.raises(CheckpointError, match="partitioned"):
        Bundle(str(tmp_path / "sliced"))


@pytest.mark.parametrize("missing", ["index", "data-00000-of-00001"])
def test_a_missing_file_is_named(tmp_path, missing):
    prefix = samples.saved(samples.arrays("mnist_challenge"), tmp_path / "c")
    pathlib.Path(f"{prefix}.{missing}").unlink()
    with pytest.raises(CheckpointError, match=rf"c\.{missing}: cannot be read \(No such file"):
        Bundle(prefix)


def _outcomes(prefix: str, folder: str, seed: int, counts: "multiprocessing.Queue") -> None:
    """Tries damaged copies, one after the other; an abort ends the process, and with it the missing answer."""
    suffixes = (".index", ".data-00000-of-00001")
    whole = {suffix: pathlib.Path(prefix + suffix).read_bytes() for suffix in suffixes}
    expected = dict(Bundle(prefix).items())
    copy = f"{folder}/copy"
    index, data = (whole[suffix] for suffix in suffixes)
    choice = random.Random(seed)
    cases = [(".index", index[:length]) for length in range(len(index))]
    cases += [(".data-00000-of-00001", data[:length]) for length in choice.sample(range(len(data)), 200)]
    for suffix in suffixes:
        for _ in range(200):
            at, bit = choice.randrange(len(whole[suffix])), 1 << choice.randrange(8)
            damaged = bytearray(whole[suffix])
            damaged[at] ^= bit
            cases.append((suffix, bytes(damaged)))
    found = {"error": 0, "same": 0, "wrong": 0}
    for suffix, contents in cases:
        for each in suffixes:
            pathlib.Path(copy + each).write_bytes(contents if each == suffix else whole[each])
        try:
            found["same" if samples.same(dict(Bundle(copy).items()), expected) else "wrong"] += 1
        except CheckpointError:
            found["error"] += 1
    counts.put((len(index), found))


def _damaged(prefix: str, folder: pathlib.Path) -> tuple[int, dict[str, int]]:
    context = multiprocessing.get_context("spawn")
    counts = context.Queue()
    child = context.Process(target=_outcomes, args=(prefix, str(folder), 5, counts))
    child.start()
    child.join()
    assert child.exitcode == 0
    return counts.get(timeout=5)


def test_damage_is_an_error_or_harmless(tmp_path):
    """Every truncation of the index, 200 of the data, 200 flipped bits in each; in a child, where an abort would show."""
    weights = samples.arrays("mnist_challenge")
    prefix = samples.saved({**weights, **samples.slots(weights)}, tmp_path / "c")
    length, found = _damaged(prefix, tmp_path)
    assert found["wrong"] == 0
    assert found["error"] + found["same"] == length + 600
    # Only the padding of the index's footer has no checksum, and says nothing.
    assert found["same"] < 30


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mnist_challenge/checkpoint-200", "cifar10_challenge/checkpoint-40"])
def test_damage_to_the_golden_checkpoints(tmp_path, golden, name):
    prefix = str(tmp_path / "c")
    for suffix in (".index", ".data-00000-of-00001"):
        shutil.copy(f"{golden / name}{suffix}", prefix + suffix)
    length, found = _damaged(prefix, tmp_path)
    assert found["wrong"] == 0
    assert found["error"] + found["same"] == length + 600
