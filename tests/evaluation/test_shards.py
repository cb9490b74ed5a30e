"""Shards: the records of several processes' shares, merged, are those of one process."""

import pathlib
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from igam_tf import attacks, data, pretrained
from igam_tf.core.cluster import Cluster
from igam_tf.core.errors import InputError
from igam_tf.evaluation import EvalRecord, Shards, UnfinishedShards, evaluate, merging
from igam_tf.evaluation.ledger import Ledger
from igam_tf.evaluation.running import ModeRun
from igam_tf.evaluation.shards import Division

from .samples import (
    FIVE,
    RANGE,
    SIZE,
    SMALL,
    X,
    Y,
    chain,
    five,
    five_with_batchnorm,
    model,
    predictions,
    without_environment,
)

ATTACKS = ("pgd2", "pgd5", chain(8.0))
SETTINGS: dict[str, Any] = {
    **{"attacks": ATTACKS, "epsilon": 8.0, "step_size": 2.0, "batch_size": 4, "seed": 3},
    **{"statistics": ("moving", "batch"), **RANGE},
}
QUICK: dict[str, Any] = {"attacks": ("pgd2",), "batch_size": 6, **SMALL}


def in_shards(
    order: tuple[int, ...], parts: pathlib.Path, *arguments: Any, **settings: Any
) -> EvalRecord:
    """The record of the last of these shares, which finishes the evaluation."""
    for index in order[:-1]:
        with pytest.raises(UnfinishedShards, match=f"shard {index}/{len(order)}: stored in "):
            evaluate(*arguments, parts_dir=parts, shards=f"{index}/{len(order)}", **settings)
    last = f"{order[-1]}/{len(order)}"
    return evaluate(*arguments, parts_dir=parts, shards=last, **settings)


def test_the_record_of_shards_is_that_of_one_process(tmp_path: pathlib.Path) -> None:
    """Mixed verdicts, both BatchNorm modes, a chain, six batches of 23 examples."""
    subject = five_with_batchnorm()
    labels = predictions(subject, X, "batch")
    whole_images: dict[str, np.ndarray] = {}
    whole = evaluate(subject, (X, labels), images=whole_images, **SETTINGS)
    for mode, counts in whole.results.items():
        assert len({count.correct for count in counts.values()}) > 3, mode
        assert 0 < counts["strong"].correct < counts["clean"].correct < SIZE
    for order in ((1,), (2, 1), (2, 3, 1)):
        images: dict[str, np.ndarray] = {}
        parts = tmp_path / "parts"
        record = in_shards(order, parts, subject, (X, labels), images=images, **SETTINGS)
        for mode, counts in whole.results.items():
            for name in counts:
                np.testing.assert_array_equal(record.right(name, mode), whole.right(name, mode))
        assert without_environment(record) == without_environment(whole)
        assert set(images) == set(whole_images)
        for name, x_adv in whole_images.items():
            np.testing.assert_allclose(images[name], x_adv, atol=1e-3)
        assert not parts.exists()


@pytest.mark.slow  # a real network
def test_no_verdict_of_a_chain_depends_on_which_survivors_share_a_batch() -> None:
    """Which is why a share runs all stages of a chain without waiting for the other shares."""
    subject = pretrained.load("igam")
    split = data.load("shapes32", train_size=1, test_size=100).test
    stages = tuple(attacks.resolve(name, "8/255") for name in ("apgd20-ce", "apgd5-t", "square100"))
    settings = {"attacks": ("pgd20", attacks.Chain(label="chain", stages=stages))}
    whole, *others = (
        evaluate(subject, split, batch_size=size, **settings) for size in (100, 37, 9)
    )
    assert 0 < whole.count("chain").correct < whole.count("pgd20").correct < whole.count().correct
    assert all(record.flags == whole.flags for record in others)


