"""absl flags of a command: defined from a settings dataclass and parsed into one."""

import dataclasses
import textwrap
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from absl import flags

from igam_tf.core.errors import InputError
from igam_tf.core.settings.fields import Field, Settings, fields_of, options_of

S = TypeVar("S", bound=Settings)


@dataclasses.dataclass(frozen=True)
class Flag:
    """A flag or positional argument: its field, and its default in this command."""

    name: str
    field: Field
    default: Any

    @property
    def boolean(self) -> bool:
        return self.field.hint is bool

    @property
    def positional(self) -> bool:
        return self.field.setting.positional

    @property
    def repeated(self) -> bool:
        return self.field.setting.repeated

    def parse(self, argument: Any) -> Any:
        """The value of a text. absl also passes defaults, which are returned unchanged."""
        if not isinstance(argument, str) or self.repeated:
            return argument
        value = _convert(self.field.hint, argument)
        self.field.require(value, self.name, argument)
        return value

    def help(self) -> str:
        """Name, help text, choices and default, as --help prints them."""
        parts = [self.field.setting.help]
        if choices := self.field.setting.choices:
            parts.append(f"One of {', '.join(choices)}.")
        if not self.repeated and any(_is_tuple(hint) for hint in options_of(self.field.hint)):
            parts.append("Comma-separated.")
        if self.default is dataclasses.MISSING:
            parts.append("(required)")
        elif (default := self.default_text()) != "none":  # the help text says what unset means
            parts.append(f"(default: {default})")
        name = self.name.upper() if self.positional else f"--{'[no]' * self.boolean}{self.name}"
        margin = " " * 6
        text = textwrap.fill(" ".join(parts), 100, initial_indent=margin, subsequent_indent=margin)
        return f"  {name}\n{text}"

    def default_text(self) -> str:
        """The default as it would be typed; `required` or `none` without one."""
        if self.default is dataclasses.MISSING:
            return "required"
        items = self.default if isinstance(self.default, tuple) else (self.default,)
        texts = ("none" if item is None else str(item) for item in items)
        text = ",".join(texts) or "none"
        return text.lower() if self.boolean else text


class _Parser(flags.ArgumentParser):
    """A parser with the error messages of `Field.require`, as Python and JSON have them."""

    def __init__(self, flag: Flag) -> None:
        self._flag = flag

    def parse(self, argument: Any) -> Any:
        try:
            return self._flag.parse(argument)
        except InputError as error:  # absl would rephrase a ValueError
            raise flags.IllegalFlagValueError(str(error)) from error


def flags_of(settings: Settings | type[Settings]) -> Iterator[Flag]:
    """The flags of a settings class, or of an instance, whose values are then the defaults.

    A field whose value is a `Settings` instance contributes the flags of that instance.
    """
    for field, default in _members(settings):
        if isinstance(default, Settings):
            yield from flags_of(default)
        else:
            yield Flag(field.setting.flag or field.name, field, default)


def _members(settings: Settings | type[Settings]) -> Iterator[tuple[Field, Any]]:
    """The fields that have flags, with their defaults."""
    kind = settings if isinstance(settings, type) else type(settings)
    for field in fields_of(kind).values():
        if field.setting.flag is not None:
            yield field, field.default if kind is settings else getattr(settings, field.name)


def define(settings: type[Settings], values: flags.FlagValues) -> None:
    """Defines the named flags in `values`."""
    for flag in flags_of(settings):
        if not flag.positional:
            kind = flags.MultiFlag if flag.repeated else flags.Flag
            default = None if flag.default is dataclasses.MISSING else flag.default
            extras = {} if flag.repeated else {"boolean": flag.boolean}
            help_text = flag.field.setting.help
            flags.DEFINE_flag(
                kind(_Parser(flag), None, flag.name, default, help_text, **extras), values
            )


def build(settings: type[S], values: flags.FlagValues, arguments: Sequence[str] = ()) -> S:
    """Settings from parsed flags and positional arguments.

    Raises:
      InputError: a positional argument too few or too many, or a required flag is missing.
    """
    positional = [flag for flag in flags_of(settings) if flag.positional]
    if len(arguments) > len(positional):
        extra = arguments[len(positional)]
        raise InputError(f"unexpected argument {extra!r}; --help lists the flags")
    if len(arguments) < len(positional):
        missing = " ".join(flag.name.upper() for flag in positional[len(arguments) :])
        raise InputError(f"expected {missing}; --help says what it can be")
    texts = {flag.name: flag.parse(text) for flag, text in zip(positional, arguments, strict=True)}
    return _replace(settings, {**values.flag_values_dict(), **texts})


def arguments_of(settings: Settings) -> list[str]:
    """The command line that `build` makes these settings of; defaults are left out."""
    defaults = {flag.name: flag.default for flag in flags_of(type(settings))}
    arguments: list[str] = []
    for flag in flags_of(settings):
        if flag.default == defaults[flag.name]:
            continue
        if flag.positional:
            arguments.append(flag.default_text())
        elif flag.boolean:
            arguments.append(f"--{'' if flag.default else 'no'}{flag.name}")
        elif flag.repeated:
            arguments += [f"--{flag.name}={item}" for item in flag.default]
        else:
            arguments.append(f"--{flag.name}={flag.default_text()}")
    return arguments


def _replace(settings: Any, values: Mapping[str, Any]) -> Any:
    """A settings class or instance, as an instance with the flags' values."""
    changes: dict[str, Any] = {}
    for field, default in _members(settings):
        if isinstance(default, Settings):
            changes[field.name] = _replace(default, values)
            continue
        flag = field.setting.flag or field.name
        changes[field.name] = values[flag]
        if values[flag] is None and default is dataclasses.MISSING:
            raise InputError(f"{flag}: it is required; --help says what it can be")
    if isinstance(settings, type):
        return settings(**changes)
    return dataclasses.replace(settings, **changes)


def _is_tuple(hint: Any) -> bool:
    return typing.get_origin(hint) is tuple


def _convert(hint: Any, text: str) -> Any:
    """The text as the field's type. An empty text is None where that is allowed.

    A text that does not fit stays a text, which the field's check then refuses.
    """
    kind: Any = options_of(hint)[0]
    if not text and types.NoneType in options_of(hint):
        return None
    if _is_tuple(kind):
        item = typing.get_args(kind)[0]
        items = tuple(_convert(item, part.strip()) for part in text.split(",")) if text else ()
        return items if all(isinstance(value, item) for value in items) else text
    if kind is bool:
        return _BOOLEANS.get(text.lower(), text)
    try:
        return kind(text)
    except ValueError:
        return text


_BOOLEANS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
