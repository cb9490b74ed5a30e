"""State on disk, history, and the stop at the first loss or weight that is not finite."""

import csv
import io
import pathlib
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from igam_tf.core.errors import DivergedError, InputError
from igam_tf.core.progress_bar import ProgressDisplay
from igam_tf.training.callbacks import (
    RunProgress,
    TrainingMonitor,
    TrainingRecord,
    append_history,
    require_history,
)


def rows(path: pathlib.Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_history_grows_line_by_line(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "history.csv"
    append_history(path, {"epoch": 1, "loss": 0.1 + 0.2})
    append_history(path, {"epoch": 2, "loss": 1e-20})
    assert path.read_text() == "epoch,loss\n1,0.30000000000000004\n2,1e-20\n"
    assert [file.name for file in tmp_path.iterdir()] == ["history.csv"]


def test_a_repeated_epoch_replaces_its_line_and_all_later_ones(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "history.csv"
    for epoch in (1, 2, 3):
        append_history(path, {"epoch": epoch, "loss": epoch})
    append_history(path, {"epoch": 2, "loss": 20})
    assert [(row["epoch"], row["loss"]) for row in rows(path)] == [("1", "1"), ("2", "20")]


@pytest.mark.parametrize(
    "text", [None, "", "epoch\n", "epoch,loss\nx,1\n", "epoch,loss\n\0\n", "epoch\n1\n1\n"]
)
def test_a_history_without_its_lines(tmp_path: pathlib.Path, text: str | None) -> None:
    path = tmp_path / "history.csv"
    if text is not None:
        path.write_text(text)
    message = f"^{path}: expected the lines of 1 epochs; --restart begins the run anew$"
    with pytest.raises(InputError, match=message):
        require_history(path, 1)


def test_a_history_with_its_lines(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "history.csv"
    require_history(path, 0)
    for epoch in (1, 2):
        append_history(path, {"epoch": epoch, "loss": epoch})
    require_history(path, 1)


class RecordedState:
    """A state that records its saves."""

    def __init__(self) -> None:
        self.saved: list[int] = []
        self.epoch = tf.Variable(2)

    def require_place(self) -> None:
        pass

    def save(self, epoch: int) -> None:
        self.saved.append(epoch)


def monitored(weight: float = 1.0, **settings: int) -> TrainingMonitor:
    return TrainingMonitor(RecordedState(), [tf.Variable([0.0, weight])], **settings)


def test_an_epoch_is_written_and_saved(tmp_path: pathlib.Path) -> None:
    state = RecordedState()
    record = TrainingRecord(state, tmp_path / "history.csv")
    record.on_epoch_end(0, {"loss": np.float32(0.5), "accuracy": 1})
    record.on_epoch_end(1, {"loss": 0.25, "accuracy": 1})
    assert state.saved == [1, 2]
    assert rows(tmp_path / "history.csv") == [
        {"epoch": "1", "loss": "0.5", "accuracy": "1.0"},
        {"epoch": "2", "loss": "0.25", "accuracy": "1.0"},
    ]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_a_loss_that_is_not_finite_stops(bad: float) -> None:
    with pytest.raises(
        DivergedError,
        match=f"^training diverged: the loss is {bad} at epoch 3; the state after epoch 2 is kept",
    ):
        monitored().on_epoch_end(2, {"loss": bad})


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_weight_that_is_not_finite_stops(bad: float) -> None:
    with pytest.raises(
        DivergedError, match=r"^training diverged: a weight is not finite after epoch 1"
    ):
        monitored(weight=bad).on_epoch_end(0, {"loss": 0.5})


def test_the_loss_is_checked_at_every_so_many_iterations() -> None:
    monitor = monitored(check_every=10)
    monitor.on_train_batch_end(19, {"loss": float("nan")})
    with pytest.raises(DivergedError, match="the loss is nan at iteration 20 of epoch"):
        monitor.on_train_batch_end(20, {"loss": float("nan")})


@pytest.mark.parametrize("steps_per_execution", [1, 2])
def test_one_bar_shows_a_whole_run(steps_per_execution: int) -> None:
    """Over several epochs and calls of `fit`, from where the run begins."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(
        "sgd",
        loss,
        metrics=["accuracy", "sparse_top_k_categorical_accuracy"],
        steps_per_execution=steps_per_execution,
    )
    stream = tf.data.Dataset.from_tensors((np.ones((4, 2)), np.ones(4))).repeat()
    output, done = io.StringIO(), []
    display = ProgressDisplay(output)
    with display.bar("a run", 15, 5, unit="iterations", last_line=True) as bar:
        note = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: done.append(bar.done))
        for first, last, steps in ((1, 3, 4), (3, 4, 2)):
            model.fit(
                stream,
                initial_epoch=first,
                epochs=last,
                steps_per_epoch=steps,
                callbacks=[RunProgress(bar), note],
                shuffle=False,
                verbose=0,
            )
    assert done == [9, 13, 15]
    assert re.fullmatch(
        r"a run: 15 of 15 iterations, .* left, loss=[\d.]+, accuracy=[\d.]+\n", output.getvalue()
    )
