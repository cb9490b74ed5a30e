"""Training steps: what each contender does, ratios and text. No test depends on a time."""

import json

import keras
import numpy as np
import pytest

from igam_tf.benchmark import (
    convolutions,
    feeding,
    memory,
    timing,
    training_speed,
    training_text,
    training_times,
)
from igam_tf.benchmark.convolutions import BareConvolution, Convolution
from igam_tf.benchmark.counting import PLAIN, NetworkSize, StepCost
from igam_tf.benchmark.training_speed import Contender
from igam_tf.benchmark.training_times import TrainingSize, TrainingTimes

from .test_timing import FakeClock

SETTING = TrainingSize(1, 1, 2)
CONVOLUTION = Convolution((4, 4, 3), (3, 3, 3, 8))
ALONE = {(CONVOLUTION, "forward"): 0.5, (CONVOLUTION, "inputs"): 9.0, (CONVOLUTION, "weights"): 1.0}


@pytest.fixture
def measured() -> TrainingTimes:
    times = {
        "plain": (1.0, 2.0, 3.0),
        "pgd7": (8.0, 10.0, 12.0),
        "igam-paper": (4.0, 5.0, 7.0),
        "igam-paper+disc": (9.0, 5.0, 7.0),
        "attack": (6.0, 6.0, 6.0),
        "gradients": (5.0, 5.0, 5.0),
    }
    network = NetworkSize(convolutions=(CONVOLUTION,))
    costs = {name: StepCost(100, 10**9, ((network, PLAIN),)) for name in times} | {
        "igam-paper+disc": StepCost(200, 10**9, ((network, PLAIN * 2),))
    }
    timings = {name: timing.Timing(20.0, rounds, 2) for name, rounds in times.items()}
    return TrainingTimes(SETTING, timings, costs, {"conv 16": 30.0, "conv 32": 50.0}, ALONE)


def test_a_fifth_of_the_iterations_has_the_discriminators_step(measured: TrainingTimes) -> None:
    assert measured.seconds("plain") == 2
    assert measured.seconds("igam-paper") == 5  # of 5, 5 and 7
    assert measured.flops("igam-paper") == 120
    assert measured.share_of_peak("plain") == 100 / 2 / 50
    assert measured.share_of_peak("igam-paper") == 120 / 5 / 50
    assert measured.attainable("plain") == 1.5
    assert measured.share_of_attainable("igam-paper") == pytest.approx(1.2 * 1.5 / 5)


def test_ratios_and_record(measured: TrainingTimes) -> None:
    expected = {
        "pgd7 / plain": 5.0,
        "igam-paper / plain": 2.5,
        "igam-paper / pgd7": 0.5,
        "attack / gradients": 1.2,
    }
    assert measured.ratios == pytest.approx(expected)
    record = json.loads(json.dumps(measured.record()))
    assert (record["width"], record["precision"], record["paper_epoch_s"]) == (
        1,
        "float32",
        {"igam": 347, "pgd7": 815},
    )
    assert record["contenders"]["igam-paper"]["iteration_s"] == 5
    lines = training_text.table(measured).splitlines()
    assert lines[2].split() == [
        "plain",
        "20.00",
        "2.000",
        "1.000..3.000",
        "1.0",
        "0.0",
        "100%",
        "75%",
        "1.00",
    ]
    mixed = "igam-paper with the discriminator's step in every fifth iteration: 5.000 s"
    assert f"{mixed}, 48% of the peak, 36% of the attainable" in lines
    (inputs,) = (each for each in record["convolutions"] if each["pass"] == "inputs")
    assert (inputs["inputs"], inputs["flops_per_s"]) == ([4, 4, 3], 2 * 216 * 16 * 2 / 9)


