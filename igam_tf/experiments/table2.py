"""Table 2: robustness from Tiny-ImageNet to CIFAR-10 ("downwards", §5.1.2).

Standard and PGD7-trained are Table 1's runs. The teacher takes 64 x 64 images, which the rows make
of the target's in different ways; the baseline resizes as IGAM-Upsize does. `halves` has the same
rows on the two halves of CIFAR-10.
"""

from igam_tf.core.errors import InputError
from igam_tf.experiments import published, recipes
from igam_tf.experiments.appendix import APPENDIX
from igam_tf.experiments.configs import Table, Weights
from igam_tf.experiments.recipes.halves import Halves


def declare(preset: str, seed: int, teacher: Weights | None) -> Table:
    """`teacher` stands for the robust Tiny-ImageNet network."""
    return _declare("2", preset, recipes.of(preset, seed, {"tiny_imagenet": teacher}))


def declare_halves(preset: str, seed: int, teacher: Weights | None) -> Table:
    """`teacher` stands for the robust network of the first half, at 64 x 64."""
    if preset != "cpu":
        raise InputError(f"table halves: it has the preset cpu alone, got {preset!r}")
    return _declare("halves", preset, Halves(seed, {"tiny_imagenet": teacher}))


def _declare(name: str, preset: str, made: recipes.Recipes) -> Table:
    return Table(
        name,
        preset,
        f"downwards transfer, {made.path('tiny_imagenet', 'cifar10')}",
        {
            "Standard": made.standard("cifar10"),
            "FT-TinyImagenet": made.finetuned(
                "tiny_imagenet", "cifar10", APPENDIX["2", "IGAM-Upsize"].adapter
            ),
            **made.students("2"),
            "PGD7-trained": made.robust("cifar10"),
        },
        made.scoring(name, "cifar10", ("fgsm", "pgd5", "pgd10", "pgd20", "pgd50", "pgd100")),
        published.TABLE_2,
    )
