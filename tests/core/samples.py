"""A row of any type, made from the type alone: for tests of what must hold for every saved table, also the next one."""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from typing import Any, get_args, get_origin, get_type_hints

from callbridge.core.model.attempt import Running
from callbridge.core.model.rows import evolve
from callbridge.core.model.saved_tables import SavedTable
from tests.core.story import PBX, START

DUE = START + 5.0


def row_of(table: SavedTable) -> Any:
    """A row of this table; its deadline, if rows have one, is DUE."""
    row = sample(table.row)
    if table.name == "campaigns":
        row = evolve(row, state=Running.RUNNING)
    return evolve(row, deadline=DUE) if table.has_deadline else row


def sample(kind: Any, name: str = "") -> Any:
    """Some value of this type; of a row, one with nothing but what it must have."""
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        must = [one.name for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING]
        return kind(**{one: sample(hints[one], one) for one in must})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    if get_origin(kind) is tuple:
        return ()
    if type(None) in get_args(kind):
        return None
    named = {"queue": "support", "pbx": PBX, "leg": f"{PBX}/l", "id": f"{PBX}/x"}
    return {str: named.get(name, name), float: DUE, bool: False, int: 1}[getattr(kind, "__supertype__", kind)]
