"""The declarations: the paper's rows with the paper's figures, runs that share what they can and
can be built.
"""

import dataclasses

import numpy as np
import pytest

from igam_tf import data
from igam_tf.attacks import resolve
from igam_tf.core import settings
from igam_tf.core.errors import InputError
from igam_tf.data import DATASETS, Dataset, Split
from igam_tf.experiments import build, published, tables
from igam_tf.experiments.configs import FinetuneRun, RobustRun, StudentRun, Table, Weights

PRESETS = ("demo", "cpu", "paper")
presets = pytest.mark.parametrize("preset", PRESETS)


def runs_of(table: Table) -> dict[str, RobustRun | FinetuneRun | StudentRun]:
    """Of all rows, with the teachers that they name."""
    found = dict(table.rows)
    for name, run in table.rows.items():
        while not isinstance(run, RobustRun) and not isinstance(run.teacher, Weights):
            run = run.teacher
            found[f"{name}'s {type(run).__name__}"] = run
    return found


PUBLISHED = {
    "1": published.TABLE_1,
    "2": published.TABLE_2,
    "3": published.TABLE_3,
    "4": published.TABLE_4,
    "5": published.TABLE_5,
}
numbered = pytest.mark.parametrize("name", PUBLISHED)
every = pytest.mark.parametrize("name", [*PUBLISHED, "figure5"])


@presets
@numbered
def test_rows_are_the_papers(name: str, preset: str) -> None:
    table = tables.table(name, preset)
    assert (table.name, table.preset) == (name, preset)
    assert list(table.rows) == list(PUBLISHED[name])
    assert table.published is PUBLISHED[name]
    columns = ["clean", *table.scoring.attacks]
    assert all(set(figures) == set(columns) for figures in table.published.values())


@presets
def test_rows_by_their_names(preset: str) -> None:
    """What is trained plainly, adversarially, behind a new head, and by IGAM."""
    for name in ("1", "2", "3", "figure5"):
        for row, run in tables.table(name, preset).rows.items():
            kinds = {"FT": FinetuneRun, "IGAM": StudentRun}
            assert type(run) is kinds.get(row.split("-")[0], RobustRun), row
            if isinstance(run, RobustRun):
                assert (run.adversary is None) == (row == "Standard")


@presets
@every
def test_scoring(name: str, preset: str) -> None:
    table = tables.table(name, preset)
    for name in table.scoring.attacks:
        resolve(name, table.scoring.epsilon, table.scoring.step_size)
    assert table.scoring.statistics[0] == "moving"  # what is compared with the paper
    assert (table.scoring.epsilon, table.scoring.step_size) == ("8/255", "2/255")


def test_the_published_figures() -> None:
    """Spot checks against the paper's Table 1."""
    assert published.TABLE_1["IGAM-MNIST"] == {
        "clean": 93.6,
        "fgsm": 67.8,
        "pgd5": 63.6,
        "pgd10": 56.9,
        "pgd20": 43.5,
    }
    assert published.TABLE_1["PGD7-trained"]["pgd20"] == 45.9
    assert published.TABLE_1["Standard"]["clean"] == 95.0
    assert all(
        figures["clean"] >= figures["fgsm"] >= figures["pgd20"]
        for figures in published.TABLE_1.values()
    )


@presets
@every
def test_data_sets_are_known_and_the_target_is_one(name: str, preset: str) -> None:
    table = tables.table(name, preset)
    assert {run.data.dataset for run in runs_of(table).values()} <= set(DATASETS)
    assert {run.data.dataset for run in table.rows.values()} == {table.scoring.dataset}


@presets
@pytest.mark.parametrize(
    ("name", "sources"), [("1", 1), ("2", 1), ("3", 2), ("4", 1), ("5", 1), ("figure5", 2)]
)
def test_every_run_has_its_own_name_and_sources_are_shared(
    name: str, sources: int, preset: str
) -> None:
    table = tables.table(name, preset)
    assert len({settings.digest(run) for run in table.rows.values()}) == len(table.rows)
    robust = {
        settings.digest(run) for row, run in runs_of(table).items() if row.endswith("RobustRun")
    }
    assert len(robust) == sources  # FT and IGAM start from the same robust models


@presets
@every
def test_the_seed_is_that_of_everything(name: str, preset: str) -> None:
    first, other = tables.table(name, preset, 0), tables.table(name, preset, 7)
    for name, run in runs_of(other).items():
        assert run.seed == 7
        assert settings.digest(run) != settings.digest(runs_of(first)[name])
    assert other.scoring.seed == 7


