"""Figure 5's rows: Tiny-ImageNet from CIFAR-10 and CIFAR-100 (§5.3).

The teachers are WRNs that take 32 x 32 images: the target's as means of 2 x 2 pixels, or their
centres. The paper shows its figures as bars only, so there are none beside ours. It names "the
standard trained and finetuned baselines": here plain training, and each teacher under each adapter.

    bin/reproduce_table --table=figure5                   # demo: 6 minutes on two cores
    bin/reproduce_table --table=figure5 --preset=cpu      # hours on two cores, 20,000 real images
    bin/reproduce_table --table=figure5 --preset=paper    # a GPU; --dry_run counts what it takes
    bin/plot_figure --figure=5                            # the same runs, as bars
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
from igam_tf.experiments.sizes import RATES, Sizes, Source, Student

# Appendix A: source, adapter, lambda_adv, lambda_diff, the window that the discriminator sees. All
# rows have one discriminator.
STUDENTS = {
    row: Student(
        source,
        (adapter,),
        adv,
        diff,
        disc_layers=4,
        disc_channels=8,
        disc_every=5,
        gradient_crop=window,
    )
    for row, source, adapter, adv, diff, window in (
        ("CIFAR10-Resize", "cifar10", "resize_mean:32", 0.1, 200.0, None),
        ("CIFAR10-Crop", "cifar10", "crop:32", 2.0, 50.0, 32),
        ("CIFAR100-Resize", "cifar100", "resize_mean:32", 0.1, 200.0, None),
        ("CIFAR100-Crop", "cifar100", "crop:32", 0.5, 200.0, 32),
    )
}

SIZES = {
    "demo": Sizes(
        sources={
            "cifar10": Source(
                RobustRun(
                    Data("shapes32", augmented=False),
                    Network("wide_resnet", 1, 1, "per_image"),
                    Schedule(400, 32, RATES, (240, 340)),
                    Adversary("8/255", "2/255", 7, ramp_steps=150),
                ),
                head=Schedule(200, 64, (1e-3,), optimizer="adam"),
            ),
            "cifar100": Source(
                RobustRun(
                    Data("shapes100", augmented=False),
                    Network("wide_resnet", 1, 1, "per_image"),
                    Schedule(800, 32, RATES, (480, 680)),
                    Adversary("8/255", "2/255", 7, ramp_steps=250),
                ),
                head=Schedule(200, 64, (1e-3,), optimizer="adam"),
            ),
        },
        target=Data("shapes64", augmented=False),
        network=Network("wide_resnet", 1, 1, "per_image"),
        baselines={"Standard": (Schedule(250, 16, RATES, (150, 212)), None)},
        baseline_head=Schedule(600, 64, (1e-3,), optimizer="adam"),
        student=Schedule(300, 16, (0.1, 0.05, 0.005), (150, 260)),
        steps_before_matching=150,
        settings={"lambda_adv": 1.0, "lambda_diff": 5000.0},  # chosen on Table 1
        num_examples=200,
    ),
    # The student's rates and lambda_diff are those that worked in a first trial on Table 1.
    "cpu": Sizes(
        sources={
            name: Source(
                RobustRun(
                    Data(name, train_size=20_000),
                    Network("wide_resnet", 1, 2, "per_image"),
                    Schedule(900, 64, RATES, (550, 800)),
                    Adversary("8/255", "2/255", 7, ramp_steps=200),
                ),
                head=Schedule(3000, 64, (1e-3,), optimizer="adam"),
            )
            for name in ("cifar10", "cifar100")
        },
        target=Data("tiny_imagenet", train_size=20_000),
        network=Network("wide_resnet", 1, 2),
        baselines={"Standard": (Schedule(1800, 64, RATES, (1100, 1600)), None)},
        baseline_head=Schedule(3000, 64, (1e-3,), optimizer="adam"),  # the students' teachers
        student=Schedule(2500, 64, (0.1, 0.01, 0.02, 0.002), (1100, 1800, 2300)),
        steps_before_matching=1800,  # as Standard until then
        lambda_diff_factor=6.0,
        num_examples=1000,
    ),
    # MadryLab's recipe for the teachers, the release's schedule for Standard and the students.
    "paper": Sizes(
        sources={
            name: Source(
                RobustRun(
                    Data(name),
                    Network("wide_resnet", normalization="per_image"),
                    Schedule(80_000, 128, RATES, (40_000, 60_000)),
                    Adversary("8/255", "2/255", 7),
                ),
                head=Schedule(5 * 1562, 64, (1e-3,), optimizer="adam"),  # 5 epochs
            )
            for name in ("cifar10", "cifar100")
        },
        target=Data("tiny_imagenet"),
        network=Network("wide_resnet"),
        baselines={"Standard": (Schedule(320_000, 32, RATES, (160_000, 240_000)), None)},
        baseline_head=Schedule(100 * 1562, 64, (1e-3,), optimizer="adam"),  # 100 epochs
        student=Schedule(320_000, 32, RATES, (160_000, 240_000)),
        steps_before_matching=280_000,
        num_examples=10_000,
    ),
}


def declare(preset: str, seed: int, teacher: Weights | None) -> Table:
    """`teacher` stands for the robust CIFAR-10 network."""
    sizes = SIZES[preset]
    models = {
        "cifar10": sizes.sources["cifar10"].model(seed, teacher),
        "cifar100": sizes.sources["cifar100"].model(seed),
    }

    def finetuned(published: Student, schedule: Schedule) -> FinetuneRun:
        model = models[published.source]
        return FinetuneRun(sizes.target, model, schedule, published.adapter, seed=seed)

    def student(row: str, published: Student) -> StudentRun:
        head = finetuned(published, sizes.sources[published.source].head)
        return StudentRun(teacher=head, **sizes.student_settings(row, published), seed=seed)

    rows: dict[str, Run] = {
        "Standard": sizes.baseline("Standard", seed),
        **{
            f"FT-{row}": finetuned(published, sizes.baseline_head)
            for row, published in STUDENTS.items()
        },
        **{f"IGAM-{row}": student(row, published) for row, published in STUDENTS.items()},
    }
    scoring = Scoring(sizes.target.dataset, sizes.num_examples, ("pgd5",), seed=seed)
    return Table("figure5", preset, sizes.path(), rows, scoring)
