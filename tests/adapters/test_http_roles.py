"""Who may do what: every route with every role, and what an agent's token gets to see."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from unittest.mock import ANY

import pytest
import pytest_asyncio

from callbridge.adapters.http import Accounts, ApiToken, HttpSettings, TokenRole, Wall
from callbridge.adapters.http.auth import LOGIN_LASTS, Caller, Logins
from callbridge.adapters.http.openapi import document
from callbridge.adapters.http.request_bodies import ToAnyBody
from callbridge.adapters.http.route import Route
from callbridge.adapters.http.routes import AGENT_ROUTES, CALL_ROUTES, ROUTES
from callbridge.adapters.views.callbacks import callbacks
from callbridge.core.model.events import AgentRequest, AgentRequested, CallerArrived, CallRequest, SwitchTurned
from callbridge.core.model.ids import leg_id
from callbridge.core.model.numbers import SPREADSHEET
from callbridge.core.model.plan import ToAgent, ToQueue
from callbridge.wire.phone_numbers import ONE_OR_TWO, TWO_NUMBERS, WITH_EXTENSION
from tests.adapters.http_desk import Client, ToyDesk, client_of
from tests.adapters.worlds import PBX

SETTINGS = HttpSettings(
    token="root",
    tokens=[
        ApiToken(name="wallboard", role=TokenRole.VIEWER, token="view"),
        ApiToken(name="anna", role=TokenRole.AGENT, token="anna", agent="a0"),
        ApiToken(name="boss", role=TokenRole.SUPERVISOR, token="boss"),
        ApiToken(name="ops", role=TokenRole.ADMIN, token="ops"),
    ],
)
TOKENS = {TokenRole.VIEWER: "view", TokenRole.AGENT: "anna", TokenRole.SUPERVISOR: "boss", TokenRole.ADMIN: "ops"}
LETTERS = {TokenRole.VIEWER: "v", TokenRole.AGENT: "a", TokenRole.SUPERVISOR: "s", TokenRole.ADMIN: "A"}

MATRIX = {
    "GET /healthz": "",
    "GET /readyz": "",
    "GET /metrics": "",
    "GET /api/openapi.json": "vasA",
    "POST /api/session": "",
    "GET /api/session": "vasA",
    "DELETE /api/session": "vasA",
    "GET /api/views": "vasA",
    "GET /api/targets": "asA",
    "GET /api/names": "vasA",
    "GET /api/walls": "vasA",
    "GET /api/walls/{name}": "vasA",
    "GET /api/walls/{name}/views": "vasA",
    "GET /api/phone": "c",
    "POST /api/phone/quality": "a",
    "GET /api/queues": "vasA",
    "GET /api/queues/{name}": "vasA",
    "GET /api/agents": "vasA",
    "GET /api/agents/{id}": "vasA",
    "GET /api/calls": "vasA",
    "GET /api/calls/{id}": "vasA",
    "GET /api/calls/{id}/contacts": "asA",
    "GET /api/facts": "vasA",
    "GET /api/events": "vasA",
    "GET /api/reports": "vasA",
    "GET /api/reports/{name}": "vasA",
    "GET /api/waiting": "vsA",
    "GET /api/explain/agents/{id}": "vasA",
    "GET /api/explain/queues/{name}": "vsA",
    "GET /api/explain/calls/{id}": "vsA",
    "POST /api/agents/{id}/login": "asA",
    "POST /api/agents/{id}/ready": "asA",
    "POST /api/agents/{id}/not-ready": "asA",
    "POST /api/agents/{id}/logout": "asA",
    "POST /api/agents/{id}/end-wrap-up": "asA",
    "POST /api/agents/{id}/extend-wrap-up": "asA",
    "POST /api/agents/{id}/note": "asA",
    "POST /api/calls/{id}/hang-up": "sA",
    "POST /api/calls/{id}/move": "sA",
    "POST /api/calls/{id}/head-start": "sA",
    "POST /api/calls/{id}/pull": "sA",
    "POST /api/calls/{id}/transfer": "asA",
    "POST /api/calls/{id}/consult": "asA",
    "POST /api/calls/{id}/complete": "asA",
    "POST /api/calls/{id}/return": "asA",
    "POST /api/calls/{id}/conference": "asA",
    "POST /api/calls/{id}/hold": "asA",
    "POST /api/calls/{id}/unhold": "asA",
    "POST /api/calls/{id}/record": "asA",
    "POST /api/calls/{id}/pause-recording": "asA",
    "POST /api/calls/{id}/resume-recording": "asA",
    "POST /api/calls/{id}/survey": "asA",
    "POST /api/calls/{id}/listen": "sA",
    "POST /api/calls/{id}/whisper": "sA",
    "POST /api/calls/{id}/barge": "sA",
    "POST /api/calls/{id}/take-over": "sA",
    "POST /api/calls/{id}/release": "sA",
    "POST /api/reload": "A",
    "POST /api/step-down": "A",
    "GET /api/callbacks": "vsA",
    "POST /api/callbacks": "sA",
    **{f"POST /api/callbacks/{{id}}/{act}": "sA" for act in ("cancel", "call-now", "reschedule", "number")},
    "GET /api/campaigns": "vsA",
    "GET /api/campaigns/{name}": "vsA",
    "POST /api/campaigns/{name}/start": "sA",
    "POST /api/campaigns/{name}/pause": "sA",
    "POST /api/campaigns/{name}/stop": "sA",
    "POST /api/campaigns/{name}/leads": "sA",
    "POST /api/agents/{id}/disposition": "asA",
    "GET /api/agents/{id}/script": "asA",
    "POST /api/agents/{id}/script": "asA",
    "GET /api/agents/{id}/own-calls": "asA",
    "POST /api/agents/{id}/own-calls/callbacks/{callback}": "asA",
    "POST /api/agents/{id}/own-calls/leads/{lead}": "asA",
    "GET /api/do-not-call": "sA",
    "POST /api/do-not-call": "sA",
    "POST /api/do-not-call/remove": "sA",
    "POST /api/person/show": "A",
    "POST /api/person/export": "A",
    "POST /api/person/erase": "A",
    "POST /api/person/hold": "A",
    "POST /api/person/release": "A",
    "GET /api/quality/samples": "sA",
    "POST /api/quality/next": "sA",
    "GET /api/quality/reviews": "asA",
    "GET /api/quality/reviews/{id}": "asA",
    "POST /api/quality/reviews/{id}/score": "sA",
    "POST /api/quality/reviews/{id}/dispute": "asA",
    "GET /api/recordings": "sA",
    "GET /api/recordings/{id}": "sA",
    "GET /api/hours": "vsA",
    "POST /api/hours/{name}": "sA",
    "GET /api/closures": "vsA",
    "GET /api/closures/targets": "sA",
    "GET /api/callbacks/queues": "sA",
    "POST /api/closures": "sA",
    "POST /api/closures/{id}/reopen": "sA",
    "GET /api/bypass": "vsA",
    "POST /api/bypass": "A",
}
"""Written by hand, so that nobody gets a right by a slip in the table. Empty: no token is needed; ``c``: no token is
enough, only a log-in's cookie."""