GIVEN = [
    ("1", "FT-MNIST", "IGAM-MNIST"),
    ("2", "FT-TinyImagenet", "IGAM-Pad"),
    ("3", "FT-CIFAR10", "IGAM-CIFAR10"),
    ("4", None, "lambda_diff 0"),
    ("5", None, "lambda_adv 0"),
    ("figure5", "FT-CIFAR10-Crop", "IGAM-CIFAR10-Resize"),
]


@presets
@pytest.mark.parametrize(("name", "head", "student"), GIVEN, ids=[name for name, *_ in GIVEN])
def test_a_given_teacher_takes_the_place_of_a_trained_one(
    name: str, head: str | None, student: str, preset: str
) -> None:
    given = Weights("ab", "teacher.keras")
    plain, table = tables.table(name, preset), tables.table(name, preset, teacher=given)
    assert table.rows[student].teacher.teacher == given
    if head is not None:
        assert table.rows[head].teacher == given
    for row, run in table.rows.items():
        if isinstance(run, RobustRun) or (
            row in ("IGAM-MNIST", "IGAM-CIFAR100-Crop") and name != "1"
        ):
            assert run == plain.rows[row]


def blank(name: str) -> Dataset:
    stored = data.FORMATS[name]
    split = Split(np.zeros((2, *stored.image_shape), np.uint8), np.arange(2))
    return Dataset(name, split, split, stored.num_classes, stored.bounds)


STUDENTS = [
    (table, row, preset)
    for preset in PRESETS
    for table in ("1", "2", "3", "figure5")
    for row in tables.table(table, preset).rows
    if row.startswith("IGAM")
]


@pytest.mark.parametrize(
    ("name", "row", "preset"),
    [
        pytest.param(*each, marks=() if each[2] == "demo" else pytest.mark.slow, id="-".join(each))
        for each in STUDENTS
    ],
)
def test_every_student_can_be_built(name: str, row: str, preset: str) -> None:
    """Schedules, adapters and sizes fit together, without any data or training."""
    student = tables.table(name, preset).rows[row]
    source = build.build(
        student.teacher.teacher, blank(student.teacher.teacher.data.dataset), None
    ).products["model"]
    finetuned = build.build(student.teacher, blank(student.teacher.data.dataset), source).products[
        "model"
    ]
    built = build.build(student, blank(student.data.dataset), finetuned).products["model"]
    assert (
        built.output_shape
        == finetuned.output_shape
        == (None, data.FORMATS[student.data.dataset].num_classes)
    )
    assert student.steps_before_matching < student.schedule.steps


@presets
@every
def test_rates_fall_before_the_end(name: str, preset: str) -> None:
    for run in runs_of(tables.table(name, preset)).values():
        assert run.schedule.steps > max(run.schedule.boundaries, default=0)


def test_the_paper_preset_is_appendix_a() -> None:
    run = tables.table("1", "paper").rows["IGAM-MNIST"]
    assert (run.lambda_adv, run.lambda_diff, run.disc_every) == (1, 100, 10)
    assert (run.disc_layers, run.disc_channels, run.gradient_crop) == (5, 16, 28)
    assert (run.network.width, run.network.blocks, run.protocol) == (10, 5, "release")
    assert (run.schedule.steps, run.schedule.batch_size) == (320_000, 32)
    assert (run.schedule.learning_rates, run.schedule.boundaries) == (
        (0.1, 0.01, 0.001),
        (160_000, 240_000),
    )
    assert run.steps_before_matching == 280_000
    assert run.teacher.adapter == ("mean", "crop:28", "scale:1/255")
    assert tables.table("1", "paper").scoring.num_examples == 10_000


@pytest.mark.parametrize(("name", "term"), [("4", "lambda_diff"), ("5", "lambda_adv")])
@presets
def test_ablations_change_one_term_alone(name: str, term: str, preset: str) -> None:
    table = tables.table(name, preset)
    runs = list(table.rows.values())
    assert list(table.rows) == list({"4": published.TABLE_4, "5": published.TABLE_5}[name])
    values = [getattr(run, term) for run in runs]
    assert values == [share * values[-1] for share in (0, 0.25, 0.5, 1)]
    assert {settings.digest(dataclasses.replace(run, **{term: 0.0})) for run in runs} == {
        settings.digest(runs[0])
    }
    if preset == "paper":  # the rows' names are the paper's lambdas
        assert [float(row.split()[1]) for row in table.rows] == values


@presets
def test_ablations_end_at_the_student_of_table_3(preset: str) -> None:
    """So that it is trained once."""
    student = tables.table("3", preset).rows["IGAM-CIFAR10"]
    assert tables.table("4", preset).rows["lambda_diff 10"] == student
    assert tables.table("5", preset).rows["lambda_adv 2"] == student


