"""Three tiny trainers, one of each kind, that the tests of their common behaviour share."""

from collections.abc import Callable
from typing import Any

import keras
import pytest

from igam_tf import models
from igam_tf.training import AdversarialTrainer, FinetuneTrainer, Igam, Momentum
from igam_tf.training.trainer import Trainer

from .. import tiny

X, Y = tiny.batch(10)
BATCH = 4  # the last one is smaller
Network = Callable[[], keras.Model]


def igam(network: Network = tiny.classifier, rate: Any = 0.1, **settings: Any) -> Igam:
    keras.utils.set_random_seed(0)
    judge = tiny.shaken(models.discriminator(tiny.SHAPE, 2, 4), 3)
    trainer = Igam(network(), tiny.classifier(2), judge, lambda_adv=1.0, lambda_diff=1000.0)
    trainer.compile(Momentum(rate), Momentum(0.3), **settings)
    return trainer


def adversarial(
    network: Network = tiny.classifier, rate: Any = 0.1, **settings: Any
) -> AdversarialTrainer:
    trainer = AdversarialTrainer(network(), epsilon="8/255", step_size="2/255", steps=2)
    trainer.compile(Momentum(rate), **settings)
    return trainer


def finetune(
    network: Network = tiny.classifier, rate: Any = 0.1, **settings: Any
) -> FinetuneTrainer:
    model = network()
    trainer = FinetuneTrainer(model, [model.layers[-1]])
    trainer.compile(Momentum(rate), **settings)
    return trainer


KINDS = {"igam": igam, "adversarial": adversarial, "finetune": finetune}
COMMON_PARTS = {"loss", "xent", "accuracy"}
PARTS = {
    "igam": COMMON_PARTS
    | {"adv", "diff", "disc_accuracy", "cosine", "student_norm", "teacher_norm"},
    "adversarial": COMMON_PARTS,
    "finetune": COMMON_PARTS,
}
all_kinds = pytest.mark.parametrize("kind", KINDS)
# Where Igam inherits what is tested, and a step of its own takes seconds to trace.
all_kinds_igam_slow = pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=pytest.mark.slow if kind == "igam" else ()) for kind in KINDS],
)


def fit(trainer: Trainer, epochs: int = 1, **settings: Any) -> dict[str, list[float]]:
    """The history of a trainer on `X` and `Y`, by default in batches of `BATCH`."""
    defaults = {"batch_size": BATCH, "shuffle": False, "verbose": 0}
    return trainer.fit(X, Y, epochs=epochs, **{**defaults, **settings}).history
