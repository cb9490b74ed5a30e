"""What training runs and evaluations cost, counted in forward passes of the networks that they use.

The unit is the forward pass of one image. A gradient with respect to the image costs about one
more, to the weights too two more. A step of IGAM: the student's gradient inside its loss is
differentiated itself (6 with the plain step), the teacher's gradient is two, and every
`disc_every`-th step takes both again. Discriminators, optimisers and adapters are not counted, nor
are the diagnostics of `strong` columns.
"""

import dataclasses
from collections.abc import Hashable, Mapping

from igam_tf import data
from igam_tf.attacks import Attack, Chain, resolve
from igam_tf.experiments.configs import (
    FinetuneRun,
    Network,
    RobustRun,
    Run,
    Scoring,
    StudentRun,
    Weights,
)


@dataclasses.dataclass(frozen=True)
class Sized:
    """A network and the data that it was made for, whose images it takes."""

    network: Network | Weights
    dataset: str = ""


@dataclasses.dataclass(frozen=True)
class RunCost:
    """`images` counts those drawn; `gradients` input gradients of single images; `passes` forward
    passes by network.
    """

    images: int = 0
    gradients: int = 0
    passes: Mapping[Sized, float] = dataclasses.field(default_factory=dict)

    def __add__(self, other: "RunCost") -> "RunCost":
        keys = {**self.passes, **other.passes}
        passes = {key: self.passes.get(key, 0.0) + other.passes.get(key, 0.0) for key in keys}
        return RunCost(self.images + other.images, self.gradients + other.gradients, passes)


def sized(run: Run | Weights) -> Sized:
    """The network that a run ends with; of a fine-tuned teacher its source's, which takes the
    adapted images.
    """
    if isinstance(run, Weights):
        return Sized(run)
    return (
        sized(run.teacher) if isinstance(run, FinetuneRun) else Sized(run.network, run.data.dataset)
    )


def training(run: Run) -> RunCost:
    """All iterations of a run, its teacher's not among them."""
    images = run.schedule.steps * run.schedule.batch_size
    own = sized(run)
    if isinstance(run, RobustRun):
        gradients = run.adversary.steps * images if run.adversary else 0
        return RunCost(images, gradients, {own: 3 * images + 2 * gradients})
    if isinstance(run, FinetuneRun):
        learned = any(part.startswith("transposed") for part in run.adapter)
        return RunCost(images, 0, {own: (2 if learned else 1) * images})
    return _matching(run, images)


def _matching(run: StudentRun, images: int) -> RunCost:
    matched = (run.schedule.steps - run.steps_before_matching) * run.schedule.batch_size
    seen_twice = matched // run.disc_every
    student = 3 * (images - matched) + 6 * matched + 2 * seen_twice
    own = RunCost(images, matched + seen_twice, {sized(run): student})
    if run.matched_to == "zero":
        return own
    return own + RunCost(0, matched + seen_twice, {sized(run.teacher): 2 * (matched + seen_twice)})


def scoring(run: Run | Weights, asked: Scoring) -> RunCost:
    """All attacks on all images; of `strong`, whose stages meet what is left alone, the most that
    it can be.
    """
    modes = len(asked.statistics)
    gradients, passes = _attacks(
        [resolve(name, asked.epsilon, asked.step_size) for name in asked.attacks], asked.dataset
    )
    shown = asked.num_examples * modes
    cost = RunCost(shown, shown * gradients, {sized(run): shown * (passes + 1)})
    if not asked.strong_examples:
        return cost
    shown = min(asked.strong_examples, asked.num_examples)
    gradients, passes = _attacks([resolve("strong", asked.epsilon)], asked.dataset)
    return cost + RunCost(shown, shown * gradients, {sized(run): shown * (passes + 1)})


def _attacks(attacks: list[Attack], dataset: str) -> tuple[int, int]:
    """Gradients and forward passes for one image.

    Attacks on one trajectory cost as much as the longest of them.
    """
    classes = data.FORMATS[dataset].num_classes
    costs: dict[Hashable, tuple[int, int]] = {}
    for attack in attacks:
        for stage in attack.stages if isinstance(attack, Chain) else (attack,):
            key = stage.trajectory or stage
            costs[key] = max(costs.get(key, (0, 0)), stage.cost(classes))
    gradients = sum(count for count, _ in costs.values())
    return gradients, 2 * gradients + sum(queries for _, queries in costs.values())
