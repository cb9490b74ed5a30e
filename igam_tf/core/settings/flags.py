"""absl flags of a command: defined from a settings dataclass, and read back into one."""

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
    """A flag, or an argument without a name: its field, and the default of this command."""

    name: str
    field: Field
    default: Any

    @property
    def boolean(self) -> bool:
        return self.field.hint is bool

    def parse(self, argument: Any) -> Any:
        """The value of a text; absl also passes defaults, which have their type already."""
        if not isinstance(argument, str) or self.field.setting.repeated:
            return argument
        value = _parsed(self.field.hint, argument)
        self.field.require(value, self.name, argument)
        return value

    def help(self) -> str:
        """Name, choices, sentence and default, as --help shows them."""
        setting = self.field.setting
        shown = self.name.upper() if setting.positional else f"--{'[no]' * self.boolean}{self.name}"
        default = self.shown_default()
        text = f"{setting.help} {self._choices()}({'' if default == 'required' else 'default: '}{default})"
        return f"  {shown}\n{textwrap.fill(text, 100, initial_indent=' ' * 6, subsequent_indent=' ' * 6)}"

    def _choices(self) -> str:
        setting = self.field.setting
        separated = (
            "Comma-separated. " if _is_list(self.field.hint) and not setting.repeated else ""
        )
        return f"One of {', '.join(setting.choices)}. {separated}" if setting.choices else separated

    def shown_default(self) -> str:
        if self.default is dataclasses.MISSING:
            return "required"
        items = self.default if isinstance(self.default, tuple) else (self.default,)
        shown = ",".join(
            "none" if item is None else str(item).lower() if self.boolean else str(item)
            for item in items
        )
        return shown or "none"


class _Parser(flags.ArgumentParser):
    """A parser whose error is the one line that Python and JSON give."""

    def __init__(self, flag: Flag) -> None:
        self._flag = flag

    def parse(self, argument: Any) -> Any:
        try:
            return self._flag.parse(argument)
        except InputError as error:  # absl would put its own words around a ValueError
            raise flags.IllegalFlagValueError(str(error)) from error


def flags_of(settings: Settings | type[Settings]) -> Iterator[Flag]:
    """The flags of a settings class, or of an example of one, whose values are the defaults.

    A field that holds settings itself stands for the flags of these.
    """
    for field, default in _members(settings):
        if isinstance(default, Settings):
            yield from flags_of(default)
        else:
            yield Flag(field.setting.flag or field.name, field, default)


def _members(settings: Settings | type[Settings]) -> Iterator[tuple[Field, Any]]:
    """Fields that have flags, with their defaults."""
    for field in fields_of(settings if isinstance(settings, type) else type(settings)).values():
        if field.setting.flag is not None:
            yield (
                field,
                field.default if isinstance(settings, type) else getattr(settings, field.name),
            )


def define(settings: type[Settings], values: flags.FlagValues) -> None:
    """Defines the named flags in `values`."""
    for flag in flags_of(settings):
        if not flag.field.setting.positional:
            kind = flags.MultiFlag if flag.field.setting.repeated else flags.Flag
            default = None if flag.default is dataclasses.MISSING else flag.default
            extras = {} if flag.field.setting.repeated else {"boolean": flag.boolean}
            flags.DEFINE_flag(
                kind(_Parser(flag), None, flag.name, default, flag.field.setting.help, **extras),
                values,
            )


def build(settings: type[S], values: flags.FlagValues, arguments: Sequence[str] = ()) -> S:
    """The settings that parsed flags and the arguments without a name say.

    Raises:
      InputError: an argument too few or too many, or a required flag that is not there.
    """
    positional = [flag for flag in flags_of(settings) if flag.field.setting.positional]
    if len(arguments) > len(positional):
        raise InputError(
            f"unexpected argument {arguments[len(positional)]!r}; --help lists the flags"
        )
    if len(arguments) < len(positional):
        missing = " ".join(flag.name.upper() for flag in positional[len(arguments) :])
        raise InputError(f"expected {missing}; --help says what it can be")
    texts = {flag.name: flag.parse(text) for flag, text in zip(positional, arguments, strict=True)}
    return _built(settings, {**values.flag_values_dict(), **texts})


def _built(settings: Any, values: Mapping[str, Any]) -> Any:
    changes: dict[str, Any] = {}
    for field, default in _members(settings):
        flag = field.setting.flag or field.name
        changes[field.name] = (
            _built(default, values) if isinstance(default, Settings) else values[flag]
        )
        if changes[field.name] is None and default is dataclasses.MISSING:
            raise InputError(f"{flag}: it is required; --help says what it can be")
    return (
        settings(**changes)
        if isinstance(settings, type)
        else dataclasses.replace(settings, **changes)
    )


def _is_list(hint: Any) -> bool:
    return any(typing.get_origin(option) is tuple for option in options_of(hint))


def _parsed(hint: Any, text: str) -> Any:
    """The text as the field's type; what does not fit stays a text, for the field's check to
    refuse.

    An empty text unsets what may be None.
    """
    kind: Any = options_of(hint)[0]
    if not text and types.NoneType in options_of(hint):
        return None
    if typing.get_origin(kind) is tuple:
        item = typing.get_args(kind)[0]
        items = tuple(_parsed(item, part.strip()) for part in text.split(",")) if text else ()
        return items if all(isinstance(value, item) for value in items) else text
    if kind is bool:
        return _BOOLEANS.get(text.lower(), text)
    try:
        return kind(text)
    except ValueError:
        return text


_BOOLEANS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
