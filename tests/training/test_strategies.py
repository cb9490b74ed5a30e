"""Settings to strategies: the number of replicas, refusals, and what workers share."""

import itertools
import json
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from igam_tf.core.bounds import PIXELS
from igam_tf.core.errors import InputError
from igam_tf.core.settings.devices import DistributionSettings
from igam_tf.data import Split, training_batches
from igam_tf.training import strategies

TWO = DistributionSettings(strategy="mirrored", replicas=2)
ONE = DistributionSettings()


def _configure(monkeypatch: pytest.MonkeyPatch, workers: int, index: int = 0) -> None:
    addresses = [f"localhost:{port}" for port in range(1, workers + 1)]
    content = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(content))


def test_replicas_are_the_devices_of_this_process() -> None:
    """Tests have two logical CPU devices."""
    assert strategies.resolved(ONE) == ONE
    assert strategies.resolved(DistributionSettings(strategy="mirrored")) == TWO


def test_replicas_are_the_devices_of_all_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    _configure(monkeypatch, 3)
    settings = strategies.resolved(DistributionSettings(strategy="multi_worker"))
    assert settings.replicas == 3
    assert strategies.resolved(settings) == settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"replicas": 2}, "^replicas: it needs --strategy=mirrored or multi_worker$"),
        (
            {"sync_batchnorm": True},
            "^sync_batchnorm: it needs --strategy=mirrored or multi_worker$",
        ),
        (
            {"strategy": "mirrored", "replicas": 3},
            "^replicas: expected at most 2, the CPU devices of this process, got 3$",
        ),
        (
            {"strategy": "multi_worker", "replicas": 4},
            "^replicas: 3 workers of 1 device each are 3 replicas, got 4$",
        ),
        (
            {"strategy": "tpu"},
            "^strategy: expected one of none, mirrored, multi_worker, got 'tpu'$",
        ),
        ({"strategy": "mirrored", "replicas": 0}, "^replicas: expected a whole number of at least"),
    ],
)
def test_what_the_devices_do_not_fit_is_refused(
    settings: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tf.constant(0)  # TensorFlow has started, its devices are fixed
    _configure(monkeypatch, 3)
    with pytest.raises(InputError, match=message):
        strategies.resolved(DistributionSettings(**settings))


def test_several_workers_need_tf_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(InputError, match=r"^strategy: multi_worker needs TF_CONFIG in the envir"):
        strategies.resolved(DistributionSettings(strategy="multi_worker"))


def test_a_process_has_one_strategy() -> None:
    strategy = strategies.strategy_of(TWO)
    assert strategy is not None
    assert strategy.num_replicas_in_sync == 2
    assert strategies.strategy_of(TWO) is strategy
    assert strategies.strategy_of(ONE) is None
    with pytest.raises(InputError, match=r"^strategy: this process has one of 2 replicas; start"):
        strategies.strategy_of(DistributionSettings(strategy="mirrored", replicas=1))


def test_the_first_worker_is_the_chief(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = DistributionSettings(strategy="multi_worker", replicas=2)
    for index, is_chief in enumerate([True, False]):
        _configure(monkeypatch, 2, index)
        assert strategies.is_chief(settings) is is_chief
        assert strategies.is_chief(TWO)
        assert strategies.is_chief(ONE)


def test_the_record_names_replicas_and_batch_norm(monkeypatch: pytest.MonkeyPatch) -> None:
    _configure(monkeypatch, 2)
    settings = DistributionSettings(strategy="multi_worker", replicas=4, sync_batchnorm=True)
    assert strategies.record(ONE) == {}
    assert strategies.record(settings) == {
        "strategy": "multi_worker",
        "replicas": 4,
        "workers": 2,
        "batch_norm": "synchronised",
    }
    assert strategies.record(TWO)["workers"] == 1
    assert strategies.describe(TWO) == "2 replicas of mirrored with BatchNorm per replica"
    assert strategies.describe(ONE) == "one device"


def test_workers_agree_on_equal_numbers() -> None:
    strategy = strategies.strategy_of(TWO)
    assert strategy is not None
    assert strategies.agree(None, 3)
    assert strategies.agree(strategy, 3)

    def replica() -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        return tf.cast(context.replica_id_in_sync_group, tf.float64)

    assert not strategies.same_everywhere(strategy, replica)


def test_replicas_read_the_parts_of_each_batch() -> None:
    rng = np.random.default_rng(0)
    split = Split(rng.integers(0, 256, (11, 5, 5, 3), np.uint8), np.arange(11))

    def part(index: int, number: int) -> tf.data.Dataset:
        return training_batches(split, 6, 4, PIXELS, start=2, part=index, parts=number)

    strategy = strategies.strategy_of(TWO)
    assert strategy is not None
    whole = itertools.islice(strategies.stream(None, part), 4)
    for (x, y), replicas in zip(whole, strategies.stream(strategy, part), strict=False):
        for batch, parts in zip((x, y), replicas, strict=True):
            local = strategy.experimental_local_results(parts)
            assert [len(each) for each in local] == [3, 3]
            np.testing.assert_array_equal(np.concatenate(local), batch)
