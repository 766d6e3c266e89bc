"""Every table of the registry is saved, read back, has its deadlines armed, is undone and can be given up: also the next one."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from callbridge.core.engine import step
from callbridge.core.model.events import EntityFaulted
from callbridge.core.model.facts import EntityQuarantined
from callbridge.core.model.saved_tables import SAVED_TABLES, SavedTable
from callbridge.core.model.world import World
from tests.core.samples import DUE, row_of
from tests.core.story import START, agent, plan, queue

TABLES = pytest.mark.parametrize("table", SAVED_TABLES, ids=lambda table: table.name)


def world() -> World:
    found = World(plan([queue("support")], [agent("bob")]), "t")
    found.now = START
    return found


def rows(world: World) -> dict[str, dict[str, Any]]:
    return {name: dict(table.rows()) for name, table in world.saved_tables().items()}


@TABLES
def test_it_is_a_table_of_the_world_under_its_own_name(table: SavedTable) -> None:
    here = world()
    assert here.saved(table) is getattr(here, table.name) is here.saved_tables()[table.name]
    assert here.saved(table).name == table.name


@TABLES
def test_a_change_is_part_of_what_is_saved(table: SavedTable) -> None:
    here, row = world(), row_of(table)
    here.saved(table).put(table.key(row), row)
    assert here.commit().changed == {(table.name, table.key(row)): row}


@TABLES
def test_a_change_is_undone_with_its_step(table: SavedTable) -> None:
    here, row = world(), row_of(table)
    before, mark = rows(here), here.mark()
    here.saved(table).put(table.key(row), row)
    here.undo_to(mark)
    assert rows(here) == before
    assert here.next_deadline() is None


@TABLES
def test_it_is_read_back_with_its_deadlines(table: SavedTable) -> None:
    here, row = world(), row_of(table)
    here.restore({table.name: [row]})
    assert rows(here)[table.name] == {table.key(row): row}
    assert here.commit().changed == {}, "what is read back has not changed"
    assert here.next_deadline() == (DUE if table.has_deadline else None)
    due = here.take_due(DUE)
    assert due is None if not table.has_deadline else due is not None and (due.kind, due.id) == (table.kind, table.key(row))


@TABLES
def test_a_copy_of_the_world_keeps_its_own_indexes(table: SavedTable) -> None:
    here, row = world(), row_of(table)
    copied = deepcopy(here)
    copied.saved(table).put(table.key(row), row)
    assert here.next_deadline() is None and table.key(row) not in here.saved(table)
    assert copied.next_deadline() == (DUE if table.has_deadline else None)


@TABLES
def test_a_row_about_which_a_step_raised_is_given_up(table: SavedTable) -> None:
    here, row = world(), row_of(table)
    here.restore({table.name: [row]})
    outcome = step(here, EntityFaulted(at=START + 1.0, kind=table.kind, id=table.key(row)))
    told = [(fact.kind, fact.id) for fact in outcome.facts if isinstance(fact, EntityQuarantined)]
    assert told == [(table.kind, table.key(row))]
    left = here.saved(table).get(table.key(row))
    assert left is None or (table.name, table.key(row)) in outcome.changed, "given up, or put in order"


def test_kinds_and_names_are_those_of_one_table_each() -> None:
    assert len({table.kind for table in SAVED_TABLES}) == len({table.name for table in SAVED_TABLES}) == len(SAVED_TABLES)


def test_rows_of_no_table_are_refused() -> None:
    with pytest.raises(ValueError, match="no world has: moons"):
        world().restore({"moons": []})
