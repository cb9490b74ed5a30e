"""A constructor that takes settings as keywords: `help` and `inspect.signature` show each of them.

The signature is derived because an explicit one would be a second declaration, which a test could
only hold to the first.
"""

import inspect
import textwrap
from collections.abc import Callable
from typing import Any, TypeVar

from igam_tf.core.settings.fields import Field, Settings, describe, fields_of

C = TypeVar("C", bound=type)


def constructor(kind: type[Settings]) -> Callable[[C], C]:
    """For a class whose `__init__` ends in `**settings: Any` and builds `kind` of them.

    The signature gets the fields as keyword arguments with their types and defaults; `{settings}`
    on a line of the class's docstring becomes their list. It is the signature of `__init__`, so
    that a subclass has its own.
    """

    def decorate(cls: C) -> C:
        init: Any = vars(cls)["__init__"]
        signature = inspect.signature(init)
        own = [each for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD]
        keywords = [_parameter(field) for field in fields_of(kind).values()]
        init.__signature__ = signature.replace(parameters=[*own, *keywords])
        if cls.__doc__:  # there is none under python -OO
            cls.__doc__ = cls.__doc__.replace("{settings}", _listed(kind))
        return cls

    return decorate


def _parameter(field: Field) -> inspect.Parameter:
    default = inspect.Parameter.empty if field.required else field.default
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=field.hint
    )


def _listed(kind: type[Settings]) -> str:
    lines: list[str] = []
    for field in fields_of(kind).values():
        default = "required" if field.required else f"default {field.default!r}"
        text = (
            f"{field.name}: {describe(field.hint, field.setting)}, {default}. {field.setting.help}"
        )
        lines += textwrap.wrap(text, 92, subsequent_indent="  ", break_on_hyphens=False)
    return "\n      ".join(lines)