def bearer(role: TokenRole) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[role]}"}


def name_of(route: Route) -> str:
    return f"{route.method} {route.path}"


def open_desk() -> ToyDesk:
    """Agent a0 is logged in and has one call in hand; others wait."""
    desk = ToyDesk()
    desk.tell(AgentRequested(at=desk.now(), agent="a0", request=AgentRequest.LOGIN))
    for number in range(3):
        desk.tell(
            CallerArrived(
                at=desk.now(),
                leg=leg_id(PBX, f"customer-{number}"),
                entry="q0",
                channel_name=f"PJSIP/trunk-{number}",
                number="+442079460123",
                name="Ann",
                tier="standard",
            )
        )
    assert desk.made.agents["a0"].call
    desk.people = Accounts(walls={"front": Wall(name="front")})
    return desk


@pytest.fixture
def desk() -> ToyDesk:
    return open_desk()


@pytest.fixture
async def client(desk: ToyDesk) -> AsyncIterator[Client]:
    async with client_of(desk, SETTINGS) as made:
        yield made


def test_the_matrix_names_every_route() -> None:
    assert {name_of(route) for route in ROUTES} == MATRIX.keys()


def test_everything_that_can_be_asked_has_a_route() -> None:
    assert AGENT_ROUTES.keys() == set(AgentRequest)
    assert CALL_ROUTES.keys() == set(CallRequest)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def still() -> AsyncIterator[tuple[ToyDesk, Client]]:
    """One for all cases of the matrix: nothing is done in any of them."""
    desk = open_desk()
    async with client_of(desk, SETTINGS) as made:
        yield desk, made


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("role", [None, *TokenRole], ids=str)
@pytest.mark.parametrize("route", ROUTES, ids=name_of)
async def test_a_role_may_do_what_the_matrix_says_and_nothing_else(
    still: tuple[ToyDesk, Client], route: Route, role: TokenRole | None
) -> None:
    desk, client = still
    call = desk.made.agents["a0"].call
    path = route.path.replace("/campaigns/{name}", "/campaigns/spring").replace("/reports/{name}", "/reports/agents")
    path = path.replace("/walls/{name}", "/walls/front").replace("{name}", "q0")
    path = path.replace("/agents/{id}", "/agents/a0").replace("/calls/{id}", f"/calls/{call}")
    path = (
        path.replace("/callbacks/{id}", "/callbacks/none")
        .replace("/reviews/{id}", "/reviews/1")
        .replace("/closures/{id}", "/closures/none")
    )
    path = path.replace("/recordings/{id}", "/recordings/1-a0-0").replace("{callback}", "none").replace("{lead}", "1")
    before = len(desk.asked) + desk.reloads
    headers = {} if role is None else bearer(role)
    answer = await client.request(
        route.method, path, headers=headers, json={"wrong": 1} if route.body else None, params=_query(route, call)
    )
    allowed = {400} if route.body else {200}
    expected = allowed if not MATRIX[name_of(route)] else {401} if role is None else {403}
    expected = allowed if role is not None and LETTERS[role] in MATRIX[name_of(route)] else expected
    expected = {route.status} if expected == {200} else expected
    assert answer.status in expected
    assert len(desk.asked) + desk.reloads == before
    answer.close()


