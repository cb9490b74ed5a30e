"""The costs of training runs and evaluations, counted in forward passes by network.

The unit is the forward pass of one image. Its input gradient costs about one pass more, and its
gradient with respect to input and weights two more. A step of IGAM costs the student 6 passes,
since the input gradient inside its loss is itself differentiated, and the teacher 2. Every
`disc_every`-th step computes both input gradients once more. TRADES trains on two images where PGD
training has one, and its attack needs one forward pass more. Discriminators, optimisers, adapters,
diagnostics and validation are not counted.
"""

import dataclasses
from collections.abc import Callable, Hashable, Mapping

from igam_tf import data
from igam_tf.attacks import Attack, Chain, resolve
from igam_tf.attacks.registry import strong
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
class SizedNetwork:
    """A network, and the data set whose images it takes; none for weights on disk."""

    network: Network | Weights
    dataset: str = ""


@dataclasses.dataclass(frozen=True)
class RunCost:
    """Counts of images, of input gradients of single images, and of forward passes by network."""

    images: int = 0
    gradients: int = 0
    passes: Mapping[SizedNetwork, float] = dataclasses.field(default_factory=dict)

    def __add__(self, other: "RunCost") -> "RunCost":
        keys = {**self.passes, **other.passes}
        passes = {key: self.passes.get(key, 0.0) + other.passes.get(key, 0.0) for key in keys}
        return RunCost(self.images + other.images, self.gradients + other.gradients, passes)

    def hours(self, seconds_per_pass: Callable[[SizedNetwork], float]) -> float:
        return sum(count * seconds_per_pass(key) for key, count in self.passes.items()) / 3600


def network_of(run: Run | Weights) -> SizedNetwork:
    """The network that a run trains; for a fine-tuned teacher the source's, with its images."""
    if isinstance(run, Weights):
        return SizedNetwork(run)
    if isinstance(run, FinetuneRun):
        return network_of(run.teacher)
    return SizedNetwork(run.network, run.data.dataset)


def of_training(run: Run) -> RunCost:
    """The cost of all iterations of a run, without its teacher's training."""
    images = run.schedule.steps * run.schedule.batch_size
    own = network_of(run)
    if isinstance(run, RobustRun):
        gradients = run.adversary.steps * images if run.adversary else 0
        is_trades = run.adversary is not None and run.adversary.objective == "trades"
        passes = (7 if is_trades else 3) * images + 2 * gradients
        return RunCost(images, gradients, {own: passes})
    if isinstance(run, FinetuneRun):
        learned = any(part.startswith("transposed") for part in run.adapter)
        return RunCost(images, 0, {own: (2 if learned else 1) * images})
    return _matching(run, images)


def of_epoch(run: Run) -> RunCost:
    """The mean cost of an epoch."""
    epoch = run.data.train_size or data.FORMATS[run.data.dataset].train_images
    cost = of_training(run)
    share = epoch / cost.images
    passes = {key: share * count for key, count in cost.passes.items()}
    return RunCost(epoch, round(share * cost.gradients), passes)


def _matching(run: StudentRun, images: int) -> RunCost:
    matched = (run.schedule.steps - run.steps_before_matching) * run.schedule.batch_size
    disc_images = matched // run.disc_every
    student = 3 * (images - matched) + 6 * matched + 2 * disc_images
    cost = RunCost(images, matched + disc_images, {network_of(run): student})
    if run.matched_to == "zero":
        return cost
    return cost + RunCost(
        0, matched + disc_images, {network_of(run.teacher): 2 * (matched + disc_images)}
    )


def of_scoring(run: Run | Weights, scoring: Scoring) -> RunCost:
    """The cost of all attacks on all images, as if no stage of `strong` fooled an example."""
    attacks = [resolve(name, scoring.epsilon, scoring.step_size) for name in scoring.attacks]
    images = scoring.num_examples * len(scoring.statistics)
    cost = _evaluation(run, attacks, scoring.dataset, images)
    if not scoring.strong_examples:
        return cost
    images = min(scoring.strong_examples, scoring.num_examples)
    chain = strong(scoring.epsilon, scoring.strong_queries)
    return cost + _evaluation(run, [chain], scoring.dataset, images)


def _evaluation(run: Run | Weights, attacks: list[Attack], dataset: str, images: int) -> RunCost:
    gradients, passes = _attacks(attacks, dataset)
    return RunCost(images, images * gradients, {network_of(run): images * (passes + 1)})


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
