"""Which tables have changed since the rules were checked the last time.

A rule that reads certain rows and not the time is checked when one of them has changed: in most steps none has. Rules about the
time are checked after every step, and all are when a life or a plan begins, or the PBX is listed.
"""

from __future__ import annotations

from collections.abc import Iterable

from callbridge.core.model.world import World

TABLES = frozenset({"agents", "callbacks", "calls", "legs", "tallies"})
"""Those of which there are such rules."""
LEG_IDS = "leg_ids"
"""Legs have been added or have gone; "legs" includes changes of their rows."""


class Changes:
    def __init__(self) -> None:
        self._rows: dict[str, dict[str, object]] = {}

    def since_last_time(self, world: World, touched: Iterable[str]) -> set[str]:
        """The names of the tables in which a row is another one; all, the first time. Of many rows that a step touches the new
        one equals the old one. ``touched``: the tables of which the step has put or dropped rows."""
        first, changed = not self._rows, set[str]()
        for name in TABLES if first else TABLES.intersection(touched):
            before, rows = self._rows.get(name, {}), getattr(world, name).rows()
            if first or before != rows:
                changed.add(name)
                if name == "legs" and (first or before.keys() != rows.keys()):
                    changed.add(LEG_IDS)
                self._rows[name] = dict(rows)
        return changed
