"""Configurations as JSON, read back strictly, and as the digest that names a run."""

import dataclasses
import hashlib
import json
from typing import Any, TypeVar

from igam_tf.core.errors import InputError
from igam_tf.core.settings.fields import Field, describe, fields_of, options_of

T = TypeVar("T")


def to_dict(config: Any, identity: bool = False) -> Any:
    """Nested plain data; every dataclass has its class name under `type`.

    `identity` keeps only the fields that belong to the digest (`Setting.identity`).
    """
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        fields = {
            name: to_dict(getattr(config, name), identity)
            for name, field in fields_of(type(config)).items()
            if not identity or _identifies(field, getattr(config, name))
        }
        return {"type": type(config).__name__, **fields}
    if isinstance(config, (tuple, list)):
        return [to_dict(item, identity) for item in config]
    return config


def _identifies(field: Field, value: Any) -> bool:
    rule = field.setting.identity
    return value != field.default if rule == "if set" else rule == "always"


def to_json(config: Any) -> str:
    return json.dumps(to_dict(config), indent=1)


def digest(config: Any) -> str:
    """Ten hexadecimal digits, a hash of the configuration."""
    canonical = json.dumps(to_dict(config, identity=True), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:10]


def from_dict(kind: type[T], data: Any, where: str = "config") -> T:
    """The inverse of `to_dict`.

    Raises:
      InputError: an unknown or missing key, or a wrong value; the message names the key.
    """
    if not isinstance(data, dict):
        raise InputError(f"{where}: expected an object, got {data!r}")
    fields = fields_of(kind)
    unknown = sorted(set(data) - set(fields) - {"type"})
    missing = sorted(name for name, field in fields.items() if field.required and name not in data)
    if unknown or missing:
        raise InputError(f"{where}: {kind.__name__} has unknown keys {unknown} and lacks {missing}")
    values = {
        name: _value(field, data[name], f"{where}.{name}")
        for name, field in fields.items()
        if name in data
    }
    try:
        return kind(**values)
    except InputError as error:  # its message begins with the field's name
        raise InputError(f"{where}.{error}") from error


def _value(field: Field, data: Any, where: str) -> Any:
    """A nested object as the dataclass named by its `type`; other values unchanged."""
    if not isinstance(data, dict):
        return data
    for option in options_of(field.hint):
        if (
            dataclasses.is_dataclass(option)
            and isinstance(option, type)
            and option.__name__ == data.get("type")
        ):
            return from_dict(option, data, where)
    raise InputError(
        f"{where}: expected {describe(field.hint, field.setting)}, got type {data.get('type')!r}"
    )
