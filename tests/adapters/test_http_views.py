"""The stream of views and wallboards: the whole once, then rows as they change, within limits, for those who may see them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from callbridge.adapters.http import Accounts, ApiToken, ConnectionLimits, HttpSettings, Team, TokenRole, Wall
from callbridge.adapters.http import view_stream as streaming
from callbridge.adapters.http.scope import WHOLE_FLOOR
from callbridge.adapters.http.view_feed import ViewPart, ViewReader
from callbridge.core.model.attempt import Running
from callbridge.core.model.events import (
    AgentRequest,
    AgentRequested,
    CallbackChange,
    CallbackChangeRequested,
    CampaignRequested,
    LegEnded,
)
from tests.adapters.http_desk import Client, ToyDesk, client_of
from tests.adapters.test_http_teams import arrive, floor
from tests.adapters.waiting import HANGS, until

SETTINGS = HttpSettings(
    tokens=[
        ApiToken(name="boss", role=TokenRole.SUPERVISOR, token="boss"),
        ApiToken(name="front", role=TokenRole.SUPERVISOR, token="front", teams=("front",)),
        ApiToken(name="anna", role=TokenRole.AGENT, token="anna", agent="a0"),
    ],
    limits=ConnectionLimits(view_readers_user=3, view_readers_address=5),
)
KEY = "0123456789abcdef"
LIVE = ("queues", "agents", "calls")


class Screen:
    """Reads a stream and keeps what a page would keep."""

    def __init__(self, response: Any) -> None:
        self.response = response
        self.parts: dict[str, dict[str, Any]] = {}
        self.events: list[tuple[str, dict[str, Any]]] = []

    async def event(self) -> str:
        """The next event; its name."""
        name = ""
        async with asyncio.timeout(HANGS):
            while True:
                line = (await self.response.content.readline()).decode()
                if not line:
                    raise ConnectionResetError
                if line.startswith("event: "):
                    name = line.removeprefix("event: ").strip()
                elif line.startswith("data: "):
                    self._apply(name, json.loads(line.removeprefix("data: ")))
                    return name

    def _apply(self, name: str, data: dict[str, Any]) -> None:
        self.events.append((name, data))
        if name == "whole":
            self.parts = {part: dict(rows) for part, rows in data["parts"].items()}
            return
        for part, rows in data["parts"].items():
            for key, row in rows.items():
                if row is None:
                    del self.parts[part][key]
                else:
                    self.parts[part][key] = row

    async def until(self, true: Any) -> None:
        while not true(self.parts):
            await self.event()


@pytest.fixture
def desk() -> ToyDesk:
    desk = floor()
    walls = {"front": Wall(name="front", title="Front", queues=("q0", "q1"), figures=("waiting",), key=KEY)}
    desk.people = Accounts(teams=desk.people.teams, walls=walls)
    return desk


@pytest.fixture
async def client(desk: ToyDesk) -> AsyncIterator[Client]:
    async with client_of(desk, SETTINGS) as made:
        yield made


async def screen(client: Client, path: str = "/api/views", token: str = "boss") -> Screen:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    response = await client.get(path, headers=headers)
    assert response.status == 200, await response.text()
    assert response.content_type == "text/event-stream"
    shown = Screen(response)
    assert await shown.event() == "whole"
    return shown


async def rows(client: Client, what: str, token: str = "boss") -> dict[str, Any]:
    answer = await client.get(f"/api/{what}", headers={"Authorization": f"Bearer {token}"})
    return {row["name" if what in ("queues", "campaigns") else "id"]: row for row in await answer.json()}


async def agreed(client: Client, shown: Screen, token: str = "boss", parts: tuple[str, ...] = LIVE) -> None:
    """What the screen has is what the lists have."""
    for part in parts:
        there = await rows(client, part, token)
        await shown.until(lambda has, part=part, there=there: has[part] == there)


# -- what is shown --------------------------------------------------------------------------------------------------


async def test_the_whole_comes_first_and_has_the_rows_of_the_lists(client: Client) -> None:
    shown = await screen(client)
    assert shown.events[0][1]["seq"] == 1
    assert shown.parts.keys() == set(ViewPart)
    await agreed(client, shown, parts=(*LIVE, "callbacks", "campaigns"))
    assert shown.parts["me"] == {}


async def test_only_rows_that_changed_follow_and_what_is_gone_is_null(desk: ToyDesk, client: Client) -> None:
    shown = await screen(client, "/api/views?parts=queues,calls")
    call = next(call for call in desk.made.calls.values() if call.leg.endswith("customer-10"))
    desk.tell(LegEnded(at=desk.now(), leg=call.leg, cause=16))
    assert await shown.event() == "delta"
    _, data = shown.events[-1]
    assert (data["seq"], data["parts"]["calls"]) == (2, {call.id: None})
    assert data["parts"]["queues"].keys() == {"q0"}
    assert data["parts"]["queues"]["q0"]["name"] == "q0"
    assert "agents" not in data["parts"]


async def test_after_a_busy_day_a_screen_has_what_the_lists_have(desk: ToyDesk, client: Client) -> None:
    shown = await screen(client, "/api/views?parts=queues,agents,calls")
    for _ in range(20):
        desk.run(10)
        await asyncio.sleep(0)
    await agreed(client, shown)
    seqs = [data["seq"] for _, data in shown.events]
    assert seqs == list(range(1, len(seqs) + 1))


async def test_many_changes_make_few_deltas(desk: ToyDesk, client: Client) -> None:
    shown = await screen(client, "/api/views?parts=agents")
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(60):
        act = AgentRequest.LOGIN if number % 2 else AgentRequest.LOGOUT
        desk.tell(AgentRequested(at=desk.now(), agent="a5", request=act))
        await asyncio.sleep(0.005)
    await agreed(client, shown, parts=("agents",))
    assert len(shown.events) <= 2 + (loop.time() - began) * streaming.DELTAS


async def test_callbacks_campaigns_and_alerts_follow_too(desk: ToyDesk, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callbridge.adapters.http.view_routes.POLL", 0.01)
    async with client_of(desk, SETTINGS) as quick:
        shown = await screen(quick, "/api/views?parts=callbacks,campaigns,alerts")
        number = "+442079461234"
        made = CallbackChangeRequested(at=desk.now(), change=CallbackChange.MAKE, by="x", queue="q2", number=number)
        desk.tell(made)
        desk.tell(CampaignRequested(at=desk.now(), campaign="spring", to=Running.RUNNING, by="x"))
        desk.tell(AgentRequested(at=desk.now(), agent="a1", request=AgentRequest.LOGOUT))
        await shown.until(lambda has: len(has["callbacks"]) == 4 and has["campaigns"]["spring"]["state"] == "running")
        await shown.until(lambda has: "nobody_fits:q2" in has["alerts"])
        told = shown.parts["alerts"]["nobody_fits:q2"]
        first = min(call.arrived_at for call in desk.board().calls.values() if call.standing and call.standing.queue == "q2")
        assert (told["queue"], told["severity"], told["since"]) == ("q2", "critical", first)
        assert told["text"].startswith("q2: ")
        assert told["values"]["count"] >= 1


async def test_a_team_sees_its_own(desk: ToyDesk, client: Client) -> None:
    shown = await screen(client, token="front")
    assert shown.parts["queues"].keys() == {"q0"}
    assert shown.parts["agents"].keys() == {"a0", "a3"}
    assert {row["queue"] for row in shown.parts["calls"].values()} == {"q0"}
    assert {row["queue"] for row in shown.parts["callbacks"].values()} == {"q0"}
    assert shown.parts["campaigns"].keys() == {"spring"}
    arrive(desk, "q1", 60)
    arrive(desk, "q0", 61)
    await agreed(client, shown, "front")
    assert all("q1" not in json.dumps(data["parts"].get("queues", {})) for _, data in shown.events)


async def test_a_call_that_leaves_the_team_is_gone_from_its_screens(desk: ToyDesk, client: Client) -> None:
    shown = await screen(client, "/api/views?parts=calls", "front")
    (waiting,) = (name for name, row in shown.parts["calls"].items() if row["state"] == "waiting")
    answer = await client.post(f"/api/calls/{waiting}/move", json={"to": "queue:q1"}, headers={"Authorization": "Bearer boss"})
    assert answer.status == 200
    await shown.until(lambda has: waiting not in has["calls"])


async def test_an_agent_sees_queues_itself_and_the_own_call(desk: ToyDesk, client: Client) -> None:
    shown = await screen(client, token="anna")
    assert shown.parts.keys() == {"queues", "agents", "calls", "me"}
    own = desk.made.agents["a0"].call
    assert shown.parts["agents"].keys() == {"a0"}
    assert shown.parts["calls"].keys() == {own}
    me = shown.parts["me"]["me"]
    assert me["agent"] == shown.parts["agents"]["a0"]
    known = {"name": "Ann", "withheld": False, "campaign": "", "details": [], "crm": None, "script": ""}
    number = desk.made.calls[own].number
    assert shown.parts["calls"][own]["number"] != number, "masked for everybody else"
    assert me["call"] == {**shown.parts["calls"][own], **known, "number": number}
    desk.tell(LegEnded(at=desk.now(), leg=desk.made.calls[own].leg, cause=16))
    await shown.until(lambda has: has["me"]["me"]["call"] is None or has["me"]["me"]["call"]["id"] != own)


async def test_an_agent_sees_masked_numbers_where_the_configuration_says_so(desk: ToyDesk, client: Client) -> None:
    desk.shown.shows_numbers = False
    shown = await screen(client, token="anna")
    me = shown.parts["me"]["me"]
    assert me["call"]["number"] == shown.parts["calls"][me["call"]["id"]]["number"]


@pytest.mark.parametrize("parts", ["calls,x", ",", "Queues"])
async def test_a_part_that_does_not_exist_is_refused(client: Client, parts: str) -> None:
    assert (await client.get(f"/api/views?parts={parts}", headers={"Authorization": "Bearer boss"})).status == 400


async def test_what_an_agent_may_not_see_is_left_out(client: Client) -> None:
    shown = await screen(client, "/api/views?parts=queues,callbacks,campaigns,alerts", "anna")
    assert shown.parts.keys() == {"queues"}


# -- limits ---------------------------------------------------------------------------------------------------------


async def test_a_user_and_an_address_have_so_many_screens_and_others_are_not_in_the_way(desk: ToyDesk, client: Client) -> None:
    opened = [await screen(client) for _ in range(3)]
    answer = await client.get("/api/views", headers={"Authorization": "Bearer boss"})
    assert (answer.status, "Retry-After" in answer.headers) == (429, True)
    opened += [await screen(client, token="front") for _ in range(2)]
    assert (await client.get("/api/views", headers={"Authorization": "Bearer anna"})).status == 429
    opened[0].response.close()
    await until(lambda: len(desk.shown.readers) == 4)
    desk.tell(AgentRequested(at=desk.now(), agent="a5", request=AgentRequest.LOGIN))
    opened.append(await screen(client, token="anna"))


async def test_a_screen_that_takes_nothing_is_disconnected(
    desk: ToyDesk, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "SCREEN_TAKES_WITHIN", 0.2)
    url = client.make_url("/")
    _, writer = await asyncio.open_connection(url.host, url.port, limit=1024)
    writer.write(b"GET /api/views HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer boss\r\n\r\n")
    await until(lambda: len(desk.shown.readers) == 1)
    row = b'"%s"' % (b"x" * 1_000_000)
    monkeypatch.setattr(desk.shown, "_text", lambda key: row)
    async with asyncio.timeout(HANGS):
        while desk.shown.readers:
            desk.run(1)
            await asyncio.sleep(0.01)
    writer.transport.abort()


def test_what_a_slow_reader_costs_is_bounded_by_the_rows() -> None:
    desk = ToyDesk()
    reader = ViewReader(scope=WHOLE_FLOOR, parts=frozenset(ViewPart))
    desk.shown.readers.add(reader)
    for number in range(500):
        act = AgentRequest.LOGIN if number % 2 else AgentRequest.LOGOUT
        desk.tell(AgentRequested(at=desk.now(), agent="a5", request=act))
    assert {key for key in reader.dirty if key[0] == "agent"} == {("agent", "a5")}


async def test_nobody_who_reads_costs_nothing(desk: ToyDesk) -> None:
    desk.run(50)
    assert (desk.shown.readers, desk.shown._texts) == (set(), {})


# -- the end --------------------------------------------------------------------------------------------------------


async def test_a_heartbeat_says_that_the_figures_are_current(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "VIEW_HEARTBEAT", 0.05)
    shown = await screen(client, "/api/views?parts=queues")
    async with asyncio.timeout(HANGS):
        while b"still here" not in await shown.response.content.readline():
            pass


async def test_a_stream_ends_when_the_teams_change(desk: ToyDesk, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "VIEW_HEARTBEAT", 0.05)
    shown = await screen(client, "/api/views?parts=queues", "front")
    other = Team(name="front", queues=frozenset({"q1"}), agents=frozenset())
    desk.people = Accounts(teams={"front": other})
    with pytest.raises(ConnectionResetError):
        await shown.event()
    assert (await screen(client, "/api/views?parts=queues", "front")).parts["queues"].keys() == {"q1"}


# -- wallboards -----------------------------------------------------------------------------------------------------


async def test_a_wallboard_has_its_layout_and_its_queues(client: Client) -> None:
    layout = {"name": "front", "title": "Front", "message": "", "queues": ["q0", "q1"], "figures": ["waiting"]}
    boss = {"Authorization": "Bearer boss"}
    assert await (await client.get("/api/walls", headers=boss)).json() == [layout]
    assert await (await client.get("/api/walls/front", headers=boss)).json() == layout
    assert (await client.get("/api/walls/none", headers=boss)).status == 404
    front = await client.get("/api/walls/front", headers={"Authorization": "Bearer front"})
    assert (await front.json())["queues"] == ["q0"]
    assert await (await client.get(f"/api/walls/front?key={KEY}")).json() == layout


async def test_the_link_of_a_wallboard_shows_its_queues_and_nothing_else(desk: ToyDesk, client: Client) -> None:
    shown = await screen(client, f"/api/walls/front/views?key={KEY}", "")
    assert {part: set(rows) for part, rows in shown.parts.items()} == {"queues": {"q0", "q1"}}
    arrive(desk, "q2", 70)
    arrive(desk, "q0", 71)
    await shown.event()
    assert shown.events[-1][1]["parts"].keys() == {"queues"}
    assert shown.events[-1][1]["parts"]["queues"].keys() == {"q0"}
    for path in ("queues", "agents", "views", "walls", "session", "walls/other", "walls/front/views/x"):
        assert (await client.get(f"/api/{path}?key={KEY}")).status in (401, 404)
    assert (await client.post(f"/api/walls/front?key={KEY}", json={})).status == 401


@pytest.mark.parametrize("key", ["", "wrong", "é"])
async def test_a_wrong_key_is_no_key(client: Client, key: str) -> None:
    for path in ("/api/walls/front", "/api/walls/front/views", "/api/walls/none"):
        assert (await client.get(path, params={"key": key})).status == 401


async def test_a_wallboard_without_a_key_has_no_link(desk: ToyDesk, client: Client) -> None:
    desk.people = Accounts(walls={"front": Wall(name="front")})
    assert (await client.get("/api/walls/front?key=")).status == 401


async def test_another_key_revokes_the_link_and_ends_its_streams(
    desk: ToyDesk, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "VIEW_HEARTBEAT", 0.05)
    shown = await screen(client, f"/api/walls/front/views?key={KEY}", "")
    desk.people = Accounts(walls={"front": Wall(name="front", key="another-key-0123")})
    with pytest.raises(ConnectionResetError):
        await shown.event()
    assert (await client.get(f"/api/walls/front?key={KEY}")).status == 401


async def test_keys_cannot_be_guessed_at_will(client: Client) -> None:
    statuses = [(await client.get(f"/api/walls/front?key=guess{number}")).status for number in range(12)]
    assert statuses == [401] * 10 + [429] * 2
    assert (await client.get(f"/api/walls/front?key={KEY}")).status == 200
