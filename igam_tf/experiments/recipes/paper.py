"""The paper's sizes: WRN-32-10 and whole data sets, for GPUs. Published rows come from `appendix`."""

import dataclasses

from igam_tf.experiments.appendix import APPENDIX, SCRIPTS
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

# Both of the release's scripts have its schedule; rows without a script take it over.
_SCRIPT = SCRIPTS["2", "IGAM-Upsize"]
_PGD7 = Adversary("8/255", "2/255", 7)
_BASELINE_EPOCHS = 100
_TRAIN_SIZES = {"mnist": 60_000, "cifar10": 50_000, "cifar100": 50_000, "tiny_imagenet": 100_000}
_DATASETS = {name: name for name in _TRAIN_SIZES}


class Paper(Recipes):
    """As in the paper; where it is silent, as in the release's scripts."""

    datasets = _DATASETS
    strong_examples = 1000

    def teacher(self, data: str) -> RobustRun:
        """MadryLab's recipes, and the release's for Tiny-ImageNet.

        MNIST: 100,000 steps of batch 50, PGD of 40 steps of 0.01 at 0.3. CIFAR: the PGD7 recipe on
        per-image standardised input (a student's twin, as the PGD7 rows are, standardises
        otherwise). Tiny-ImageNet: 320,000 steps of batch 16, PGD of 7 steps of 2 at 8, on
        zero-mean, unit-norm images of 64 x 64.
        """
        if data == "mnist":
            return RobustRun(
                Data("mnist", augmented=False),
                Network("mnist_cnn"),
                Schedule(100_000, 50, (1e-4,), optimizer="adam"),
                Adversary(0.3, 0.01, 40),
                weight_decay=0.0,
                seed=self.seed,
            )
        if data == "tiny_imagenet":
            schedule = Schedule(320_000, 16, (0.1, 0.01, 0.001), (160_000, 240_000))
            return RobustRun(Data(data), Network("wide_resnet"), schedule, _PGD7, seed=self.seed)
        return dataclasses.replace(
            self.robust(data), network=Network("wide_resnet", normalization="per_image")
        )

    def standard(self, data: str) -> RobustRun:
        return RobustRun(Data(data), Network("wide_resnet"), _SCRIPT.schedule, seed=self.seed)

    def robust(self, data: str) -> RobustRun:
        """MadryLab's CIFAR-10 recipe: 80,000 steps of batch 128."""
        madry = Schedule(80_000, 128, (0.1, 0.01, 0.001), (40_000, 60_000))
        return dataclasses.replace(self.standard(data), schedule=madry, adversary=_PGD7)

    def finetuned(self, source: str, target: str, adapter: tuple[str, ...]) -> FinetuneRun:
        return self._head(source, target, adapter, _BASELINE_EPOCHS)

    def student(self, table: str, row: str) -> StudentRun:
        """Under the release's schedule; where the release has a script for the row, with that one's
        values.
        """
        published = APPENDIX[table, row]
        script = SCRIPTS.get((table, row))
        return StudentRun(
            Data(published.target, pixel_noise=script.pixel_noise if script else 0.0),
            Network("wide_resnet"),
            self._head(
                published.source, published.target, published.adapter, published.finetune_epochs
            ),
            _SCRIPT.schedule,
            **(script or published).settings(steps_before_matching=_SCRIPT.steps_before_matching),
            seed=self.seed,
        )

    def examples(self, table: str) -> int:
        return 10_000

    def _head(self, source: str, target: str, adapter: tuple[str, ...], epochs: int) -> FinetuneRun:
        """Trained for whole epochs, by Adam as in the release."""
        batch_size = _SCRIPT.finetune_batch_size
        steps = epochs * (_TRAIN_SIZES[target] // batch_size)
        schedule = Schedule(steps, batch_size, (_SCRIPT.finetune_rate,), optimizer="adam")
        normalization = REBUILT.get(source)
        return FinetuneRun(
            Data(target),
            self.source(source),
            schedule,
            adapter,
            seed=self.seed,
            normalization=normalization,
        )
