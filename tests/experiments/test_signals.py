"""A signal ends a training after its iteration; the run goes on from there, bit for bit."""

import os
import pathlib
import signal
from typing import Any

import pytest

from igam_tf.core.errors import StorageError
from igam_tf.core.signals import Interruption
from igam_tf.experiments import runs
from igam_tf.experiments.fitting import _parts
from igam_tf.experiments.options import Options
from igam_tf.training.callbacks import TrainingMonitor

from .. import tiny
from . import small


def _send_after(iterations: int, monkeypatch: pytest.MonkeyPatch) -> None:
    original, calls = TrainingMonitor.on_train_batch_end, []

    def end(self: TrainingMonitor, batch: int, logs: object = None) -> None:
        calls.append(batch)
        original(self, batch, logs)
        if len(calls) == iterations:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGINT)  # in the midst of the work

    monkeypatch.setattr(TrainingMonitor, "on_train_batch_end", end)


ITERATIONS = [1, 3, 5, 7]  # of seven, three of which are an epoch


def _marks(kind: str, iterations: int) -> Any:
    if (kind, iterations) == ("robust", 5):
        return ()
    return pytest.mark.slow if kind == "robust" or iterations == 5 else tiny.LONG


@pytest.mark.parametrize(
    ("kind", "iterations"),
    [
        pytest.param(kind, iterations, marks=_marks(kind, iterations))
        for kind in small.RUNS
        for iterations in ITERATIONS
    ],
)
def test_a_signal_saves_the_state(
    finished: Options,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    iterations: int,
) -> None:
    run, whole = small.RUNS[kind], runs.directory_of(small.RUNS[kind], finished)
    with monkeypatch.context() as patch:
        _send_after(iterations, patch)
        with pytest.raises(Interruption, match=r"saved; --resume goes on with it$") as error:
            runs.train(run, tmp_path, finished)
    assert error.value.code == 143
    assert not runs.is_finished(tmp_path)
    epoch, step = divmod(iterations, 3) if iterations < 7 else (3, 0)
    name = f"epoch-{epoch}+{step}" if step else f"epoch-{epoch}"
    assert name in {path.name for path in (tmp_path / "state").iterdir()}
    runs.train(run, tmp_path, finished, resume=True)
    for file in whole.glob("*.keras"):
        assert tiny.equal(small.values(tmp_path / file.name), small.values(file))
    assert (tmp_path / "history.csv").read_bytes() == (whole / "history.csv").read_bytes()


@pytest.mark.parametrize(
    ("iteration", "total", "parts"),
    [
        (0, 7, [(0, 2, 3), (2, 3, 1)]),
        (1, 7, [(0, 1, 2), (1, 2, 3), (2, 3, 1)]),
        (5, 7, [(1, 2, 1), (2, 3, 1)]),
        (6, 7, [(2, 3, 1)]),
        (7, 7, []),
        (7, 8, [(2, 3, 1)]),
        (3, 6, [(1, 2, 3)]),
        (6, 6, []),
        (0, 2, [(0, 1, 2)]),
    ],
)
def test_parts_of_a_run(iteration: int, total: int, parts: list[tuple[int, int, int]]) -> None:
    assert list(_parts(iteration, total, 3)) == parts


def test_a_directory_that_vanishes(
    finished: Options, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its disk is gone and comes back. Meanwhile nothing is written in its place."""
    directory, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    original = TrainingMonitor.on_train_batch_end

    def vanish(self: TrainingMonitor, batch: int, logs: object = None) -> None:
        original(self, batch, logs)
        if (directory / "state/epoch-1").exists():
            directory.rename(elsewhere)

    with monkeypatch.context() as patch:
        patch.setattr(TrainingMonitor, "on_train_batch_end", vanish)
        message = f"^{directory} cannot be written: it has vanished, or was moved$"
        with pytest.raises(StorageError, match=message):
            runs.train(small.ROBUST, directory, finished)
    assert not directory.exists()
    elsewhere.rename(directory)
    runs.train(small.ROBUST, directory, finished, resume=True)
    whole = runs.directory_of(small.ROBUST, finished)
    assert tiny.equal(small.values(directory), small.values(whole))
