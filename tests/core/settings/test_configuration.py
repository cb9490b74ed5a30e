"""Configurations: to JSON and back, strict about keys and types, and their digests."""

import contextlib
import dataclasses
import itertools
import json
import pathlib
from collections.abc import Iterator
from typing import Annotated, Any

import pytest

from igam_tf import pretrained
from igam_tf.core import settings
from igam_tf.core.errors import InputError
from igam_tf.core.settings import Setting, Settings, fields_of
from igam_tf.experiments import runs, tables
from igam_tf.experiments.configs import (
    Absent,
    Adversary,
    Data,
    FinetuneRun,
    Network,
    RobustRun,
    Run,
    Schedule,
    Scoring,
    StudentRun,
    Weights,
    verb_of,
)
from igam_tf.experiments.sizes import PRESETS
from igam_tf.experiments.study import Study, run_of

ROOT = pathlib.Path(__file__).resolve().parents[3]
SCHEDULE = Schedule(6, 2, (0.1, 0.01), (3,))
ROBUST = RobustRun(Data("shapes28"), Network("mnist_cnn"), SCHEDULE, Adversary("8/255", 2.0, 7))
FINETUNED = FinetuneRun(Data("shapes32", 100), ROBUST, SCHEDULE, ("mean", "crop:28"))
STUDENT = StudentRun(
    Data("shapes32"),
    Network("wide_resnet", 1, 1),
    FINETUNED,
    SCHEDULE,
    lambda_adv=1.0,
    lambda_diff=10.0,
    gradient_crop=28,
)
RUNS: dict[str, Run] = {
    "robust": ROBUST,
    "plain": dataclasses.replace(ROBUST, adversary=None),
    "finetuned": FINETUNED,
    "finetuned from weights": dataclasses.replace(FINETUNED, teacher=Weights("ab12", "runs/x")),
    "student": STUDENT,
    "student of weights": dataclasses.replace(
        STUDENT, teacher=Weights("ab12", "runs/x"), gradient_of="xent"
    ),
}
SCORING = Scoring("shapes32", 10, ("fgsm", "pgd2"))
all_runs = pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)


@all_runs
def test_there_and_back(run: Run) -> None:
    back = settings.from_dict(type(run), json.loads(settings.to_json(run)))
    assert back == run
    assert hash(back) == hash(run)  # tuples are tuples again
    assert settings.digest(back) == settings.digest(run)


def test_scorings_come_back_too() -> None:
    assert settings.from_dict(Scoring, json.loads(settings.to_json(SCORING))) == SCORING


def test_the_form_is_plain_and_names_its_types() -> None:
    plain = json.loads(settings.to_json(FINETUNED))
    assert plain["type"] == "FinetuneRun"
    assert plain["teacher"]["type"] == "RobustRun"
    assert plain["teacher"]["adversary"] == {
        "type": "Adversary", "epsilon": "8/255", "step_size": 2.0, "steps": 7, "ramp_steps": 0,
        "objective": "pgd", "beta": 6.0,
    }  # fmt: skip
    assert plain["adapter"] == ["mean", "crop:28"]


def test_keys_with_a_default_may_be_left_out() -> None:
    plain = settings.to_dict(STUDENT)
    del plain["disc_every"], plain["data"]["augmented"]
    assert settings.from_dict(StudentRun, plain) == STUDENT


def _edited(path: tuple[str, ...], **changes: Any) -> dict[str, Any]:
    plain = json.loads(settings.to_json(STUDENT))
    at = plain
    for key in path:
        at = at[key]
    for key, value in changes.items():
        if value is None:
            del at[key]
        else:
            at[key] = value
    return plain


