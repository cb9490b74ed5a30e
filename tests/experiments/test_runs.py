"""Run directories: the contents of a finished one, and what is refused."""

import dataclasses
import json
import pathlib

import numpy as np
import pytest

from igam_tf.core import locks, runtime, settings
from igam_tf.core.errors import InputError
from igam_tf.experiments import runs, trained
from igam_tf.experiments.configs import Data, Run, Schedule, Weights, verb_of
from igam_tf.experiments.options import Options

from .. import tiny
from . import small

kinds = pytest.mark.parametrize("kind", small.RUNS)


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
    rows = small.history(directory)
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]  # two whole ones and the remainder
    assert all(float(row["loss"]) > 0 for row in rows)
    if kind == "student":  # four of seven iterations before the matching begins
        assert [float(row["matching"]) for row in rows] == pytest.approx([0, 2 / 3, 1])


def test_a_student_in_trouble_is_logged(finished: Options, tmp_path: pathlib.Path) -> None:
    lines: list[str] = []
    run = dataclasses.replace(small.STUDENT, lambda_diff=1e4)
    runs.train(run, tmp_path / "run", dataclasses.replace(finished, log=lines.append))
    assert [line for line in lines if line.startswith("WARNING epoch ")]


def test_class_names_are_in_the_environment(tmp_path: pathlib.Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (24, 28, 28, 1), np.uint8) / np.float32(255)
    labels, names = np.arange(24) % 10, [f"digit {label}" for label in range(10)]
    arrays = {"x_train": images, "y_train": labels, "x_test": images, "y_test": labels}
    np.savez(tmp_path / "own.npz", **arrays, class_names=np.array(names))
    own = Data(f"npz:{tmp_path / 'own.npz'}", augmented=False)
    run = dataclasses.replace(small.ROBUST, data=own, schedule=Schedule(1, 8, (0.1,)))
    runs.train(run, tmp_path / "run", small.options(tmp_path))
    environment = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert environment.keys() == {*runtime.environment(), "class_names"}
    assert environment["class_names"] == names


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


def _copied(finished: Options, tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "teacher.keras"
    path.write_bytes((runs.directory_of(small.FINETUNED, finished) / "model.keras").read_bytes())
    return path


@pytest.mark.slow
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


def test_a_teacher_that_is_nowhere(tmp_path: pathlib.Path) -> None:
    run = dataclasses.replace(small.STUDENT, teacher=Weights("0" * 64, "/nowhere"))
    with pytest.raises(InputError, match=r"^/nowhere: expected the directory"):
        runs.train(run, tmp_path / "run", small.options(tmp_path))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("resume", [False, True])
def test_a_directory_in_use_is_refused(
    finished: Options, tmp_path: pathlib.Path, resume: bool
) -> None:
    """A live run is not called interrupted."""
    (tmp_path / "config.json").write_text(settings.to_json(small.ROBUST))
    with locks.locked(tmp_path, print):
        before = small.contents(tmp_path)
        with pytest.raises(InputError, match=f"^run_dir: {tmp_path} is in use by process "):
            runs.train(small.ROBUST, tmp_path, finished, resume)
        assert small.contents(tmp_path) == before
