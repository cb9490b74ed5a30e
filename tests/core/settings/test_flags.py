"""Flags from a settings dataclass and back."""

import dataclasses
import pathlib
from typing import Annotated, Any

import pytest
from absl import flags as absl_flags

from igam_tf.core.bounds import Amount
from igam_tf.core.errors import InputError
from igam_tf.core.settings import Setting, Settings
from igam_tf.core.settings.flags import arguments_of, build, define, flags_of


@dataclasses.dataclass(frozen=True)
class Network(Settings):
    kind: Annotated[str, Setting("Which.", choices=("small", "large"), flag="network")]
    width: Annotated[int, Setting("How wide.", at_least=1)] = 10
    hidden: Annotated[int, Setting("Not a flag.", flag=None)] = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Example(Settings):
    model: Annotated[str, Setting("What.", positional=True)]
    network: Network = Network("small", 2, 4)
    fast: Annotated[bool, Setting("Whether to hurry.")] = True
    rates: Annotated[tuple[float, ...], Setting("Rates.", at_least=0)] = (0.1,)
    names: Annotated[tuple[str, ...], Setting("Names.", repeated=True)] = ()
    epsilon: Annotated[Amount, Setting("Radius.")] = 8.0
    limit: Annotated[int | None, Setting("At most.", at_least=1)] = None
    output: Annotated[pathlib.Path | None, Setting("Where.")] = None
    teacher: Annotated[str, Setting("Who.")]


def parsed(*arguments: str) -> Example:
    values = absl_flags.FlagValues()
    define(Example, values)
    return build(Example, values, values(["program", *arguments])[1:])


def test_without_flags_the_defaults_hold() -> None:
    assert parsed("m", "--teacher=t") == Example(model="m", teacher="t")


def test_settings_as_the_command_line_that_builds_them() -> None:
    arguments = ["m", "--teacher=t", "--network=large", "--nofast", "--rates=0.1,2.0"]
    arguments += ["--names=a,b", "--names=c", "--epsilon=4/255", "--limit=3", "--output=deep/file"]
    assert arguments_of(parsed(*arguments)) == arguments
    assert arguments_of(parsed("m", "--teacher=t")) == ["m", "--teacher=t"]


def test_every_form_of_flag() -> None:
    arguments = [
        "--network=large",
        "--width=5",
        "--nofast",
        "--rates=0.1, 2",
        "--names=a,b",
        "--names=c",
    ]
    arguments += ["--epsilon=4/255", "--limit=3", "--output=deep/file", "--teacher=t"]
    assert parsed(*arguments, "m") == Example(
        model="m",
        network=Network("large", 5, 4),
        fast=False,
        rates=(0.1, 2.0),
        names=("a,b", "c"),
        epsilon="4/255",
        limit=3,
        output=pathlib.Path("deep/file"),
        teacher="t",
    )
    assert parsed(
        "m", "--teacher=t", "--rates=", "--fast=false", "--output=", "--limit="
    ) == Example(model="m", teacher="t", rates=(), fast=False)


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--width=0", "width: expected a whole number of at least 1, got '0'"),
        ("--width=x", "width: expected a whole number of at least 1, got 'x'"),
        ("--network=huge", "network: expected one of small, large, got 'huge'"),
        ("--fast=maybe", "fast: expected true or false, got 'maybe'"),
        ("--rates=1,x", "rates: expected a list of numbers of at least 0, got '1,x'"),
        ("--rates=1,-1", "rates: expected a list of numbers of at least 0, got '1,-1'"),
        ("--limit=1.5", "limit: expected a whole number of at least 1, got '1.5'"),
        ("--hidden=3", "Unknown command line flag 'hidden'"),
    ],
)
def test_a_wrong_value_is_the_line_that_python_gives(flag: str, message: str) -> None:
    with pytest.raises(absl_flags.Error) as error:
        parsed("m", "--teacher=t", flag)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "expected MODEL; --help says what it can be"),
        (("m", "n"), "unexpected argument 'n'; --help lists the flags"),
        (("m",), "teacher: it is required; --help says what it can be"),
    ],
)
def test_what_is_missing_or_too_much(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError) as error:
        parsed(*arguments)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("model", "MODEL\nWhat. (required)"),
        ("network", "--network\nWhich. One of small, large. (default: small)"),
        ("fast", "--[no]fast\nWhether to hurry. (default: true)"),
        ("rates", "--rates\nRates. Comma-separated. (default: 0.1)"),
        ("names", "--names\nNames."),
        ("limit", "--limit\nAt most."),
        ("teacher", "--teacher\nWho. (required)"),
    ],
)
def test_help(name: str, text: str) -> None:
    flags = {flag.name: flag for flag in flags_of(Example)}
    assert "\n".join(line.strip() for line in flags[name].help().splitlines()) == text


def test_an_example_sets_the_defaults() -> None:
    example: Any = Example(model="m", teacher="t", network=Network("large", 7), limit=3)
    defaults = {flag.name: flag.default for flag in flags_of(example)}
    assert (defaults["network"], defaults["width"], defaults["limit"]) == ("large", 7, 3)
