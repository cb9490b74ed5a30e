"""Table 3: CIFAR-100 from MNIST and from CIFAR-10 (§5.2); hyperparameters of Appendix A.2, the release's schedule."""

from igam_tf import paper
from igam_tf.errors import InputError
from igam_tf.experiments import table1
from igam_tf.experiments.configs import Data, Network, Run, Scoring, StudentRun, Table, Weights


def declare(preset: str, seed: int, teacher: Weights | None) -> Table:
    """`teacher` stands for the robust CIFAR-10 network, such as MadryLab's adv_trained."""
    if preset != "paper":
        raise InputError(f"table 3: it has the preset paper alone, got {preset!r}")
    standard, robust = table1.baselines("cifar100", seed)
    mnist = table1.finetuned("cifar100", table1.mnist_teacher(seed), table1.ADAPTER, 10, seed)
    # MadryLab's network standardises each image; Table 1's PGD7 baseline is a student's twin and does not.
    cifar10 = teacher or table1.madry_cifar10(seed)
    from_mnist = StudentRun(
        Data("cifar100"),
        Network("wide_resnet"),
        mnist,
        table1.RELEASE_SCHEDULE,
        lambda_adv=0.1,
        lambda_diff=200.0,
        steps_before_matching=table1.STEPS_BEFORE_MATCHING,
        gradient_crop=table1.WINDOW,
        seed=seed,
    )
    from_cifar10 = StudentRun(
        Data("cifar100", pixel_noise=8.0),
        Network("wide_resnet"),
        table1.finetuned("cifar100", cifar10, (), 6, seed),
        table1.RELEASE_SCHEDULE,
        lambda_adv=2.0,
        lambda_diff=10.0,
        steps_before_matching=table1.STEPS_BEFORE_MATCHING,
        disc_every=5,  # the release's script; Appendix A.2 says 10
        seed=seed,
    )
    rows: dict[str, Run | str] = {
        "Standard": standard,
        "FT-CIFAR10": table1.finetuned("cifar100", cifar10, (), 100, seed),
        "IGAM-MNIST": from_mnist,
        "IGAM-CIFAR10": from_cifar10,
        "PGD7-trained": robust,
    }
    scoring = Scoring("cifar100", 10_000, ("fgsm", "pgd5", "pgd10", "pgd20"), seed=seed)
    return Table(3, preset, "MNIST and CIFAR-10 -> CIFAR-100", rows, scoring, paper.TABLE_3)
