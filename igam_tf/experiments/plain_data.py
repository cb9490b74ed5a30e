"""Plain data of documents: read from JSON, built into dataclasses with checks, written as JSON."""

import dataclasses
import json
import pathlib
import types
import typing
from typing import Any

from igam_tf.core.errors import InputError

_WIDTH = 100  # what fits into a line stays on it


def read(path: pathlib.Path) -> Any:
    """The content of a JSON file.

    Raises:
      InputError: the file cannot be read, or is not JSON.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({type(error).__name__})") from error
    return parse(text, str(path))


def parse(text: str, where: str) -> Any:
    """The content of JSON.

    Args:
      where: what the text is, for the message of an error.

    Raises:
      InputError: the text is not JSON.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputError(f"{where}: not JSON ({error})") from error


def build(kind: Any, data: Any, where: str) -> Any:
    """A dataclass from plain data, by the types of its fields, which may hold other dataclasses.

    Args:
      where: what the data is, for the message of an error.

    Raises:
      InputError: an unknown or missing key, or a value of another type.
    """
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        if data is None:
            return None
        kind = next(option for option in typing.get_args(kind) if option is not types.NoneType)
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, data, where)
    base = typing.get_origin(kind) or kind
    if base is Any:
        return data
    if not isinstance(data, base) or (base is int and isinstance(data, bool)):
        raise InputError(f"{where}: expected {_NOUNS[base]}, got {json.dumps(data)[:60]}")
    if base is dict:
        return {
            key: build(typing.get_args(kind)[1], item, f"{where}.{key}")
            for key, item in data.items()
        }
    if base is list:
        return [
            build(typing.get_args(kind)[0], item, f"{where}[{index}]")
            for index, item in enumerate(data)
        ]
    return data


_NOUNS = {
    dict: "an object",
    list: "a list",
    str: "a string",
    int: "a whole number",
    bool: "true or false",
}


def _dataclass(kind: Any, data: Any, where: str) -> Any:
    if not isinstance(data, dict):
        raise InputError(f"{where}: expected an object, got {json.dumps(data)[:60]}")
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    unknown = sorted(set(data) - set(fields))
    missing = [name for name in fields if _is_required(fields[name]) and name not in data]
    if unknown or missing:
        raise InputError(f"{where}: unknown keys {unknown}, missing keys {missing}")
    return kind(
        **{name: build(hints[name], item, f"{where}.{name}") for name, item in data.items()}
    )


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def to_json(value: Any) -> str:
    """JSON that differs by lines: an object or a list that fits into a line stays on it."""
    return _lines(value, "", 0)


def _lines(value: Any, key: str, indent: int) -> str:
    """The value after its key, which stands at `indent`."""
    line = key + json.dumps(value, ensure_ascii=False)
    fits = indent + len(line) < _WIDTH  # and a comma
    if not isinstance(value, (dict, list)) or not value or fits or _is_flat(value):
        return line
    inner = " " * (indent + 1)
    if isinstance(value, dict):
        opening, closing = "{}"
        keys = [f"{json.dumps(name, ensure_ascii=False)}: " for name in value]
        values = list(value.values())
    else:
        opening, closing = "[]"
        keys, values = [""] * len(value), value
    items = f",\n{inner}".join(
        _lines(item, name, indent + 1) for name, item in zip(keys, values, strict=True)
    )
    return f"{key}{opening}\n{inner}{items}\n{' ' * indent}{closing}"


def _is_flat(value: Any) -> bool:
    """A list of numbers, such as a row of a history: one line, however long."""
    return isinstance(value, list) and all(
        isinstance(item, (int, float)) or item is None for item in value
    )
