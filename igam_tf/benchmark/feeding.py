"""What stands around the step: `fit` beside a bare loop over the same data, and the input pipeline
on its own.
"""

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
from igam_tf.benchmark.training_speed import TrainingSize
from igam_tf.core.bounds import PIXELS

TRAIN_SIZE = 10_000
PIPELINE_BATCHES = 300  # many, for some lie ready from before the clock is started


@dataclasses.dataclass(frozen=True)
class Fed:
    """Seconds round by round: of `steps` iterations by `fit` and in a loop, of the pipeline's
    giving `batches`.
    """

    steps: int
    batches: int
    fit: tuple[float, ...]
    bare: tuple[float, ...]
    pipeline: tuple[float, ...]

    @property
    def fit_throughput(self) -> float:
        """Of `fit`, as a share of the bare loop's: the median of the rounds' ratios."""
        return statistics.median(bare / fit for bare, fit in zip(self.bare, self.fit, strict=True))

    @property
    def pipeline_speed(self) -> float:
        """How many times faster the pipeline gives batches than the bare loop takes them."""
        both = zip(self.bare, self.pipeline, strict=True)
        return statistics.median(
            (bare / self.steps) / (alone / self.batches) for bare, alone in both
        )

    def record(self) -> dict[str, Any]:
        return {
            **dataclasses.asdict(self),
            "fit_throughput": self.fit_throughput,
            "pipeline_times_faster": self.pipeline_speed,
        }


def measure(
    setting: TrainingSize, steps: int, rounds: int, clock: timing.Clock = time.perf_counter
) -> Fed:
    """The plain step, the shortest there is, so that what is around it weighs most.

    `fit` and the loop take one batch in memory over and over; the pipeline is the one that training
    runs use, with augmentation. The rounds' `fit` includes starting and ending an epoch.
    """
    trainer = training_speed.adversarial_trainer(setting, 0)
    step = training_speed.bare_step(trainer, setting)
    batches = tf.data.Dataset.from_tensors(training_speed.batch(setting)).repeat()
    stream: Iterator[Any] = iter(data.training_batches(_split(), setting.batch_size, 0, PIXELS))

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
    return Fed(steps, PIPELINE_BATCHES, **timing.alternate(calls, rounds, clock))


def _split() -> data.Split:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (TRAIN_SIZE, *SHAPE), np.uint8)
    return data.Split(images, rng.integers(0, CLASSES, TRAIN_SIZE))


def text(fed: Fed) -> str:
    rate = fed.batches / statistics.median(fed.pipeline)
    return (
        f"{fed.steps} plain steps a round: fit reaches {fed.fit_throughput:.1%} of a bare loop's throughput; the input "
        f"pipeline alone is {fed.pipeline_speed:.1f} times faster than the loop ({rate:.0f} batches/s)"
    )