def _query(route: Route, call: str) -> dict[str, str]:
    return {query.name: call for query in route.query if query.required}


@pytest.mark.parametrize("path", ["/api/agents/a1", "/api/agents/nobody", "/api/facts?call=nobody", "/api/calls/nobody"])
async def test_an_agents_token_is_not_even_told_what_exists(client: Client, path: str) -> None:
    assert (await client.get(path, headers=bearer(TokenRole.AGENT))).status == 403


async def test_an_agents_token_sees_its_agent_and_the_call_in_hand_only(desk: ToyDesk, client: Client) -> None:
    call = desk.made.agents["a0"].call
    agents = await (await client.get("/api/agents", headers=bearer(TokenRole.AGENT))).json()
    assert [agent["id"] for agent in agents] == ["a0"]
    calls = await (await client.get("/api/calls", headers=bearer(TokenRole.AGENT))).json()
    assert [one["id"] for one in calls] == [call]
    waiting = next(name for name in desk.made.calls if name != call)
    assert (await client.get(f"/api/calls/{waiting}", headers=bearer(TokenRole.AGENT))).status == 403
    assert (await client.get(f"/api/facts?call={waiting}", headers=bearer(TokenRole.AGENT))).status == 403
    assert len(await (await client.get("/api/queues", headers=bearer(TokenRole.AGENT))).json()) == 3


async def test_an_agents_token_acts_for_its_agent_only(desk: ToyDesk, client: Client) -> None:
    for agent in ("a1", "nobody"):
        answer = await client.post(f"/api/agents/{agent}/login", json={}, headers=bearer(TokenRole.AGENT))
        assert answer.status == 403
    answer = await client.post("/api/agents/a0/not-ready", json={"reason": "lunch"}, headers=bearer(TokenRole.AGENT))
    assert answer.status == 200
    assert [event.by for event in desk.asked] == ["a0"]


@pytest.mark.parametrize(("token", "by"), [("root", "admin"), ("ops", "ops"), ("boss", "boss")])
async def test_the_name_of_the_token_is_told_as_the_one_who_asked(desk: ToyDesk, client: Client, token: str, by: str) -> None:
    call = desk.made.agents["a0"].call
    headers = {"Authorization": f"Bearer {token}"}
    await client.post("/api/agents/a0/ready", json={}, headers=headers)
    answer = await client.post(f"/api/calls/{call}/hang-up", json={}, headers=headers)
    assert await answer.json() == {"call": call, "request": "hang_up"}
    assert [event.by for event in desk.asked] == [by, by]
    story = desk.timeline(call) or []
    assert [(fact["request"], fact["by"]) for fact in story if fact["type"] == "request_granted"] == [("hang_up", by)]


async def test_without_a_token_on_loopback_the_one_who_asks_is_local(desk: ToyDesk) -> None:
    async with client_of(desk, HttpSettings()) as made:
        await made.post("/api/bypass", json={"on": True})
        assert (await (await made.get("/api/bypass")).json())["by"] == "local"


