"""Table 3: CIFAR-100 from MNIST and from CIFAR-10 (§5.2)."""

from igam_tf import paper
from igam_tf.errors import InputError
from igam_tf.experiments import recipes
from igam_tf.experiments.configs import Run, Scoring, Table, Weights


def declare(preset: str, seed: int, teacher: Weights | None) -> Table:
    """`teacher` stands for the robust CIFAR-10 network, such as MadryLab's adv_trained."""
    if preset != "paper":
        raise InputError(f"table 3: it has the preset paper alone, got {preset!r}")
    standard, robust = recipes.baselines("cifar100", seed)
    cifar10 = teacher or recipes.cifar10_teacher(seed)
    rows: dict[str, Run | str] = {
        "Standard": standard,
        "FT-CIFAR10": recipes.finetuned("cifar100", cifar10, (), 100, seed),
        "IGAM-MNIST": recipes.student("3", "IGAM-MNIST", recipes.mnist_teacher(seed), seed),
        "IGAM-CIFAR10": recipes.student("3", "IGAM-CIFAR10", cifar10, seed),
        "PGD7-trained": robust,
    }
    scoring = Scoring("cifar100", 10_000, ("fgsm", "pgd5", "pgd10", "pgd20"), seed=seed)
    return Table("3", preset, "MNIST and CIFAR-10 -> CIFAR-100", rows, scoring, paper.TABLE_3)
