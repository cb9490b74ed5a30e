"""Table 2: robustness from Tiny-ImageNet to CIFAR-10 ("downwards", §5.1.2).

The teacher is a WRN trained against PGD on images of 64 x 64, which the rows make of the target's
in different ways; the baseline resizes as IGAM-Upsize does. Standard and PGD7-trained are Table
1's runs. The release rebuilds the teacher without the zero mean that it was trained with
(normalization l2), and so do the rows. `halves` has them on the two halves of CIFAR-10.

    bin/reproduce_table --table=2                   # demo: 8 minutes on two cores, no download
    bin/reproduce_table --table=2 --preset=cpu      # hours on two cores, 20,000 real images
    bin/reproduce_table --table=2 --preset=paper    # a GPU; --dry_run counts what it takes
"""

from igam_tf.experiments.configs import (
    Adversary,
    Data,
    FinetuneRun,
    Network,
    RobustRun,
    Run,
    Schedule,
    Scoring,
    StudentRun,
    Table,
    Weights,
)
from igam_tf.experiments.sizes import RATES, Sizes, Source, Student, by_column

PUBLISHED = by_column(
    ("clean", "fgsm", "pgd5", "pgd10", "pgd20", "pgd50", "pgd100"),
    {
        "Standard": (95.0, 13.4, 0.0, 0.0, 0.0, 0.0, 0.0),
        "FT-TinyImagenet": (77.2, 37.7, 33.9, 28.0, 24.9, 23.0, 22.5),
        "IGAM-TransposeConv": (93.2, 65.0, 58.8, 44.5, 32.4, 22.4, 18.7),
        "IGAM-RandomPad": (88.3, 35.8, 43.9, 40.1, 38.6, 37.8, 37.6),
        "IGAM-Pad": (87.9, 51.6, 52.2, 46.6, 44.0, 43.0, 42.5),
        "IGAM-Upsize": (88.7, 54.0, 52.5, 47.6, 45.1, 43.5, 43.0),
        "PGD7-trained": (87.25, 56.22, 55.5, 47.3, 45.9, 45.4, 45.3),
    },
)


# Appendix A: adapter, lambda_adv, lambda_diff. All rows have one discriminator. The release's
# script for IGAM-Upsize has the same values.
STUDENTS = {
    row: Student(
        "tiny_imagenet", (adapter,), adv, diff, disc_layers=4, disc_channels=8, disc_every=5
    )
    for row, adapter, adv, diff in (
        ("IGAM-TransposeConv", "transposed:64", 1.0, 10.0),
        ("IGAM-RandomPad", "pad_random:64", 1.0, 10.0),
        ("IGAM-Pad", "pad:64", 2.0, 20.0),
        ("IGAM-Upsize", "resize_legacy:64", 5.0, 10.0),
    )
}

