"""Statements that insert rows, or change those that are there already: each is made once.

SQLAlchemy describes the row that could not be inserted (``excluded``) by a copy of the table whose parts refer to each other in
circles: 20 kB for each statement, which only the garbage collector frees, and late in a process that is never idle
(``adapters/system/garbage.py``). It also takes longer to make than to execute.
"""

from __future__ import annotations

from functools import lru_cache

from sqlalchemy import Connection, Insert, Table
from sqlalchemy.dialects import postgresql, sqlite

KEPT_STATEMENTS = 256
"""A statement for each table and set of columns: what the facts of a batch say of one row, in few combinations."""


def upsert(link: Connection, table: Table, columns: tuple[str, ...]) -> Insert:
    """The statement that writes rows with these columns, the primary key among them."""
    return _made(link.dialect.name, table, columns)


@lru_cache(maxsize=KEPT_STATEMENTS)
def _made(dialect: str, table: Table, columns: tuple[str, ...]) -> Insert:
    made = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table)
    keys = [column.name for column in table.primary_key]
    changed = {name: made.excluded[name] for name in columns if name not in keys}
    return made.on_conflict_do_update(index_elements=keys, set_=changed)
