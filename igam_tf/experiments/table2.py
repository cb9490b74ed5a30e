"""Table 2: robustness from Tiny-ImageNet to CIFAR-10 ("downwards", §5.1.2).

Standard and PGD7-trained are Table 1's runs. The other rows need a Tiny-ImageNet teacher, whose data this version does not
read: they are scored from given weights, such as the release's IGAM-Upsize.
"""

from igam_tf import paper
from igam_tf.errors import InputError
from igam_tf.experiments import recipes
from igam_tf.experiments.configs import Run, Scoring, Table, Weights


def declare(preset: str, seed: int, teacher: Weights | None) -> Table:
    if preset != "paper" or teacher is not None:
        raise InputError("table 2: it has the preset paper alone, and no --teacher: Tiny-ImageNet is not read yet")
    absent = "its teacher's data, Tiny-ImageNet, is not read yet; --weights ROW=PATH scores a checkpoint"
    rows: dict[str, Run | str] = dict.fromkeys(paper.TABLE_2, absent)
    rows["Standard"], rows["PGD7-trained"] = recipes.baselines("cifar10", seed)
    attacks = ("fgsm", "pgd5", "pgd10", "pgd20", "pgd50", "pgd100")
    scoring = Scoring("cifar10", 10_000, attacks, seed=seed)
    return Table("2", preset, "downwards transfer, Tiny-ImageNet -> CIFAR-10", rows, scoring, paper.TABLE_2)
