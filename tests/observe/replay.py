"""Replays recordings of AMI through ``step``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from callbridge.adapters.facts.codec import fact_dict
from callbridge.core.model.plan import Plan
from callbridge.core.model.world import World
from callbridge.observe import AmiHeard, CallOverdue, ObservedFloor, QueuesListed, step
from tests.observe.record import FOLDER

DAY = "2026-11-29"
START = 1_000_000.0
LISTING = ("QueueParams", "QueueMember", "QueueEntry", "QueueStatusComplete")
Line = tuple[float, dict[str, str]]


def recorded(name: str) -> list[Line]:
    path: Path = FOLDER / f"{name}.jsonl"
    return [(at, message) for at, message in map(json.loads, path.read_text().splitlines())]


def new_floor() -> ObservedFloor:
    return ObservedFloor(World(Plan(), "boot"), "pbx1")


class Replay:
    """``told``: the facts as plain data."""

    def __init__(self, floor: ObservedFloor | None = None, start: float = START) -> None:
        self.floor = floor or new_floor()
        self.start = start
        self.told: list[dict[str, Any]] = []

    def listed(self, messages: Sequence[dict[str, str]], at: float = 0.0) -> None:
        self._step(QueuesListed(at=self.start + at, day=DAY, messages=messages))

    def heard(self, message: dict[str, str], at: float) -> None:
        self._step(AmiHeard(at=self.start + at, day=DAY, message=message))

    def overdue(self, at: float) -> None:
        """The deadlines that have passed by now."""
        while (due := self.floor.world.take_due(self.start + at)) is not None:
            self._step(CallOverdue(at=due.at, day=DAY, call=due.id))

    def all(self, lines: Sequence[Line]) -> Replay:
        """A recording: the listing that it begins with, and what came after."""
        self.listed([message for _, message in lines if message.get("Event") in LISTING], lines[0][0])
        for at, message in lines:
            if message.get("Event", "QueueStatusComplete") not in LISTING:
                self.heard(message, at)
        self.overdue(lines[-1][0] + 10.0)
        return self

    @property
    def names(self) -> dict[str, str]:
        return {agent.id: agent.name for agent in self.floor.world.agents.values()}

    def kinds(self, call: str = "") -> list[str]:
        return [fact["type"] for fact in self.told if not call or fact["call"] == call]

    def _step(self, event: AmiHeard | QueuesListed | CallOverdue) -> None:
        self.told += [fact_dict(fact) for fact in step(self.floor, event).facts]
