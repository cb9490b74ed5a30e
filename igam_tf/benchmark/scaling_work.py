"""What a process of `igam_tf.benchmark.scaling` does: training steps, or an evaluation.

With a TF_CONFIG it is a worker of one job, else it works alone.
"""

import contextlib
import pathlib
from collections.abc import Callable
from typing import Any

import keras

from igam_tf import data
from igam_tf.benchmark import feeding, training_speed
from igam_tf.benchmark.contenders import EVALUATION
from igam_tf.benchmark.scaling import ScalingSize
from igam_tf.benchmark.task import random_task
from igam_tf.benchmark.training_speed import ATTACK_STEPS
from igam_tf.benchmark.training_times import TrainingSize
from igam_tf.core import runtime
from igam_tf.core.bounds import PIXELS
from igam_tf.core.cluster import cluster
from igam_tf.core.settings.devices import DistributionSettings
from igam_tf.evaluation import Shards, UnfinishedShards, evaluate
from igam_tf.training import strategies


def prepare(size: ScalingSize, contender: str, place: pathlib.Path) -> Callable[[], Any]:
    """The work of one round.

    Args:
      place: a directory for the parts of an evaluation, which the workers of a job share.
    """
    keras.utils.set_random_seed(0)
    if contender == EVALUATION:
        return _evaluation(size, place)
    return _training(size, ATTACK_STEPS if contender == "pgd7" else 0)


def _training(size: ScalingSize, attack_steps: int) -> Callable[[], Any]:
    """Steps on a stream of augmented batches, as in a training run."""
    settings = strategies.resolved(
        DistributionSettings(strategy="multi_worker" if cluster() else "none")
    )
    strategy, split = strategies.strategy_of(settings), feeding.random_split()
    with strategies.scope(strategy):
        sizes = TrainingSize(size.width, size.blocks, size.batch_size)
        trainer = training_speed.adversarial_trainer(sizes, attack_steps)
    batch_size = size.batch_size * (settings.replicas or 1)
    stream = strategies.stream(
        strategy,
        lambda part, parts: data.training_batches(
            split, batch_size, 0, PIXELS, part=part, parts=parts
        ),
    )

    with runtime.repeatable_graphs():
        trainer.fit(stream, steps_per_epoch=1, epochs=1, shuffle=False, verbose=0)
    step: Any = trainer.train_function
    # One iterator for all rounds: on one core TensorFlow may take seconds to end one, because it
    # then waits for the next turn of the iterator's tuning.
    batches = iter(stream)

    def work() -> None:
        for _ in range(size.steps):
            float(step(batches)["loss"])

    return work


def _evaluation(size: ScalingSize, place: pathlib.Path) -> Callable[[], Any]:
    """`evaluate` with stored parts: this worker's share of all images, or as many images alone."""
    workers = cluster()
    count = len(workers.workers) if workers else 1
    task = random_task(size.width, size.blocks, size.batch_size, count * size.images)

    def work() -> None:
        with contextlib.suppress(UnfinishedShards):
            evaluate(
                task.model,
                (task.images, task.labels),
                attacks=f"pgd{size.steps}",
                batch_size=size.batch_size,
                parts_dir=place,
                shards=Shards.of_worker(workers) if workers else None,
            )

    return work
