"""A table of the world: rows by key. ``put`` and ``drop`` are the only ways to change one, and every change is written to the
journal of the step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

Row = TypeVar("Row")


class Table(Generic[Row]):
    """Rows by key; calls ``watch(key, old, new)`` for every change, also when a change is undone."""

    def __init__(
        self, name: str, journal: list[tuple[Table[Any], str, Any]], watch: Callable[[str, Row | None, Row | None], None]
    ) -> None:
        self.name = name
        self._rows: dict[str, Row] = {}
        self._journal = journal
        self._watch = watch

    def __getitem__(self, key: str) -> Row:
        return self._rows[key]

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def get(self, key: str | None) -> Row | None:
        return self._rows.get(key) if key is not None else None

    def values(self) -> list[Row]:
        """A copy: safe to change the table while going through it."""
        return list(self._rows.values())

    def rows(self) -> Mapping[str, Row]:
        return self._rows

    def put(self, key: str, row: Row) -> None:
        old = self._rows.get(key)
        self._journal.append((self, key, old))
        self._rows[key] = row
        self._watch(key, old, row)

    def drop(self, key: str) -> None:
        old = self._rows.pop(key, None)
        if old is not None:
            self._journal.append((self, key, old))
            self._watch(key, old, None)

    def undo(self, key: str, old: Row | None) -> None:
        now = self._rows.get(key)
        if old is None:
            self._rows.pop(key, None)
        else:
            self._rows[key] = old
        self._watch(key, now, old)


# A journal entry is (table, key, row before): that the row fits the table is Table.put's word.
Change = tuple[Table[Any], str, Any]
