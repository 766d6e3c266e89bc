"""The registry of saved tables: each is declared here, once, with all that others need to know of it.

From it are derived the world's tables and their deadlines, what a restart reads back, how rows are stored, and what becomes of
a row about which a step raised. A new table is one line here, an index function in ``World._watcher`` where something is
looked up by anything but the key, and a line in ``recovery.quarantine`` where giving up a row is more than to drop it. What is
to be done when a row's deadline passes is a case of the engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Annotated, Any, get_args, get_type_hints

from callbridge.core.model.agent import Agent
from callbridge.core.model.attempt import Attempt, Campaign, PendingBlock
from callbridge.core.model.call import Call
from callbridge.core.model.callback import Callback, KeptPlace
from callbridge.core.model.closure import Closure
from callbridge.core.model.leg import Leg
from callbridge.core.model.score_cursor import ScoreCursor
from callbridge.core.model.script_answers import ScriptAnswers
from callbridge.core.model.switch import Switch
from callbridge.core.model.table import Table
from callbridge.core.model.tally import Tally, tally_key


def _id(row: Any) -> str:
    key: str = row.id
    return key


def _tally(row: Tally) -> str:
    return tally_key(row.queue, row.day)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Saved:
    kind: str
    key: Callable[[Any], str] = _id
    present: bool = False
    formerly: str = ""


class SavedTables:
    """The tables as attributes of the world, in the order in which a restart reads them back."""

    legs: Annotated[Table[Leg], _Saved(kind="leg", present=True)]
    agents: Annotated[Table[Agent], _Saved(kind="agent", present=True)]
    calls: Annotated[Table[Call], _Saved(kind="call", present=True)]
    tallies: Annotated[Table[Tally], _Saved(kind="tally", key=_tally, present=True)]
    switches: Annotated[Table[Switch], _Saved(kind="switch")]
    closures: Annotated[Table[Closure], _Saved(kind="closure")]
    callbacks: Annotated[Table[Callback], _Saved(kind="callback", formerly="promises")]
    places: Annotated[Table[KeptPlace], _Saved(kind="place")]
    campaigns: Annotated[Table[Campaign], _Saved(kind="campaign")]
    attempts: Annotated[Table[Attempt], _Saved(kind="attempt")]
    blocks: Annotated[Table[PendingBlock], _Saved(kind="block")]
    """On their way to the do-not-call list."""
    score_cursors: Annotated[Table[ScoreCursor], _Saved(kind="score_cursor")]
    script_answers: Annotated[Table[ScriptAnswers], _Saved(kind="script_answers")]
    observed_tallies: Annotated[Table[Tally], _Saved(kind="observed_tally", key=_tally)]
    observed_agents: Annotated[Table[Agent], _Saved(kind="observed_agent")]
    observed_calls: Annotated[Table[Call], _Saved(kind="observed_call")]
    """Rows of the PBX's own queues that are observed besides callbridge's (``observe``): kept here to be saved only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedTable:
    """One table of the registry. ``kind``: what deadlines and faults call its rows. ``present``: it describes the present and
    means nothing without the others of that sort; the rest is owed, or was decided by people, and stands on its own.
    ``formerly``: its name in worlds of older versions."""

    name: str
    row: type
    kind: str
    key: Callable[[Any], str]
    present: bool
    formerly: str

    @property
    def has_deadline(self) -> bool:
        return any(field.name == "deadline" for field in fields(self.row))


def _declared() -> tuple[SavedTable, ...]:
    found = []
    for name, hint in get_type_hints(SavedTables, include_extras=True).items():
        table, saved = get_args(hint)
        (row,) = get_args(table)
        declared = {one.name: getattr(saved, one.name) for one in fields(saved)}
        found.append(SavedTable(name=name, row=row, **declared))
    return tuple(found)


SAVED_TABLES = _declared()
