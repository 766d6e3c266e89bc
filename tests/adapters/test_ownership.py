"""Whose is our application: the token in the store, else the stamp in the PBX; and what a PBX says at the door."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from callbridge.adapters.ari import ownership
from callbridge.adapters.ari.http import Reply
from callbridge.adapters.ari.ownership import OwnershipCheck, OwnershipSeen, Replacements, check_owners
from callbridge.adapters.pbx_link import NotSent
from callbridge.wire.ari import Request
from tests.adapters.fake_ari import FakeAri
from tests.virtual_time import virtual_time


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {
        "STAMPED": 0.3,
        "_STAMP_CHECK_EVERY": 0.02,
        "FIRST_TAKEOVER_PAUSE": 0.02,
        "MAX_TAKEOVER_PAUSE": 0.2,
    }.items():
        monkeypatch.setattr(ownership, name, seconds)


class Rig:
    """A link that was replaced, and the PBX's variable."""

    def __init__(self, held: bool | None, stamp: Callable[[int], str] = lambda _: "ours:7") -> None:
        self.held, self.stamp = held, stamp
        self.asked = self.told = 0
        self.now = 1000.0
        self.replacements = Replacements("pbx1", "app", lambda: self.now, self._holds, self._tell)

    async def _holds(self) -> bool | None:
        return self.held

    def _tell(self) -> None:
        self.told += 1

    async def ask(self, _request: Request) -> Reply:
        self.asked += 1
        return Reply(200, b'{"value": "%s"}' % self.stamp(self.asked).encode())

    async def replaced(self) -> tuple[bool, float]:
        """May we return, and after how many seconds?"""
        clock = asyncio.get_running_loop().time
        began = clock()
        return await self.replacements.may_return(self.ask), clock() - began


def moving(asked: int) -> str:
    return f"theirs:{asked // 3}"


@virtual_time
async def test_a_token_that_is_not_ours_ends_it_at_once() -> None:
    rig = Rig(held=False)
    assert (await rig.replaced())[0] is False
    assert (rig.asked, rig.told) == (0, 0)


@virtual_time
async def test_with_our_token_in_force_the_first_client_is_answered_at_once() -> None:
    rig = Rig(held=True, stamp=moving)
    may, took = await rig.replaced()
    assert may
    assert took <= 0.02
    assert (rig.asked, rig.told) == (0, 1)


@virtual_time
async def test_a_second_time_a_stamp_that_moves_is_another_callbridge() -> None:
    rig = Rig(held=True, stamp=moving)
    await rig.replaced()
    assert (await rig.replaced())[0] is False
    assert rig.told == 1


@virtual_time
async def test_a_client_that_comes_again_and_does_not_stamp_is_answered_more_slowly_each_time() -> None:
    rig = Rig(held=True)
    waits = [(await rig.replaced())[1] for _ in range(5)]
    assert rig.told == 5
    assert waits[0] <= 0.02 < 0.4 <= waits[4]


@virtual_time
async def test_after_ten_quiet_minutes_it_is_the_first_time_again() -> None:
    rig = Rig(held=True, stamp=moving)
    await rig.replaced()
    rig.now += 601.0
    assert (await rig.replaced())[0]


@virtual_time
async def test_without_a_store_the_stamp_alone_decides() -> None:
    assert (await Rig(held=None, stamp=moving).replaced())[0] is False
    rig = Rig(held=None)
    may, took = await rig.replaced()
    assert (may, took >= 0.3, rig.told) == (True, True, 1)


@virtual_time
async def test_a_pbx_that_does_not_answer_is_no_proof_against_us() -> None:
    rig = Rig(held=None)

    async def refuse(_request: Request) -> Reply:
        raise NotSent("refused")

    assert await rig.replacements.may_return(refuse)


# -- at start -------------------------------------------------------------------------------------------------------


@pytest.fixture
async def fake() -> AsyncIterator[FakeAri]:
    async with FakeAri().serve() as server:
        yield server


def door(fake: FakeAri) -> OwnershipCheck:
    return OwnershipCheck(pbx="pbx1", url=fake.url, app="app", user="u", password="p")


def stamp_line(fake: FakeAri) -> str:
    return next(line for line in fake.asked if line.startswith("GET /asterisk/variable"))


async def test_a_pbx_says_whose_it_is_without_being_taken(fake: FakeAri) -> None:
    await check_owners([door(fake)])
    fake.answers[stamp_line(fake)] = 200, {"value": "a1:44"}
    assert await check_owners([door(fake)]) == [OwnershipSeen(pbx="pbx1", stamp="a1:44")]
    assert fake.sockets == []


@pytest.mark.parametrize("status", [401, 403, 500])
async def test_a_pbx_that_does_not_let_us_in_is_trouble(fake: FakeAri, status: int) -> None:
    await check_owners([door(fake)])
    fake.answers[stamp_line(fake)] = status, {"message": "no"}
    (seen,) = await check_owners([door(fake)])
    assert str(status) in seen.trouble


async def test_a_pbx_that_is_away_or_odd_is_trouble(fake: FakeAri) -> None:
    (odd,) = await check_owners([door(fake)])  # answers, and with nothing
    assert "invalid answer" in odd.trouble
    away = OwnershipCheck(pbx="pbx1", url="http://127.0.0.1:9/ari", app="app", user="u", password="p")
    assert (await check_owners([away]))[0].trouble
    assert "password" not in repr(away)
