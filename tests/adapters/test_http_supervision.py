"""Who supervises a call: those who watch the floor see it, within their teams; agents are not shown it anywhere."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from callbridge.adapters.http import Accounts, ApiToken, HttpSettings, Team, TokenRole
from callbridge.core.model.events import LegAnswered, LegEnded
from tests.adapters.http_desk import Client, ToyDesk, client_of
from tests.adapters.test_http_teams import floor
from tests.adapters.test_http_views import Screen, screen

SETTINGS = HttpSettings(
    tokens=[
        ApiToken(name="boss", role=TokenRole.SUPERVISOR, token="boss"),
        ApiToken(name="wall", role=TokenRole.VIEWER, token="wall"),
        ApiToken(name="front", role=TokenRole.SUPERVISOR, token="front", teams=("front",)),
        ApiToken(name="back", role=TokenRole.SUPERVISOR, token="back", teams=("back",)),
        ApiToken(name="anna", role=TokenRole.AGENT, token="anna", agent="a0"),
    ],
)


@pytest.fixture
def desk() -> ToyDesk:
    """Agent a0 talks to a caller of q0."""
    desk = floor()
    for leg in list(desk.busy.rings):
        desk.tell(LegAnswered(at=desk.now(), leg=leg))
    desk.busy.rings.clear()
    desk.busy.now += 5.0  # the answer counts: a request would make it count, which an agent sees
    while (due := desk.busy.world.take_due(desk.busy.now)) is not None:
        desk.tell(due)
    back = Team(name="back", queues=frozenset({"q1"}), agents=frozenset({"a1"}))
    desk.people = Accounts(teams=dict(desk.people.teams) | {"back": back})
    desk.made.users = {"boss": "Maria Lopez"}
    return desk


@pytest.fixture
async def client(desk: ToyDesk) -> AsyncIterator[Client]:
    async with client_of(desk, SETTINGS) as made:
        yield made


async def ask(client: Client, path: str, token: str) -> Any:
    answer = await client.get(f"/api/{path}", headers={"Authorization": f"Bearer {token}"})
    assert answer.status == 200, await answer.text()
    return await answer.json()


async def act(client: Client, call: str, verb: str, **body: str) -> int:
    answer = await client.post(f"/api/calls/{call}/{verb}", json=body, headers={"Authorization": "Bearer boss"})
    return answer.status


def now_rings(desk: ToyDesk) -> Any:
    (leg,) = desk.busy.rings
    desk.busy.rings.clear()
    return leg


async def seen(client: Client, call: str, token: str) -> list[Any]:
    """The supervisors of the call, in each way to ask for it; they agree."""
    listed = {row["id"]: row for row in await ask(client, "calls", token)}
    one, explained = await ask(client, f"calls/{call}", token), await ask(client, f"explain/calls/{call}", token)
    shown = await screen(client, "/api/views?parts=calls", token)
    assert listed[call] == shown.parts["calls"][call]
    assert listed[call].items() <= one.items()
    assert listed[call]["supervisors"] == explained["supervisors"]
    found: list[Any] = listed[call]["supervisors"]
    return found


async def test_those_who_watch_see_a_supervisor_ring_listen_whisper_and_leave(desk: ToyDesk, client: Client) -> None:
    call = desk.made.agents["a0"].call
    shown = await screen(client, "/api/views?parts=calls")
    assert await seen(client, call, "wall") == []
    assert await act(client, call, "listen", phone="PJSIP/a5") == 200
    one = {"by": "boss", "name": "Maria Lopez", "mode": "listen", "connected": False, "since": desk.now()}
    for token in ("boss", "wall", "front"):
        assert await seen(client, call, token) == [one]
    ringing = (await ask(client, f"calls/{call}", "boss"))["seq"]
    desk.tell(LegAnswered(at=desk.now(), leg=(phone := now_rings(desk))))
    assert await seen(client, call, "boss") == [one | {"connected": True}]
    assert (await ask(client, f"calls/{call}", "boss"))["seq"] > ringing, "a row with an older seq is not the newer one"
    assert await act(client, call, "whisper", phone="PJSIP/a5") == 200
    assert await seen(client, call, "boss") == [one | {"connected": True, "mode": "whisper"}]
    await shown.until(lambda has: [each["mode"] for each in has["calls"][call]["supervisors"]] == ["whisper"])
    assert await act(client, call, "release") == 200
    assert await seen(client, call, "boss") == []
    await shown.until(lambda has: has["calls"][call]["supervisors"] == [])
    desk.tell(LegEnded(at=desk.now(), leg=phone, cause=16))
    assert [row["id"] for row in await ask(client, "calls", "back") if row["id"] == call] == [], "a call of another team"


async def test_a_token_has_no_name_and_a_call_that_ended_no_supervisors(desk: ToyDesk, client: Client) -> None:
    desk.made.users = {}
    call = desk.made.agents["a0"].call
    await act(client, call, "listen", phone="PJSIP/a5")
    assert [(one["by"], one["name"]) for one in await seen(client, call, "boss")] == [("boss", "")]
    desk.tell(LegEnded(at=desk.now(), leg=desk.made.calls[call].leg, cause=16))
    assert call not in desk.made.calls
    assert (await ask(client, f"calls/{call}", "boss"))["supervisors"] == []
    assert desk.made.name_of("a0") == "Agent 0"


async def all_that_anna_gets(client: Client, call: str) -> str:
    asked = [await ask(client, path, "anna") for path in ("calls", f"calls/{call}", f"facts?call={call}", "agents", "agents/a0")]
    return json.dumps([*asked, await ask(client, "explain/agents/a0", "anna")])


async def test_an_agent_gets_the_same_to_the_byte_whether_somebody_listens_or_not(desk: ToyDesk, client: Client) -> None:
    """Not even that something about the call changed: its stamps are those from before."""
    call = desk.made.agents["a0"].call
    page = await screen(client, "/api/views?parts=agents,calls,me", "anna")
    events = await client.get("/api/events", headers={"Authorization": "Bearer anna"})
    before = await all_that_anna_gets(client, call)
    assert "supervis" not in before
    for verb in ("listen", "whisper", "barge"):
        assert await act(client, call, verb, phone="PJSIP/a5") == 200
        for leg in desk.busy.rings:
            desk.tell(LegAnswered(at=desk.now(), leg=leg))
        desk.busy.rings.clear()
        assert await all_that_anna_gets(client, call) == before
    assert await act(client, call, "listen", phone="tel:nobody") != 200
    assert await act(client, call, "release") == 200
    assert await act(client, call, "release") == 409
    assert await all_that_anna_gets(client, call) == before
    desk.busy.now += 1.0
    desk.tell(LegEnded(at=desk.now(), leg=desk.made.calls[call].leg, cause=16))  # what both streams get next
    await until_only(page, call)
    types = await fact_types(events, "talk_ended")
    assert not {kind for kind in types if "supervis" in kind or kind.startswith("request_")}


async def until_only(page: Screen, call: str) -> None:
    """The next that the page gets is the end of the call."""
    assert len(page.events) == 1
    assert await page.event() == "delta"
    assert page.events[-1][1]["parts"]["calls"] == {call: None}


async def fact_types(events: Any, last: str) -> list[str]:
    found: list[str] = []
    while last not in found:
        line = (await events.content.readline()).decode()
        assert line, found
        if line.startswith("event: "):
            found.append(line.removeprefix("event: ").strip())
    return found