def test_contenders_take_turns_with_the_convolutions(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()
    peak = BareConvolution(clock.contender("conv 16", 2.0), 3, 20)
    alone = BareConvolution(clock.contender("alone", 8.0), 4, 20)
    monkeypatch.setattr(convolutions, "calls", lambda *_: {"conv 16": peak})
    monkeypatch.setattr(convolutions, "bare", lambda *_: {"forward": alone})
    cost = StepCost(40, 1, ((NetworkSize(convolutions=(CONVOLUTION,)), PLAIN),))
    contenders = {"plain": Contender(clock.contender("plain", 9.0, 4.0), cost)}
    measured = training_speed.measure(SETTING, contenders, 2, clock)
    assert clock.called[:3] == ["plain", "conv 16", "alone"]
    assert sorted(clock.called[3:6]) == sorted(clock.called[6:]) == ["alone", "conv 16", "plain"]
    assert measured.peaks == {"conv 16": 30.0}
    assert measured.convolutions == {(CONVOLUTION, "forward"): 2.0}
    assert measured.timings["plain"].first == 9


@pytest.mark.slow
@pytest.mark.parametrize("name", ["igam-release", "mnist-paper"])
def test_an_igam_contender_with_disc_in_its_name_steps_the_discriminator(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainers = []
    original = training_speed.igam_trainer
    monkeypatch.setattr(
        training_speed, "igam_trainer", lambda *a: trainers.append(original(*a)) or trainers[-1]
    )
    contenders = training_speed.prepare(SETTING, [name])
    (trainer,) = trainers
    assert (trainer.protocol.teacher_statistics == "moving") == name.endswith("paper")
    assert trainer.teacher.name.startswith("adapted") == name.startswith("mnist")
    for expected in (0, 1):
        contenders[name + training_times.WITH_DISC * expected].call()
        assert int(trainer.discriminator_optimizer.iterations) == expected
    assert int(trainer.student_optimizer.iterations) == 2
    assert contenders[name + training_times.WITH_DISC].cost.flops > contenders[name].cost.flops


def test_the_attack_and_its_gradients_do_the_same_work() -> None:
    contenders = training_speed.prepare(SETTING, ["attack", "gradients"])
    x, _ = training_speed.batch(SETTING)
    moved = contenders["attack"].call() - x.numpy()
    assert 0 < np.abs(moved).max() <= 8 + 1e-4
    assert contenders["gradients"].call().shape == moved.shape
    assert contenders["attack"].cost == contenders["gradients"].cost


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_bare_convolutions(precision: str) -> None:
    calls = convolutions.calls(1, 2, precision)
    assert list(calls) == ["conv 16", "conv 32", "conv 64"]
    for each in calls.values():
        assert each.flops * each.times >= convolutions.LEAST_FLOPS * 0.99
        assert np.isfinite(each.call())


@pytest.mark.parametrize(
    "convolution",
    [
        Convolution((8, 8, 3), (3, 3, 3, 5)),
        Convolution((9, 7, 4), (5, 3, 4, 2), (2, 3)),
        Convolution((9, 7, 4), (5, 3, 4, 2), (1, 2), "VALID"),
    ],
)
def test_a_convolution_alone_runs_so_often(
    convolution: Convolution, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convolutions, "LEAST_FLOPS", 3 * 2 * convolution.flops)
    layer = keras.layers.Conv2D(
        convolution.kernel[3], convolution.kernel[:2], convolution.strides, convolution.padding
    )
    output = layer(keras.Input(convolution.inputs))
    assert Convolution.of(layer) == convolution
    assert (None, *convolution.outputs) == output.shape
    once = {kind: each.call() for kind, each in convolutions.bare(convolution, 6).items()}
    thrice = convolutions.bare(convolution, 2)
    monkeypatch.setattr(convolutions, "LEAST_FLOPS", 2 * convolution.flops)
    single = convolutions.bare(convolution, 2)
    for kind, each in thrice.items():
        assert (each.times, each.flops) == (3, 2 * convolution.flops), kind
        assert each.call() == pytest.approx(3 * single[kind].call(), rel=1e-5), kind
    assert len({*once.values()}) == 3  # the kinds are three operations


def test_shares_of_fit_and_pipeline() -> None:
    times = feeding.FeedingTimes(
        10, 50, fit=(2.0, 4.0, 4.0), bare=(1.0, 3.0, 4.0), pipeline=(2.5, 2.5, 2.5)
    )
    assert times.fit_throughput == 0.75
    assert times.pipeline_speed == pytest.approx(6)
    assert "fit reaches 75.0% of a bare loop's throughput" in feeding.text(times)
    assert "6.0 times faster than the loop (20 batches/s)" in feeding.text(times)


def test_memory_as_text() -> None:
    text = memory.text({"plain": {"before": 1e9, "peak": 3.5e9, "predicted": 2e9}})
    assert text.splitlines()[1] == (
        "plain: 3.50 GB at most, 2.50 GB more than before its networks were built; "
        "predicted tensors 2.00 GB"
    )


@pytest.mark.slow
def test_memory_is_that_of_the_step_alone() -> None:
    """Its process does not begin with the memory of this one, which may be larger."""
    ballast = np.ones(2 * 10**9, np.uint8)
    (measured,) = memory.measure(TrainingSize(1, 1, 8), ["plain"]).values()
    assert measured["predicted"] < measured["peak"] - measured["before"]
    assert measured["peak"] < ballast.nbytes
