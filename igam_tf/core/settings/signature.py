"""Constructors with settings as keywords, each visible in `help` and `inspect.signature`.

The signature is derived: an explicit one would declare every setting a second time.
"""

import inspect
import textwrap
from collections.abc import Callable
from typing import Any, TypeVar

from igam_tf.core.settings.fields import Field, Settings, describe, fields_of

C = TypeVar("C", bound=type)


def constructor(kind: type[Settings]) -> Callable[[C], C]:
    """A decorator for a class whose `__init__` ends in `**settings: Any` and passes them to `kind`.

    `__init__` gets a signature with the fields of `kind` as keyword arguments, and `{settings}` in
    the class's docstring becomes their list. Subclasses keep their own signatures.
    """

    def decorate(cls: C) -> C:
        init: Any = vars(cls)["__init__"]
        signature = inspect.signature(init)
        own = [item for item in signature.parameters.values() if item.kind is not item.VAR_KEYWORD]
        keywords = [_parameter(field) for field in fields_of(kind).values()]
        init.__signature__ = signature.replace(parameters=[*own, *keywords])
        if cls.__doc__:  # None under python -OO
            cls.__doc__ = cls.__doc__.replace("{settings}", _field_list(kind))
        return cls

    return decorate


def _parameter(field: Field) -> inspect.Parameter:
    default = inspect.Parameter.empty if field.required else field.default
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=field.hint
    )


def _field_list(kind: type[Settings]) -> str:
    lines: list[str] = []
    for field in fields_of(kind).values():
        default = "required" if field.required else f"default {field.default!r}"
        allowed = describe(field.hint, field.setting)
        text = f"{field.name}: {allowed}, {default}. {field.setting.help}"
        lines += textwrap.wrap(text, 92, subsequent_indent="  ", break_on_hyphens=False)
    return "\n      ".join(lines)
