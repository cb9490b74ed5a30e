"""The declarations: the paper's rows with the paper's figures, runs that share what they can and can be built."""

import dataclasses

import numpy as np
import pytest

from igam_tf import config, paper
from igam_tf.attacks.spec import AttackSpec
from igam_tf.bounds import PIXELS, UNIT
from igam_tf.data import DATASETS, Dataset, Split
from igam_tf.errors import InputError
from igam_tf.experiments import build, tables
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


@presets
def test_rows_are_the_papers(preset: str) -> None:
    table = tables.table("1", preset)
    assert (table.name, table.preset) == ("1", preset)
    assert list(table.rows) == list(table.published) == list(paper.TABLE_1)
    assert table.published is paper.TABLE_1
    columns = ["clean", *table.scoring.attacks]
    assert all(list(figures) == columns for figures in table.published.values())
    assert [type(run) for run in table.rows.values()] == [RobustRun, FinetuneRun, StudentRun, RobustRun]
    assert table.rows["Standard"].adversary is None
    for name in table.scoring.attacks:
        AttackSpec.named(name, table.scoring.epsilon, table.scoring.step_size)
    assert table.scoring.statistics[0] == "moving"  # what is compared with the paper
    assert (table.scoring.epsilon, table.scoring.step_size) == ("8/255", "2/255")


def test_the_published_figures() -> None:
    """Spot checks against the paper's Table 1."""
    assert paper.TABLE_1["IGAM-MNIST"] == {"clean": 93.6, "fgsm": 67.8, "pgd5": 63.6, "pgd10": 56.9, "pgd20": 43.5}
    assert paper.TABLE_1["PGD7-trained"]["pgd20"] == 45.9
    assert paper.TABLE_1["Standard"]["clean"] == 95.0
    assert all(figures["clean"] >= figures["fgsm"] >= figures["pgd20"] for figures in paper.TABLE_1.values())


@presets
def test_data_sets_are_known_and_the_target_is_one(preset: str) -> None:
    table = tables.table("1", preset)
    assert {run.data.dataset for run in runs_of(table).values()} <= set(DATASETS)
    assert {run.data.dataset for run in table.rows.values()} == {table.scoring.dataset}


@presets
def test_every_run_has_its_own_name_and_robust_teachers_are_one(preset: str) -> None:
    table = tables.table("1", preset)
    assert len({config.digest(run) for run in table.rows.values()}) == len(table.rows)
    robust = {config.digest(run) for name, run in runs_of(table).items() if name.endswith("RobustRun")}
    assert len(robust) == 1  # FT and IGAM start from one robust model


@presets
def test_the_seed_is_that_of_everything(preset: str) -> None:
    first, other = tables.table("1", preset, 0), tables.table("1", preset, 7)
    for name, run in runs_of(other).items():
        assert run.seed == 7
        assert config.digest(run) != config.digest(runs_of(first)[name])
    assert other.scoring.seed == 7


@presets
def test_a_given_teacher_takes_the_place_of_a_trained_one(preset: str) -> None:
    given = Weights("ab", "teacher.keras")
    plain, table = tables.table("1", preset), tables.table("1", preset, teacher=given)
    assert table.rows["FT-MNIST"].teacher == given
    assert table.rows["IGAM-MNIST"].teacher.teacher == given
    assert table.rows["Standard"] == plain.rows["Standard"]
    assert table.rows["PGD7-trained"] == plain.rows["PGD7-trained"]


def blank(name: str) -> Dataset:
    shape = (28, 28, 1) if name in ("shapes28", "mnist") else (32, 32, 3)
    split = Split(np.zeros((2, *shape), np.uint8), np.arange(2))
    return Dataset(name, split, split, 10, UNIT if shape[-1] == 1 else PIXELS)


@pytest.mark.parametrize(
    "preset", ["demo", pytest.param("cpu", marks=pytest.mark.slow), pytest.param("paper", marks=pytest.mark.slow)]
)
def test_every_run_can_be_built(preset: str) -> None:
    """Schedules, adapters and sizes fit together, without any data or training."""
    rows = tables.table("1", preset).rows
    student = rows["IGAM-MNIST"]
    source = build.build(student.teacher.teacher, blank(student.teacher.teacher.data.dataset), None).products["model"]
    finetuned = build.build(student.teacher, blank(student.teacher.data.dataset), source).products["model"]
    for run, teacher in ((rows["FT-MNIST"], source), (student, finetuned), (rows["Standard"], None)):
        built = build.build(run, blank(run.data.dataset), teacher)
        assert built.products["model"].output_shape == (None, 10)
    assert student.steps_before_matching < student.schedule.steps
    for run in runs_of(tables.table("1", preset)).values():
        assert run.schedule.steps > max(run.schedule.boundaries, default=0)


def test_the_paper_preset_is_appendix_a() -> None:
    run = tables.table("1", "paper").rows["IGAM-MNIST"]
    assert (run.lambda_adv, run.lambda_diff, run.disc_every) == (1, 100, 10)
    assert (run.disc_layers, run.disc_channels, run.gradient_crop) == (5, 16, 28)
    assert (run.network.width, run.network.blocks, run.protocol) == (10, 5, "release")
    assert (run.schedule.steps, run.schedule.batch_size) == (320_000, 32)
    assert (run.schedule.learning_rates, run.schedule.boundaries) == ((0.1, 0.01, 0.001), (160_000, 240_000))
    assert run.steps_before_matching == 280_000
    assert run.teacher.adapter == ("mean", "crop:28", "scale:1/255")
    assert tables.table("1", "paper").scoring.num_examples == 10_000


@pytest.mark.parametrize(("name", "term"), [("4", "lambda_diff"), ("5", "lambda_adv")])
@pytest.mark.parametrize("preset", ["demo", "paper"])
def test_ablations_change_one_term_alone(name: str, term: str, preset: str) -> None:
    table = tables.table(name, preset)
    runs = list(table.rows.values())
    assert list(table.rows) == list({"4": paper.TABLE_4, "5": paper.TABLE_5}[name])
    values = [getattr(run, term) for run in runs]
    assert values == [share * values[-1] for share in (0, 0.25, 0.5, 1)]
    assert {config.digest(dataclasses.replace(run, **{term: 0.0})) for run in runs} == {config.digest(runs[0])}
    if preset == "paper":  # the rows' names are the paper's lambdas
        assert [float(row.split()[1]) for row in table.rows] == values


def test_the_demos_ablations_end_at_the_student_of_table_1() -> None:
    """So that it is trained once."""
    student = tables.table("1", "demo").rows["IGAM-MNIST"]
    assert tables.table("4", "demo").rows["lambda_diff 10"] == student
    assert tables.table("5", "demo").rows["lambda_adv 2"] == student
    assert tables.table("protocols", "demo").rows["release"] == student


@pytest.mark.parametrize("name", ["protocols", "protocols_upsize"])
def test_protocol_tables_change_one_setting_at_a_time(name: str) -> None:
    table = tables.table(name, "demo", 3)
    first = table.rows["release"]
    assert table.against_first
    for row, run in table.rows.items():
        changed = [f.name for f in dataclasses.fields(run) if getattr(run, f.name) != getattr(first, f.name)]
        assert len(changed) == (row != "release"), row
        assert run.seed == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("9", "demo"), "^table: expected one of 1.*, got '9'$"),
        (("4", "cpu"), "^table 4: it has the presets demo and paper, got 'cpu'$"),
        (("1", "tiny"), "^preset: expected one of demo, cpu, paper, got 'tiny'$"),
    ],
)
def test_mistakes(arguments: tuple[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        tables.table(*arguments)
