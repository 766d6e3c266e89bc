"""What is saved of the totals is what the saved facts count, whatever the store does and whenever we are killed."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from callbridge.adapters.facts.totals import Total, Totals
from callbridge.adapters.store import StoreDown
from callbridge.core.model.events import AgentRequest, AgentRequested, CallerArrived, LegAnswered, LegEnded, PlanChanged
from callbridge.core.model.facts import AnyFact, VisitBegan
from callbridge.core.model.ids import leg_id
from callbridge.core.model.orders import Ring
from callbridge.runtime import saver
from tests.core.story import PBX
from tests.examples import seeds
from tests.runtime.fakes import PLAN, House, house


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saver, "SAVE_RETRY", 0.01)


def _counted(facts: list[AnyFact]) -> dict[str, tuple[float, ...]]:
    """Facts may be told twice: readers insert them by id."""
    totals = Totals()
    totals.count(list({fact.seq: fact for fact in facts}.values()))
    return {key: _rounded(row) for key, row in totals.rows().items()}


def _stored(one: House) -> dict[str, tuple[float, ...]]:
    rows = one.store._rows["totals"]
    return {key: _rounded(row) for key, row in rows.items() if isinstance(row, Total)}


def _rounded(row: Total) -> tuple[float, ...]:
    return tuple(round(value, 6) for value in row.values)


@pytest.mark.parametrize("seed", seeds(4, fast=2))
async def test_at_every_moment_the_saved_totals_are_those_of_the_saved_facts(seed: int) -> None:
    chance = Random(seed)
    async with house() as one:
        now = one.runtime.clock.now
        one.runtime.post(PlanChanged(at=now(), plan=PLAN))
        for ask in (AgentRequest.LOGIN, AgentRequest.READY):
            one.runtime.post(AgentRequested(at=now(), agent="bob", request=ask))
        callers = 0
        for _ in range(150):
            match chance.randrange(6):
                case 0 | 1:
                    leg = leg_id(PBX, f"c{(callers := callers + 1)}")
                    one.runtime.post(
                        CallerArrived(
                            at=now(), leg=leg, entry="support", channel_name="x", number="+44", name="", tier="standard"
                        )
                    )
                case 2:
                    one.runtime.post(LegEnded(at=now(), leg=leg_id(PBX, f"c{chance.randint(1, callers + 1)}"), cause=16))
                case 3:
                    for order in one.line.sent:
                        if isinstance(order, Ring):
                            one.runtime.post(LegAnswered(at=now(), leg=order.leg))
                case _:
                    one.store.trouble = StoreDown("gone") if one.store.trouble is None else None
            await asyncio.sleep(chance.random() * 0.004)
            assert _stored(one) == _counted(one.store.told)
        one.store.trouble = None
        await one.until(lambda: not one.runtime.waiting and not one.runtime._saver.degraded)
        await one.until(lambda: _stored(one) == _counted(one.memory.facts))  # read from the outbox, a moment after it is saved
        assert len(one.seen(VisitBegan)) > 20


async def test_what_is_shown_comes_after_what_is_saved() -> None:
    async with house() as one:
        one.store.open.clear()
        one.runtime.post(
            CallerArrived(
                at=one.runtime.clock.now(),
                leg=leg_id(PBX, "c"),
                entry="support",
                channel_name="x",
                number="+44",
                name="",
                tier="standard",
            )
        )
        await one.until(lambda: any(delta.facts for delta in one.store.deltas))
        (delta,) = [delta for delta in one.store.deltas if any(isinstance(fact, VisitBegan) for fact in delta.facts)]
        assert ("totals", '["visits_offered","support","standard"]') in delta.changed
        one.store.open.set()
