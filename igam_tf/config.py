"""Configurations as frozen dataclasses: what is printed beside a result, hashed to name a run, and read back strictly."""

import dataclasses
import hashlib
import json
import types
import typing
from typing import Any, TypeVar

from igam_tf.errors import InputError

T = TypeVar("T")


def to_dict(config: Any, identity: bool = False) -> Any:
    """Nested plain data, every dataclass marked with its type's name under `type`.

    `identity` leaves out the fields whose metadata says `identity=False` (where a thing is, not what it is), and unset ones
    of `identity="if set"`: settings that came later and must not rename the runs that were made before.
    """
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        fields = {
            f.name: to_dict(getattr(config, f.name), identity)
            for f in dataclasses.fields(config)
            if not identity or _identifies(f.metadata.get("identity", True), getattr(config, f.name), f.default)
        }
        return {"type": type(config).__name__, **fields}
    if isinstance(config, (tuple, list)):
        return [to_dict(item, identity) for item in config]
    return config


def _identifies(rule: bool | str, value: Any, default: Any) -> bool:
    return value != default if rule == "if set" else bool(rule)


def to_json(config: Any) -> str:
    return json.dumps(to_dict(config), indent=1)


def digest(config: Any) -> str:
    """Ten hexadecimal digits of the configuration's content."""
    canonical = json.dumps(to_dict(config, identity=True), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:10]


def from_dict(kind: type[T], data: Any, where: str = "config") -> T:
    """The inverse of `to_dict`.

    Raises:
      InputError: an unknown or missing key, or data of another shape; names the key.
    """
    if not isinstance(data, dict):
        raise InputError(f"{where}: expected an object, got {data!r}")
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]  # kind is a dataclass
    unknown = sorted(set(data) - set(fields) - {"type"})
    missing = sorted(
        name
        for name, f in fields.items()
        if name not in data and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    )
    if unknown or missing:
        raise InputError(f"{where}: {kind.__name__} has unknown keys {unknown} and lacks {missing}")
    hints = typing.get_type_hints(kind)
    return kind(**{n: _value(hints[n], data[n], f"{where}.{n}") for n in fields if n in data})


def _value(hint: Any, data: Any, where: str) -> Any:
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    kinds = [option for option in options if dataclasses.is_dataclass(option) and isinstance(option, type)]
    if isinstance(data, dict):
        for kind in kinds:
            if kind.__name__ == data.get("type"):
                return from_dict(kind, data, where)
    elif not kinds or (data is None and types.NoneType in options):
        return tuple(data) if isinstance(data, list) else data
    expected = " or ".join(f"a {kind.__name__}" for kind in kinds) or str(hint)
    found = f"type {data.get('type')!r}" if isinstance(data, dict) else repr(data)
    raise InputError(f"{where}: expected {expected}, got {found}")
