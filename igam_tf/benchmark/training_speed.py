"""Times of training steps: plain, PGD7 and IGAM, beside those of bare convolutions."""

import dataclasses
import functools
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from igam_tf import adapters, gradients, models, training
from igam_tf.benchmark import convolutions, counting, timing
from igam_tf.benchmark.contenders import MATCHING, TRAINING
from igam_tf.benchmark.convolutions import BareConvolution
from igam_tf.benchmark.counting import NetworkSize, StepCost
from igam_tf.benchmark.task import CLASSES, SHAPE
from igam_tf.benchmark.training_times import DISC_EVERY, WITH_DISC, TrainingSize, TrainingTimes
from igam_tf.core import precision
from igam_tf.core.bounds import PIXELS
from igam_tf.core.errors import InputError

ATTACK_STEPS = 7
ADAPTER = ("mean", "crop:28", "scale:1/255")


@dataclasses.dataclass(frozen=True)
class Contender:
    """A call that waits for its result, and its cost. The first call traces and compiles."""

    call: Callable[[], Any]
    cost: StepCost


def measure(
    setting: TrainingSize,
    contenders: Mapping[str, Contender],
    rounds: int,
    clock: timing.Clock = time.perf_counter,
) -> TrainingTimes:
    """Times of first calls, then of rounds of all contenders and the bare convolutions in turn."""
    first = {name: timing.timed(contender.call, clock)[0] for name, contender in contenders.items()}
    costs = {name: each.cost for name, each in contenders.items()}
    peaks = convolutions.calls(setting.width, setting.batch_size, setting.precision)
    passes = convolutions.bare_passes(
        [each for cost in costs.values() for each in cost.convolutions],
        setting.batch_size,
        setting.precision,
    )
    bare: dict[Any, BareConvolution] = {**peaks, **passes}
    for each in bare.values():
        each.call()
    calls: dict[Any, Callable[[], Any]] = {name: each.call for name, each in contenders.items()}
    calls |= {key: each.call for key, each in bare.items()}
    seconds = timing.alternate(calls, rounds, clock)
    alone = {key: statistics.median(seconds[key]) / each.times for key, each in bare.items()}
    return TrainingTimes(
        setting,
        {name: timing.Timing(first[name], seconds[name], setting.batch_size) for name in costs},
        costs,
        {name: each.flops / alone[name] for name, each in peaks.items()},
        {key: alone[key] for key in passes},
    )


def prepare(setting: TrainingSize, names: Sequence[str]) -> dict[str, Contender]:
    """The contenders of these names; an IGAM one is two, with and without `+disc`."""
    keras.utils.set_random_seed(0)
    contenders: dict[str, Contender] = {}
    for name in names:
        contenders.update(_BUILDERS[name](name, setting))
    return contenders


def require_contenders(names: Sequence[str]) -> None:
    """Raises `InputError` unless every name is a contender's."""
    if not names or set(names) - set(TRAINING):
        raise InputError(
            f"contenders: expected some of {', '.join(TRAINING)}, got {','.join(names)!r}"
        )


def batch(setting: TrainingSize) -> tuple[tf.Tensor, tf.Tensor]:
    rng = np.random.default_rng(0)
    x = rng.uniform(PIXELS.low, PIXELS.high, (setting.batch_size, *SHAPE)).astype(np.float32)
    return tf.constant(x), tf.constant(rng.integers(0, CLASSES, setting.batch_size))


def network(setting: TrainingSize) -> keras.Model:
    with precision.building(setting.precision):
        return models.wide_resnet(CLASSES, setting.width, setting.blocks, SHAPE)


def adversarial_trainer(setting: TrainingSize, steps: int) -> training.AdversarialTrainer:
    trainer = training.AdversarialTrainer(network(setting), epsilon=8.0, step_size=2.0, steps=steps)
    trainer.compile(jit_compile=setting.jit)
    return trainer


def igam_trainer(setting: TrainingSize, protocol: str, teacher: keras.Model) -> training.Igam:
    with precision.building(setting.precision):
        judge = models.discriminator(SHAPE)
    trainer = training.Igam(
        network(setting),
        teacher,
        judge,
        lambda_adv=1.0,
        lambda_diff=10.0,
        protocol=protocol,
        disc_every=DISC_EVERY,
    )
    trainer.compile(jit_compile=setting.jit)
    return trainer


def bare_step(trainer: keras.Model, setting: TrainingSize) -> Callable[[], Any]:
    """A trainer's step on one batch in memory, compiled as in `fit`; it waits for the loss."""
    data = batch(setting)

    @functools.cache
    def compiled() -> Any:
        step = tf.function(
            lambda x, y: trainer.train_step((x, y)), autograph=False, jit_compile=setting.jit
        )
        return step.get_concrete_function(*data)

    return lambda: compiled()(*data)["loss"].numpy()


def _trained(name: str, setting: TrainingSize) -> dict[str, Contender]:
    steps = ATTACK_STEPS if name == "pgd7" else 0
    trainer = adversarial_trainer(setting, steps)
    cost = counting.plain(NetworkSize.of(trainer.model), setting.batch_size, steps)
    return {name: Contender(bare_step(trainer, setting), cost)}


def _attack(name: str, setting: TrainingSize) -> dict[str, Contender]:
    """The attack of the PGD7 step, or its input gradients alone, one compiled call each."""
    trainer = adversarial_trainer(setting, ATTACK_STEPS)
    x, y = batch(setting)

    @tf.function(autograph=False, jit_compile=setting.jit)
    def attack(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        return trainer._adversarial(x, y)

    @tf.function(autograph=False, jit_compile=setting.jit)
    def gradient(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        return gradients.input_gradient(trainer.model, x, y, "xent", "batch")

    def call() -> Any:
        if name == "attack":
            return attack(x, y).numpy()
        return [gradient(x, y) for _ in range(ATTACK_STEPS)][-1].numpy()

    return {
        name: Contender(
            call,
            counting.input_gradients(
                NetworkSize.of(trainer.model), setting.batch_size, ATTACK_STEPS
            ),
        )
    }


def _igam(name: str, setting: TrainingSize) -> dict[str, Contender]:
    kind, protocol = name.split("-")
    if kind == "mnist":
        with precision.building(setting.precision):
            cnn = models.mnist_cnn(CLASSES)
        teacher = models.adapted(cnn, adapters.parse(ADAPTER), SHAPE, PIXELS)
    else:
        teacher = network(setting)
    trainer = igam_trainer(setting, protocol, teacher)
    step = bare_step(trainer, setting)

    def call(iteration: int) -> Any:
        trainer.iteration.assign(iteration)
        return step()

    student, judge = NetworkSize.of(trainer.student), NetworkSize.of(trainer.discriminator)
    second_forward = trainer.protocol.discriminator_update == "second_forward"
    return {
        name + suffix: Contender(
            functools.partial(call, iteration),
            counting.igam(
                student,
                NetworkSize.of(teacher),
                judge,
                setting.batch_size,
                judge_steps=not iteration,
                second_forward=second_forward,
            ),
        )
        for suffix, iteration in (("", 1), (WITH_DISC, 0))
    }


_BUILDERS: dict[str, Callable[[str, TrainingSize], dict[str, Contender]]] = dict(
    zip(TRAINING, (_trained, _trained, _attack, _attack, *[_igam] * len(MATCHING)), strict=True)
)
