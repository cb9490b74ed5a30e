"""A setting is declared once: flag, JSON key, digest, constructor argument and documentation follow
from its field.
"""

import contextlib
import dataclasses
import inspect
import io
import pathlib
import pkgutil
import subprocess
import sys
from typing import Annotated, Any

import pytest

import igam_tf.core.settings
from igam_tf import training
from igam_tf.cli import finetune_teacher, reference, train_robust, train_student
from igam_tf.core import settings
from igam_tf.core.errors import InputError
from igam_tf.core.settings import Setting, Settings, constructor, fields_of
from igam_tf.core.settings.devices import DistributionSettings
from igam_tf.core.settings.flags import flags_of
from igam_tf.core.settings.training import (
    AdversarialSettings,
    Adversary,
    FinalWeights,
    FinetuneSettings,
    IgamSettings,
    PlainSettings,
    Protocol,
)
from igam_tf.experiments.configs import FinetuneRun, RobustRun, StudentRun

from ... import tiny

TRAINERS = {
    training.Igam: IgamSettings,
    training.AdversarialTrainer: AdversarialSettings,
    training.FinetuneTrainer: FinetuneSettings,
}
trainers = pytest.mark.parametrize(
    ("trainer", "kind"), TRAINERS.items(), ids=lambda each: each.__name__
)


@trainers
def test_a_constructor_shows_every_setting_with_its_default(
    trainer: type, kind: type[Settings]
) -> None:
    parameters = inspect.signature(trainer).parameters
    assert all(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters.values())
    for name, field in fields_of(kind).items():
        assert parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
        assert parameters[name].default == (
            inspect.Parameter.empty if field.required else field.default
        )
        assert parameters[name].annotation == field.hint
        assert f"{name}: " in trainer.__doc__
        assert field.setting.help in " ".join(trainer.__doc__.split())
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        help(trainer)
    assert all(f"{name}: " in text.getvalue() for name in fields_of(kind))


def test_a_subclass_has_its_own_signature() -> None:
    class Narrow(training.Igam):
        def __init__(self, student: Any) -> None: ...

    assert list(inspect.signature(Narrow).parameters) == ["student"]


@pytest.mark.parametrize("settings", [{"lambda_div": 1.0}, {"protocl": "paper"}])
def test_an_unknown_keyword_is_named(settings: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{next(iter(settings))}'"):
        tiny.igam(**settings)


RUNS = {train_robust: RobustRun, finetune_teacher: FinetuneRun, train_student: StudentRun}
PARTS = {
    StudentRun: (IgamSettings, Protocol, FinalWeights, DistributionSettings),
    FinetuneRun: (FinetuneSettings, DistributionSettings),
    RobustRun: (PlainSettings, Adversary, FinalWeights, DistributionSettings),
}


@pytest.mark.parametrize(("verb", "kind"), RUNS.items(), ids=lambda each: each.__name__)
def test_a_trainers_settings_are_the_runs_and_the_commands(verb: Any, kind: type[Settings]) -> None:
    flags = {flag.field.name for flag in flags_of(verb.COMMAND.settings)}
    for part in PARTS[kind]:
        assert set(fields_of(part)) <= set(fields_of(kind)) | set(fields_of(Adversary))
        assert set(fields_of(part)) <= flags
    names = [flag.name for flag in flags_of(verb.COMMAND.settings)]
    assert len(set(names)) == len(names)
    assert all(flag.field.setting.help.endswith(".") for flag in flags_of(verb.COMMAND.settings))


@dataclasses.dataclass(frozen=True, kw_only=True)
class WiderSettings(IgamSettings):
    """`IgamSettings` after somebody has added one field to it, and nothing anywhere else."""

    temperature: Annotated[float, Setting("Of the softmax.", at_least=0, identity="if set")] = 1.0


@dataclasses.dataclass(frozen=True)
class WiderRun(StudentRun, WiderSettings):
    """`StudentRun`, whose base has the field."""


def test_one_new_field_is_flag_json_key_digest_and_argument() -> None:
    run = WiderRun(**settings.values_of(train_student.TrainStudentFlags.run), temperature=2.0)
    flag = next(flag for flag in flags_of(run) if flag.name == "temperature")
    assert (flag.parse("0.5"), flag.default) == (0.5, 2.0)
    with pytest.raises(
        InputError, match=r"^temperature: expected a number of at least 0, got 'hot'$"
    ):
        flag.parse("hot")
    assert settings.to_dict(run)["temperature"] == 2.0
    assert settings.from_dict(WiderRun, settings.to_dict(run)) == run
    assert settings.digest(dataclasses.replace(run, temperature=3.0)) != settings.digest(run)

    @constructor(WiderSettings)
    class Trainer:
        """{settings}"""

        def __init__(self, student: Any, **keywords: Any) -> None:
            self.settings = WiderSettings(**keywords)

    assert inspect.signature(Trainer).parameters["temperature"].default == 1.0
    assert "temperature: a number of at least 0, default 1.0. Of the softmax." in Trainer.__doc__
    assert (
        Trainer(None, **settings.values_of(run, WiderSettings)).settings.temperature == 2.0
    )  # as build.py does


def test_one_new_field_of_the_protocol_can_be_overridden() -> None:
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class WiderProtocol(Protocol):
        order: Annotated[str, Setting("Of derivatives.", choices=("first", "second"))] = "second"

    overrides = settings.optional(WiderProtocol, "The protocol's by default.")
    assert {flag.name: flag.default for flag in flags_of(overrides)}["order"] is None
    assert inspect.signature(overrides).parameters["order"].default is None
    assert settings.to_dict(overrides(order="first"))["order"] == "first"


@pytest.mark.parametrize("protocol", ["release", "paper", Protocol(diff_reduction="mean")], ids=str)
def test_keywords_override_a_protocol(protocol: str | Protocol) -> None:
    named = training.PROTOCOLS[protocol] if isinstance(protocol, str) else protocol
    assert tiny.igam(protocol=protocol).protocol == named
    expected = dataclasses.replace(named, gradient_of="xent")
    assert tiny.igam(protocol=protocol, gradient_of="xent").protocol == expected


LIGHT = [
    f"igam_tf.core.settings.{module.name}"
    for module in pkgutil.iter_modules(igam_tf.core.settings.__path__)
]
LIGHT += [
    "igam_tf.experiments.tables",
    "igam_tf.experiments.sizes",
    "igam_tf.experiments.paper_figures",
]
LIGHT += [
    "igam_tf.experiments.options",
    "igam_tf.benchmark.contenders",
    "igam_tf.core.errors",
    "igam_tf.core.command",
]


def test_what_holds_only_data_starts_no_tensorflow() -> None:
    assert len(LIGHT) > 10
    script = f"import importlib, sys\nfor name in {LIGHT}: importlib.import_module(name)\n"
    script += "print({'tensorflow', 'keras', 'numpy'} & set(sys.modules))"
    output = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert output == "set()\n"


def test_docs_settings_is_generated() -> None:
    """`python -m igam_tf.cli.reference > docs/settings.md` after a change of a setting."""
    file = pathlib.Path(__file__).resolve().parents[3] / "docs/settings.md"
    assert file.read_text() == reference.page()
