"""Configurations: there and back through JSON, strict about keys, and named by all that they say."""

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pytest

from igam_tf import config
from igam_tf.errors import InputError
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
    Weights,
)

SCHEDULE = Schedule(6, 2, (0.1, 0.01), (3,))
ROBUST = RobustRun(Data("shapes28"), Network("mnist_cnn"), SCHEDULE, Adversary("8/255", 2.0, 7))
FINETUNED = FinetuneRun(Data("shapes32", 100), ROBUST, SCHEDULE, ("mean", "crop:28"))
STUDENT = StudentRun(Data("shapes32"), Network("wide_resnet", 1, 1), FINETUNED, SCHEDULE, 1.0, 10.0, gradient_crop=28)
RUNS: dict[str, Run] = {
    "robust": ROBUST,
    "plain": dataclasses.replace(ROBUST, adversary=None),
    "finetuned": FINETUNED,
    "finetuned from weights": dataclasses.replace(FINETUNED, teacher=Weights("ab12", "runs/x")),
    "student": STUDENT,
    "student of weights": dataclasses.replace(STUDENT, teacher=Weights("ab12", "runs/x"), gradient_of="xent"),
}
SCORING = Scoring("shapes32", 10, ("fgsm", "pgd2"))
all_runs = pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)


@all_runs
def test_there_and_back(run: Run) -> None:
    back = config.from_dict(type(run), json.loads(config.to_json(run)))
    assert back == run
    assert hash(back) == hash(run)  # tuples are tuples again
    assert config.digest(back) == config.digest(run)


def test_scorings_come_back_too() -> None:
    assert config.from_dict(Scoring, json.loads(config.to_json(SCORING))) == SCORING


def test_the_form_is_plain_and_names_its_types() -> None:
    plain = json.loads(config.to_json(FINETUNED))
    assert plain["type"] == "FinetuneRun"
    assert plain["teacher"]["type"] == "RobustRun"
    assert plain["teacher"]["adversary"] == {
        "type": "Adversary", "epsilon": "8/255", "step_size": 2.0, "steps": 7, "ramp_steps": 0,
    }  # fmt: skip
    assert plain["adapter"] == ["mean", "crop:28"]


def test_keys_with_a_default_may_be_left_out() -> None:
    plain = config.to_dict(STUDENT)
    del plain["disc_every"], plain["data"]["augmented"]
    assert config.from_dict(StudentRun, plain) == STUDENT


def _edited(path: tuple[str, ...], **changes: Any) -> dict[str, Any]:
    plain = json.loads(config.to_json(STUDENT))
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
        (_edited((), lambda_div=1), r"^config: StudentRun has unknown keys \['lambda_div'\] and lacks \[\]$"),
        (_edited((), lambda_diff=None), r"^config: StudentRun has unknown keys \[\] and lacks \['lambda_diff'\]$"),
        (_edited((), schedule=None, lr=1), r"unknown keys \['lr'\] and lacks \['schedule'\]$"),
        (_edited(("data",), size=3), r"^config.data: Data has unknown keys \['size'\]"),
        (_edited(("teacher", "teacher", "network"), kind=None), r"^config.teacher.teacher.network: .* \['kind'\]$"),
        (
            _edited(("teacher",), type="RobustRun"),
            r"^config.teacher: expected a FinetuneRun or a Weights, got type 'RobustRun'$",
        ),
        (_edited(("teacher",), type=None), r"^config.teacher: expected .*, got type None$"),
        (_edited((), data=5), r"^config.data: expected a Data, got 5$"),
        (_edited((), schedule=[1, 2]), r"^config.schedule: expected a Schedule, got \[1, 2\]$"),
        (_edited(("teacher",), adapter={"type": "Data"}), r"^config.teacher.adapter: expected .*, got type 'Data'$"),
        ([], r"^config: expected an object, got \[\]$"),
        ("RobustRun", r"^config: expected an object, got 'RobustRun'$"),
    ],
)
def test_mistakes_name_their_place(plain: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        config.from_dict(StudentRun, plain)


def _fields(at: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for field in dataclasses.fields(at):
        value = getattr(at, field.name)
        yield (*path, field.name)
        if dataclasses.is_dataclass(value):
            yield from _fields(value, (*path, field.name))


def _changed(at: Any, path: tuple[str, ...]) -> Any:
    """The same configuration with the value at `path` replaced by another one."""
    name, *rest = path
    value = getattr(at, name)
    if rest:
        return dataclasses.replace(at, **{name: _changed(value, tuple(rest))})
    if isinstance(value, bool):
        other: Any = not value
    elif isinstance(value, (int, float)):
        other = value + 1
    elif isinstance(value, str):
        other = value + "x"
    elif isinstance(value, tuple):
        other = (*value, 1)
    elif value is None:
        other = "something"
    else:
        other = None
    return dataclasses.replace(at, **{name: other})


CHANGES = [(name, path) for name, run in {**RUNS, "scoring": SCORING}.items() for path in _fields(run)]


@pytest.mark.parametrize(
    ("name", "path"), CHANGES, ids=lambda part: ".".join(part) if isinstance(part, tuple) else part
)
def test_every_field_that_makes_a_difference_is_part_of_the_name(name: str, path: tuple[str, ...]) -> None:
    """All but where a teacher is, and the size of a record beside the one that is named."""
    run = {**RUNS, "scoring": SCORING}[name]
    same = config.digest(_changed(run, path)) == config.digest(run)
    assert same == (path in (("teacher", "path"), ("strong_examples",)))


def test_digests_are_stable_and_apart() -> None:
    """They name directories: a change of this one would orphan every finished run of every user."""
    assert config.digest(Data("shapes28")) == config.digest(Data("shapes28", None, True, 0.0, 0))
    found = [config.digest(run) for run in RUNS.values()]
    assert len(set(found)) == len(found)
    assert all(len(name) == 10 and int(name, 16) >= 0 for name in found)
    assert config.digest(Schedule(1, 2, (0.1,))) == "c0525ec9f3"


def test_a_configuration_is_not_confused_with_another_type_of_the_same_content() -> None:
    @dataclasses.dataclass(frozen=True)
    class Other:
        sha256: str
        path: str = dataclasses.field(metadata={"identity": False})

    assert config.digest(Other("a", "b")) != config.digest(Weights("a", "b"))


def test_later_settings_do_not_rename_earlier_runs() -> None:
    later = dataclasses.replace(FINETUNED, normalization="l2")
    assert config.digest(later) != config.digest(FINETUNED)
    assert "normalization" not in config.to_dict(FINETUNED, identity=True)
    assert config.to_dict(later)["normalization"] == "l2"
    plain = config.to_dict(FINETUNED)
    del plain["normalization"]
    assert config.digest(config.from_dict(FinetuneRun, plain)) == config.digest(FINETUNED)
