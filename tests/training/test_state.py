"""States on disk: the last two, whole or not at all."""

import pathlib
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf.core.errors import InputError, StorageError
from igam_tf.training.state import TrainingState


def _state(place: pathlib.Path, **settings: int) -> tuple[TrainingState, tf.Variable]:
    variable = tf.Variable(0.0)
    return TrainingState(place / "state", **settings, thing=variable), variable


def _names(place: pathlib.Path) -> set[str]:
    return {path.name for path in (place / "state").iterdir()}


def _save_all(place: pathlib.Path, *positions: tuple[int, int], **settings: int) -> None:
    """States whose variable is ten times the epoch, plus the step."""
    state, variable = _state(place, **settings)
    for epoch, step in positions:
        variable.assign(10.0 * epoch + step)
        state.save(epoch, step, [0.1, step])


def test_the_last_two_are_kept_and_the_newest_is_restored(tmp_path: pathlib.Path) -> None:
    _save_all(tmp_path, (0, 0), (1, 0), (9, 0), (10, 0), (10, 7))
    assert _names(tmp_path) == {"epoch-10", "epoch-10+7"}
    state, variable = _state(tmp_path)
    assert state.restore() == 10
    assert (variable.numpy(), state.step.numpy(), state.sums.numpy().tolist()) == (107, 7, [0.1, 7])


def test_a_state_removes_later_ones(tmp_path: pathlib.Path) -> None:
    """They are damaged, or of a run that was set back by hand."""
    _save_all(tmp_path, (1, 0), (2, 0))
    _save_all(tmp_path, (1, 3))
    assert _names(tmp_path) == {"epoch-1", "epoch-1+3"}
    (tmp_path / "state/epoch-1/state.index").write_bytes(b"")
    _save_all(tmp_path, (1, 0))
    assert _names(tmp_path) == {"epoch-1"}
    assert _state(tmp_path)[0].restore() == 1


def test_every_nth_stays(tmp_path: pathlib.Path) -> None:
    _save_all(tmp_path, *((epoch, 0) for epoch in range(8)), (7, 2), keep_every=3)
    assert _names(tmp_path) == {"epoch-3", "epoch-6", "epoch-7", "epoch-7+2"}
    _state(tmp_path, keep_every=3)[0].close()
    assert _names(tmp_path) == {"epoch-3", "epoch-6"}
    _state(tmp_path)[0].close()
    assert not (tmp_path / "state").exists()


def _flip(path: pathlib.Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGE = {
    "flipped": _flip,
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "empty": lambda path: path.write_bytes(b""),
    "missing": pathlib.Path.unlink,
}
FILES = ("state.index", "state.data-00000-of-00001", "digests.json")


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_state_falls_back(tmp_path: pathlib.Path, name: str, damage: str) -> None:
    _save_all(tmp_path, (1, 0), (2, 0))
    assert {path.name for path in (tmp_path / "state/epoch-1").iterdir()} == set(FILES)
    DAMAGE[damage](tmp_path / "state/epoch-2" / name)
    lines: list[str] = []
    state, variable = _state(tmp_path)
    assert (state.restore(log=lines.append), variable.numpy()) == (1, 10)
    assert len(lines) == 1
    start = re.escape(f"WARNING {tmp_path}/state/epoch-2 is damaged (")
    assert re.fullmatch(start + r".*\); the state before it is used", lines[0])
    DAMAGE[damage](tmp_path / "state/epoch-1" / name)
    message = (
        f"^run_dir: {tmp_path} holds a run without a whole state in state/; --restart begins it "
        "anew$"
    )
    with pytest.raises(InputError, match=message):
        _state(tmp_path)[0].restore(log=lines.append)
    assert len(lines) == 3


def test_a_state_of_other_objects_is_damaged(tmp_path: pathlib.Path) -> None:
    _save_all(tmp_path, (1, 0))
    lines: list[str] = []
    other = TrainingState(tmp_path / "state", thing=tf.Variable(0.0), more=tf.Variable(0.0))
    with pytest.raises(InputError, match="--restart"):
        other.restore(log=lines.append)
    assert len(lines) == 1


def test_no_state(tmp_path: pathlib.Path) -> None:
    with pytest.raises(InputError, match="--restart"):
        _state(tmp_path)[0].restore()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [tf.errors.ResourceExhaustedError, tf.errors.UnknownError])
def test_a_full_disk(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, error: type[tf.errors.OpError]
) -> None:
    _save_all(tmp_path, (1, 0))

    def write(checkpoint: tf.train.Checkpoint, prefix: str) -> None:
        pathlib.Path(prefix).write_bytes(b"half")
        raise error(None, None, "No space left on device")

    monkeypatch.setattr(tf.train.Checkpoint, "write", write)
    message = f"^{tmp_path}/state/epoch-2 cannot be written: No space left on device$"
    with pytest.raises(StorageError, match=message):
        _save_all(tmp_path, (2, 0))
    assert _names(tmp_path) == {"epoch-1"}
    assert _state(tmp_path)[0].restore() == 1


def test_optimizers_are_part_of_a_state(tmp_path: pathlib.Path) -> None:
    """With all their slots: Adam goes on as if it had not stopped."""

    def parts() -> tuple[TrainingState, keras.Variable, keras.optimizers.Optimizer]:
        weight = keras.Variable([1.0, 2.0])
        optimizer = keras.optimizers.Adam(0.1)
        optimizer.build([weight])
        return (
            TrainingState(tmp_path / "state", weight=weight.value, optimizer=optimizer),
            weight,
            optimizer,
        )

    state, weight, optimizer = parts()
    for step in range(3):
        optimizer.apply([tf.constant([step + 1.0, -1.0])], [weight])
    state.save(1)
    other, restored, other_optimizer = parts()
    assert other.restore() == 1
    for w, o in ((weight, optimizer), (restored, other_optimizer)):
        o.apply([tf.constant([-5.0, 2.0])], [w])
    np.testing.assert_array_equal(weight.numpy(), restored.numpy())
    assert int(other_optimizer.iterations.numpy()) == 4
