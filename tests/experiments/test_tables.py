"""The declarations: the paper's rows with its figures; runs share what they can, can be built."""

import numpy as np
import pytest

from igam_tf import data
from igam_tf.attacks import resolve
from igam_tf.core import settings
from igam_tf.core.errors import InputError
from igam_tf.data import DATASETS, Dataset, Split
from igam_tf.experiments import build, table1, table2, table3, tables, tables_4_5
from igam_tf.experiments.configs import FinetuneRun, RobustRun, StudentRun, Table, Weights
from igam_tf.experiments.sizes import PRESETS

PUBLISHED = {
    "1": table1.PUBLISHED,
    "2": table2.PUBLISHED,
    "3": table3.PUBLISHED,
    **tables_4_5.PUBLISHED,
}
presets = pytest.mark.parametrize("preset", PRESETS)
numbered = pytest.mark.parametrize("name", PUBLISHED)
papers = pytest.mark.parametrize("name", [*PUBLISHED, "figure5"])


def runs_of(table: Table) -> dict[str, RobustRun | FinetuneRun | StudentRun]:
    """Of all rows, with the teachers that they name."""
    runs = dict(table.rows)
    for name, run in table.rows.items():
        while not isinstance(run, RobustRun) and not isinstance(run.teacher, Weights):
            run = run.teacher
            runs[f"{name}'s {type(run).__name__}"] = run
    return runs


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
@papers
def test_scoring(name: str, preset: str) -> None:
    table = tables.table(name, preset)
    for name in table.scoring.attacks:
        resolve(name, table.scoring.epsilon, table.scoring.step_size)
    assert table.scoring.statistics[0] == "moving"  # what is compared with the paper
    assert (table.scoring.epsilon, table.scoring.step_size) == ("8/255", "2/255")


def test_the_published_figures() -> None:
    """Spot checks against the paper's Table 1."""
    assert table1.PUBLISHED["IGAM-MNIST"] == {
        "clean": 93.6,
        "fgsm": 67.8,
        "pgd5": 63.6,
        "pgd10": 56.9,
        "pgd20": 43.5,
    }
    assert table1.PUBLISHED["PGD7-trained"]["pgd20"] == 45.9
    assert table1.PUBLISHED["Standard"]["clean"] == 95.0
    assert all(
        figures["clean"] >= figures["fgsm"] >= figures["pgd20"]
        for figures in table1.PUBLISHED.values()
    )


@presets
@papers
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
@papers
def test_the_seed_is_that_of_everything(name: str, preset: str) -> None:
    first, other = tables.table(name, preset, 0), tables.table(name, preset, 7)
    for name, run in runs_of(other).items():
        assert run.seed == 7
        assert settings.digest(run) != settings.digest(runs_of(first)[name])
    assert other.scoring.seed == 7


TEACHERS = [
    ("1", "FT-MNIST", "IGAM-MNIST"),
    ("2", "FT-TinyImagenet", "IGAM-Pad"),
    ("3", "FT-CIFAR10", "IGAM-CIFAR10"),
    ("4", None, "lambda_diff 0"),
    ("5", None, "lambda_adv 0"),
    ("figure5", "FT-CIFAR10-Crop", "IGAM-CIFAR10-Resize"),
]


@presets
@pytest.mark.parametrize(("name", "head", "student"), TEACHERS, ids=[name for name, *_ in TEACHERS])
def test_weights_take_the_place_of_a_trained_one(
    name: str, head: str | None, student: str, preset: str
) -> None:
    weights = Weights("ab", "teacher.keras")
    plain, table = tables.table(name, preset), tables.table(name, preset, teacher=weights)
    assert table.rows[student].teacher.teacher == weights
    if head is not None:
        assert table.rows[head].teacher == weights
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
    model = build.build(student, blank(student.data.dataset), finetuned).products["model"]
    assert (
        model.output_shape
        == finetuned.output_shape
        == (None, data.FORMATS[student.data.dataset].num_classes)
    )
    assert student.steps_before_matching < student.schedule.steps


@presets
@papers
def test_rates_fall_before_the_end(name: str, preset: str) -> None:
    for run in runs_of(tables.table(name, preset)).values():
        assert run.schedule.steps > max(run.schedule.boundaries, default=0)


@presets
def test_what_two_tables_state_is_one_run(preset: str) -> None:
    """Each table's file states its own sizes; where they are the same, a run is trained once."""
    one, two, three, five = (tables.table(name, preset).rows for name in ("1", "2", "3", "figure5"))
    assert (two["Standard"], two["PGD7-trained"]) == (one["Standard"], one["PGD7-trained"])
    assert three["IGAM-MNIST"].teacher.teacher == one["FT-MNIST"].teacher
    assert five["FT-CIFAR10-Crop"].teacher == three["FT-CIFAR10"].teacher
    if preset == "demo":  # where students and robust teachers have one network
        assert tables.table("protocols", "demo").rows["release"] == one["IGAM-MNIST"]
        assert three["FT-CIFAR10"].teacher == one["PGD7-trained"]
        assert five["FT-CIFAR100-Crop"].teacher == three["PGD7-trained"]


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