SIZES = {
    # Larger shapes stand for Tiny-ImageNet, low-contrast ones for CIFAR-10. A head on padded images
    # needs a higher rate, and one on 64 x 64 pixels a smaller batch, than in the other tables.
    "demo": Sizes(
        sources={
            "tiny_imagenet": Source(
                RobustRun(
                    Data("shapes64", train_size=2000, augmented=False),
                    Network("wide_resnet", 1, 1, "unit_norm"),
                    Schedule(400, 16, RATES, (240, 340)),
                    Adversary("8/255", "3/255", 5, ramp_steps=150),
                ),
                head=Schedule(300, 32, (1e-2, 1e-3), (240,), optimizer="adam"),
            )
        },
        target=Data("shapes32", augmented=False),
        network=Network("wide_resnet", 1, 1, "per_image"),
        baselines={
            "Standard": (Schedule(300, 32, RATES, (180, 255)), None),
            "PGD7-trained": (
                Schedule(400, 32, RATES, (240, 340)),
                Adversary("8/255", "2/255", 7, ramp_steps=150),
            ),
        },
        baseline_head=Schedule(900, 32, (1e-2, 1e-3), (720,), optimizer="adam"),
        student=Schedule(200, 32, (0.05, 0.005, 0.0005), (120, 170)),
        steps_before_matching=40,
        settings={"lambda_adv": 1.0, "lambda_diff": 5000.0},  # chosen on Table 1
        num_examples=100,
    ),
    # The student's rates and lambda_diff are those that worked in a first trial on Table 1.
    "cpu": Sizes(
        sources={
            "tiny_imagenet": Source(
                RobustRun(
                    Data("tiny_imagenet", train_size=20_000),
                    Network("wide_resnet", 1, 2),
                    Schedule(900, 64, RATES, (550, 800)),
                    Adversary("8/255", "2/255", 7, ramp_steps=200),
                ),
                head=Schedule(3000, 64, (1e-3,), optimizer="adam"),
            )
        },
        target=Data("cifar10", train_size=20_000),
        network=Network("wide_resnet", 1, 2),
        baselines={
            "Standard": (Schedule(1800, 64, RATES, (1100, 1600)), None),
            # Half of Standard's iterations, each of which costs eight times as much.
            "PGD7-trained": (
                Schedule(900, 64, RATES, (550, 800)),
                Adversary("8/255", "2/255", 7, ramp_steps=200),
            ),
        },
        baseline_head=Schedule(3000, 64, (1e-3,), optimizer="adam"),  # IGAM-Upsize's teacher
        student=Schedule(2500, 64, (0.1, 0.01, 0.02, 0.002), (1100, 1800, 2300)),
        steps_before_matching=1800,  # as Standard until then
        lambda_diff_factor=6.0,
        num_examples=1000,
    ),
    # The release's schedules; PGD7-trained has MadryLab's.
    "paper": Sizes(
        sources={
            "tiny_imagenet": Source(
                RobustRun(
                    Data("tiny_imagenet"),
                    Network("wide_resnet"),
                    Schedule(320_000, 16, RATES, (160_000, 240_000)),
                    Adversary("8/255", "2/255", 7),
                ),
                head=Schedule(6 * 781, 64, (1e-3,), optimizer="adam"),  # 6 epochs
            )
        },
        target=Data("cifar10"),
        network=Network("wide_resnet"),
        baselines={
            "Standard": (Schedule(320_000, 32, RATES, (160_000, 240_000)), None),
            "PGD7-trained": (
                Schedule(80_000, 128, RATES, (40_000, 60_000)),
                Adversary("8/255", "2/255", 7),
            ),
        },
        baseline_head=Schedule(100 * 781, 64, (1e-3,), optimizer="adam"),  # 100 epochs
        student=Schedule(320_000, 32, RATES, (160_000, 240_000)),
        steps_before_matching=280_000,
        num_examples=10_000,
    ),
}


def declare(preset: str, seed: int, teacher: Weights | None) -> Table:
    """`teacher` stands for the robust Tiny-ImageNet network."""
    return declare_at(SIZES[preset], "2", preset, seed, teacher)


def declare_at(sizes: Sizes, name: str, preset: str, seed: int, teacher: Weights | None) -> Table:
    """Table 2's rows at the given sizes."""
    source = sizes.sources["tiny_imagenet"]

    def finetuned(adapter: tuple[str, ...], schedule: Schedule) -> FinetuneRun:
        model = source.model(seed, teacher)
        return FinetuneRun(sizes.target, model, schedule, adapter, normalization="l2", seed=seed)

    def student(row: str, published: Student) -> StudentRun:
        head = finetuned(published.adapter, source.head)
        return StudentRun(teacher=head, **sizes.student_settings(row, published), seed=seed)

    rows: dict[str, Run] = {
        "Standard": sizes.baseline("Standard", seed),
        "FT-TinyImagenet": finetuned(STUDENTS["IGAM-Upsize"].adapter, sizes.baseline_head),
        **{row: student(row, published) for row, published in STUDENTS.items()},
        "PGD7-trained": sizes.baseline("PGD7-trained", seed),
    }
    attacks = ("fgsm", "pgd5", "pgd10", "pgd20", "pgd50", "pgd100")
    scoring = Scoring(sizes.target.dataset, sizes.num_examples, attacks, seed=seed)
    return Table(name, preset, f"downwards transfer, {sizes.path()}", rows, scoring, PUBLISHED)
