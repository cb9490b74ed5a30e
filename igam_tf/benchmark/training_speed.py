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
from igam_tf.benchmark.counting import NetworkSize, StepCost
from igam_tf.benchmark.task import CLASSES, SHAPE
from igam_tf.core import precision
from igam_tf.core.bounds import PIXELS
from igam_tf.core.errors import InputError

ATTACK_STEPS = 7
DISC_EVERY = 5  # the release's, which weighs iterations with and without the discriminator's step
PAPER_EPOCH_S = {"igam": 347, "pgd7": 815}  # an epoch of CIFAR-10 on the authors' machine (§5.3)
ADAPTER = ("mean", "crop:28", "scale:1/255")
WITH_DISC = "+disc"


@dataclasses.dataclass(frozen=True)
class TrainingSize:
    """The sizes of all contenders. `blocks` are residual units per stage (the paper: 5)."""

    width: int
    blocks: int
    batch_size: int
    precision: str = "float32"
    jit: bool = False


@dataclasses.dataclass(frozen=True)
class Contender:
    """A call that waits for its result, and its cost. The first call traces and compiles."""

    call: Callable[[], Any]
    cost: StepCost


@dataclasses.dataclass(frozen=True)
class TrainingTimes:
    """Each contender's times at one setting.

    Attributes:
      setting: the sizes.
      timings: by contender. An IGAM contender's iteration without the discriminator's step has its
        name, the iteration with that step has `+disc` behind it.
      costs: by the same names.
      peaks: operations per second of the bare convolutions, by their names.
    """

    setting: TrainingSize
    timings: dict[str, timing.Timing]
    costs: dict[str, StepCost]
    peaks: dict[str, float]

    @property
    def peak(self) -> float:
        return max(self.peaks.values())

    def seconds(self, name: str) -> float:
        """An iteration's median time; an IGAM iteration has a fifth of a discriminator's step."""
        rounds = self.timings[name].rounds
        if name + WITH_DISC not in self.timings:
            return statistics.median(rounds)
        with_disc = self.timings[name + WITH_DISC].rounds
        return statistics.median(_mixed(*pair) for pair in zip(rounds, with_disc, strict=True))

    def flops(self, name: str) -> float:
        """Operations of an iteration, with the same fifth."""
        if name + WITH_DISC not in self.costs:
            return self.costs[name].flops
        return _mixed(self.costs[name].flops, self.costs[name + WITH_DISC].flops)

    def share_of_peak(self, name: str) -> float:
        return self.flops(name) / self.seconds(name) / self.peak

    @property
    def ratios(self) -> dict[str, float]:
        """Times over a plain and a PGD7 step's, and of the PGD7 attack over its gradients'."""
        pairs = [
            (name, to)
            for to in ("plain", "pgd7")
            for name in self.timings
            if name not in (to, "gradients", "attack")
            and not name.endswith(WITH_DISC)
            and (name, to) != ("plain", "pgd7")
        ]
        pairs.append(("attack", "gradients"))
        return {
            f"{name} / {to}": self.seconds(name) / self.seconds(to)
            for name, to in pairs
            if {name, to} <= set(self.timings)
        }

    def record(self) -> dict[str, Any]:
        return {
            **dataclasses.asdict(self.setting),
            "convolutions_flops_per_s": self.peaks,
            "paper_epoch_s": PAPER_EPOCH_S,
            "contenders": {
                name: {
                    **times.record(),
                    "flops": self.costs[name].flops,
                    "memory_bytes": self.costs[name].memory,
                    "iteration_s": self.seconds(name),
                    "share_of_convolution_peak": self.share_of_peak(name),
                }
                for name, times in self.timings.items()
            },
            "ratios": self.ratios,
        }


def _mixed(without: float, with_disc: float) -> float:
    return without + (with_disc - without) / DISC_EVERY


def measure(
    setting: TrainingSize,
    contenders: Mapping[str, Contender],
    rounds: int,
    clock: timing.Clock = time.perf_counter,
) -> TrainingTimes:
    """Times of first calls, then of rounds of all contenders and the bare convolutions in turn."""
    first = {name: timing.timed(contender.call, clock)[0] for name, contender in contenders.items()}
    bare = convolutions.calls(setting.width, setting.batch_size, setting.precision)
    for call, _ in bare.values():
        call()
    calls = {name: contender.call for name, contender in contenders.items()}
    seconds = timing.alternate(
        {**calls, **{name: call for name, (call, _) in bare.items()}}, rounds, clock
    )
    peaks = {name: flops / statistics.median(seconds[name]) for name, (_, flops) in bare.items()}
    timings = {
        name: timing.Timing(first[name], seconds[name], setting.batch_size) for name in contenders
    }
    return TrainingTimes(
        setting, timings, {name: each.cost for name, each in contenders.items()}, peaks
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
