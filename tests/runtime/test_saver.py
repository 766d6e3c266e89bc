"""Saving: within its budget, degraded without losing anything, repaired by the whole, refused to the displaced."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from callbridge.adapters.store import Displaced, StoreDown
from callbridge.core.model.facts import WrapUpEnded
from callbridge.core.model.tally import Tally
from callbridge.core.model.world import World
from callbridge.runtime import saver as module
from callbridge.runtime.saver import Saver
from tests.adapters.waiting import HANGS
from tests.runtime.fakes import PLAN, Breakable
from tests.virtual_time import virtual_time

FACT = WrapUpEnded(seq=1, at=1.0, agent="bob", lasted=1.0)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAVE_RETRY", 0.02)


async def _saver() -> tuple[Saver, Breakable, list[bool]]:
    store = Breakable()
    await store.take_over()
    displaced: list[bool] = []
    return Saver(store, World(PLAN, "t"), lambda: displaced.append(True)), store, displaced


def _tally(saver: Saver, offered: int, queue: str = "support") -> dict[tuple[str, str], object | None]:
    row = Tally(queue=queue, day="d", offered=offered)
    saver.world.tallies.put(f"{queue}|d", row)
    return {("tallies", f"{queue}|d"): row}


async def _until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(HANGS):
        while not true():
            await asyncio.sleep(0.005)


async def _stored(store: Breakable) -> dict[str, int]:
    saved = await store.load()
    assert saved is not None
    return {row.queue: row.offered for row in saved.rows["tallies"]}


async def test_a_batch_is_saved_before_save_returns() -> None:
    saver, store, _ = await _saver()
    assert await saver.save(_tally(saver, 1), [FACT])
    assert await _stored(store) == {"support": 1}
    assert store.told == [FACT]
    await saver.close()


@virtual_time
async def test_a_slow_store_costs_the_budget_once_and_then_nothing() -> None:
    saver, store, _ = await _saver()
    store.open.clear()
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert not await saver.save(_tally(saver, 1), [])
    assert loop.time() - began == pytest.approx(module.BUDGET)
    began = loop.time()
    assert not await saver.save(_tally(saver, 2), [])
    assert loop.time() == began
    assert saver.degraded
    store.open.set()
    await saver.close()


async def test_a_store_that_comes_back_has_everything() -> None:
    saver, store, _ = await _saver()
    await saver.save(_tally(saver, 1), [])
    store.trouble = StoreDown("gone")
    await saver.save(_tally(saver, 2), [FACT])
    await saver.save(_tally(saver, 7, "sales"), [])
    await _until(lambda: len(store.wholes) > 1)
    store.trouble = None
    await _until(lambda: not saver.degraded)
    assert await _stored(store) == {"support": 2, "sales": 7}
    assert FACT in store.told
    assert await saver.save(_tally(saver, 3), [])
    assert await _stored(store) == {"support": 3, "sales": 7}
    await saver.close()


async def test_what_changes_while_the_whole_is_written_is_saved_after_it() -> None:
    saver, store, _ = await _saver()
    store.trouble = StoreDown("gone")
    await saver.save(_tally(saver, 1), [])
    store.trouble = None
    store.open.clear()
    await _until(lambda: store.wholes)
    await saver.save(_tally(saver, 9), [FACT])
    store.open.set()
    await _until(lambda: not saver.degraded)
    assert await _stored(store) == {"support": 9}
    assert FACT in store.told
    await saver.close()


async def test_a_late_write_does_not_undo_a_later_one() -> None:
    saver, store, _ = await _saver()
    store.open.clear()
    await saver.save(_tally(saver, 1), [])
    await saver.save(_tally(saver, 2), [])
    store.open.set()
    await _until(lambda: not saver.degraded)
    assert await _stored(store) == {"support": 2}
    await saver.close()


@pytest.mark.parametrize("degraded", [False, True])
async def test_the_displaced_owner_is_told_and_saves_no_more(degraded: bool) -> None:
    saver, store, displaced = await _saver()
    store.trouble = StoreDown("gone") if degraded else Displaced("newer")
    await saver.save(_tally(saver, 1), [])
    store.trouble = Displaced("newer")
    await _until(lambda: displaced)
    assert saver.displaced
    assert await store.load() is None
    await saver.close()


async def test_an_orderly_stop_while_degraded_still_tries_to_save_everything() -> None:
    saver, store, _ = await _saver()
    store.trouble = StoreDown("gone")
    await saver.save(_tally(saver, 5), [FACT])
    store.trouble = None
    await saver.close()
    assert await _stored(store) == {"support": 5}


async def test_more_facts_than_can_be_kept_are_counted_and_break_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FACTS_KEPT", 3)
    saver, store, _ = await _saver()
    saver._owed = type(saver._owed)(maxlen=3)
    store.trouble = StoreDown("gone")
    await saver.save(_tally(saver, 1), [FACT] * 2)
    store.trouble = None
    store.open.clear()
    await _until(lambda: store.wholes)
    await saver.save(_tally(saver, 2), [FACT] * 3)
    store.open.set()
    await _until(lambda: not saver.degraded)
    assert saver.facts_lost == 2
    assert await _stored(store) == {"support": 2}
    await saver.close()


async def test_facts_beyond_what_is_kept_for_a_dead_store_are_lost_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FACTS_KEPT", 3)
    saver, store, _ = await _saver()
    lost: list[int] = []
    saver.on_lost = lost.append
    store.trouble = StoreDown("away")
    for number in range(1, 6):
        await saver.save(_tally(saver, number), [FACT])
    assert (lost, saver.facts_lost) == ([1, 1], 2)
    store.trouble = None
    await _until(lambda: not saver.degraded)
    await saver.close()


async def test_a_save_that_is_late_but_comes_through_needs_no_whole() -> None:
    saver, store, _ = await _saver()
    await saver.save(_tally(saver, 1), [])
    store.open.clear()
    assert not await saver.save(_tally(saver, 2), [FACT])
    assert not await saver.save(_tally(saver, 3, "general"), [])
    store.open.set()
    await _until(lambda: not saver.degraded)
    assert store.wholes == []
    assert await _stored(store) == {"support": 2, "general": 3}
    await saver.close()


async def test_a_start_without_the_store_saves_everything_once_it_is_there() -> None:
    saver, store, _ = await _saver()
    store.trouble = StoreDown("asleep")
    saver.start_behind("asleep")
    assert not await saver.save(_tally(saver, 4), [FACT])
    assert saver.why == "asleep"
    store.trouble = None
    await _until(lambda: not saver.degraded)
    assert await _stored(store) == {"support": 4}
    assert store.told == [FACT]
    await saver.close()


async def test_a_store_that_stays_away_is_no_line_of_the_log_twice_a_second(capsys: pytest.CaptureFixture[str]) -> None:
    saver, store, _ = await _saver()
    store.trouble = StoreDown("gone")
    await saver.save(_tally(saver, 1), [])
    await _until(lambda: len(store.wholes) > 5)
    store.trouble = StoreDown("back, and refuses")
    count = len(store.wholes)
    await _until(lambda: len(store.wholes) > count + 5)
    assert capsys.readouterr().out.count("still degraded") == 1
    assert saver.why == "back, and refuses"
    store.trouble = None
    await saver.close()