async def test_calls_are_moved_pulled_and_put_ahead(desk: ToyDesk, client: Client) -> None:
    waiting = [name for name in desk.made.calls if name != desk.made.agents["a0"].call]

    async def ask(call: str, what: str, body: dict[str, Any]) -> tuple[int, str]:
        answer = await client.post(f"/api/calls/{call}/{what}", json=body, headers=bearer(TokenRole.SUPERVISOR))
        return answer.status, str((await answer.json()).get("detail", ""))

    assert await ask(waiting[0], "head-start", {"seconds": 600}) == (200, "")
    assert desk.made.calls[waiting[0]].visit.head_start == 600.0  # type: ignore[union-attr]
    assert await ask(waiting[1], "pull", {"to": "agent:a0"}) == (409, "Agent 0 (a0) is not available")
    assert await ask(waiting[1], "pull", {"to": "agent:nobody"}) == (404, "no such agent: nobody")
    assert await ask(waiting[1], "move", {"to": "queue:nowhere"}) == (404, "no such queue: nowhere")
    assert await ask(waiting[1], "move", {"to": "queue:q1"}) == (200, "")
    assert (desk.made.call(waiting[1]) or {})["queue"] == "q1"
    assert [getattr(event, "to", None) for event in desk.asked][1:] == [
        ToAgent("a0"), ToAgent("nobody"), ToQueue("nowhere"), ToQueue("q1"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("move", {}),
        ("move", {"to": "q1"}),
        ("move", {"to": "agent:a0"}),
        ("move", {"to": "queue:"}),
        ("move", {"to": "queue:a\r\nb"}),
        ("pull", {"to": "number:0044123"}),
        ("consult", {"to": "queue:q1", "consult_queue": "perhaps"}),
        ("transfer", {"to": "number:1&PJSIP/trunk"}),
        ("transfer", {"to": "number:"}),
        ("transfer", {"to": "x agent:a0"}),
        ("listen", {"phone": "Local/1@from-trunk"}),
        ("head-start", {"seconds": -1}),
        ("head-start", {"seconds": "soon"}),
        ("head-start", {"seconds": 1e300}),
        ("hang-up", {"to": "queue:q1"}),
    ],
)
async def test_what_makes_no_sense_about_a_call_is_refused(desk: ToyDesk, client: Client, what: str, body: Any) -> None:
    call = desk.made.agents["a0"].call
    answer = await client.post(f"/api/calls/{call}/{what}", json=body, headers=bearer(TokenRole.ADMIN))
    assert answer.status == 400
    assert (await answer.json())["faults"]
    assert desk.asked == []


async def test_an_agent_hands_on_the_call_in_hand_and_no_other(desk: ToyDesk, client: Client) -> None:
    own = desk.made.agents["a0"].call
    other = next(name for name in desk.made.calls if name != own)
    answer = await client.post(f"/api/calls/{other}/transfer", json={"to": "queue:q1"}, headers=bearer(TokenRole.AGENT))
    assert answer.status == 403
    answer = await client.post(f"/api/calls/{own}/transfer", json={"to": "agent:a1"}, headers=bearer(TokenRole.AGENT))
    assert (answer.status, (await answer.json())["detail"]) == (409, "the call is not with agent a0")
    assert [(getattr(event, "to", None), event.by) for event in desk.asked] == [(ToAgent("a1"), "a0")]


async def test_nothing_unknown_reaches_the_core(desk: ToyDesk, client: Client) -> None:
    for path in ("/api/agents/nobody/login", "/api/calls/nobody/hang-up", "/api/calls/nobody/move"):
        answer = await client.post(path, json={"wrong": 1}, headers=bearer(TokenRole.ADMIN))
        assert answer.status == 404
    assert desk.asked == []


async def test_a_reload_is_done_or_refused_with_its_faults(desk: ToyDesk, client: Client) -> None:
    answer = await client.post("/api/reload", json={}, headers=bearer(TokenRole.ADMIN))
    done = await answer.json()
    assert (answer.status, done["reloaded"], done["campaigns_stopped"], done["changes"]) == (200, True, [], [])
    desk.faults = ["cb.yaml:3: queues: no such tier: 'gild'"]
    answer = await client.post("/api/reload", json={}, headers=bearer(TokenRole.ADMIN))
    assert answer.status == 409
    assert (await answer.json())["faults"] == desk.faults


async def test_stepping_down_says_who_leads_now_or_that_nobody_could(desk: ToyDesk, client: Client) -> None:
    answer = await client.post("/api/step-down", json={}, headers=bearer(TokenRole.ADMIN))
    assert (answer.status, await answer.json()) == (200, {"leader": "http://cb2.example:8090"})
    assert desk.stepped_down == ["ops"]
    desk.standby = ""
    answer = await client.post("/api/step-down", json={}, headers=bearer(TokenRole.ADMIN))
    assert (answer.status, (await answer.json())["detail"]) == (409, "no standby could take over now")


