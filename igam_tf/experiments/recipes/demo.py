"""Embedded data and one-unit networks: minutes on two cores, without any download.

Lambdas were chosen on Table 1's task (README says how) and are the same in all tables; rates and
lengths are each table's own. Grey shapes stand for MNIST, low-contrast ones for CIFAR-10, a hundred
classes of them on coloured grounds for CIFAR-100, larger ones for Tiny-ImageNet.
"""

import dataclasses

from igam_tf.experiments.appendix import APPENDIX
from igam_tf.experiments.configs import (
    Adversary,
    Data,
    FinetuneRun,
    Network,
    RobustRun,
    Schedule,
    StudentRun,
)
from igam_tf.experiments.recipes.base import REBUILT, Recipes

_NETWORK = Network("wide_resnet", 1, 1, "per_image")
_DATASETS = {
    "mnist": "shapes28",
    "cifar10": "shapes32",
    "cifar100": "shapes100",
    "tiny_imagenet": "shapes64",
}


@dataclasses.dataclass(frozen=True)
class _Lengths:
    """Iterations on one target task."""

    standard: int
    robust: int
    ramp: int
    batch_size: int = 32


_LENGTHS = {
    "cifar10": _Lengths(standard=300, robust=400, ramp=150),
    "cifar100": _Lengths(standard=900, robust=800, ramp=250),
    "tiny_imagenet": _Lengths(standard=250, robust=400, ramp=150, batch_size=16),
}
# By source and target, iterations of a new head: of a student's teacher, and of the baseline.
_HEADS = {
    ("mnist", "cifar10"): (500, 5000),
    ("tiny_imagenet", "cifar10"): (300, 900),
    ("mnist", "cifar100"): (500, 5000),
    ("cifar10", "cifar100"): (300, 1500),
    ("cifar10", "tiny_imagenet"): (200, 600),
    ("cifar100", "tiny_imagenet"): (200, 600),
}


class Demo(Recipes):
    """Every row by the same code as at the other presets."""

    datasets = _DATASETS
    strong_examples = 50

    def teacher(self, data: str) -> RobustRun:
        if data == "mnist":
            return RobustRun(
                self._data(data),
                Network("mnist_cnn", channels=(16, 32), hidden=128),
                Schedule(300, 50, (1e-3,), optimizer="adam"),
                Adversary(0.2, 0.06, 5, ramp_steps=150),
                weight_decay=0.0,
                seed=self.seed,
            )
        if data == "tiny_imagenet":
            return RobustRun(
                dataclasses.replace(self._data(data), train_size=2000),
                dataclasses.replace(_NETWORK, normalization="unit_norm"),
                _schedule(400, 16),
                Adversary("8/255", "3/255", 5, ramp_steps=150),
                seed=self.seed,
            )
        return self.robust(data)

    def standard(self, data: str) -> RobustRun:
        lengths = _LENGTHS[data]
        return RobustRun(
            self._data(data),
            _NETWORK,
            _schedule(lengths.standard, lengths.batch_size),
            seed=self.seed,
        )

    def robust(self, data: str) -> RobustRun:
        lengths = _LENGTHS[data]
        return dataclasses.replace(
            self.standard(data),
            schedule=_schedule(lengths.robust, lengths.batch_size),
            adversary=Adversary("8/255", "2/255", 7, ramp_steps=lengths.ramp),
        )

    def finetuned(self, source: str, target: str, adapter: tuple[str, ...]) -> FinetuneRun:
        """Trained for longer, as in the paper, where the teacher's head has some 10 epochs and the
        baseline's 100.
        """
        return self._head(source, target, adapter, _HEADS[source, target][1])

    def student(self, table: str, row: str) -> StudentRun:
        published = APPENDIX[table, row]
        lengths = _LENGTHS[published.target]
        matching = _STUDENTS[table]
        return StudentRun(
            self._data(published.target),
            _NETWORK,
            self._head(
                published.source,
                published.target,
                published.adapter,
                _HEADS[published.source, published.target][0],
            ),
            Schedule(matching.steps, lengths.batch_size, matching.rates, matching.boundaries),
            lambda_adv=1.0,
            lambda_diff=5000.0,
            steps_before_matching=matching.before,
            disc_layers=4,
            disc_channels=8,
            gradient_crop=published.gradient_crop,
            seed=self.seed,
        )

    def examples(self, table: str) -> int:
        return _EXAMPLES[table]

    def _head(self, source: str, target: str, adapter: tuple[str, ...], steps: int) -> FinetuneRun:
        if (
            source == "tiny_imagenet"
        ):  # its padded images need higher rates, and its 64 x 64 pixels smaller batches
            schedule = Schedule(steps, 32, (1e-2, 1e-3), (steps * 80 // 100,), optimizer="adam")
        else:
            schedule = Schedule(steps, 64, (1e-3,), optimizer="adam")
        normalization = REBUILT.get(source)
        return FinetuneRun(
            self._data(target),
            self.source(source),
            schedule,
            adapter,
            seed=self.seed,
            normalization=normalization,
        )

    def _data(self, name: str) -> Data:
        return Data(self.datasets[name], augmented=False)


# Fewer where the attacks are longer, or the images larger.
_EXAMPLES = {"1": 500, "2": 100, "3": 300, "4": 300, "5": 300, "figure5": 200}


@dataclasses.dataclass(frozen=True)
class _Matching:
    """A table's students: iterations, of these before matching, rates and where they change."""

    steps: int
    before: int
    rates: tuple[float, ...]
    boundaries: tuple[int, ...]


# A hundred classes have to be learned first, as in the release: where matching began with the
# training, D's term alone won.
_STUDENTS = {
    "1": _Matching(1000, 100, (0.05, 0.005, 0.0005), (600, 850)),
    "2": _Matching(200, 40, (0.05, 0.005, 0.0005), (120, 170)),
    "3": _Matching(900, 500, (0.1, 0.05, 0.005), (500, 800)),
    "figure 5": _Matching(300, 150, (0.1, 0.05, 0.005), (150, 260)),
}


def _schedule(steps: int, batch_size: int) -> Schedule:
    """The rate falls after 60 % and after 85 % of the iterations."""
    return Schedule(steps, batch_size, (0.1, 0.01, 0.001), (steps * 60 // 100, steps * 85 // 100))