@pytest.mark.slow
def test_recalibrated_shards(tmp_path: pathlib.Path) -> None:
    settings = {"attacks": ("fgsm",), "batch_size": 10, "statistics": ("recalibrated",)}
    arguments = (model(), (X, Y))
    whole = evaluate(*arguments, calibration=(X, Y), **settings)
    record = in_shards((1, 2), tmp_path / "p", *arguments, calibration=(X, Y), **settings)
    assert without_environment(record) == without_environment(whole)


@pytest.mark.parametrize("size", [1, 22, 23, 24])
@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_shares_are_whole_batches_of_one_process(size: int, count: int) -> None:
    division = Division(count, size, 4, whole_batches=True)
    if -(-size // 4) < count:
        with pytest.raises(InputError, match=rf"are too few for {count} shards$"):
            division.require()
        return
    division.require()
    shares = [division.places(index) for index in range(1, count + 1)]
    np.testing.assert_array_equal(np.sort(np.concatenate(shares)), np.arange(size))
    for share in shares:
        batches = [share[start : start + 4] for start in range(0, len(share), 4)]
        assert all(batch[0] % 4 == 0 and np.all(np.diff(batch) == 1) for batch in batches)
        assert {len(batch) for batch in batches[:-1]} <= {4}
    assert max(map(len, shares)) - min(map(len, shares)) <= 4


@pytest.mark.parametrize(("size", "count"), [(1, 1), (3, 3), (23, 4), (50, 7)])
def test_shares_are_equal_parts_where_batches_are_too_few(size: int, count: int) -> None:
    division = Division(count, size, 100, whole_batches=False)
    division.require()
    shares = [division.places(index) for index in range(1, count + 1)]
    np.testing.assert_array_equal(np.concatenate(shares), np.arange(size))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_the_record_of_shards_of_one_batch_is_that_of_one_process(tmp_path: pathlib.Path) -> None:
    settings = {**SETTINGS, "statistics": ("moving",), "batch_size": 100}
    subject = five_with_batchnorm()
    labels = predictions(subject, X, "moving")
    whole = evaluate(subject, (X, labels), **settings)
    assert len({count.correct for count in whole.results["moving"].values()}) > 3
    record = in_shards((1, 2, 3), tmp_path / "parts", subject, (X, labels), **settings)
    assert record.flags == whole.flags
    assert without_environment(record) == without_environment(whole)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The first example of every part that is computed."""
    compute, firsts = ModeRun._part, []

    def counting(run: ModeRun, group: Any, places: np.ndarray, *rest: Any) -> Any:
        firsts.append(int(places[0]))
        return compute(run, group, places, *rest)

    monkeypatch.setattr(ModeRun, "_part", counting)
    return firsts


def test_a_killed_shard_resumes_and_a_call_without_shards_finishes(
    tmp_path: pathlib.Path, computed: list[int]
) -> None:
    def kill(label: str, done: int, *rest: Any) -> None:
        if done > 6:
            raise KeyboardInterrupt

    arguments = {"parts_dir": tmp_path / "parts", **QUICK}
    with pytest.raises(KeyboardInterrupt):
        evaluate(five, (X, FIVE), shards="1/2", progress=kill, **arguments)
    assert computed == [0, 12]
    with pytest.raises(UnfinishedShards):
        evaluate(five, (X, FIVE), shards="1/2", **arguments)
    assert computed == [0, 12]
    record = evaluate(five, (X, FIVE), **arguments)
    assert computed == [0, 12, 6, 18]
    assert without_environment(record) == without_environment(evaluate(five, (X, FIVE), **QUICK))
    assert not list(tmp_path.iterdir())


def test_the_chief_of_concurrent_shards_waits_for_the_others(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = {"parts_dir": tmp_path / "parts", **QUICK}
    addresses = ("a:1", "b:2", "c:3")

    def work(index: int) -> EvalRecord:
        shards = Shards.of_worker(Cluster(addresses, index))
        return evaluate(five, (X, FIVE), shards=shards, **arguments)

    others = [1, 2]

    def sleep(seconds: float) -> None:
        """The other workers finish while the chief waits."""
        with pytest.raises(UnfinishedShards, match=r"stored in .*; shard 1/3 makes the record"):
            work(others.pop())

    monkeypatch.setattr(merging, "time", types.SimpleNamespace(sleep=sleep))
    record = work(0)
    assert not others
    assert without_environment(record) == without_environment(evaluate(five, (X, FIVE), **QUICK))


def test_of_two_that_finish_at_once_one_makes_the_record(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = {"parts_dir": tmp_path / "parts", **QUICK}
    monkeypatch.setattr(Ledger, "keys", lambda ledger: {"shard-1-of-2", "shard-2-of-2"})
    with pytest.raises(UnfinishedShards, match=r"stored in .*; another shard makes the record"):
        evaluate(five, (X, FIVE), shards="1/2", **arguments)


def test_a_ledger_that_another_process_has_just_begun_is_no_mistake(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exists = pathlib.Path.exists

    def begun_meanwhile(path: pathlib.Path) -> bool:
        before = exists(path)
        if path.name == "settings.json" and not before:
            path.parent.mkdir(exist_ok=True)
            path.write_text('{\n "seed": 0\n}')
            (path.parent / "shard-2-of-2.npz").write_bytes(b"")
        return before

    monkeypatch.setattr(pathlib.Path, "exists", begun_meanwhile)
    assert Ledger(tmp_path / "parts", {"seed": 0}).keys() == {"shard-2-of-2"}


@pytest.mark.parametrize("shards", ["0/2", "3/2", "x", "1/0", "1", "-1/2", "1/2/3", "1.0/2", ""])
def test_a_share_that_is_none_is_refused(tmp_path: pathlib.Path, shards: str) -> None:
    with pytest.raises(InputError, match=r"^shards: expected I/N with I from 1 to N") as error:
        evaluate(five, (X, FIVE), parts_dir=tmp_path / "parts", shards=shards, **QUICK)
    assert repr(shards) in str(error.value)
    assert not list(tmp_path.iterdir())


def of_two(parts: pathlib.Path) -> None:
    with pytest.raises(UnfinishedShards):
        evaluate(five, (X, FIVE), parts_dir=parts, shards="1/2", **QUICK)


def of_one(parts: pathlib.Path) -> None:
    def kill(*report: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(five, (X, FIVE), parts_dir=parts, progress=kill, **QUICK)


@pytest.mark.parametrize(
    ("begin", "changed"),
    [
        (of_two, {"shards": "1/3"}),
        (of_two, {"shards": "2/2", "seed": 1}),
        (of_two, {"seed": 1}),
        (of_two, {"batch_size": 23}),
        (of_two, {"num_examples": 1}),
        (of_one, {"shards": "1/2"}),
    ],
)
def test_shards_of_other_settings_are_refused(
    tmp_path: pathlib.Path, begin: Callable[[pathlib.Path], None], changed: dict[str, Any]
) -> None:
    begin(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match="holds an unfinished evaluation with other settings"):
        evaluate(five, (X, FIVE), parts_dir=tmp_path, **{**QUICK, **changed})
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"parts_dir": None}, "shards: 1/2 needs a directory that all processes share"),
        ({"num_examples": 1}, "shards: 1 examples are too few for 2 shards"),
        (
            {"batch_size": 23, "statistics": ("moving", "batch")},
            "shards: with batch statistics batches stay whole, and 23 examples in batches of 23 ",
        ),
    ],
)
def test_what_shards_need(tmp_path: pathlib.Path, changed: dict[str, Any], message: str) -> None:
    arguments = {"parts_dir": tmp_path / "parts", "shards": "1/2", **QUICK, **changed}
    with pytest.raises(InputError, match=f"^{message}"):
        evaluate(five, (X, FIVE), **arguments)
    assert not list(tmp_path.iterdir())