async def test_a_reload_that_takes_a_queue_from_its_callers_is_refused_unless_forced(desk: ToyDesk, client: Client) -> None:
    old = desk.busy.world.plan
    queues = {name: queue for name, queue in old.queues.items() if name != "q0"}
    desk.coming = replace(old, queues=queues, entries={**old.entries, "q0": ToQueue("q1")})

    async def reload(**body: bool) -> tuple[int, Any]:
        answer = await client.post("/api/reload", json=body, headers=bearer(TokenRole.ADMIN))
        return answer.status, await answer.json()

    status, tried = await reload(dry_run=True)
    assert (status, tried["reloaded"], tried["dry_run"], len(tried["refused"])) == (200, False, True, 1)
    (queue,) = [row for row in tried["changes"] if row["kind"] == "queue"]
    assert (queue["name"], queue["change"], len(queue["callers"])) == ("q0", "gone", 3)
    assert queue["note_parts"] == {
        "template": "callers go to {places}",
        "values": {"places": {"text": "queue q1", "template": "queue {queue}", "values": {"queue": "q1"}}},
    }
    assert [parts["values"]["queue"] for parts in tried["refused_parts"]] == ["q0"]
    status, refused = await reload()
    assert (status, refused["faults"], refused["report"]["changes"]) == (409, tried["refused"], tried["changes"])
    assert refused["faults_parts"] == refused["report"]["refused_parts"] == tried["refused_parts"]
    assert desk.busy.world.plan is old
    status, done = await reload(force=True)
    assert (status, done["reloaded"], done["forced"], done["refused"], done["changes"]) == (200, True, True, [], tried["changes"])
    assert desk.busy.world.plan is desk.coming


@pytest.mark.parametrize("body", [{"dry-run": True}, {"dry_run": "yes"}, {"force": 1}])
async def test_what_makes_no_sense_to_a_reload_is_refused(desk: ToyDesk, client: Client, body: dict[str, Any]) -> None:
    answer = await client.post("/api/reload", json=body, headers=bearer(TokenRole.ADMIN))
    assert (answer.status, desk.reloads) == (400, 0)


async def test_the_bypass_is_turned_and_shown(desk: ToyDesk, client: Client) -> None:
    shown = await (await client.get("/api/bypass", headers=bearer(TokenRole.VIEWER))).json()
    assert shown == {"on": False, "by": "", "since": ""}
    turned = await (await client.post("/api/bypass", json={"on": True}, headers=bearer(TokenRole.ADMIN))).json()
    assert turned == {"on": True, "by": "ops", "since": desk.busy.world.now}
    assert isinstance(desk.asked[0], SwitchTurned)
    assert await (await client.get("/api/bypass", headers=bearer(TokenRole.VIEWER))).json() == turned


async def test_a_calendar_is_closed_and_its_hours_hold_again(desk: ToyDesk, client: Client) -> None:
    (shown,) = await (await client.get("/api/hours", headers=bearer(TokenRole.VIEWER))).json()
    assert (shown["open"], shown["closed"], shown["by"]) == (True, False, "")
    closed = await (await client.post("/api/hours/q0", json={"closed": True}, headers=bearer(TokenRole.SUPERVISOR))).json()
    assert (closed["open"], closed["closed"], closed["opens"]) == (False, True, "")
    assert closed["by"]
    again = await (await client.post("/api/hours/q0", json={"closed": False}, headers=bearer(TokenRole.SUPERVISOR))).json()
    assert (again["open"], again["closed"]) == (True, False)
    gone = await client.post("/api/hours/nowhere", json={"closed": True}, headers=bearer(TokenRole.SUPERVISOR))
    assert gone.status == 404


async def test_a_callback_has_the_tier_of_the_number_however_it_is_written(client: Client) -> None:
    wanted = {"queue": "q1", "number": "+44 20 7946 0001"}
    listed = await client.post("/api/callbacks", json=wanted, headers=bearer(TokenRole.SUPERVISOR))
    assert (await listed.json())["detail"] == "no such tier: diamond"  # the lists know it, this plan does not
    for body in (wanted | {"tier": "standard"}, {"queue": "q1", "number": "020 7946 0002"}):
        made = await client.post("/api/callbacks", json=body, headers=bearer(TokenRole.SUPERVISOR))
        assert (made.status, (await made.json())["tier"]) == (200, "standard")
    odd = await client.post("/api/callbacks", json={"queue": "q1", "number": "ann"}, headers=bearer(TokenRole.SUPERVISOR))
    assert (await odd.json())["faults"] == [{"field": "number", "problem": "expected a phone number such as +442079460000"}]


