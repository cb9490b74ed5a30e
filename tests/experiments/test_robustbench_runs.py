"""Runs whose teacher is a network of RobustBench: both phases, and a student that is resumed."""

import dataclasses
import pathlib

import pytest
import safetensors.numpy

from igam_tf.core.errors import InputError
from igam_tf.experiments import runs, trained
from igam_tf.experiments.configs import Data, FinetuneRun, Network, Schedule, StudentRun

from .. import tiny
from ..models.torch_states import wide_resnet_state
from . import small
from .test_interruptions import Interrupted, _after


@pytest.fixture
def source(tmp_path: pathlib.Path) -> str:
    """A WideResNet of depth 10 in a file."""
    safetensors.numpy.save_file(wide_resnet_state(), tmp_path / "wrn.safetensors")
    return f"robustbench:WideResNet:{tmp_path / 'wrn.safetensors'}"


def test_weights_are_known_by_content_and_options(source: str, tmp_path: pathlib.Path) -> None:
    weights = trained.weights(source)
    assert weights.path == source
    safetensors.numpy.save_file(wide_resnet_state(), tmp_path / "copy.safetensors")
    assert trained.weights(source.replace("wrn.", "copy.")).sha256 == weights.sha256
    assert trained.weights(f"{source}:activation=swish").sha256 != weights.sha256
    with pytest.raises(InputError, match=r"^no\.safetensors: is not a file"):
        trained.weights("robustbench:WideResNet:no.safetensors")


@pytest.mark.slow
def test_a_student_behind_an_adapter_resumes_bit_for_bit(
    source: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = small.options(tmp_path / "runs")
    data, schedule = Data("shapes64", train_size=40, augmented=False), Schedule(20, 8, (1e-3,))
    finetuned = FinetuneRun(
        data,
        trained.weights(f"{source}:activation=swish"),
        dataclasses.replace(schedule, steps=5),
        adapter=("resize_mean:32",),
    )
    student = StudentRun(
        data,
        Network("wide_resnet", 1, 1).canonical(),
        finetuned,
        schedule,
        lambda_adv=1.0,
        lambda_diff=10.0,
        disc_layers=2,
        disc_channels=2,
    )
    whole = runs.ensure(student, options)
    with monkeypatch.context() as patch:
        _after(12, patch)  # in the third epoch of five iterations each
        with pytest.raises(Interrupted):
            runs.train(student, tmp_path / "again", options)
    runs.train(student, tmp_path / "again", options, resume=True)
    for name in ("model.keras", "discriminator.keras"):
        assert tiny.equal(small.values(tmp_path / "again" / name), small.values(whole / name))
    assert small.history(tmp_path / "again") == small.history(whole)
