"""Table 3: CIFAR-100 from MNIST and from CIFAR-10 (§5.2)."""

from igam_tf.experiments import published, recipes
from igam_tf.experiments.configs import Table, Weights


def declare(preset: str, seed: int, teacher: Weights | None) -> Table:
    """`teacher` stands for the robust CIFAR-10 network, such as MadryLab's adv_trained."""
    made = recipes.of(preset, seed, {"cifar10": teacher})
    return Table(
        "3",
        preset,
        f"{made.datasets['mnist']} and {made.path('cifar10', 'cifar100')}",
        {
            "Standard": made.standard("cifar100"),
            "FT-CIFAR10": made.finetuned("cifar10", "cifar100", ()),
            **made.students("3"),
            "PGD7-trained": made.robust("cifar100"),
        },
        made.scoring("3", "cifar100", ("fgsm", "pgd5", "pgd10", "pgd20")),
        published.TABLE_3,
    )
