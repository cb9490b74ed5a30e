"""Run directories: what a finished one holds, what is refused, what an interruption costs
(nothing).
"""

import csv
import dataclasses
import json
import pathlib
from collections.abc import Callable

import keras
import pytest

from igam_tf.core import runtime, settings
from igam_tf.core.errors import DivergedError, InputError
from igam_tf.experiments import runs, trained
from igam_tf.experiments.configs import Data, Run, Schedule, Weights, verb_of
from igam_tf.experiments.options import Options
from igam_tf.training.callbacks import TrainingMonitor, TrainingState

from .. import tiny
from . import small

kinds = pytest.mark.parametrize("kind", small.RUNS)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Options:
    """Where one run of each kind is finished, each as the teacher of the next. Only to be read."""
    options = small.options(tmp_path_factory.mktemp("runs"))
    runs.ensure(small.STUDENT, options)
    return options


def history(directory: pathlib.Path) -> list[dict[str, str]]:
    with (directory / "history.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


@kinds
def test_what_a_finished_run_holds(finished: Options, kind: str) -> None:
    run = small.RUNS[kind]
    directory = runs.directory_of(run, finished)
    assert directory == finished.runs_dir / f"{verb_of(run)}-{settings.digest(run)}"
    expected = {"config.json", "environment.json", "history.csv", "model.keras"}
    assert {file.name for file in directory.iterdir()} == expected | (
        {"discriminator.keras"} if kind == "student" else set()
    )
    assert runs.is_finished(directory)
    assert runs.read_config(directory) == run
    assert (
        json.loads((directory / "environment.json").read_text()).keys()
        == runtime.environment().keys()
    )
    rows = history(directory)
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]  # two whole ones and the remainder
    assert all(float(row["loss"]) > 0 for row in rows)
    if kind == "student":  # four of seven iterations before the matching begins
        assert [float(row["matching"]) for row in rows] == pytest.approx([0, 2 / 3, 1])


def test_teachers_are_trained_before_and_left_alone(finished: Options) -> None:
    assert {path.name.split("-")[0] for path in finished.runs_dir.iterdir()} == {
        "train_robust", "finetune_teacher", "train_student",
    }  # fmt: skip
    teacher, finetuned = (
        small.values(runs.directory_of(run, finished)) for run in (small.ROBUST, small.FINETUNED)
    )
    matching = [any(a.shape == b.shape and (a == b).all() for b in finetuned) for a in teacher]
    assert all(matching)  # the body as it was, the old head beside the new one
    assert len(finetuned) == len(teacher) + 2


def test_a_finished_run_is_found_and_not_trained_again(
    finished: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "train", None)
    for run in small.RUNS.values():
        assert runs.ensure(run, finished) == runs.directory_of(run, finished)


@pytest.mark.parametrize("resume", [False, True])
def test_a_finished_directory_is_refused(finished: Options, resume: bool) -> None:
    directory = runs.directory_of(small.ROBUST, finished)
    before = small.contents(directory)
    with pytest.raises(
        InputError, match=f"^run_dir: {directory} holds this run, finished: .*model.keras$"
    ):
        runs.train(small.ROBUST, directory, finished, resume)
    assert small.contents(directory) == before