@pytest.mark.parametrize(
    ("plain", "message"),
    [
        (
            _edited((), lambda_div=1),
            r"^config: StudentRun has unknown keys \['lambda_div'\] and lacks \[\]$",
        ),
        (
            _edited((), lambda_diff=None),
            r"^config: StudentRun has unknown keys \[\] and lacks \['lambda_diff'\]$",
        ),
        (_edited((), schedule=None, lr=1), r"unknown keys \['lr'\] and lacks \['schedule'\]$"),
        (_edited(("data",), size=3), r"^config.data: Data has unknown keys \['size'\]"),
        (
            _edited(("teacher", "teacher", "network"), kind=None),
            r"^config.teacher.teacher.network: .* \['kind'\]$",
        ),
        (
            _edited(("teacher",), type="RobustRun"),
            r"^config.teacher: expected a FinetuneRun or a Weights, got type 'RobustRun'$",
        ),
        (_edited(("teacher",), type=None), r"^config.teacher: expected .*, got type None$"),
        (_edited((), data=5), r"^config.data: expected a Data, got 5$"),
        (_edited((), schedule=[1, 2]), r"^config.schedule: expected a Schedule, got \(1, 2\)$"),
        (
            _edited(("teacher",), adapter={"type": "Data"}),
            r"^config.teacher.adapter: expected .*, got type 'Data'$",
        ),
        (
            _edited(("schedule",), steps="6"),
            r"^config.schedule.steps: expected a whole number of at least 1, got '6'$",
        ),
        (
            _edited(("teacher", "teacher", "adversary"), steps=True),
            r"^config.teacher.teacher.adversary.steps: expected a whole number of at least 0, got "
            "True$",
        ),
        (
            _edited((), lambda_adv="1"),
            r"^config.lambda_adv: expected a number of at least 0, got '1'$",
        ),
        (
            _edited(("data",), augmented="no"),
            r"^config.data.augmented: expected true or false, got 'no'$",
        ),
        (
            _edited((), protocol="best"),
            r"^config.protocol: expected one of release, paper or a Protocol, got 'best'$",
        ),
        ([], r"^config: expected an object, got \[\]$"),
        ("RobustRun", r"^config: expected an object, got 'RobustRun'$"),
    ],
)
def test_mistakes_name_their_place(plain: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        settings.from_dict(StudentRun, plain)


def _fields(at: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name in fields_of(type(at)):
        value = getattr(at, name)
        yield (*path, name)
        if isinstance(value, Settings):
            yield from _fields(value, (*path, name))


def _changed(at: Any, path: tuple[str, ...]) -> Any:
    """The same configuration with the value at `path` replaced by another one."""
    name, *rest = path
    value = getattr(at, name)
    if rest:
        return dataclasses.replace(at, **{name: _changed(value, tuple(rest))})
    choices = fields_of(type(at))[name].setting.choices
    for other in (*choices, choices[-1:], *CANDIDATES):
        try:
            changed = dataclasses.replace(at, **{name: other})
        except InputError:
            continue
        if changed != at:
            return changed
    raise AssertionError(f"no other value for {name}")


CANDIDATES = (
    True, False, 7, 8, "x", ("x",), (7,), (7, 8), Adversary(), Schedule(9, 9, (9.0,)),
    Network("mnist_cnn"), Network("mnist_cnn", 1), Data("mnist"), Weights("cd", "y"),
)  # fmt: skip
CHANGES = [
    (name, path) for name, run in {**RUNS, "scoring": SCORING}.items() for path in _fields(run)
]


@pytest.mark.parametrize(
    ("name", "path"), CHANGES, ids=lambda part: ".".join(part) if isinstance(part, tuple) else part
)
def test_every_field_that_makes_a_difference_is_part_of_the_name(
    name: str, path: tuple[str, ...]
) -> None:
    """All but where a teacher is, and the sizes of a record beside the one that is named."""
    run = {**RUNS, "scoring": SCORING}[name]
    same = settings.digest(_changed(run, path)) == settings.digest(run)
    assert same == (path in (("teacher", "path"), ("strong_examples",), ("strong_queries",)))


def test_digests_are_stable_and_apart() -> None:
    """They name directories: a change of this one would orphan every finished run of every user."""
    assert settings.digest(Data("shapes28")) == settings.digest(
        Data("shapes28", None, True, 0.0, 0)
    )
    digests = [settings.digest(run) for run in RUNS.values()]
    assert len(set(digests)) == len(digests)
    assert all(len(name) == 10 and int(name, 16) >= 0 for name in digests)
    assert settings.digest(Schedule(1, 2, (0.1,))) == "c0525ec9f3"


def test_every_row_of_every_table_keeps_its_digest() -> None:
    """digests.json was written before the settings had one declaration."""
    expected = json.loads((pathlib.Path(__file__).parent / "digests.json").read_text())
    digests = {}
    for name, preset in itertools.product(tables.TABLES, PRESETS):
        with contextlib.suppress(InputError):  # some tables have fewer presets
            table = tables.table(name, preset)
            digests[f"{name} {preset} scoring"] = settings.digest(table.scoring)
            runs_of_table = {
                row: run for row, run in table.rows.items() if not isinstance(run, Absent)
            }
            digests |= {
                f"{name} {preset} {row}": settings.digest(run) for row, run in runs_of_table.items()
            }
    assert digests == expected


def test_every_run_in_results_has_its_digest_in_its_name() -> None:
    studies = [Study.load(path) for path in sorted((ROOT / "results").glob("*.json"))]
    configs = [item for study in studies for item in study.runs.items() if item[1].config]
    assert len(configs) > 100
    for name, stored in configs:
        run = run_of(stored.config, name)
        assert f"{verb_of(run)}-{settings.digest(run)}" == name.rpartition("/")[2]


def test_the_packaged_models_configurations_read_back() -> None:
    table = tables.table("1", "demo")
    teacher = table.rows["IGAM-MNIST"].teacher
    expected = {
        "igam": table.rows["IGAM-MNIST"],
        "pgd7": table.rows["PGD7-trained"],
        "standard": table.rows["Standard"],
        "teacher": teacher,
        "source": teacher.teacher,
    }
    assert {name: runs.read_config(pretrained.path(name)) for name in pretrained.NAMES} == expected


def test_a_configuration_is_not_confused_with_another_type_of_the_same_content() -> None:
    @dataclasses.dataclass(frozen=True)
    class Other(Settings):
        sha256: str
        path: Annotated[str, Setting("Where it is.", identity="never")]
        kind: str | None = None

    assert settings.digest(Other("a", "b")) != settings.digest(Weights("a", "b"))


def test_later_settings_do_not_rename_earlier_runs() -> None:
    later = dataclasses.replace(FINETUNED, normalization="l2")
    assert settings.digest(later) != settings.digest(FINETUNED)
    assert "normalization" not in settings.to_dict(FINETUNED, identity=True)
    assert settings.to_dict(later)["normalization"] == "l2"
    plain = settings.to_dict(FINETUNED)
    del plain["normalization"]
    assert settings.digest(settings.from_dict(FinetuneRun, plain)) == settings.digest(FINETUNED)
