"""Fields of settings dataclasses: their metadata and the check of their values."""

import dataclasses
import functools
import math
import numbers
import pathlib
import types
import typing
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Annotated, Any

from igam_tf.core.errors import InputError


@dataclasses.dataclass(frozen=True)
class Setting:
    """The metadata of a field: `Annotated[type, Setting(...)]`.

    Attributes:
      help: whole sentences for --help, `help()` and docs/settings.md.
      choices: the allowed strings, of the value or of a tuple's items.
      at_least: the least allowed number, of the value or of a tuple's items.
      flag: the flag's name if it is not the field's; None: there is no flag.
      positional: the flag is a positional argument; their order is that of the declarations.
      repeated: the flag may occur several times, and commas do not separate values.
      identity: whether the digest contains the field: `"always"`; `"never"`, for places and other
        values without influence on the result; or `"if set"`, only if it differs from its default.
        A setting added later must be `"if set"`, so that digests of older runs stay the same.
    """

    help: str = ""
    choices: tuple[str, ...] = ()
    at_least: float | None = None
    flag: str | None = ""
    positional: bool = False
    repeated: bool = False
    identity: str = "always"

    def __repr__(self) -> str:
        """The help text alone: `help` of a settings class shows it beside the field."""
        return repr(self.help)


@dataclasses.dataclass(frozen=True)
class Field:
    """A field and its resolved type; `default` may be `dataclasses.MISSING`."""

    name: str
    hint: Any
    setting: Setting
    default: Any

    @property
    def required(self) -> bool:
        return self.default is dataclasses.MISSING

    def require(self, value: Any, name: str = "", text: str | None = None) -> None:
        """Checks the value's type, choices and bound.

        Args:
          value: the value.
          name: the flag's name, for the message; by default the field's.
          text: the text on the command line, for the message; by default the value.

        Raises:
          InputError: the value is wrong.
        """
        if not any(_is_of(option, self.setting, value) for option in options_of(self.hint)):
            expected = describe(self.hint, self.setting)
            actual = value if text is None else text
            raise InputError(f"{name or self.name}: expected {expected}, got {actual!r}")


@dataclasses.dataclass(frozen=True)
class Settings:
    """Base of the frozen settings dataclasses; a wrong value raises `InputError`."""

    def __post_init__(self) -> None:
        for field in fields_of(type(self)).values():
            value = _plain(getattr(self, field.name))
            object.__setattr__(self, field.name, value)
            field.require(value)


def fields_of(kind: type) -> Mapping[str, Field]:
    """A dataclass's fields by name: positional, then required keywords, then other keywords."""
    return _resolved(typing.cast(Any, kind))


@functools.cache
def _resolved(kind: Any) -> Mapping[str, Field]:
    hints = typing.get_type_hints(kind, include_extras=True)
    resolved = {}
    for field in sorted(dataclasses.fields(kind), key=_rank):
        hint, *extras = _unwrapped(hints[field.name])
        setting = next((extra for extra in extras if isinstance(extra, Setting)), Setting())
        resolved[field.name] = Field(field.name, hint, setting, field.default)
    return types.MappingProxyType(resolved)


def _rank(field: dataclasses.Field[Any]) -> int:
    return 0 if field.kw_only is not True else 1 if field.default is dataclasses.MISSING else 2


def values_of(settings: Settings, kind: type[Settings] | None = None) -> dict[str, Any]:
    """The values by field name, as keywords; only the fields of the base class `kind` if given."""
    return {name: getattr(settings, name) for name in fields_of(kind or type(settings))}


def optional(kind: type[Settings], note: str) -> type[Settings]:
    """A dataclass with the fields of `kind`, all None by default, to override a `kind`.

    `note` is appended to every help text and says what None means.
    """
    fields = []
    for field in fields_of(kind).values():
        setting = dataclasses.replace(field.setting, help=f"{field.setting.help} {note}")
        fields.append(
            (field.name, Annotated[field.hint | None, setting], dataclasses.field(default=None))
        )
    return dataclasses.make_dataclass(
        f"Optional{kind.__name__}", fields, bases=(Settings,), frozen=True, kw_only=True
    )


def describe(hint: Any, setting: Setting) -> str:
    """The allowed values in words, for error messages."""
    options: list[Any] = [option for option in options_of(hint) if option is not types.NoneType]
    kinds = [
        f"a {option.__name__}"
        for option in options
        if isinstance(option, type) and dataclasses.is_dataclass(option)
    ]
    if typing.get_origin(options[0]) is tuple:
        return _describe_tuple(typing.get_args(options[0]), setting)
    if setting.choices:
        return " or ".join([f"one of {', '.join(setting.choices)}", *kinds])
    if kinds:
        return " or ".join(kinds)
    if Fraction in options:
        return "a number or a fraction such as 8/255"
    bound = "" if setting.at_least is None else f" of at least {setting.at_least:g}"
    return _NOUNS.get(options[0], getattr(options[0], "__name__", str(options[0]))) + bound


_NOUNS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a string",
    pathlib.Path: "a path",
}
_PLURALS = {int: "whole numbers", float: "numbers", str: "strings", pathlib.Path: "paths"}


def _describe_tuple(items: tuple[Any, ...], setting: Setting) -> str:
    if setting.choices:
        return f"some of {', '.join(setting.choices)}"
    count = "" if items[-1] is Ellipsis else f"{len(items)} "
    bound = "" if setting.at_least is None else f" of at least {setting.at_least:g}"
    return f"a list of {count}{_PLURALS[items[0]]}{bound}"


def options_of(hint: Any) -> tuple[Any, ...]:
    """The members of a union; of any other type the type itself."""
    is_union = typing.get_origin(hint) in (types.UnionType, typing.Union)
    return typing.get_args(hint) if is_union else (hint,)


def _unwrapped(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) is Annotated else (hint,)


def _is_of(kind: Any, setting: Setting, value: Any) -> bool:
    if typing.get_origin(kind) is tuple:
        items = typing.get_args(kind)
        sized = isinstance(value, tuple) and (items[-1] is Ellipsis or len(items) == len(value))
        return sized and all(_is_of(items[0], setting, item) for item in value)
    if kind in (int, float):
        number = numbers.Integral if kind is int else numbers.Real
        fits = isinstance(value, number) and not isinstance(value, bool) and math.isfinite(value)
        return fits and (setting.at_least is None or value >= setting.at_least)
    if kind is str:
        return isinstance(value, str) and (not setting.choices or value in setting.choices)
    if typing.get_origin(kind) is Callable:
        return callable(value)
    return isinstance(value, kind)


def _plain(value: Any) -> Any:
    """Lists as tuples and NumPy numbers as Python numbers, for JSON and hashing."""
    if isinstance(value, list):
        return tuple(map(_plain, value))
    return value.item() if isinstance(value, numbers.Number) and hasattr(value, "item") else value
