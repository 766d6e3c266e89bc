"""The database as a folder of files: exported to be kept or moved, imported into another database.

``manifest.json`` says from which schema the rows are and, for each table, how many there are and their SHA-256; each table is a
file of JSON lines, a row a line. An export is one moment of the database, whatever is written meanwhile, and is complete when its
folder is there. An import checks all files before it writes anything, and skips rows that are there already.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Engine, Table, and_, func, select, text
from sqlalchemy.dialects import postgresql, sqlite

from callbridge.adapters.database import schema
from callbridge.adapters.database.history_tables import agent_states, callbacks, calls, changes, cursors, legal_holds
from callbridge.adapters.database.ledger_tables import LEDGER_TABLES, leads
from callbridge.adapters.database.quality_tables import quality_marks, quality_scores
from callbridge.adapters.history.retention import TIMES
from callbridge.adapters.system.private_files import open_private

FORMAT = 1
MANIFEST = "manifest.json"
_AT_ONCE = 1_000
_OWN_TIMES: Mapping[str, Column[float]] = {
    calls.name: calls.c.arrived_at,
    callbacks.name: callbacks.c.requested_at,
    agent_states.name: agent_states.c.began_at,
    changes.name: changes.c.at,
}


_NUMBERED: Mapping[str, tuple[str, ...]] = {leads.name: ("campaign", "number"), quality_scores.name: ("reviewer", "recording")}
"""Tables whose rows are numbered by the database, and what tells their rows apart besides."""


class BadArchive(ValueError):
    """The folder cannot be written or imported; the message says why."""


@dataclass(frozen=True, slots=True)
class Moved:
    """``there``: rows that were in the database already."""

    table: str
    rows: int
    there: int = 0


# -- export -----------------------------------------------------------------------------------------------------------


def export(engine: Engine, folder: Path, at: float, period: tuple[float, float] | None = None) -> list[Moved]:
    """Write a new folder. ``period``: only the history of the calls that arrived in it, and what agents did and people requested;
    without it everything, also the ledger and how far the history is written. Raises BadArchive, OSError and SQLAlchemyError."""
    if folder.exists():
        raise BadArchive(f"{folder} already exists")
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(mode=0o700, parents=True)
        moved, files = [], {}
        with _one_moment(engine) as link:
            for table in schema.ALL_TABLES:
                wanted = _in_period(table, period) if period is not None else None
                if period is None or wanted is not None:
                    files[table.name] = _write(link, table, wanted, part / f"{table.name}.jsonl")
                    moved.append(Moved(table.name, files[table.name]["rows"]))
        about = {"format": FORMAT, "schema": schema.head(), "exported_at": at, "period": period, "tables": files}
        with open_private(part / MANIFEST) as file:
            file.write(json.dumps(about, indent=2).encode() + b"\n")
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return moved


@contextmanager
def _one_moment(engine: Engine) -> Iterator[Connection]:
    """Reads that see the database as it is now, whatever is written meanwhile."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as link, link.begin():
            yield link
        return
    with engine.connect() as link:
        link.exec_driver_sql("BEGIN")
        try:
            yield link
        finally:
            link.rollback()


def _in_period(table: Table, period: tuple[float, float]) -> ColumnElement[bool] | None:
    """None: the table has no part in a period."""
    if table in (cursors, legal_holds, *LEDGER_TABLES):
        return None
    arrived = select(calls.c.call).where(calls.c.arrived_at >= period[0], calls.c.arrived_at < period[1])
    at = _OWN_TIMES.get(table.name)
    if at is not None:
        return and_(at >= period[0], at < period[1])
    if "call" in table.columns:
        return table.c.call.in_(arrived)
    if table is quality_marks:
        return quality_marks.c.score.in_(select(quality_scores.c.id).where(quality_scores.c.call.in_(arrived)))
    return and_(TIMES[table.name] >= period[0], TIMES[table.name] < period[1])


