"""The published rows against a transcription of Appendix A, §5 and the release's scripts."""

import math

import pytest

from igam_tf.experiments import figure5, table1, table2, table3, tables
from igam_tf.experiments.configs import Data, Schedule

# Appendix A as printed: table or figure, row, lambda_adv, lambda_diff, discriminator's channels,
# classifier steps per discriminator step. Then from §4.3 and §5: data of the teacher and of the
# target, adapter, epochs of fine-tuning.
PRINTED = """
1  IGAM-MNIST         1   100 16-32-64-128-256 10 mnist         cifar10       grey              10
2  IGAM-TransposeConv 1   10  8-16-32-64       5  tiny_imagenet cifar10       transposed:64     6
2  IGAM-RandomPad     1   10  8-16-32-64       5  tiny_imagenet cifar10       pad_random:64     6
2  IGAM-Pad           2   20  8-16-32-64       5  tiny_imagenet cifar10       pad:64            6
2  IGAM-Upsize        5   10  8-16-32-64       5  tiny_imagenet cifar10       resize_legacy:64  6
3  IGAM-MNIST         0.1 200 16-32-64-128-256 5  mnist         cifar100      grey              10
3  IGAM-CIFAR10       2   10  16-32-64-128-256 10 cifar10       cifar100      none              6
F5 CIFAR10-Resize     0.1 200 8-16-32-64       5  cifar10       tiny_imagenet resize_mean:32    5
F5 CIFAR10-Crop       2   50  8-16-32-64       5  cifar10       tiny_imagenet crop:32           5
F5 CIFAR100-Resize    0.1 200 8-16-32-64       5  cifar100      tiny_imagenet resize_mean:32    5
F5 CIFAR100-Crop      0.5 200 8-16-32-64       5  cifar100      tiny_imagenet crop:32           5
"""
ROWS = [line.split() for line in PRINTED.strip().split("\n")]
ADAPTERS = {"grey": ("mean", "crop:28", "scale:1/255"), "none": ()}
FILES = {"1": table1, "2": table2, "3": table3, "F5": figure5}
EPOCH = {"cifar10": 50_000, "cifar100": 50_000, "tiny_imagenet": 100_000}


@pytest.mark.parametrize("printed", ROWS, ids=[f"{row[0]}-{row[1]}" for row in ROWS])
def test_every_row_is_built_of_the_papers_values(printed: list[str]) -> None:
    place, name, adv, diff, channels, interval, source, target, adapter, epochs = printed
    published = FILES[place].STUDENTS[name]
    assert (published.source, published.disc_every) == (source, int(interval))
    assert published.adapter == ADAPTERS.get(adapter, (adapter,))
    run = (
        tables.table("figure5", "paper").student(f"IGAM-{name}")
        if place == "F5"
        else tables.table(place, "paper").student(name)
    )
    assert (run.lambda_adv, run.lambda_diff) == (float(adv), float(diff))
    first = [run.disc_channels * 2**layer for layer in range(run.disc_layers)]
    assert "-".join(map(str, first)) == channels
    scripted = (place, name) == ("3", "IGAM-CIFAR10")  # the release's script overrules Appendix A
    assert run.disc_every == (5 if scripted else int(interval))
    assert run.data == Data(target, pixel_noise=8.0 if scripted else 0.0)
    assert (run.protocol, run.weight_decay, run.network.width) == ("release", 2e-4, 10)
    head = run.teacher
    assert (head.data, head.adapter) == (Data(target), published.adapter)
    assert head.teacher.data.dataset == source
    # The release rebuilds its Tiny-ImageNet teacher without the zero mean.
    assert head.normalization == ("l2" if source == "tiny_imagenet" else None)
    assert math.isclose(
        head.schedule.steps * head.schedule.batch_size / EPOCH[target], int(epochs), rel_tol=1e-2
    )
    # §4.3.2: where the teacher sees a crop, so does the discriminator.
    crops = [int(part[5:]) for part in published.adapter if part.startswith("crop:")]
    assert crops == ([] if run.gradient_crop is None else [run.gradient_crop])
    # Both of the release's scripts have this schedule; rows without a script take it over.
    assert run.schedule == Schedule(320_000, 32, (0.1, 0.01, 0.001), (160_000, 240_000))
    assert run.steps_before_matching == 280_000
    assert (head.schedule.batch_size, head.schedule.learning_rates) == (64, (1e-3,))


def test_the_tables_have_no_other_students() -> None:
    rows = [(place, row) for place, file in FILES.items() for row in file.STUDENTS]
    assert rows == [(row[0], row[1]) for row in ROWS]


@pytest.mark.parametrize(
    ("table", "row"), [("1", "FT-MNIST"), ("2", "FT-TinyImagenet"), ("3", "FT-CIFAR10")]
)
def test_baselines_have_a_hundred_epochs_of_fine_tuning(table: str, row: str) -> None:
    run = tables.table(table, "paper").rows[row]
    assert run.schedule.steps * run.schedule.batch_size == pytest.approx(100 * 50_000, rel=1e-2)


@pytest.mark.parametrize("table", ["1", "2", "3"])
def test_baselines_without_a_teacher_are_trained_plainly_and_against_pgd7(table: str) -> None:
    rows = tables.table(table, "paper").rows
    assert rows["Standard"].adversary is None
    adversary = rows["PGD7-trained"].adversary
    assert (adversary.epsilon, adversary.step_size, adversary.steps) == ("8/255", "2/255", 7)