@pytest.mark.parametrize("phone", ["1013", "PJSIP 1013", "sip:1013@pbx.example"])
async def test_what_is_no_phone_is_refused_with_an_example_of_one(desk: ToyDesk, client: Client, phone: str) -> None:
    call = desk.made.agents["a0"].call
    answer = await client.post(f"/api/calls/{call}/listen", json={"phone": phone}, headers=bearer(TokenRole.SUPERVISOR))
    expected = "expected a phone such as PJSIP/1001, or with several PBXs pbx2/PJSIP/1001"
    assert (answer.status, (await answer.json())["faults"]) == (400, [{"field": "phone", "problem": expected}])


@pytest.mark.parametrize("number", ["030123456.0", "030123457,0", "4.93012E+11", "49,301,234,567", 49301234567.0])
async def test_a_number_of_a_spreadsheet_is_refused_by_name(desk: ToyDesk, client: Client, number: str | float) -> None:
    call = next(iter(desk.made.calls))
    for path, body in (
        ("callbacks", {"queue": "q1", "number": number}),
        ("do-not-call", {"number": number}),
        ("do-not-call/remove", {"number": number}),
        (f"calls/{call}/transfer", {"to": f"number:{number}"}),
        (f"calls/{call}/consult", {"to": f"number:{number}"}),
    ):
        answer = await client.post(f"/api/{path}", json=body, headers=bearer(TokenRole.ADMIN))
        field = "to" if "to" in body else "number"
        assert (answer.status, (await answer.json())["faults"]) == (400, [{"field": field, "problem": SPREADSHEET}]), path
    leads = [{"number": str(number)}]
    loaded = await client.post("/api/campaigns/spring/leads", json={"leads": leads}, headers=bearer(TokenRole.ADMIN))
    assert (await loaded.json())["refused"] == [{"number": str(number), "why": SPREADSHEET}]
    assert desk.asked == []


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("020 7946 0001 / 07700 900123", TWO_NUMBERS),
        ("030 1234567/68", ONE_OR_TWO),
        ("020 7946 0003 ext 12", WITH_EXTENSION.format(extension="12")),
        ("O2079460001", "a number with letters in it"),
    ],
)
async def test_a_number_that_is_not_one_number_is_refused_by_name(desk: ToyDesk, client: Client, number: str, why: str) -> None:
    call = next(iter(desk.made.calls))
    for path, body in (
        ("callbacks", {"queue": "q1", "number": number}),
        ("do-not-call", {"number": number}),
        (f"calls/{call}/transfer", {"to": f"number:{number}"}),
    ):
        answer = await client.post(f"/api/{path}", json=body, headers=bearer(TokenRole.ADMIN))
        assert [fault["problem"] for fault in (await answer.json())["faults"]] == [why], path
    assert desk.asked == []


def test_a_target_outside_may_be_written_as_people_write_it() -> None:
    written = {"number:+44 (0)20 7946-0001": "number:+442079460001", "number:12345#12": "number:12345#12"}
    assert {text: ToAnyBody(to=text).to for text in written} == written


async def test_a_callback_is_promised_shown_and_cancelled(desk: ToyDesk, client: Client) -> None:
    wanted = {"queue": "q1", "number": "+442079460123", "tier": "standard"}
    made = await (await client.post("/api/callbacks", json=wanted, headers=bearer(TokenRole.SUPERVISOR))).json()
    assert (made["queue"], made["number"], made["state"], made["by"]) == ("q1", "+44*****123", "standing", "boss")
    assert (desk.made.queue("q1") or {})["callbacks_waiting"] == 1
    again = await client.post("/api/callbacks", json=wanted, headers=bearer(TokenRole.SUPERVISOR))
    assert (again.status, (await again.json())["detail"]) == (409, "this number already has a callback in this queue")
    assert await (await client.get("/api/callbacks", headers=bearer(TokenRole.VIEWER))).json() == [made]
    path = f"/api/callbacks/{made['id']}/cancel"
    gone = await client.post(path, json={}, headers=bearer(TokenRole.SUPERVISOR))
    assert await gone.json() == {"id": made["id"], "cancelled": True}
    assert (await client.post(path, json={}, headers=bearer(TokenRole.SUPERVISOR))).status == 404
    assert (desk.made.queue("q1") or {})["callbacks_waiting"] == 0


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"target": "calendar:nowhere"}, 404),
        ({"target": "queue:q1"}, 409),
        ({"target": "q0"}, 400),
        ({"target": "agent:a0"}, 400),
        ({"ends": 5.0}, 409),
        ({"ends": "soon"}, 400),
        ({"reason": "a\nb"}, 400),
        ({"reason": "x" * 201}, 400),
    ],
)
async def test_a_closure_that_cannot_be_is_refused(client: Client, wrong: dict[str, object], status: int) -> None:
    wanted = {"target": "calendar:q0", "begins": 10.0, "ends": 9e9} | wrong
    assert (await client.post("/api/closures", json=wanted, headers=bearer(TokenRole.SUPERVISOR))).status == status


