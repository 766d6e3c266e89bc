"""What the rows of the saved world look like, as text: every field with its type, every value of every enum, recursively.

One line per field and per enum value, sorted by type, so that two people who add fields at the same time merge easily.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from typing import Any, NewType, Union, get_args, get_origin, get_type_hints

from callbridge.adapters.facts.codec import ROW_TYPES


def described() -> str:
    """All saved rows of this version."""
    known: dict[str, list[str]] = {}
    for row in ROW_TYPES.values():
        _describe(row, known)
    return "".join(f"{line}\n" for name in sorted(known) for line in known[name])


def _describe(kind: Any, known: dict[str, list[str]]) -> None:
    if (name := _spelled(kind)) in known:
        return
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        known[name] = [f"{name}.{one.name}: {_spelled(hints[one.name])}{_default(one)}" for one in fields(kind)]
        for one in fields(kind):
            _describe(hints[one.name], known)
    elif isinstance(kind, type) and issubclass(kind, Enum):
        known[name] = [f"{name} = {value.value!r}" for value in kind]
    else:
        for part in get_args(kind):
            if part is not ...:
                _describe(part, known)


def _spelled(kind: Any) -> str:
    if isinstance(kind, NewType):
        return _spelled(kind.__supertype__)
    if kind is type(None):
        return "None"
    if get_origin(kind) in (Union, types.UnionType):
        return " | ".join(_spelled(part) for part in get_args(kind))
    if parts := [*_parts(kind)]:
        return f"{get_origin(kind).__name__}[{', '.join(parts)}]"
    if kind.__module__ == "builtins":
        return str(kind.__name__)
    return f"{kind.__module__.rpartition('.')[2]}.{kind.__name__}"  # two modules may have an enum of the same name


def _parts(kind: Any) -> Iterator[str]:
    for part in get_args(kind):
        yield "..." if part is ... else _spelled(part)


def _default(one: Field[Any]) -> str:
    return "" if one.default is MISSING and one.default_factory is MISSING else " (optional)"