def test_the_demos_tables_share_what_they_can() -> None:
    one, two, three, five = (tables.table(name, "demo").rows for name in ("1", "2", "3", "figure5"))
    assert tables.table("protocols", "demo").rows["release"] == one["IGAM-MNIST"]
    assert (two["Standard"], two["PGD7-trained"]) == (one["Standard"], one["PGD7-trained"])
    assert three["IGAM-MNIST"].teacher.teacher == one["FT-MNIST"].teacher
    assert three["FT-CIFAR10"].teacher == one["PGD7-trained"]
    assert five["FT-CIFAR10-Crop"].teacher == one["PGD7-trained"]
    assert five["FT-CIFAR100-Crop"].teacher == three["PGD7-trained"]


@pytest.mark.parametrize("name", ["protocols", "protocols_upsize"])
def test_protocol_tables_change_one_setting_at_a_time(name: str) -> None:
    table = tables.table(name, "demo", 3)
    first = table.rows["release"]
    assert table.against_first
    for row, run in table.rows.items():
        changed = [
            f.name
            for f in dataclasses.fields(run)
            if getattr(run, f.name) != getattr(first, f.name)
        ]
        assert len(changed) == (row != "release"), row
        assert run.seed == 3


def test_halves_have_table_2s_rows_on_the_halves_of_cifar10() -> None:
    halves, two = tables.table("halves", "cpu", 3), tables.table("2", "cpu", 3)
    assert list(halves.rows) == list(two.rows)
    assert (halves.scoring.dataset, halves.scoring.attacks) == (
        "cifar10_last5",
        two.scoring.attacks,
    )
    assert {run.data.dataset for run in halves.rows.values()} == {"cifar10_last5"}
    for row, run in halves.rows.items():
        if row.startswith("IGAM"):
            assert (run.teacher.adapter, run.lambda_diff) == (
                two.rows[row].teacher.adapter,
                two.rows[row].lambda_diff,
            )
            assert run.teacher.teacher.data.dataset == "cifar10_first5_64"
            assert run.schedule.steps > run.steps_before_matching


@presets
def test_controls_differ_in_what_is_matched_and_how_strongly(preset: str) -> None:
    table = tables.table("controls", preset, 3)
    student = tables.table("1", preset, 3).rows["IGAM-MNIST"]
    assert table.against_first
    assert table.rows["J_t and L_adv"] == student
    settings = {
        row: (run.matched_to, run.lambda_adv, run.lambda_diff / student.lambda_diff)
        for row, run in table.rows.items()
    }
    assert settings == {
        "J_t": ("teacher", 0, 1),
        "J_t and L_adv": ("teacher", student.lambda_adv, 1),
        "other images": ("other_images", 0, 1),
        "zero": ("zero", 0, 1),
        "J_t x0.25": ("teacher", 0, 0.25),
        "zero x0.25": ("zero", 0, 0.25),
        "J_t x4": ("teacher", 0, 4),
        "zero x4": ("zero", 0, 4),
    }
    free = {"matched_to": "teacher", "lambda_adv": 0.0, "lambda_diff": 0.0}
    assert len({dataclasses.replace(run, **free) for run in table.rows.values()}) == 1


@presets
def test_the_sweep_changes_one_setting_at_a_time(preset: str) -> None:
    table = tables.table("sweep", preset, 3)
    student = tables.table("1", preset, 3).rows["IGAM-MNIST"]
    changed = {
        row: {
            field.name: getattr(run, field.name)
            for field in dataclasses.fields(run)
            if getattr(run, field.name) != getattr(student, field.name)
        }
        for row, run in table.rows.items()
    }
    longer = changed["matching x2"].pop("schedule")
    assert changed == {
        "IGAM-MNIST": {},
        "lambda_adv x0.25": {"lambda_adv": 0.25 * student.lambda_adv},
        "whole gradients to D": {"gradient_crop": None},
        "matching x2": {},
        "paper": {"protocol": "paper"},
        "paper and lambda_diff xB": {
            "protocol": "paper",
            "lambda_diff": student.schedule.batch_size * student.lambda_diff,
        },
    }
    start, before = student.steps_before_matching, student.schedule
    assert longer.steps - start == 2 * (before.steps - start)
    for new, old in zip(longer.boundaries, before.boundaries, strict=True):
        assert new == (old if old <= start else start + 2 * (old - start))
    assert dataclasses.replace(longer, steps=before.steps, boundaries=before.boundaries) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("9", "demo"), "^table: expected one of 1.*, got '9'$"),
        (("halves", "demo"), "^table halves: it has the preset cpu alone, got 'demo'$"),
        (("figure5", "tiny"), "^preset: expected one of demo, cpu, paper, got 'tiny'$"),
        (("1", "tiny"), "^preset: expected one of demo, cpu, paper, got 'tiny'$"),
    ],
)
def test_mistakes(arguments: tuple[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        tables.table(*arguments)