async def test_a_closure_holds_is_listed_explained_and_ended(desk: ToyDesk, client: Client) -> None:
    wanted = {"target": "queue:q0", "begins": desk.now(), "ends": desk.now() + 3600.0, "reason": "call me at +442079460123"}
    made = await (await client.post("/api/closures", json=wanted, headers=bearer(TokenRole.SUPERVISOR))).json()
    assert made == wanted | {"id": made["id"], "closed": True, "by": "boss", "made_at": ANY, "reason": "call me at +44*****123"}
    assert await (await client.get("/api/closures", headers=bearer(TokenRole.VIEWER))).json() == [made]
    desk.made.users = {"boss": "Olga Boss"}
    told = await (await client.get("/api/explain/queues/q0", headers=bearer(TokenRole.VIEWER))).json()
    (line,) = [one["text"] for one in told["lines"] if one["code"] == "closed"]
    assert line.startswith("queue q0 is closed for another 1 h, by Olga Boss (boss): call me at ") and "460123" not in line
    hours = await (await client.get("/api/hours", headers=bearer(TokenRole.VIEWER))).json()
    assert hours[0]["open"], "the calendar itself is not closed"
    path = f"/api/closures/{made['id']}/reopen"
    assert (await client.post(path, json={}, headers=bearer(TokenRole.SUPERVISOR))).status == 200
    assert (await client.post(path, json={}, headers=bearer(TokenRole.SUPERVISOR))).status == 404
    assert await (await client.get("/api/closures", headers=bearer(TokenRole.VIEWER))).json() == []


async def test_a_callback_has_the_name_that_was_entered_with_numbers_in_it_masked(desk: ToyDesk, client: Client) -> None:
    wanted = {"queue": "q1", "number": "+442079460123", "name": "Zoe of +442079460155"}
    made = await (await client.post("/api/callbacks", json=wanted, headers=bearer(TokenRole.SUPERVISOR))).json()
    assert made["name"] == "Zoe of +44*****155"
    assert await (await client.get("/api/callbacks", headers=bearer(TokenRole.VIEWER))).json() == [made]
    assert callbacks(desk.busy.world, masked=False)[0]["name"] == "Zoe of +442079460155"


async def test_a_callback_has_another_time_and_number_and_is_made_now(desk: ToyDesk, client: Client) -> None:
    wanted = {"queue": "q1", "number": "+442079460123", "not_before": desk.now() + 3000.0}
    made = await (await client.post("/api/callbacks", json=wanted, headers=bearer(TokenRole.SUPERVISOR))).json()

    async def change(act: str, **body: object) -> tuple[int, dict[str, Any]]:
        answer = await client.post(f"/api/callbacks/{made['id']}/{act}", json=body, headers=bearer(TokenRole.SUPERVISOR))
        return answer.status, await answer.json()

    later = desk.now() + 9000.0
    assert await change("reschedule", not_before=later) == (200, made | {"due": later, "expires_at": ANY})
    status, shown = await change("number", number="+44 20 7946-0199")
    assert (status, shown["number"], shown["due"]) == (200, "+44*****199", later)
    status, shown = await change("call-now")
    assert (status, shown["state"], shown["due"]) == (200, "standing", "")
    assert (await change("reschedule", not_before=1.0))[1]["detail"] == "the time has passed: choose a later one"
    for act, body in (("reschedule", {}), ("reschedule", {"not_before": "soon"}), ("number", {"number": "ann"})):
        assert (await change(act, **body))[0] == 400
    assert {event.by for event in desk.asked} == {"boss"}


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"queue": "nowhere"}, 404),
        ({"number": "01,#exec"}, 400),
        ({"tier": "diamond"}, 404),
        ({"agent": "zoe"}, 404),
        ({"not_before": -1}, 400),
        ({"not_before": 1.0}, 409),
    ],
)
async def test_a_callback_that_cannot_be_is_refused(client: Client, wrong: dict[str, object], status: int) -> None:
    wanted = {"queue": "q1", "number": "+442079460123"} | wrong
    assert (await client.post("/api/callbacks", json=wanted, headers=bearer(TokenRole.SUPERVISOR))).status == status


