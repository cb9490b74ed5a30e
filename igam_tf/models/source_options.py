"""Options of a network's source, such as `alpha=0.35` in `keras:MobileNetV2:alpha=0.35`."""

import ast
from typing import Any

from igam_tf.core.errors import InputError


def source_option(text: str) -> tuple[str, Any]:
    """The name and the value of an option: a Python literal, or a string without quotes.

    Raises:
      InputError: no `NAME=VALUE`.
    """
    name, separator, value = text.partition("=")
    if not separator:
        raise InputError(f"network: expected options such as alpha=0.35, got {text!r}")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):  # a string without quotes
        return name, value