@pytest.mark.parametrize("resume", [False, True])
def test_another_runs_directory_is_refused(finished: Options, resume: bool) -> None:
    directory = runs.directory_of(small.ROBUST, finished)
    before = small.contents(directory)
    other = dataclasses.replace(small.ROBUST, seed=8)
    with pytest.raises(
        InputError, match=f"^run_dir: {directory} holds a run of another configuration"
    ):
        runs.train(other, directory, finished, resume)
    assert small.contents(directory) == before


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"notes.txt": "mine"}, "is not empty and holds no run"),
        ({"environment.json": "{}", "notes.txt": "mine"}, "is not empty and holds no run"),
        ({"config.json": "{"}, "not a run directory"),
        ({"config.json": '{"type": "Poem"}'}, "not a run directory"),
        ({"config.json": "[]"}, "not a run directory"),
        ({"config.json": '{"type": "RobustRun", "data": {}}'}, "lacks"),
    ],
)
def test_a_directory_of_something_else_is_refused(
    tmp_path: pathlib.Path, files: dict[str, str], message: str, resume: bool
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    before = small.contents(tmp_path)
    with pytest.raises(InputError, match=message) as error:
        runs.train(small.ROBUST, tmp_path, small.options(tmp_path), resume)
    assert str(tmp_path) in str(error.value)
    assert "\n" not in str(error.value)
    assert small.contents(tmp_path) == before


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


def _before_the_first_state(monkeypatch: pytest.MonkeyPatch) -> None:
    def save(self: TrainingState, epoch: int) -> None:
        raise Interrupted

    monkeypatch.setattr(TrainingState, "save", save)


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
    "no state yet": _before_the_first_state,
    "between history and state": _between_history_and_state,
    "before the model is saved": _before_the_model_is_saved,
}


@pytest.mark.parametrize(
    ("kind", "moment"),
    [
        ("robust", "mid-epoch"),
        ("robust", "no state yet"),
        ("robust", "between history and state"),
        ("robust", "before the model is saved"),
        ("finetuned", "mid-epoch"),
        ("student", "mid-epoch"),
        ("student", "last epoch"),
        ("student", "between the two models"),
    ],
)
def test_an_interrupted_run_ends_like_an_uninterrupted_one(
    finished: Options,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
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
        match=f"^run_dir: {tmp_path} holds this run, interrupted; --resume goes on with it$",
    ):
        runs.train(run, tmp_path, finished)
    assert small.contents(tmp_path) == before

    said: list[str] = []
    runs.train(run, tmp_path, dataclasses.replace(finished, say=said.append), resume=True)
    resumed_at = {"mid-epoch": 3, "between history and state": 3, "last epoch": 6}
    if moment in resumed_at:
        assert said[0].endswith(f", resumed at {resumed_at[moment]}")
    for name in ("model.keras", "discriminator.keras") if kind == "student" else ("model.keras",):
        assert tiny.equal(small.values(tmp_path / name), small.values(whole / name))
    assert history(tmp_path) == history(whole)
    assert {file.name for file in tmp_path.iterdir()} >= {file.name for file in whole.iterdir()}
    assert not (tmp_path / "state").exists()


def test_a_directory_without_its_configuration_yet_begins_anew(
    tmp_path: pathlib.Path, finished: Options
) -> None:
    """Killed in the moment between the first two files."""
    (tmp_path / "environment.json").write_text("{}")
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
        assert [row["epoch"] for row in history(tmp_path)] == ["1"]
        assert [file.name for file in (tmp_path / "state").glob("*.index")] == ["ckpt-1.index"]