def _write(link: Connection, table: Table, wanted: ColumnElement[bool] | None, path: Path) -> dict[str, Any]:
    statement = select(table).order_by(*table.primary_key)
    found = link.execution_options(yield_per=_AT_ONCE).execute(statement if wanted is None else statement.where(wanted))
    digest, rows = hashlib.sha256(), 0
    with open_private(path) as file:
        for row in found.mappings():
            line = json.dumps(dict(row), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
            digest.update(line)
            file.write(line)
            rows += 1
    return {"rows": rows, "sha256": digest.hexdigest()}


# -- import -----------------------------------------------------------------------------------------------------------


def import_(engine: Engine, folder: Path) -> list[Moved]:
    """Bring the rows of a folder into a database, a thousand at a time, each whole or not at all. What was imported before it
    was cut off is skipped the next time. Raises BadArchive, OSError and SQLAlchemyError."""
    files = _checked(folder)
    tables = [table for table in schema.ALL_TABLES if table.name in files]
    for table in tables:
        if table.name in _NUMBERED:
            _refuse_other_numbers(engine, table, folder / f"{table.name}.jsonl")
    moved = [_read(engine, table, folder / f"{table.name}.jsonl") for table in tables]
    if engine.dialect.name == "postgresql":
        with engine.begin() as link:  # new rows get the numbers behind those that came with their own
            for name in _NUMBERED.keys() & files.keys():
                link.execute(text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), greatest(max(id), 1)) FROM {name}"))
    return moved


def _refuse_other_numbers(engine: Engine, table: Table, path: Path) -> None:
    """Rows that the database numbers itself: others under the same number would be taken for those that are there."""
    names = _NUMBERED[table.name]
    with engine.connect() as link:
        there = {row[0]: tuple(row[1:]) for row in link.execute(select(table.c.id, *(table.c[name] for name in names)))}
    if not there:
        return
    with path.open("rb") as file:
        for line in file:
            row = json.loads(line)
            if there.get(row["id"], key := tuple(row[name] for name in names)) != key:
                raise BadArchive(f"{table.name} {row['id']} differs in this database: import into an empty one")


def _checked(folder: Path) -> Mapping[str, str]:
    """The tables of a folder that is whole, with their SHA-256."""
    try:
        about = json.loads((folder / MANIFEST).read_text())
        files = {str(name): str(said["sha256"]) for name, said in about["tables"].items()}
        known = (about["format"], about["schema"])
    except (FileNotFoundError, NotADirectoryError):
        raise BadArchive(f"{folder} is not an export: it has no {MANIFEST}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadArchive(f"{folder / MANIFEST} cannot be read") from None
    if known != (FORMAT, schema.head()):
        raise BadArchive(f"the export has schema {known[1]}, this callbridge {schema.head()}: import it with that version")
    if unknown := files.keys() - {table.name for table in schema.ALL_TABLES}:
        raise BadArchive(f"unknown tables: {', '.join(sorted(unknown))}")
    for name, said in files.items():
        digest = hashlib.sha256()
        with (folder / f"{name}.jsonl").open("rb") as file:
            while some := file.read(1 << 20):
                digest.update(some)
        if digest.hexdigest() != said:
            raise BadArchive(f"{folder / name}.jsonl is not what was exported: its SHA-256 differs")
    return files


def _read(engine: Engine, table: Table, path: Path) -> Moved:
    made = (postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert)(table).on_conflict_do_nothing()
    before, rows = _count(engine, table), 0
    with path.open("rb") as file:
        while some := [json.loads(line) for line in islice(file, _AT_ONCE)]:
            with engine.begin() as link:
                link.execute(made, some)
            rows += len(some)
    new = _count(engine, table) - before
    return Moved(table.name, new, rows - new)


def _count(engine: Engine, table: Table) -> int:
    with engine.connect() as link:
        return link.scalar(select(func.count()).select_from(table)) or 0
