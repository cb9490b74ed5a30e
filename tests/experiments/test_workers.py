"""Runs on several devices: records, digests, resuming, and what is refused before anything is
written.
"""

import dataclasses
import json
import pathlib
from typing import Any

import pytest

from igam_tf.core import settings
from igam_tf.core.errors import InputError, WorkerLostError
from igam_tf.core.settings.devices import DistributionSettings
from igam_tf.experiments import runs, workers
from igam_tf.experiments.configs import Data, Run
from igam_tf.experiments.options import Options
from igam_tf.training import strategies

from .. import tiny
from . import small
from .test_interruptions import MOMENTS, Interrupted

TWO = {"strategy": "mirrored", "replicas": 2}
MIRRORED: dict[str, Run] = {
    name: dataclasses.replace(run, **TWO) for name, run in small.RUNS.items()
}
ROBUST = MIRRORED["robust"]
ADDRESSES = {"worker": ["localhost:1", "localhost:2"]}


def _configure(monkeypatch: pytest.MonkeyPatch, index: int) -> None:
    content = {"cluster": ADDRESSES, "task": {"type": "worker", "index": index}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(content))


def test_devices_are_part_of_the_digest_and_one_device_is_not() -> None:
    digests = {
        settings.digest(dataclasses.replace(small.ROBUST, **changes))
        for changes in (
            {},
            {"strategy": "mirrored", "replicas": 2},
            {"strategy": "mirrored", "replicas": 4},
            {"strategy": "multi_worker", "replicas": 2},
            {"strategy": "mirrored", "replicas": 2, "sync_batchnorm": True},
        )
    }
    assert len(digests) == 5
    identity = settings.to_dict(small.ROBUST, identity=True)
    assert not set(identity) & set(settings.fields_of(DistributionSettings))


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("finetuned", marks=pytest.mark.slow),
        pytest.param("robust", marks=tiny.LONG),
        pytest.param("student", marks=pytest.mark.slow),
    ],
)
def test_an_interrupted_run_on_replicas_ends_like_an_uninterrupted_one(
    kind: str, finished: Options, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Robust model and student average weights and save the best epoch's; both BatchNorm modes."""
    is_synchronised = kind == "student"
    run = dataclasses.replace(MIRRORED[kind], sync_batchnorm=is_synchronised)
    if kind != "finetuned":
        run = dataclasses.replace(
            run,
            data=dataclasses.replace(run.data, validation=0.25, train_size=32),
            ema=0.9,
            best_weights=True,
            validation_attack="pgd2",
            validation_examples=5,
        )
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    runs.train(dataclasses.replace(run, replicas=None), whole, finished)
    assert runs.read_config(whole) == run
    environment = json.loads((whole / "environment.json").read_text())
    assert environment["distribution"] == {
        "strategy": "mirrored",
        "replicas": 2,
        "workers": 1,
        "batch_norm": "synchronised" if is_synchronised else "per replica",
    }
    with monkeypatch.context() as patch:
        MOMENTS["mid-epoch"](patch)
        with pytest.raises(Interrupted):
            runs.train(run, parts, finished)
    before = small.contents(parts)
    for changes in (
        {"strategy": "none", "replicas": None, "sync_batchnorm": False},
        {"replicas": 1},
        {"sync_batchnorm": not is_synchronised},
    ):
        other = dataclasses.replace(run, **changes)
        message = (
            f"^run_dir: {parts} holds this run on {strategies.describe(run)}, got "
            f"{strategies.describe(other)}; choose another$"
        )
        with pytest.raises(InputError, match=message):
            runs.train(other, parts, finished, resume=True)
    assert small.contents(parts) == before
    runs.train(run, parts, finished, resume=True)
    for file in whole.glob("*.keras"):
        assert tiny.equal(small.values(parts / file.name), small.values(file))
    assert (parts / "history.csv").read_bytes() == (whole / "history.csv").read_bytes()


def _changed(run: Run, **changes: Any) -> Run:
    return dataclasses.replace(run, **changes)


SCHEDULE = dataclasses.replace(small.SCHEDULE, batch_size=7)
MISTAKES: dict[str, tuple[Run, dict[str, Any], str]] = {
    "sync": (_changed(small.ROBUST, sync_batchnorm=True), {}, "^sync_batchnorm: it needs --strat"),
    "batch": (_changed(ROBUST, schedule=SCHEDULE), {}, "^batch_size: 2 replicas do not divide a"),
    "XLA": (ROBUST, {"jit": True}, "^jit: XLA is not supported with --strategy=mirrored$"),
    "no TF_CONFIG": (
        _changed(small.ROBUST, strategy="multi_worker"),
        {},
        "^strategy: multi_worker needs TF_CONFIG",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_writes_nothing(
    case: str, finished: Options, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    run, options, message = MISTAKES[case]
    with pytest.raises(InputError, match=message):
        runs.train(run, tmp_path / "run", dataclasses.replace(finished, **options))
    assert not list(tmp_path.iterdir())


def test_a_worker_trains_no_teacher(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several workers would train it at once, in one directory."""
    _configure(monkeypatch, 1)
    run = dataclasses.replace(small.FINETUNED, strategy="multi_worker")
    with pytest.raises(
        InputError, match=r"^teacher: multi_worker expects a trained one, .* is not"
    ):
        runs.train(run, tmp_path / "run", small.options(tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_restart_takes_a_finished_run(
    finished: Options, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    """A worker may end after the chief has written the model: then all are started again."""
    _configure(monkeypatch, 0)
    run = dataclasses.replace(small.ROBUST, strategy="multi_worker", replicas=2)
    (tmp_path / "config.json").write_text(settings.to_json(run))
    (tmp_path / "model.keras").write_bytes(b"")
    runs.train(run, tmp_path, finished, resume=True)
    with pytest.raises(InputError, match=r"holds this run, finished"):
        runs.train(run, tmp_path, finished)
    other = dataclasses.replace(run, data=Data("shapes28", 8))
    with pytest.raises(InputError, match=r"holds a run of another configuration"):
        runs.train(other, tmp_path, finished, resume=True)
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "model.keras"}


def test_other_workers_write_to_a_temporary_directory(
    finished: Options, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setattr("igam_tf.training.strategies.strategy_of", lambda run: None)
    run = dataclasses.replace(small.ROBUST, strategy="multi_worker", replicas=2)
    lines: list[str] = []
    options = dataclasses.replace(finished, log=lines.append)
    for index in (0, 1):
        _configure(monkeypatch, index)
        with workers.joined(run, tmp_path / "run", options) as (place, own_options):
            own_options.log(str(index))
            assert (place == tmp_path / "run") == (index == 0)
            place.mkdir()
        assert place.exists() == (index == 0)
    assert lines == ["0"]


def test_the_end_of_another_worker_is_one_line(
    finished: Options, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    import tensorflow as tf

    monkeypatch.setattr("igam_tf.training.strategies.strategy_of", lambda run: None)
    _configure(monkeypatch, 0)
    error = tf.errors.UnavailableError(None, None, "Socket closed\nmore")
    run = dataclasses.replace(small.ROBUST, strategy="multi_worker", replicas=2)
    with (
        pytest.raises(WorkerLostError, match=r"^another worker of TF_CONFIG has ended; .*\)$"),
        workers.joined(run, tmp_path, finished),
    ):
        raise error
    with pytest.raises(tf.errors.UnavailableError), workers.joined(ROBUST, tmp_path, finished):
        raise error
