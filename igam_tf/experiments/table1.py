"""Table 1: robustness from MNIST to CIFAR-10 ("upwards", §5.1.1).

The teacher sees the target image as the mean of its colours, cropped to its centre and scaled to
[0, 1]; the discriminator sees both gradients cropped to that window (§4.3.2).
"""

from igam_tf.experiments import published, recipes
from igam_tf.experiments.appendix import APPENDIX
from igam_tf.experiments.configs import Table, Weights


def declare(preset: str, seed: int, teacher: Weights | None) -> Table:
    """`teacher` stands for the robust MNIST network, such as MadryLab's."""
    made = recipes.of(preset, seed, {"mnist": teacher})
    return Table(
        "1",
        preset,
        f"upwards transfer, {made.path('mnist', 'cifar10')}",
        {
            "Standard": made.standard("cifar10"),
            "FT-MNIST": made.finetuned("mnist", "cifar10", APPENDIX["1", "IGAM-MNIST"].adapter),
            **made.students("1"),
            "PGD7-trained": made.robust("cifar10"),
        },
        made.scoring("1", "cifar10", ("fgsm", "pgd5", "pgd10", "pgd20"), strong=True),
        published.TABLE_1,
    )
