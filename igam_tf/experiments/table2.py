"""Table 2: robustness from Tiny-ImageNet to CIFAR-10 ("downwards", §5.1.2).

Standard and PGD7-trained are Table 1's runs. The teacher takes 64 x 64 images, which the rows make of the target's in
different ways; the baseline resizes as IGAM-Upsize does.
"""

from igam_tf import paper
from igam_tf.experiments import recipes
from igam_tf.experiments.appendix import APPENDIX
from igam_tf.experiments.configs import Table, Weights


def declare(preset: str, seed: int, teacher: Weights | None) -> Table:
    """`teacher` stands for the robust Tiny-ImageNet network."""
    made = recipes.of(preset, seed, {"tiny_imagenet": teacher})
    return Table(
        "2",
        preset,
        f"downwards transfer, {made.path('tiny_imagenet', 'cifar10')}",
        {
            "Standard": made.standard("cifar10"),
            "FT-TinyImagenet": made.finetuned("tiny_imagenet", "cifar10", APPENDIX["2", "IGAM-Upsize"].adapter),
            **made.students("2"),
            "PGD7-trained": made.robust("cifar10"),
        },
        made.scoring("2", "cifar10", ("fgsm", "pgd5", "pgd10", "pgd20", "pgd50", "pgd100")),
        paper.TABLE_2,
    )
