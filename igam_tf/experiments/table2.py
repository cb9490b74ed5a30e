"""Table 2: robustness from Tiny-ImageNet to CIFAR-10 ("downwards", §5.1.2), at the paper's sizes.

Standard and PGD7-trained are Table 1's runs. The teacher takes 64 x 64 images, which the rows make of CIFAR-10's in different
ways; the baseline resizes as IGAM-Upsize does.
"""

from igam_tf import paper
from igam_tf.errors import InputError
from igam_tf.experiments import recipes
from igam_tf.experiments.appendix import APPENDIX
from igam_tf.experiments.configs import Run, Scoring, Table, Weights


def declare(preset: str, seed: int, teacher: Weights | None) -> Table:
    """`teacher` stands for the robust Tiny-ImageNet network."""
    if preset != "paper":
        raise InputError(f"table 2: it has the preset paper alone, got {preset!r}")
    source = teacher or recipes.tiny_imagenet_teacher(seed)
    standard, robust = recipes.baselines("cifar10", seed)
    upsize = APPENDIX["2", "IGAM-Upsize"].adapter
    rows: dict[str, Run | str] = {
        "Standard": standard,
        "FT-TinyImagenet": recipes.finetuned("cifar10", source, upsize, 100, seed, recipes.REBUILT["tiny_imagenet"]),
        **{row: recipes.student("2", row, source, seed) for row in paper.TABLE_2 if ("2", row) in APPENDIX},
        "PGD7-trained": robust,
    }
    attacks = ("fgsm", "pgd5", "pgd10", "pgd20", "pgd50", "pgd100")
    scoring = Scoring("cifar10", 10_000, attacks, seed=seed)
    return Table("2", preset, "downwards transfer, Tiny-ImageNet -> CIFAR-10", rows, scoring, paper.TABLE_2)
