"""Contenders solve the same task, or are absent with a reason. No test depends on a time."""

import dataclasses
import importlib.util
import json
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from igam_tf import attacks as product
from igam_tf.benchmark import attack_speed, attack_text, peers
from igam_tf.benchmark.task import Task, random_task

from .. import tiny
from .test_timing import FakeClock


@pytest.fixture(scope="module")
def task() -> Task:
    return random_task(1, 1, batch_size=2, images=3)


@pytest.fixture(scope="module")
def stand_in() -> Task:
    """For contenders that run no network."""
    x, y = tiny.batch(5)
    return Task(tiny.classifier(), x, y, 5, 8.0, 2.0)


def shifted(task: Task, by: float) -> np.ndarray:
    return np.clip(task.images + by, 0, 255)


def fake(
    task: Task, clock: FakeClock, name: str, *seconds: float, returns: object = None
) -> Callable[[Sequence[int]], object]:
    called = clock.contender(name, *seconds)

    def run(_: Sequence[int]) -> object:
        called()
        return shifted(task, 4.0) if returns is None else returns

    return run


def test_the_task_is_reproducible(task: Task) -> None:
    assert task.images.shape == (3, 32, 32, 3)
    assert task.images.dtype == np.float32
    assert task.labels.dtype == np.int64
    assert (task.epsilon, task.step_size, task.batch_size) == (8, 2, 2)
    repeated = random_task(1, 1, batch_size=2, images=3)
    assert tiny.equal(tiny.values(repeated.model), tiny.values(task.model))
    np.testing.assert_array_equal(repeated.images, task.images)


def test_batches_are_put_together_again(task: Task) -> None:
    sizes = []

    def attack(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        sizes.append((len(images), len(labels)))
        return images + 1

    np.testing.assert_array_equal(task.in_batches(attack), task.images + 1)
    assert sizes == [(2, 2), (1, 1)]


def test_ours_is_the_products_attack(task: Task) -> None:
    adversarial = attack_speed.ours(task)((1, 2))
    settings = {"epsilon": 8, "step_size": 2, "steps": 2, "seed": 0}
    expected = [product.pgd(task.model, x, y, **settings) for x, y in _batches(task)]
    np.testing.assert_array_equal(adversarial, np.concatenate(expected))
    attack_speed.require_attacked(task, adversarial)


def _batches(task: Task) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(task.images[:2], task.labels[:2]), (task.images[2:], task.labels[2:])]