def _copied(finished: Options, tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "teacher.keras"
    path.write_bytes((runs.directory_of(small.FINETUNED, finished) / "model.keras").read_bytes())
    return path


def test_a_teacher_given_by_its_file_is_the_same_teacher(
    finished: Options, tmp_path: pathlib.Path
) -> None:
    run = dataclasses.replace(small.STUDENT, teacher=trained.weights(_copied(finished, tmp_path)))
    runs.train(run, tmp_path / "run", finished)
    assert tiny.equal(
        small.values(tmp_path / "run"), small.values(runs.directory_of(small.STUDENT, finished))
    )
    assert runs.read_config(tmp_path / "run") == run


def test_a_teacher_changed_since_is_refused(finished: Options, tmp_path: pathlib.Path) -> None:
    path = _copied(finished, tmp_path)
    run = dataclasses.replace(small.STUDENT, teacher=trained.weights(path))
    path.write_bytes((runs.directory_of(small.ROBUST, finished) / "model.keras").read_bytes())
    with pytest.raises(
        InputError, match=f"^teacher: {path} has changed since this run was configured$"
    ):
        runs.train(run, tmp_path / "run", finished)
    path.unlink()
    with pytest.raises(InputError, match=f"^{path}: expected the directory of a finished run"):
        runs.train(run, tmp_path / "run", finished)
    assert not (tmp_path / "run").exists()


def _changed(run: Run, **changes: object) -> Run:
    return dataclasses.replace(run, **changes)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (_changed(small.ROBUST, data=Data("mnist")), "^dataset mnist: not found under "),
        (
            _changed(small.ROBUST, data=Data("shapes28", train_size=7)),
            "^batch_size: a batch of 8 needs as many examples",
        ),
        (
            _changed(small.ROBUST, data=Data("shapes32", train_size=24)),
            r"^network: mnist_cnn takes \(28, 28, 1\)",
        ),
        (
            _changed(small.ROBUST, schedule=Schedule(7, 8, (0.1,), (3,))),
            "^schedule: 1 learning rates need 0",
        ),
        (_changed(small.FINETUNED, adapter=("shrink",)), "^adapter: expected parts such as"),
        (_changed(small.STUDENT, gradient_crop=29), "^center crop: a 29x29 window does not fit"),
        (_changed(small.STUDENT, adapter=("crop:20",)), "^teacher: it takes"),
    ],
)
def test_a_mistake_leaves_no_directory(
    finished: Options, tmp_path: pathlib.Path, run: Run, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        runs.train(
            run, tmp_path / "run", dataclasses.replace(finished, data_dir=str(tmp_path / "nothing"))
        )
    assert not (tmp_path / "run").exists()


def test_tensorboard_where_it_is_not_installed(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        InputError, match=r"^tensorboard: its package is not installed \(pip install"
    ):
        runs.train(small.ROBUST, tmp_path / "run", small.options(tmp_path, tensorboard=True))
    assert not (tmp_path / "run").exists()


def test_tensorboard(finished: Options, tmp_path: pathlib.Path) -> None:
    pytest.importorskip("tensorboard")
    runs.train(small.ROBUST, tmp_path, dataclasses.replace(finished, tensorboard=True))
    assert list((tmp_path / "tensorboard").rglob("events.out.tfevents.*"))
    assert tiny.equal(
        small.values(tmp_path), small.values(runs.directory_of(small.ROBUST, finished))
    )


def test_weights_on_disk_are_known_by_their_content(
    finished: Options, tmp_path: pathlib.Path
) -> None:
    directory = runs.directory_of(small.FINETUNED, finished)
    copy = _copied(finished, tmp_path)
    found = [trained.weights(path) for path in (directory, directory / "model.keras", copy)]
    assert len({weights.sha256 for weights in found}) == 1
    assert [weights.path for weights in found] == [
        str(directory),
        str(directory / "model.keras"),
        str(copy),
    ]
    other = trained.weights(runs.directory_of(small.ROBUST, finished))
    assert other.sha256 != found[0].sha256


def _absent(path: pathlib.Path) -> None:
    """Leaves nothing there."""


def _empty_directory(path: pathlib.Path) -> None:
    path.mkdir()


def _text(path: pathlib.Path) -> None:
    path.write_text("text")


def _no_model(path: pathlib.Path) -> None:
    path.mkdir()
    (path / "config.json").write_text("{}")


@pytest.mark.parametrize("make", [_absent, _empty_directory, _text, _no_model])
def test_what_is_no_model(tmp_path: pathlib.Path, make: Callable[[pathlib.Path], None]) -> None:
    make(tmp_path / "x")
    for read in (trained.weights, trained.load_model):
        with pytest.raises(
            InputError,
            match=f"^{tmp_path / 'x'}: expected the directory of a finished run, a .keras file or",
        ):
            read(tmp_path / "x")


def test_a_damaged_model(tmp_path: pathlib.Path, finished: Options) -> None:
    path = _copied(finished, tmp_path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match=f"^{path}: not a readable Keras model") as error:
        trained.load_model(path)
    assert "\n" not in str(error.value)


def test_a_teacher_that_is_nowhere() -> None:
    run = dataclasses.replace(small.STUDENT, teacher=Weights("0" * 64, "/nowhere"))
    with pytest.raises(InputError, match=r"^/nowhere: expected the directory"):
        runs.train(run, pathlib.Path("/nowhere/run"), small.options(pathlib.Path("/nowhere")))
