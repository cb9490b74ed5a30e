"""Every published hyperparameter against a transcription of Appendix A, §5 and the release's
scripts.
"""

import math
from typing import Any

import pytest

from igam_tf.experiments import tables
from igam_tf.experiments.appendix import APPENDIX, SCRIPTS
from igam_tf.experiments.configs import Schedule, StudentRun

# Appendix A as printed: table or figure, row, lambda_adv, lambda_diff, discriminator's channels,
# classifier steps per discriminator step; then from §5: teacher's data, target's, epochs of
# fine-tuning.
PRINTED = """
1         IGAM-MNIST          1    100  16-32-64-128-256  10  mnist          cifar10        10
2         IGAM-TransposeConv  1    10   8-16-32-64        5   tiny_imagenet  cifar10        6
2         IGAM-RandomPad      1    10   8-16-32-64        5   tiny_imagenet  cifar10        6
2         IGAM-Pad            2    20   8-16-32-64        5   tiny_imagenet  cifar10        6
2         IGAM-Upsize         5    10   8-16-32-64        5   tiny_imagenet  cifar10        6
3         IGAM-MNIST          0.1  200  16-32-64-128-256  5   mnist          cifar100       10
3         IGAM-CIFAR10        2    10   16-32-64-128-256  10  cifar10        cifar100       6
figure_5  CIFAR10-Resize      0.1  200  8-16-32-64        5   cifar10        tiny_imagenet  5
figure_5  CIFAR10-Crop        2    50   8-16-32-64        5   cifar10        tiny_imagenet  5
figure_5  CIFAR100-Resize     0.1  200  8-16-32-64        5   cifar100       tiny_imagenet  5
figure_5  CIFAR100-Crop       0.5  200  8-16-32-64        5   cifar100       tiny_imagenet  5
"""
ROWS = [line.split() for line in PRINTED.split("\n") if line]


@pytest.mark.parametrize("row", ROWS, ids=[f"{row[0]}-{row[1]}" for row in ROWS])
def test_appendix_a(row: list[str]) -> None:
    place, name, adv, diff, channels, every, source, target, epochs = row
    declared = APPENDIX[place.replace("_", " "), name]
    assert (declared.lambda_adv, declared.lambda_diff) == (float(adv), float(diff))
    assert [declared.disc_channels * 2**i for i in range(declared.disc_layers)] == [
        int(c) for c in channels.split("-")
    ]
    assert declared.disc_every == int(every)
    assert (declared.source, declared.target, declared.finetune_epochs) == (
        source,
        target,
        int(epochs),
    )
    # §4.3.2: where the teacher sees a crop, so does the discriminator.
    crops = [
        int(part.removeprefix("crop:")) for part in declared.adapter if part.startswith("crop:")
    ]
    assert crops == ([] if declared.gradient_crop is None else [declared.gradient_crop])


def test_nothing_more_is_declared() -> None:
    assert {(place.replace("figure ", "figure_"), name) for place, name in APPENDIX} == {
        (r[0], r[1]) for r in ROWS
    }


SCRIPTED = {
    ("3", "IGAM-CIFAR10"): {
        "lambda_adv": 2,
        "lambda_diff": 10,
        "pixel_noise": 8,
        "disc_layers": 5,
        "disc_channels": 16,
    },
    ("2", "IGAM-Upsize"): {
        "lambda_adv": 5,
        "lambda_diff": 10,
        "pixel_noise": 0,
        "disc_layers": 4,
        "disc_channels": 8,
    },
}
BOTH: dict[str, Any] = {
    "schedule": Schedule(
        steps=320_000,
        batch_size=32,
        learning_rates=(0.1, 0.01, 0.001),
        boundaries=(160_000, 240_000),
    ),
    "steps_before_matching": 280_000,
    "disc_every": 5,
    "weight_decay": 2e-4,
    "finetune_batch_size": 64,
    "finetune_rate": 1e-3,
}


def test_the_releases_scripts() -> None:
    assert set(SCRIPTS) == set(SCRIPTED)
    for place, values in SCRIPTED.items():
        for name, value in {**BOTH, **values}.items():
            assert getattr(SCRIPTS[place], name) == value, (place, name)


@pytest.mark.parametrize(("table", "row"), [key for key in APPENDIX if key[0] in tables.TABLES])
def test_rows_are_built_of_them(table: str, row: str) -> None:
    declared = APPENDIX[table, row]
    run = tables.table(table, "paper").rows[row]
    assert isinstance(run, StudentRun)
    assert (run.lambda_adv, run.lambda_diff, run.gradient_crop) == (
        declared.lambda_adv,
        declared.lambda_diff,
        declared.gradient_crop,
    )
    assert (run.disc_layers, run.disc_channels) == (declared.disc_layers, declared.disc_channels)
    script = SCRIPTS.get((table, row))
    assert run.disc_every == (script.disc_every if script else declared.disc_every)
    assert run.data.pixel_noise == (script.pixel_noise if script else 0)
    assert run.data.dataset == run.teacher.data.dataset == declared.target
    assert (run.schedule.steps, run.schedule.batch_size, run.steps_before_matching) == (
        320_000,
        32,
        280_000,
    )
    assert (run.teacher.adapter, run.protocol, run.weight_decay) == (
        declared.adapter,
        "release",
        2e-4,
    )
    epochs = run.teacher.schedule.steps * run.teacher.schedule.batch_size / 50_000
    assert run.teacher.normalization == ("l2" if declared.source == "tiny_imagenet" else None)
    assert math.isclose(epochs, declared.finetune_epochs, rel_tol=1e-2)


def test_baselines_have_a_hundred_epochs_of_fine_tuning() -> None:
    for table, row in (("1", "FT-MNIST"), ("2", "FT-TinyImagenet"), ("3", "FT-CIFAR10")):
        run = tables.table(table, "paper").rows[row]
        assert run.schedule.steps * run.schedule.batch_size == pytest.approx(100 * 50_000, rel=1e-2)
    assert tables.table("1", "paper").rows["PGD7-trained"].adversary.steps == 7
