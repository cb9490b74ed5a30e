"""The `tf.distribute` strategy that settings name, and what its workers agree on.

A process has one strategy. TensorFlow matches collective operations by numbers that every strategy
counts from the same start, so those of two strategies would be taken for each other.
"""

import contextlib
import dataclasses
import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import tensorflow as tf

from igam_tf.core.cluster import VARIABLE, cluster
from igam_tf.core.errors import InputError
from igam_tf.core.settings.devices import DistributionSettings

S = TypeVar("S", bound=DistributionSettings)
_strategies: dict[tuple[str, int], tf.distribute.Strategy] = {}


def resolved(settings: S) -> S:
    """The settings with the number of replicas that their strategy has in this process.

    Raises:
      InputError: `replicas` or `sync_batchnorm` without a strategy; `multi_worker` without a
        TF_CONFIG, or with one of another form; more replicas than devices.
    """
    if settings.strategy == "none":
        for name in ("replicas", "sync_batchnorm"):
            if getattr(settings, name):
                raise InputError(f"{name}: it needs --strategy=mirrored or multi_worker")
        return settings
    count = _mirrored_count if settings.strategy == "mirrored" else _multi_worker_count
    return dataclasses.replace(settings, replicas=count(settings.replicas))


def _mirrored_count(replicas: int | None) -> int:
    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    available = len(tf.config.list_physical_devices("GPU")) or _cpus(replicas)
    if replicas is not None and replicas > available:
        raise InputError(
            f"replicas: expected at most {available}, the {kind} devices of this process, got "
            f"{replicas}"
        )
    return replicas or available


def _cpus(replicas: int | None) -> int:
    """The number of logical CPU devices; raised to `replicas` unless TensorFlow has started."""
    processor = tf.config.list_physical_devices("CPU")[0]
    number = len(tf.config.get_logical_device_configuration(processor) or [processor])
    if replicas is None or replicas <= number:
        return number
    try:
        tf.config.set_logical_device_configuration(
            processor, replicas * [tf.config.LogicalDeviceConfiguration()]
        )
    except RuntimeError:  # TensorFlow has started
        return number
    return replicas


def _multi_worker_count(replicas: int | None) -> int:
    workers = cluster()
    if workers is None:
        raise InputError(
            f"strategy: multi_worker needs {VARIABLE} in the environment of each process "
            "(docs/distribution.md)"
        )
    devices = len(tf.config.list_physical_devices("GPU")) or 1
    number = len(workers.workers) * devices
    if replicas not in (None, number):
        raise InputError(
            f"replicas: {len(workers.workers)} workers of {devices} device each are {number} "
            f"replicas, got {replicas}"
        )
    return number


def strategy_of(settings: DistributionSettings) -> tf.distribute.Strategy | None:
    """The strategy of resolved settings; None for one device.

    The first call creates it, and under `multi_worker` waits for all workers. TensorFlow must not
    have computed anything before.

    Raises:
      InputError: the process has another strategy, or has started TensorFlow without its workers.
    """
    if settings.strategy == "none":
        return None
    key = settings.strategy, settings.replicas or 0
    if key not in _strategies:
        if _strategies:
            raise InputError(
                f"strategy: this process has one of {next(iter(_strategies))[1]} replicas; start "
                "another process"
            )
        with _without_warnings():
            _strategies[key] = _create(*key)
    return _strategies[key]


def _create(kind: str, replicas: int) -> tf.distribute.Strategy:
    if kind == "mirrored":
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices[:replicas]])
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise InputError(
            "strategy: multi_worker starts TensorFlow with its workers, and this process has "
            "started it before"
        ) from error


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """Hides TensorFlow's warning that CPU devices have no NCCL."""
    logger = tf.get_logger()
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def scope(strategy: tf.distribute.Strategy | None) -> contextlib.AbstractContextManager[Any]:
    """The strategy's scope, in which models, optimisers and trainers are built."""
    return contextlib.nullcontext() if strategy is None else strategy.scope()


def is_chief(settings: DistributionSettings) -> bool:
    """Whether this process writes results: the first worker, or the only process."""
    workers = cluster() if settings.strategy == "multi_worker" else None
    return workers is None or workers.is_chief


def record(settings: DistributionSettings) -> dict[str, Any]:
    """Resolved settings in words, for the record beside a result; empty for one device."""
    if settings.strategy == "none":
        return {}
    workers = cluster() if settings.strategy == "multi_worker" else None
    return {
        "strategy": settings.strategy,
        "replicas": settings.replicas,
        "workers": 1 if workers is None else len(workers.workers),
        "batch_norm": "synchronised" if settings.sync_batchnorm else "per replica",
    }


def describe(settings: DistributionSettings) -> str:
    """Resolved settings in a phrase."""
    if settings.strategy == "none":
        return "one device"
    return (
        f"{settings.replicas} replicas of {settings.strategy} with BatchNorm "
        f"{record(settings)['batch_norm']}"
    )


def agree(strategy: tf.distribute.Strategy | None, number: int) -> bool:
    """Whether all workers call this with the same number of at least 0; waits for all of them."""
    return strategy is None or same_everywhere(strategy, lambda: tf.constant(number, tf.float64))


def same_everywhere(strategy: tf.distribute.Strategy, number: Callable[[], tf.Tensor]) -> bool:
    """Whether a function gives the same number, float64 and at least 0, on every replica."""

    @tf.function(autograph=False)
    def sums() -> tf.Tensor:
        values = strategy.run(lambda: tf.stack([number(), number() ** 2]))
        return strategy.reduce("SUM", values, axis=None)

    total, squares = sums().numpy().tolist()
    # By the inequality of Cauchy and Schwarz only equal numbers have equal sides.
    return bool(total**2 == strategy.num_replicas_in_sync * squares)


def stream(
    strategy: tf.distribute.Strategy | None, part: Callable[[int, int], tf.data.Dataset]
) -> Any:
    """Training batches for `fit`, of which each worker computes its part alone.

    Args:
      part: index of a worker and number of workers to an endless stream of its parts of the
        batches, with static shapes.
    """
    if strategy is None:
        return part(0, 1)
    replicas = len(strategy.extended.worker_devices)

    def replica_parts(*batch: tf.Tensor) -> tf.data.Dataset:
        """The parts of this worker's replicas, one after another."""
        shapes = [(replicas, tensor.shape[0] // replicas, *tensor.shape[1:]) for tensor in batch]
        return tf.data.Dataset.from_tensor_slices(tuple(map(tf.reshape, batch, shapes)))

    def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        batches = part(context.input_pipeline_id, context.num_input_pipelines)
        # Without a cardinality workers would ask each other at every step whether batches remain.
        return batches.flat_map(replica_parts).apply(
            tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
        )

    return strategy.distribute_datasets_from_function(of_worker)
