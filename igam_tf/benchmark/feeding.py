"""The cost around a training step: `fit` beside a bare loop, and the input pipeline alone."""

import dataclasses
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from igam_tf import data
from igam_tf.benchmark import timing, training_speed
from igam_tf.benchmark.task import CLASSES, SHAPE
from igam_tf.benchmark.training_times import TrainingSize
from igam_tf.core.bounds import PIXELS

TRAIN_SIZE = 10_000
PIPELINE_BATCHES = 300  # many, for some are prefetched before the clock starts


@dataclasses.dataclass(frozen=True)
class FeedingTimes:
    """Seconds round by round.

    Attributes:
      steps: iterations of `fit` and of the bare loop in a round.
      batches: of the pipeline in a round.
      fit, bare, pipeline: seconds of each round.
    """

    steps: int
    batches: int
    fit: tuple[float, ...]
    bare: tuple[float, ...]
    pipeline: tuple[float, ...]

    @property
    def fit_throughput(self) -> float:
        """The throughput of `fit` over the bare loop's: the median of the rounds' ratios."""
        return statistics.median(bare / fit for bare, fit in zip(self.bare, self.fit, strict=True))

    @property
    def pipeline_speed(self) -> float:
        """The pipeline's batches per second over the bare loop's."""
        rounds = zip(self.bare, self.pipeline, strict=True)
        return statistics.median(
            (bare / self.steps) / (pipeline / self.batches) for bare, pipeline in rounds
        )

    def record(self) -> dict[str, Any]:
        return {
            **dataclasses.asdict(self),
            "fit_throughput": self.fit_throughput,
            "pipeline_times_faster": self.pipeline_speed,
        }


def measure(
    setting: TrainingSize, steps: int, rounds: int, clock: timing.Clock = time.perf_counter
) -> FeedingTimes:
    """Times around the plain step, the shortest, where the rest weighs most.

    `fit` and the loop repeat one batch in memory. The pipeline is that of training runs, with
    augmentation. A round of `fit` includes the start and the end of an epoch.
    """
    trainer = training_speed.adversarial_trainer(setting, 0)
    step = training_speed.bare_step(trainer, setting)
    batches = tf.data.Dataset.from_tensors(training_speed.batch(setting)).repeat()
    split = random_split()
    stream: Iterator[Any] = iter(data.training_batches(split, setting.batch_size, 0, PIXELS))

    def loop() -> None:
        for _ in range(steps):
            step()

    calls: dict[str, Callable[[], Any]] = {
        "fit": lambda: trainer.fit(
            batches, steps_per_epoch=steps, epochs=1, shuffle=False, verbose=0
        ),
        "bare": loop,
        "pipeline": lambda: [next(stream) for _ in range(PIPELINE_BATCHES)][-1],
    }
    for name in calls:
        timing.timed(calls[name], clock)  # compiles
    return FeedingTimes(steps, PIPELINE_BATCHES, **timing.alternate(calls, rounds, clock))


def random_split() -> data.Split:
    """Random images and labels, for training."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (TRAIN_SIZE, *SHAPE), np.uint8)
    return data.Split(images, rng.integers(0, CLASSES, TRAIN_SIZE))


def text(times: FeedingTimes) -> str:
    rate = times.batches / statistics.median(times.pipeline)
    return (
        f"{times.steps} plain steps a round: fit reaches {times.fit_throughput:.1%} of a bare "
        f"loop's throughput; the input pipeline alone is {times.pipeline_speed:.1f} times faster "
        f"than the loop ({rate:.0f} batches/s)"
    )
