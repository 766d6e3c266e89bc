"""Quarters of an hour since 1970 as the grain in which the database adds up: in every time zone of today all intervals begin and
end with one, so any division into intervals can be made from the same sums."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Integer
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement

from callbridge.adapters.reports.intervals import Interval

SLOT = 900
"""Seconds."""


class slot_of(FunctionElement[int]):
    """The number of the quarter of an hour of a time."""

    type = Integer()
    inherit_cache = True

    def __init__(self, at: ColumnElement[float]) -> None:
        super().__init__(at)


@compiles(slot_of)
def _floor(element: slot_of, compiler: Any, **options: Any) -> str:
    return f"CAST(floor({compiler.process(element.clauses, **options)} / {SLOT}.0) AS BIGINT)"


@compiles(slot_of, "sqlite")
def _truncated(element: slot_of, compiler: Any, **options: Any) -> str:
    """SQLite truncates, which is the same after 1970, and may have no floor."""
    return f"CAST({compiler.process(element.clauses, **options)} / {SLOT}.0 AS INTEGER)"


def labels_of(pieces: Iterable[Interval]) -> dict[int, str]:
    """Slot -> the label of the interval that it is in. Of a period that begins within a slot, the slot belongs to the interval in
    which it begins, or to the first one."""
    found: dict[int, str] = {}
    for piece in pieces:
        for slot in range(int(piece.began // SLOT), -int(-piece.ended // SLOT)):
            if slot * SLOT >= piece.began or slot not in found:
                found[slot] = piece.label
    return found
