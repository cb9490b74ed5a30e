"""Interrupted runs whose states are damaged, and runs that begin anew."""

import dataclasses
import json
import pathlib
import shutil

import pytest

from igam_tf.core.errors import InputError
from igam_tf.experiments import runs
from igam_tf.experiments.options import Options

from .. import tiny
from . import small
from .test_interruptions import MOMENTS, Interrupted


@pytest.fixture(scope="module")
def original(finished: Options, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A run directory with the states before the first epoch and after it. Read it only."""
    directory = tmp_path_factory.mktemp("interrupted") / "run"
    with pytest.MonkeyPatch.context() as patch:
        MOMENTS["mid-epoch"](patch)
        with pytest.raises(Interrupted):
            runs.train(small.ROBUST, directory, finished)
    assert {path.name for path in (directory / "state").iterdir()} == {"epoch-0", "epoch-1"}
    return directory


@pytest.fixture
def interrupted(original: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    """A copy of it."""
    return pathlib.Path(shutil.copytree(original, tmp_path / "run"))


def _require_whole_result(directory: pathlib.Path, finished: Options) -> None:
    whole = runs.directory_of(small.ROBUST, finished)
    assert tiny.equal(small.values(directory), small.values(whole))
    assert small.history(directory) == small.history(whole)


def test_a_damaged_state_falls_back(interrupted: pathlib.Path, finished: Options) -> None:
    (interrupted / "state/epoch-1/state.index").write_bytes(b"")
    (interrupted / "state/tmp-12-epoch-2").mkdir()
    lines: list[str] = []
    options = dataclasses.replace(finished, log=lines.append)
    runs.train(small.ROBUST, interrupted, options, resume=True)
    assert [line for line in lines if "is damaged" in line] == lines[:1]
    _require_whole_result(interrupted, finished)


def test_no_whole_state(interrupted: pathlib.Path, finished: Options) -> None:
    shutil.rmtree(interrupted / "state")
    before = small.contents(interrupted)
    with pytest.raises(InputError, match=r"holds a run without a whole state .* --restart begins"):
        runs.train(small.ROBUST, interrupted, finished, resume=True)
    assert small.contents(interrupted) == before
    runs.train(small.ROBUST, interrupted, finished, restart=True)
    _require_whole_result(interrupted, finished)


def test_a_restart_forgets_the_run(interrupted: pathlib.Path, finished: Options) -> None:
    lines: list[str] = []
    options = dataclasses.replace(finished, log=lines.append, keep_every=2)
    runs.train(small.ROBUST, interrupted, options, restart=True)
    assert not [line for line in lines if "resumed" in line]
    _require_whole_result(interrupted, finished)
    assert {path.name for path in (interrupted / "state").iterdir()} == {"epoch-2"}
    with pytest.raises(InputError, match="holds this run, finished"):
        runs.train(small.ROBUST, interrupted, finished, restart=True)


def test_a_damaged_history(interrupted: pathlib.Path, finished: Options) -> None:
    (interrupted / "history.csv").write_text("epoch,loss\nx,1\n")
    with pytest.raises(InputError, match=r"history.csv: expected the lines of 1 epochs"):
        runs.train(small.ROBUST, interrupted, finished, resume=True)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"threads": 77, "onednn": "x"}, "threads 77, now {threads}; onednn x, now {onednn}"),
        ({"time": "1999"}, None),
    ],
)
def test_another_environment_is_a_warning(
    interrupted: pathlib.Path, finished: Options, changes: dict[str, object], text: str | None
) -> None:
    path, lines = interrupted / "environment.json", list[str]()
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, **changes}))
    runs.train(
        small.ROBUST, interrupted, dataclasses.replace(finished, log=lines.append), resume=True
    )
    warnings = [line for line in lines if line.startswith("WARNING")]
    assert warnings == [
        "WARNING run: its last digits will differ from those of an uninterrupted run: it was begun "
        f"with {line.format(**record)}"
        for line in [text]
        if line
    ]


def test_unfinished_writes_are_removed(
    interrupted: pathlib.Path, finished: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is killed in one save after another does not fill the disk."""
    (interrupted / "state/tmp-12-epoch-2").mkdir()
    (interrupted / "tmp-34-history.csv").touch()
    monkeypatch.setattr(runs, "_train", lambda *arguments: None)
    runs.train(small.ROBUST, interrupted, finished, resume=True)
    assert not [path for path in interrupted.rglob("*") if path.name.startswith("tmp-")]
