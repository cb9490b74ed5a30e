"""An interrupted run is resumed and ends like an uninterrupted one."""

import dataclasses
import pathlib

import keras
import pytest

from igam_tf import adapters
from igam_tf.core.errors import DivergedError, InputError
from igam_tf.experiments import runs
from igam_tf.experiments.configs import Schedule
from igam_tf.experiments.options import Options
from igam_tf.training.callbacks import TrainingMonitor
from igam_tf.training.state import TrainingState

from .. import tiny
from . import small


class Interrupted(Exception):
    pass


def _after(iterations: int, monkeypatch: pytest.MonkeyPatch) -> None:
    original, calls = TrainingMonitor.on_train_batch_end, []

    def end(self: TrainingMonitor, batch: int, logs: object = None) -> None:
        calls.append(batch)
        original(self, batch, logs)
        if len(calls) == iterations:
            raise Interrupted

    monkeypatch.setattr(TrainingMonitor, "on_train_batch_end", end)


def _in_mid_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the second epoch, after its second iteration; the student's first of matching."""
    _after(5, monkeypatch)


def _in_the_last_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The state holds a discriminator step, with what its optimizer remembers."""
    _after(7, monkeypatch)


def _in_the_first_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    _after(1, monkeypatch)


def _between_history_and_state(monkeypatch: pytest.MonkeyPatch) -> None:
    original = TrainingState.save

    def save(self: TrainingState, epoch: int) -> None:
        if epoch == 2:
            raise Interrupted
        original(self, epoch)

    monkeypatch.setattr(TrainingState, "save", save)


def _before_the_model_is_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    def save(model: object, path: pathlib.Path) -> None:
        path.write_bytes(b"half of it")
        (path.parent / "tmp-77-model.keras").write_bytes(
            b"half of it, of a process that was killed"
        )
        raise Interrupted

    monkeypatch.setattr(keras.Model, "save", save)


def _between_the_two_models(monkeypatch: pytest.MonkeyPatch) -> None:
    original = keras.Model.save

    def save(model: keras.Model, path: pathlib.Path) -> None:
        if (path.parent / "discriminator.keras").exists():
            raise Interrupted
        original(model, path)

    monkeypatch.setattr(keras.Model, "save", save)


MOMENTS = {
    "mid-epoch": _in_mid_epoch,
    "last epoch": _in_the_last_epoch,
    "between the two models": _between_the_two_models,
    "first epoch": _in_the_first_epoch,
    "between history and state": _between_history_and_state,
    "before the model is saved": _before_the_model_is_saved,
}


@pytest.mark.parametrize(
    ("kind", "moment"),
    [
        ("robust", "mid-epoch"),
        pytest.param("robust", "first epoch", marks=pytest.mark.slow),
        pytest.param("robust", "between history and state", marks=pytest.mark.slow),
        pytest.param("robust", "before the model is saved", marks=pytest.mark.slow),
        ("finetuned", "mid-epoch"),
        pytest.param("student", "mid-epoch", marks=pytest.mark.slow),
        pytest.param("student", "last epoch", marks=pytest.mark.slow),
        pytest.param("student", "between the two models", marks=pytest.mark.slow),
    ],
)
def test_an_interrupted_run_ends_like_an_uninterrupted_one(
    finished: Options,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    moment: str,
) -> None:
    run, whole = small.RUNS[kind], runs.directory_of(small.RUNS[kind], finished)
    with monkeypatch.context() as patch:
        MOMENTS[moment](patch)
        with pytest.raises(Interrupted):
            runs.train(run, tmp_path, finished)
    assert not runs.is_finished(tmp_path)

    before = small.contents(tmp_path)
    with pytest.raises(
        InputError,
        match=f"^run_dir: {tmp_path} holds this run, interrupted; --resume goes on with it, "
        "--restart begins it anew$",
    ):
        runs.train(run, tmp_path, finished)
    assert small.contents(tmp_path) == before

    messages: list[str] = []
    capsys.readouterr()
    runs.train(run, tmp_path, dataclasses.replace(finished, log=messages.append), resume=True)
    # There are earlier lines where it takes more than 30 s.
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f"{tmp_path.name}: 7 of 7 iterations, ")
    resumed_at = {"mid-epoch": 3, "between history and state": 3, "last epoch": 6}
    if moment in resumed_at:
        assert messages[0].endswith(f", resumed at {resumed_at[moment]}")
    for name in ("model.keras", "discriminator.keras") if kind == "student" else ("model.keras",):
        assert tiny.equal(small.values(tmp_path / name), small.values(whole / name))
    assert small.history(tmp_path) == small.history(whole)
    assert {file.name for file in tmp_path.iterdir()} >= {file.name for file in whole.iterdir()}
    assert not (tmp_path / "state").exists()


def test_a_directory_without_its_configuration_yet_begins_anew(
    tmp_path: pathlib.Path, finished: Options
) -> None:
    """Killed before the last one of the first files."""
    (tmp_path / "environment.json").write_text("{}")
    (tmp_path / "state/epoch-0").mkdir(parents=True)
    (tmp_path / "tmp-77-config.json").write_text("{")
    runs.train(small.ROBUST, tmp_path, finished)
    assert tiny.equal(
        small.values(tmp_path), small.values(runs.directory_of(small.ROBUST, finished))
    )


DIVERGING = Schedule(9, 8, (1e-3, 1e30), (3,), optimizer="momentum")  # in the second epoch


def test_a_run_that_diverges_keeps_its_last_good_state(tmp_path: pathlib.Path) -> None:
    run = dataclasses.replace(small.ROBUST, schedule=DIVERGING)
    for resume in (False, True):
        with pytest.raises(
            DivergedError, match=r"^training diverged: .* epoch 2; the state after epoch 1 is kept$"
        ) as error:
            runs.train(run, tmp_path, small.options(tmp_path), resume)
        assert "\n" not in str(error.value)
        assert not runs.is_finished(tmp_path)
        assert [row["epoch"] for row in small.history(tmp_path)] == ["1"]
        assert {file.name for file in (tmp_path / "state").iterdir()} == {"epoch-0", "epoch-1"}


FINETUNED = dataclasses.replace(small.FINETUNED, adapter=("crop:20", "pad_random:28"))
STUDENT = dataclasses.replace(small.STUDENT, teacher=FINETUNED, gradient_crop=None)


@pytest.mark.slow
@pytest.mark.parametrize("run", [FINETUNED, STUDENT], ids=["finetuned", "student"])
def test_a_resumed_run_behind_a_random_pad_draws_the_same_places(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, run: runs.Run
) -> None:
    options = small.options(tmp_path_factory.getbasetemp() / "random_pad")
    whole, parts = runs.ensure(run, options), tmp_path_factory.mktemp("parts")
    with monkeypatch.context() as patch:
        _in_mid_epoch(patch)
        with pytest.raises(Interrupted):
            runs.train(run, parts, options)
    runs.train(run, parts, options, resume=True)
    assert tiny.equal(small.values(parts), small.values(whole))
    central = pathlib.Path(tmp_path_factory.mktemp("central"))
    monkeypatch.setattr(
        adapters.Pad,
        "place",
        property(lambda self: "center", lambda self, value: None),
        raising=False,
    )
    runs.train(run, central, options)
    assert not tiny.equal(small.values(central), small.values(whole))
