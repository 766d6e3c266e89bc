"""Rows of the saved world <-> bytes, and facts -> plain data.

A row is stored as the JSON array ``[schema, row]``: each row carries its own schema number, so an upgrade under way
leaves a readable mixture. Reading a row of an older schema passes it through ``migrations``, one version at a time.
Lone surrogates, which JSON in UTF-8 cannot carry, are replaced here, on the way out; everything else survives.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from callbridge.adapters.facts.migrations import MIGRATIONS, SCHEMA
from callbridge.adapters.facts.privacy import storable
from callbridge.adapters.facts.totals import TABLE, Total
from callbridge.core.model.facts import AnyFact
from callbridge.core.model.saved_tables import SAVED_TABLES

ROW_TYPES: Mapping[str, type] = {one.name: one.row for one in SAVED_TABLES} | {TABLE: Total}
"""The rows of each table that a store keeps: the world's and, beside them, the totals."""
TABLES = tuple(ROW_TYPES)
FORMER_TABLES: Mapping[str, str] = {one.formerly: one.name for one in SAVED_TABLES if one.formerly}
"""Names that tables had in older worlds, and what they are called now."""

_ADAPTERS: dict[str, TypeAdapter[Any]] = {table: TypeAdapter(row) for table, row in ROW_TYPES.items()}
_OPENING = b"[%d," % SCHEMA


class UnreadableRow(ValueError):
    """A stored row that cannot be read; the message says why."""


class FutureSchema(RuntimeError):
    """The world was saved by a newer callbridge: this one must not touch it."""

    def __init__(self, found: int) -> None:
        super().__init__(f"the saved world has schema {found}; this callbridge reads up to {SCHEMA}: start the newer one")
        self.found = found


def encode_row(table: str, row: object) -> bytes:
    """A row as it is stored."""
    adapter = _ADAPTERS[table]
    try:
        return _OPENING + adapter.dump_json(row) + b"]"
    except PydanticSerializationError:
        plain = _storable(adapter.dump_python(row))
        return _OPENING + json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode() + b"]"


def decode_row(table: str, data: bytes) -> object:
    """A stored row. Raises UnreadableRow, or FutureSchema when a newer callbridge wrote it."""
    adapter = _ADAPTERS[table]
    try:
        if data.startswith(_OPENING) and data.endswith(b"]"):
            row: object = adapter.validate_json(data[len(_OPENING) : -1])
        else:
            row = adapter.validate_python(_migrated(table, data))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise UnreadableRow(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    return row


def check_schema(found: int) -> None:
    """Raises FutureSchema."""
    if found > SCHEMA:
        raise FutureSchema(found)


def _migrated(table: str, data: bytes) -> dict[str, Any]:
    try:
        match json.loads(data):
            case [int(version), dict(row)]:
                pass
            case _:
                raise UnreadableRow("not [schema, row]")
    except (ValueError, RecursionError) as error:
        raise UnreadableRow(str(error)) from None
    check_schema(version)
    while version < SCHEMA:
        if version not in MIGRATIONS:
            raise UnreadableRow(f"no way from schema {version} to {SCHEMA}")
        row = MIGRATIONS[version](table, row)
        version += 1
    return row


def _storable(value: Any) -> Any:
    match value:
        case str():
            return storable(str(value))
        case Mapping():
            return {key: _storable(item) for key, item in value.items()}
        case list() | tuple():
            return [_storable(item) for item in value]
        case _:
            return value


# -- facts ----------------------------------------------------------------------------------------------------------

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_KINDS: tuple[type, ...] = get_args(AnyFact)
_NAMES = {kind: _HUMP.sub("_", kind.__name__).lower() for kind in _KINDS}
_DATA = {kind: tuple(f.name for f in fields(kind) if f.name not in ("seq", "at", "call")) for kind in _KINDS}

FACT_KINDS: Mapping[str, type] = {name: kind for kind, name in _NAMES.items()}
"""All kinds of facts by their public names."""
FACT_TYPES = frozenset(FACT_KINDS)
"""The public names of all kinds of facts."""


def fact_type(fact: AnyFact) -> str:
    """The public name of a kind of fact: ``CallArrived`` is ``call_arrived``."""
    return _NAMES[type(fact)]


def fact_data(fact: AnyFact) -> dict[str, Any]:
    """The fields of a fact beside those of its envelope (``seq``, ``at``, ``type``, ``call``)."""
    return {name: getattr(fact, name) for name in _DATA[type(fact)]}


def fact_dict(fact: AnyFact) -> dict[str, Any]:
    """The whole fact as plain data."""
    return {"seq": fact.seq, "at": fact.at, "type": fact_type(fact), "call": fact.call, **fact_data(fact)}