def test_the_floor_is_gradients_of_the_images(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    traced = []
    original = attack_speed.gradients.input_gradient

    def counted(model: object, x: object, y: object, of: str) -> object:
        traced.append(x.shape)
        return original(model, x, y, of)

    monkeypatch.setattr(attack_speed.gradients, "input_gradient", counted)
    run = attack_speed.gradients_alone(task)
    result = run((1, 3))
    run((5,))
    assert len(traced) == 2  # one for each size of batch
    for (x, y), part in zip(_batches(task), (result[:2], result[2:]), strict=True):
        expected = original(task.model, x, y, "xent")
        assert tiny.relative(part, expected) < 1e-5


@pytest.mark.parametrize("name", peers.PEERS)
def test_a_peer_attacks_or_is_absent_with_a_reason(name: str, task: Task) -> None:
    measured = attack_speed.measure(task, (2,), attack_speed.prepare(task, [name]), rounds=1)
    if name in measured.absent:
        assert importlib.util.find_spec(name) is None, measured.absent[name]
        assert measured.absent == {name: "not installed"}
    else:
        assert measured.losses[name] > measured.losses["clean"]
        assert measured.timings[name].images == 3


def test_ratios_order_and_counts(stand_in: Task) -> None:
    clock = FakeClock()
    prepared = {
        "floor": fake(stand_in, clock, "floor", 30, 1, 1, 1),
        "ours": fake(stand_in, clock, "ours", 60, 2, 2, 9),
        "art": fake(stand_in, clock, "art", 90, 8),
        "cleverhans": fake(stand_in, clock, "cleverhans", 90, 6),
        "foolbox": peers.Unusable("not installed"),
    }
    measured = attack_speed.measure(stand_in, (2, 5), prepared, 3, clock)
    turns = ["floor", "ours", "art", "cleverhans"]
    assert clock.called == turns + turns + turns[1:] + turns[:1] + turns[2:] + turns[:2]
    assert measured.timings["ours"].first == 60
    assert measured.timings["ours"].rounds == (2, 2, 9)
    assert measured.speedups == {"art": 4, "cleverhans": 3, "fastest peer": 3}
    assert measured.gradients == {"floor": 5, "ours": 5, "art": 7, "cleverhans": 7}
    assert measured.absent == {"foolbox": "not installed"}
    assert "floor" not in measured.losses

    record = json.loads(json.dumps(measured.record()))
    assert record["contenders"]["art"]["to_floor"] == 8
    assert record["contenders"]["ours"]["rounds_s"] == [2, 2, 9]
    assert (record["n"], record["steps"], record["ours_faster_than"]) == (
        5,
        [2, 5],
        measured.speedups,
    )

    lines = attack_text.table(measured).splitlines()
    assert lines[0].startswith("PGD of 2, 5 steps of 2, linf, eps 8/255 (8 of [0, 255]); ")
    assert lines[0].endswith("n = 5 in batches of 5")
    assert lines[3].split() == [
        *["ours-set", "60.00", "2.000", "2.000..9.000", "2.5", "2.00", "5"],
        f"{measured.losses['ours']:.2f}",
    ]
    assert "foolbox     not measured: not installed" in lines
    assert lines[-1] == "ours is faster than art 4.00x, cleverhans 3.00x, fastest peer 3.00x"


def test_without_floor_or_ours_there_are_no_ratios(stand_in: Task) -> None:
    clock = FakeClock()
    measured = attack_speed.measure(
        stand_in, (5,), {"art": fake(stand_in, clock, "art", 1)}, 2, clock
    )
    assert measured.speedups == {}
    assert measured.record()["contenders"]["art"]["to_floor"] is None
    assert "ours" not in attack_text.table(measured)
    assert attack_text.table(measured).splitlines()[2].split()[5] == "-"


@pytest.mark.parametrize(
    ("by", "message"),
    [
        (0.0, "5 of 5 images came back as they were"),
        (9.0, "it moved a pixel by 9, more than 8"),
        (np.nan, "it moved a pixel by nan, more than 8"),
    ],
)
def test_a_contender_that_does_not_attack_has_no_times(
    by: float, message: str, stand_in: Task
) -> None:
    clock = FakeClock()
    images = stand_in.images + np.float32(by)
    bad = fake(stand_in, clock, "art", 1, returns=images)
    good = fake(stand_in, clock, "cleverhans", 1)
    measured = attack_speed.measure(stand_in, (5,), {"art": bad, "cleverhans": good}, 1, clock)
    assert list(measured.timings) == ["cleverhans"]
    assert measured.absent == {"art": f"no attack: {message}"}
    with pytest.raises(peers.Unusable, match="no attack"):
        attack_speed.measure(stand_in, (5,), {"ours": bad}, 1, clock)


def test_images_of_another_shape_or_range_are_no_attack(stand_in: Task) -> None:
    with pytest.raises(peers.Unusable, match=r"it returned the shape \(4, 8, 8, 3\)"):
        attack_speed.require_attacked(stand_in, stand_in.images[:4])
    high = dataclasses.replace(stand_in, images=np.full_like(stand_in.images, 250))
    with pytest.raises(peers.Unusable, match=r"pixels from 257 to 257, outside \[0, 255\]"):
        attack_speed.require_attacked(high, high.images + 7)


def test_a_peer_that_fails_is_reported_in_one_line(
    stand_in: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> object:
        raise AttributeError("`np.find_common_type` was removed\n in the NumPy 2.0 release")

    monkeypatch.setitem(peers.PEERS, "foolbox", broken)
    prepared = attack_speed.prepare(stand_in, ["foolbox"])
    clock = FakeClock()
    measured = attack_speed.measure(stand_in, (1,), {**prepared, "art": broken}, 1, clock)
    reason = "AttributeError: `np.find_common_type` was removed in the NumPy 2.0 release"
    assert measured.absent == {"foolbox": reason, "art": reason}
    assert attack_text.table(measured).count("not measured: AttributeError") == 2


@pytest.mark.parametrize("name", peers.PEERS)
def test_a_peer_that_is_not_installed(
    name: str, stand_in: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "version", lambda _: None)
    (error,) = attack_speed.prepare(stand_in, [name]).values()
    assert isinstance(error, peers.Unusable)
    assert str(error) == "not installed"


def test_errors_of_this_library_are_raised(stand_in: Task) -> None:
    def broken(_: object) -> object:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        attack_speed.measure(stand_in, (1,), {"ours": broken}, 1)