async def test_one_queue_and_one_agent_are_shown(desk: ToyDesk, client: Client) -> None:
    queue = await (await client.get("/api/queues/q1", headers=bearer(TokenRole.VIEWER))).json()
    assert queue == {"name": "q1", **(desk.made.queue("q1") or {})}
    agent = await (await client.get("/api/agents/a3", headers=bearer(TokenRole.VIEWER))).json()
    assert agent == {"id": "a3", **(desk.made.agent("a3") or {})}
    for path in ("/api/queues/nowhere", "/api/agents/nobody", "/api/calls?queue=nowhere"):
        assert (await client.get(path, headers=bearer(TokenRole.VIEWER))).status == 404
    answer = await client.get("/api/calls?queu=q1", headers=bearer(TokenRole.VIEWER))
    assert (answer.status, (await answer.json())["known"]) == (400, ["limit", "queue"])


async def test_wrong_tokens_shut_an_address_out_for_a_minute_but_no_right_one(desk: ToyDesk) -> None:
    async with client_of(desk, HttpSettings(token="root", wrong_tokens=3)) as made:
        assert (await made.get("/api/queues")).status == 401  # no token is no guess
        for _ in range(3):
            assert (await made.get("/api/queues", headers={"Authorization": "Bearer x"})).status == 401
        answer = await made.get("/api/queues", headers={"Authorization": "Bearer y"})
        assert answer.status == 429
        assert (await made.get("/api/queues", headers={"Authorization": "Bearer root"})).status == 200
        assert 55 <= int(answer.headers["Retry-After"]) <= 60
        assert (await made.get("/healthz")).status == 200


def test_the_first_use_of_a_token_from_an_address_in_a_day_is_a_log_in() -> None:
    now, noted = 0.0, []
    logins = Logins(lambda who, address: noted.append((now, who.by, address)), lambda: now)
    anna, boss = Caller("anna", TokenRole.AGENT, "a0"), Caller("boss", TokenRole.SUPERVISOR)
    for now, who, address in (  # noqa: B007 - read by the clock
        (0.0, anna, "10.0.0.1"),
        (1.0, anna, "10.0.0.1"),
        (2.0, boss, "10.0.0.1"),
        (3.0, anna, "10.0.0.2"),
        (LOGIN_LASTS + 1.0, boss, "10.0.0.1"),
        (LOGIN_LASTS + 2.0, boss, "10.0.0.1"),
    ):
        logins.used(who, address)
    assert noted == [
        (0.0, "a0", "10.0.0.1"),
        (2.0, "boss", "10.0.0.1"),
        (3.0, "a0", "10.0.0.2"),
        (LOGIN_LASTS + 2.0, "boss", "10.0.0.1"),
    ]


async def test_the_core_hears_of_log_ins_who_as_what_as_what_and_from_where(desk: ToyDesk, client: Client) -> None:
    for token in ("anna", "anna", "boss", "wrong"):
        await client.get("/api/queues", headers={"Authorization": f"Bearer {token}"})
    assert [(one.by, one.role, one.origin, one.agent) for one in desk.noted] == [
        ("a0", "agent", "127.0.0.1", "a0"),
        ("boss", "supervisor", "127.0.0.1", ""),
    ]


@pytest.mark.parametrize(("number", "status"), [("+442079460123", 200), ("+442079460409", 409), ("+442079460503", 503)])
async def test_a_person_is_erased_by_an_admin_unless_held(client: Client, number: str, status: int) -> None:
    body = {"number": number, "reason": "asked for"}
    answer = await client.post("/api/person/erase", headers=bearer(TokenRole.ADMIN), json=body)
    said = await answer.json()
    assert answer.status == status
    assert "+44" not in str(said)
    if status == 200:
        assert said["places"] == [{"place": "calls", "found": 1, "erased": 1, "note": "erase by ops: asked for"}]


async def test_log_ins_of_one_agent_are_limited(desk: ToyDesk) -> None:
    async with client_of(desk, HttpSettings(token="root", logins=2)) as made:
        headers = {"Authorization": "Bearer root"}
        for _ in range(2):
            assert (await made.post("/api/agents/a1/login", json={}, headers=headers)).status == 200
        answer = await made.post("/api/agents/a1/login", json={}, headers=headers)
        assert (answer.status, "Retry-After" in answer.headers) == (429, True)
        assert (await made.post("/api/agents/a2/login", json={}, headers=headers)).status == 200


async def test_the_document_is_served_as_it_is_made(client: Client) -> None:
    served = await (await client.get("/api/openapi.json", headers=bearer(TokenRole.VIEWER))).json()
    assert served == json.loads(json.dumps(document()))
    operations = [operation for path in served["paths"].values() for operation in path.values()]
    assert len(operations) == len({operation["operationId"] for operation in operations}) == len(ROUTES)
