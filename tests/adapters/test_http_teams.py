"""Teams: what a supervisor of one team sees and acts on, over every route of the API."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from callbridge.adapters.http import Account, AccountKind, Accounts, ApiToken, HttpSettings, Team, TokenRole
from callbridge.adapters.http.limited import Limited
from callbridge.adapters.http.route import Route
from callbridge.adapters.http.routes import ROUTES
from callbridge.core.model.events import AgentRequest, AgentRequested, CallbackChange, CallbackChangeRequested, CallerArrived
from callbridge.core.model.ids import leg_id
from callbridge.wire.reports import CATALOGUE
from tests.adapters.http_desk import Client, ToyDesk, client_of
from tests.adapters.toy_quality import quality_service, reviewed_once
from tests.adapters.worlds import PBX

FRONT = {"Authorization": "Bearer front"}
ANN = {"Authorization": "Bearer ann"}
ALL = {"Authorization": "Bearer boss"}
GONE = {"Authorization": "Bearer gone"}
SETTINGS = HttpSettings(
    tokens=[
        ApiToken(name="front", role=TokenRole.SUPERVISOR, token="front", teams=("front",)),
        ApiToken(name="ann", role=TokenRole.AGENT, token="ann", agent="a0", teams=("front",)),
        ApiToken(name="gone", role=TokenRole.SUPERVISOR, token="gone", teams=("gone",)),
        ApiToken(name="boss", role=TokenRole.SUPERVISOR, token="boss"),
        ApiToken(name="ops", role=TokenRole.ADMIN, token="ops", teams=("front",)),
    ]
)
OPEN, QUEUE, AGENT, CALL, ROWS, WHOLE = Limited

RULES = {
    "GET /api/openapi.json": OPEN,
    "GET /api/session": OPEN,
    "GET /api/phone": OPEN,
    "POST /api/phone/quality": OPEN,
    "DELETE /api/session": OPEN,
    "GET /api/views": ROWS,
    "GET /api/targets": ROWS,
    "GET /api/names": ROWS,
    "GET /api/walls": ROWS,
    "GET /api/walls/{name}": ROWS,
    "GET /api/walls/{name}/views": ROWS,
    "GET /api/queues": ROWS,
    "GET /api/queues/{name}": QUEUE,
    "GET /api/agents": ROWS,
    "GET /api/agents/{id}": AGENT,
    "GET /api/calls": ROWS,
    "GET /api/calls/{id}": CALL,
    "GET /api/calls/{id}/contacts": CALL,
    "GET /api/waiting": ROWS,
    "GET /api/explain/agents/{id}": AGENT,
    "GET /api/explain/queues/{name}": QUEUE,
    "GET /api/explain/calls/{id}": CALL,
    "GET /api/facts": CALL,
    "GET /api/events": ROWS,
    "GET /api/reports": ROWS,
    "GET /api/reports/{name}": ROWS,
    "POST /api/agents/{id}/login": AGENT,
    "POST /api/agents/{id}/ready": AGENT,
    "POST /api/agents/{id}/not-ready": AGENT,
    "POST /api/agents/{id}/logout": AGENT,
    "POST /api/agents/{id}/end-wrap-up": AGENT,
    "POST /api/agents/{id}/extend-wrap-up": AGENT,
    "POST /api/agents/{id}/disposition": AGENT,
    "GET /api/agents/{id}/script": AGENT,
    "POST /api/agents/{id}/script": AGENT,
    "GET /api/agents/{id}/own-calls": AGENT,
    "POST /api/agents/{id}/own-calls/callbacks/{callback}": AGENT,
    "POST /api/agents/{id}/own-calls/leads/{lead}": AGENT,
    "POST /api/agents/{id}/note": AGENT,
    "POST /api/calls/{id}/hang-up": CALL,
    "POST /api/calls/{id}/move": CALL,
    "POST /api/calls/{id}/head-start": CALL,
    "POST /api/calls/{id}/pull": CALL,
    "POST /api/calls/{id}/transfer": CALL,
    "POST /api/calls/{id}/consult": CALL,
    "POST /api/calls/{id}/complete": CALL,
    "POST /api/calls/{id}/return": CALL,
    "POST /api/calls/{id}/conference": CALL,
    "POST /api/calls/{id}/hold": CALL,
    "POST /api/calls/{id}/unhold": CALL,
    "POST /api/calls/{id}/record": CALL,
    "POST /api/calls/{id}/pause-recording": CALL,
    "POST /api/calls/{id}/resume-recording": CALL,
    "POST /api/calls/{id}/survey": CALL,
    "POST /api/calls/{id}/listen": CALL,
    "POST /api/calls/{id}/whisper": CALL,
    "POST /api/calls/{id}/barge": CALL,
    "POST /api/calls/{id}/take-over": CALL,
    "POST /api/calls/{id}/release": CALL,
    "POST /api/reload": WHOLE,
    "POST /api/step-down": WHOLE,
    "GET /api/callbacks": ROWS,
    "POST /api/callbacks": ROWS,
    "POST /api/callbacks/{id}/cancel": ROWS,
    "POST /api/callbacks/{id}/call-now": ROWS,
    "POST /api/callbacks/{id}/reschedule": ROWS,
    "POST /api/callbacks/{id}/number": ROWS,
    "GET /api/campaigns": ROWS,
    "GET /api/campaigns/{name}": ROWS,
    "POST /api/campaigns/{name}/start": ROWS,
    "POST /api/campaigns/{name}/pause": ROWS,
    "POST /api/campaigns/{name}/stop": ROWS,
    "POST /api/campaigns/{name}/leads": ROWS,
    "GET /api/do-not-call": WHOLE,
    "POST /api/do-not-call": WHOLE,
    "POST /api/do-not-call/remove": WHOLE,
    "POST /api/person/show": WHOLE,
    "POST /api/person/export": WHOLE,
    "POST /api/person/erase": WHOLE,
    "POST /api/person/hold": WHOLE,
    "POST /api/person/release": WHOLE,
    "GET /api/quality/samples": ROWS,
    "POST /api/quality/next": ROWS,
    "GET /api/quality/reviews": ROWS,
    "GET /api/quality/reviews/{id}": ROWS,
    "POST /api/quality/reviews/{id}/score": ROWS,
    "POST /api/quality/reviews/{id}/dispute": ROWS,
    "GET /api/recordings": ROWS,
    "GET /api/recordings/{id}": ROWS,
    "GET /api/hours": OPEN,
    "POST /api/hours/{name}": WHOLE,
    "GET /api/closures": ROWS,
    "GET /api/closures/targets": ROWS,
    "GET /api/callbacks/queues": ROWS,
    "POST /api/closures": ROWS,
    "POST /api/closures/{id}/reopen": ROWS,
    "GET /api/bypass": OPEN,
    "POST /api/bypass": WHOLE,
}
"""Written by hand: a new route without a rule here fails, and so does one whose rule in the table is another."""


def name_of(route: Route) -> str:
    return f"{route.method} {route.path}"


def arrive(desk: ToyDesk, queue: str, number: int) -> None:
    desk.tell(
        CallerArrived(
            at=desk.now(),
            leg=leg_id(PBX, f"customer-{number}"),
            entry=queue,
            channel_name=f"PJSIP/trunk-{number}",
            number="+442079460123",
            name="Ann",
            tier="standard",
        )
    )


def floor() -> ToyDesk:
    """The team front has queue q0 and the agents a0 and a3. a0 has a call of q0 and a1 one of q1; others wait
    in q0, q1 and q2."""
    desk = ToyDesk()
    for number, (agent, queue) in enumerate((("a0", "q0"), ("a1", "q1"))):
        desk.tell(AgentRequested(at=desk.now(), agent=agent, request=AgentRequest.LOGIN))
        arrive(desk, queue, number)
        assert desk.made.agents[agent].call
    for number in range(3):
        arrive(desk, f"q{number}", 10 + number)
        made = CallbackChange.MAKE
        number_of = f"+4420794600{number}0"
        asked = CallbackChangeRequested(at=desk.now(), change=made, by="x", queue=f"q{number}", number=number_of)
        desk.tell(asked)
    team = Team(name="front", queues=frozenset({"q0"}), agents=frozenset({"a0", "a3"}))
    desk.people = Accounts(teams={"front": team})
    return desk


@pytest.fixture
def desk() -> ToyDesk:
    return floor()


@pytest.fixture
async def client(desk: ToyDesk) -> AsyncIterator[Client]:
    async with client_of(desk, SETTINGS) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def still() -> AsyncIterator[tuple[ToyDesk, Client]]:
    desk = floor()
    async with client_of(desk, SETTINGS) as made:
        yield desk, made


# -- the table ------------------------------------------------------------------------------------------------------


def test_every_route_has_the_rule_that_is_written_here() -> None:
    assert {name_of(route): route.limited for route in ROUTES if route.roles is not None} == RULES


def test_a_route_without_a_rule_would_be_closed_to_teams() -> None:
    assert [name_of(route) for route in ROUTES if route.roles is None and route.limited is not None] == []


def _path(route: Route, queue: str, agent: str, call: str) -> str:
    path = route.path.replace("/campaigns/{name}", "/campaigns/spring").replace("/reports/{name}", "/reports/agents")
    path = path.replace("/hours/{name}", "/hours/q0").replace("{name}", queue)
    path = path.replace("/agents/{id}", f"/agents/{agent}").replace("/calls/{id}", f"/calls/{call}")
    path = path.replace("{callback}", "none").replace("{lead}", "1")
    return path.replace("/callbacks/{id}", "/callbacks/none").replace("{id}", "1")


ONE = [route for route in ROUTES if route.limited in (QUEUE, AGENT, CALL)]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("route", ONE, ids=name_of)
async def test_what_is_in_the_path_belongs_to_the_team(still: tuple[ToyDesk, Client], route: Route) -> None:
    desk, client = still
    ours = _path(route, "q0", "a0", desk.made.agents["a0"].call)
    theirs = _path(route, "q1", "a1", desk.made.agents["a1"].call)
    unknown = _path(route, "nobody", "nobody", "nobody")
    body = {"wrong": 1} if route.body else None
    for path, call, expected in (
        (ours, desk.made.agents["a0"].call, {200, 400}),
        (theirs, desk.made.agents["a1"].call, {403}),
        (unknown, "nobody", {404}),
    ):
        params = {query.name: call for query in route.query if query.required}
        answer = await client.request(route.method, path, json=body, headers=FRONT, params=params)
        assert (path, answer.status in expected) == (path, True)
        answer.close()
    assert desk.asked == []


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("route", [route for route in ROUTES if route.limited is WHOLE], ids=name_of)
async def test_what_concerns_all_is_closed_to_teams_even_of_an_admin(still: tuple[ToyDesk, Client], route: Route) -> None:
    desk, client = still
    for token in ("front", "ops"):
        headers = {"Authorization": f"Bearer {token}"}
        answer = await client.request(route.method, _path(route, "q0", "a0", "x"), json={}, headers=headers)
        assert answer.status == 403
    assert (desk.asked, desk.reloads, desk.stepped_down) == ([], 0, [])


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("route", [route for route in ROUTES if route.limited is OPEN], ids=name_of)
async def test_what_is_the_same_for_everybody_is_open(still: tuple[ToyDesk, Client], route: Route) -> None:
    answer = await still[1].request(route.method, route.path, headers=FRONT)
    own = route.path.startswith("/api/phone")  # of who has logged in; a token has no phone
    assert answer.status == (403 if own else route.status)


# -- rows -----------------------------------------------------------------------------------------------------------


async def get(client: Client, path: str, headers: dict[str, str] = FRONT) -> Any:
    answer = await client.get(path, headers=headers)
    return await answer.json() if answer.status == 200 else answer.status


async def test_lists_have_the_teams_queues_agents_and_calls_only(desk: ToyDesk, client: Client) -> None:
    assert [row["name"] for row in await get(client, "/api/queues")] == ["q0"]
    assert [row["id"] for row in await get(client, "/api/agents")] == ["a0", "a3"]
    calls = await get(client, "/api/calls")
    assert {row["queue"] for row in calls} == {"q0"}
    assert len(calls) == 2
    assert len(await get(client, "/api/calls", ALL)) == 5
    assert await get(client, "/api/calls?queue=q1") == 403
    assert await get(client, "/api/calls?queue=nobody") == 404
    assert {row["queue"] for row in await get(client, "/api/callbacks")} == {"q0"}
    assert [row["name"] for row in await get(client, "/api/campaigns")] == ["spring"]


async def test_a_call_of_another_queue_is_the_teams_while_one_of_its_agents_has_it(desk: ToyDesk, client: Client) -> None:
    desk.tell(AgentRequested(at=desk.now(), agent="a3", request=AgentRequest.LOGIN))
    (call,) = [call.id for call in desk.made.calls.values() if call.offer is not None and call.offer.agent == "a3"]
    team = Team(name="front", queues=frozenset({"q2"}), agents=frozenset({"a3"}))
    desk.people = Accounts(teams={"front": team})
    assert call in [row["id"] for row in await get(client, "/api/calls")]
    assert (await get(client, f"/api/calls/{call}"))["agent"] == "a3"


@pytest.mark.parametrize(("queue", "agent", "status"), [("q0", "", 200), ("q1", "a3", 200), ("q1", "a1", 403)])
async def test_whose_an_archived_call_was_is_told_by_its_facts(
    desk: ToyDesk, client: Client, monkeypatch: pytest.MonkeyPatch, queue: str, agent: str, status: int
) -> None:
    async def explain(_kind: str, name: str, _scope: object) -> dict[str, Any]:
        return {"id": name, "state": "ended", "lines": [], "timeline": [{"queue": queue, "agent": agent}]}

    monkeypatch.setattr(desk, "explain", explain)
    assert (await client.get("/api/explain/calls/cb-call-old-1", headers=FRONT)).status == status
    assert (await client.get("/api/explain/calls/cb-call-old-1", headers=ALL)).status == 200


async def test_an_agent_does_not_learn_what_there_is(client: Client) -> None:
    async def refused(path: str) -> tuple[int, Any]:
        answer = await client.get(path, headers={"Authorization": "Bearer ann"})
        return answer.status, await answer.json()

    for path in ("/api/agents/{}", "/api/calls/{}", "/api/queues/{}"):
        answers = [await refused(path.format(name)) for name in ("nobody", path.split("/")[2][0] + "1")]
        assert answers[0] == answers[1]
        assert answers[0][0] == 403


async def test_waiting_callers_and_alerts_are_the_teams(desk: ToyDesk, client: Client) -> None:
    desk.tell(AgentRequested(at=desk.now(), agent="a1", request=AgentRequest.LOGOUT))
    everything, ours = await get(client, "/api/waiting", ALL), await get(client, "/api/waiting")
    assert {row["queue"] for row in everything["waiting"]} == {"q0", "q1", "q2"}
    assert {row["queue"] for row in ours["waiting"]} <= {"q0"}
    assert (ours["totals"], ours["total"]) == ({"q0": ours["totals"]["q0"]}, ours["totals"]["q0"])
    assert any(line.startswith("q2:") for line in everything["alerts"])
    assert not any(other in line for line in ours["alerts"] for other in ("q1", "q2", "a1"))


async def test_callbacks_are_made_changed_and_cancelled_in_the_teams_queues(desk: ToyDesk, client: Client) -> None:
    rows = await get(client, "/api/callbacks", ALL)
    own, other = (next(row["id"] for row in rows if row["queue"] == queue) for queue in ("q0", "q1"))

    async def post(path: str, body: dict[str, Any]) -> int:
        return (await client.post(path, json=body, headers=FRONT)).status

    changes: dict[str, dict[str, Any]] = {
        "call-now": {},
        "reschedule": {"not_before": 9e9},
        "number": {"number": "+442079469998"},
    }
    for act, body in changes.items():
        assert [await post(f"/api/callbacks/{one}/{act}", body) for one in (other, "none")] == [403, 404]
    desk.asked.clear()
    assert await post("/api/callbacks", {"queue": "q1", "number": "+442079469999"}) == 403
    assert await post(f"/api/callbacks/{other}/cancel", {}) == 403
    assert desk.asked == []
    assert await post("/api/callbacks", {"queue": "nobody", "number": "+442079469999"}) == 404
    assert await get(client, "/api/callbacks/queues") == ["q0"]
    assert await get(client, "/api/callbacks/queues", ALL) == sorted(desk.busy.world.plan.queues)
    assert await post("/api/callbacks", {"queue": "q0", "number": "+442079469999"}) == 200
    for act, body in (*changes.items(), ("cancel", {})):
        assert await post(f"/api/callbacks/{own}/{act}", body) == 200, act

    async def cancel_again(headers: dict[str, str]) -> tuple[int, Any]:
        answer = await client.post(f"/api/callbacks/{own}/cancel", json={}, headers=headers)
        return answer.status, await answer.json()

    assert await cancel_again(FRONT) == await cancel_again(ALL)
    assert (await cancel_again(FRONT))[1]["detail"] == "no such callback, or it is over"


async def test_a_supervisor_of_a_team_closes_and_opens_the_teams_queues_only(desk: ToyDesk, client: Client) -> None:
    async def post(path: str, headers: dict[str, str] = FRONT, **body: Any) -> tuple[int, dict[str, Any]]:
        answer = await client.post(path, json=body, headers=headers)
        return answer.status, await answer.json()

    assert await get(client, "/api/closures/targets") == ["queue:q0"]
    assert await get(client, "/api/closures/targets", ALL) == ["calendar:q0", "queue:q0", "entry:q0"]
    for target in ("calendar:q0", "entry:q0", "queue:q1"):
        assert (await post("/api/closures", target=target, ends=9e9))[0] == 403, target
    status, own = await post("/api/closures", target="queue:q0", begins=5e9, ends=9e9, reason="<b>party</b>")
    assert (status, own["target"], own["closed"], own["by"], own["reason"]) == (200, "queue:q0", False, "front", "<b>party</b>")
    whole = [(await post("/api/closures", ALL, target=target, ends=9e9))[1] for target in ("calendar:q0", "entry:q0", "queue:q0")]
    assert [row["target"] for row in await get(client, "/api/closures", GONE)] == ["calendar:q0", "entry:q0"]
    assert len(await get(client, "/api/closures")) == 4
    for row in whole[:2]:
        assert (await post(f"/api/closures/{row['id']}/reopen"))[0] == 403
    assert await post(f"/api/closures/{whole[2]['id']}/reopen") == (200, {"id": whole[2]["id"], "target": "queue:q0"})
    for over in ("none", whole[2]["id"]):
        assert await post(f"/api/closures/{over}/reopen") == await post(f"/api/closures/{over}/reopen", ALL)
        assert (await post(f"/api/closures/{over}/reopen"))[0] == 404
    unknown = await post("/api/closures", target="queue:nobody", ends=9e9)
    assert (unknown[0], unknown) == (404, await post("/api/closures", ALL, target="queue:nobody", ends=9e9))


async def test_campaigns_are_those_for_the_teams_queues(desk: ToyDesk, client: Client) -> None:
    team = Team(name="front", queues=frozenset({"q1"}), agents=frozenset())
    desk.people = Accounts(teams={"front": team})
    assert await get(client, "/api/campaigns") == []
    assert await get(client, "/api/campaigns/spring") == 403
    assert await get(client, "/api/campaigns/none") == 404
    for act in ("start", "pause", "stop"):
        assert (await client.post(f"/api/campaigns/spring/{act}", json={}, headers=FRONT)).status == 403
        assert (await client.post(f"/api/campaigns/none/{act}", json={}, headers=FRONT)).status == 404
    leads = {"leads": [{"number": "+442079460000"}]}
    assert (await client.post("/api/campaigns/spring/leads", json=leads, headers=FRONT)).status == 403
    assert desk.asked == []


async def test_a_call_of_the_team_names_its_agent_of_another_team(desk: ToyDesk, client: Client) -> None:
    desk.people = Accounts(teams={"front": Team(name="front", queues=frozenset({"q0"}), agents=frozenset({"a3"}))})
    assert [row["id"] for row in await get(client, "/api/agents")] == ["a3"]
    rows = [row for row in await get(client, "/api/calls") if row["agent"]]
    assert [(row["agent"], row["agent_name"]) for row in rows] == [("a0", desk.made.agents["a0"].name)]
    assert (await get(client, f"/api/calls/{rows[0]['id']}"))["agent_name"] == rows[0]["agent_name"] != ""


async def test_a_caller_is_pulled_by_an_agent_of_the_team(desk: ToyDesk, client: Client) -> None:
    (waiting,) = [row["id"] for row in await get(client, "/api/calls") if row["state"] == "waiting"]
    answer = await client.post(f"/api/calls/{waiting}/pull", json={"to": "agent:a1"}, headers=FRONT)
    assert (answer.status, desk.asked) == (403, [])
    unknown = await client.post(f"/api/calls/{waiting}/pull", json={"to": "agent:nobody"}, headers=FRONT)
    assert unknown.status == 404
    answer = await client.post(f"/api/calls/{waiting}/pull", json={"to": "agent:a3"}, headers=FRONT)
    assert answer.status == 409  # the agent is not available


async def test_events_are_those_of_the_teams_queues_and_agents(desk: ToyDesk, client: Client) -> None:
    assert await get(client, "/api/events?queue=q1") == 403
    async with client.get("/api/events", headers=FRONT) as stream:
        arrive(desk, "q1", 50)
        arrive(desk, "q0", 51)
        desk.tell(AgentRequested(at=desk.now(), agent="a3", request=AgentRequest.LOGIN))
        seen = list[dict[str, Any]]()
        while not any(fact.get("agent") == "a3" for fact in seen):
            line = (await stream.content.readline()).decode()
            if line.startswith("data: "):
                seen.append(json.loads(line.removeprefix("data: ")))
    facts = [fact for fact in seen if "queue" in fact]
    assert any(fact["queue"] == "q0" for fact in facts)
    assert all(fact["queue"] == "q0" or fact["agent"] in ("a0", "a3") for fact in facts)


async def test_a_team_that_is_no_more_has_nothing(client: Client) -> None:
    gone = {"Authorization": "Bearer gone"}
    for path in ("queues", "agents", "calls", "callbacks", "campaigns"):
        assert await get(client, f"/api/{path}", gone) == []
    assert await get(client, "/api/reports/queues", gone) == 403


async def test_an_account_has_the_scope_of_all_its_teams(desk: ToyDesk) -> None:
    other = Team(name="back", queues=frozenset({"q1"}), agents=frozenset({"a1"}))
    both = Accounts(teams={**desk.people.teams, "back": other}).scope(("front", "back"))
    assert (both.queues, both.agents) == (frozenset({"q0", "q1"}), frozenset({"a0", "a1", "a3"}))


async def test_recordings_are_those_of_the_teams_queues_and_agents(desk: ToyDesk, client: Client) -> None:
    assert len(await get(client, "/api/recordings?call=a0-call-0")) == 1
    assert (await client.get("/api/recordings/1-a0-0", headers=FRONT)).status == 200
    desk.people = Accounts(teams={"front": Team(name="front", queues=frozenset({"q0"}), agents=frozenset())})
    assert await get(client, "/api/recordings?call=a0-call-0") == []
    assert await get(client, "/api/recordings/1-a0-0") == 404


async def test_reviews_are_those_of_the_teams_agents(desk: ToyDesk, client: Client) -> None:
    assert [row["id"] for row in await get(client, "/api/quality/reviews")] == [1]
    assert (await get(client, "/api/quality/reviews/1"))["agent"] == "a0"
    desk.people = Accounts(teams={"front": Team(name="front", queues=frozenset({"q0"}), agents=frozenset({"a3"}))})
    assert await get(client, "/api/quality/reviews") == []
    assert await get(client, "/api/quality/reviews/1") == 403
    for act, body in (("dispute", {"reason": "no"}), ("score", {"marks": {"greeting": 1, "identified": "pass"}})):
        assert (await client.post(f"/api/quality/reviews/1/{act}", json=body, headers=FRONT)).status == 403


async def test_a_team_reviews_recordings_of_its_own_queues(
    desk: ToyDesk, client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'history.db'}"
    reviewed_once(url)
    quality = quality_service(url)
    for name in ("samples", "next", "reviews", "review"):
        monkeypatch.setattr(desk.quality(), name, getattr(quality, name))

    async def draw() -> tuple[int, Any]:
        answer = await client.post("/api/quality/next", json={"sample": "team"}, headers=FRONT)
        return answer.status, await answer.json()

    assert await get(client, "/api/quality/samples") == []
    assert (await draw())[0] == 404  # all recordings are of the queue support
    desk.people = Accounts(teams={"front": Team(name="front", queues=frozenset({"support"}), agents=frozenset())})
    (sample,) = await get(client, "/api/quality/samples")
    assert (sample["sample"], sample["drawn"]) == ("team", 3)
    status, review = await draw()
    assert (status, review["queue"], review["reviewer"]) == (200, "support", "front")
    assert [row["id"] for row in await get(client, "/api/quality/reviews")] == [review["id"], 1]
    desk.people = Accounts(teams={"front": Team(name="front", queues=frozenset({"q0"}), agents=frozenset())})
    assert (await draw())[0] == 404  # not even the one that is open
    assert await get(client, f"/api/quality/reviews/{review['id']}") == 403
    quality.close()


async def test_a_call_may_go_to_the_teams_agents_and_to_any_queue(desk: ToyDesk, client: Client) -> None:
    found = await get(client, "/api/targets")
    assert [row["id"] for row in found["agents"]] == ["a0", "a3"]
    assert [row["name"] for row in found["queues"]] == ["q0", "q1", "q2"]
    assert found["queues"][0].keys() == {"name", "waiting", "ewt_seconds"}
    assert desk.people.colleagues("a0") == frozenset({"a0", "a3"})
    assert desk.people.colleagues("a1") == frozenset()
    assert Accounts().colleagues("a1") is None


async def test_agents_of_all_teams_have_names_but_an_agent_gets_those_of_its_teams(desk: ToyDesk, client: Client) -> None:
    (own,), other = desk.people.teams, "another"
    named = (("mia", "Mia Kern", ()), ("root", "root", ()), ("eva", "Eva Own", (own,)), ("zoe", "Zoe Else", (other,)))
    users = {
        name: Account(kind=AccountKind.USER, name=name, shown=shown, role=TokenRole.SUPERVISOR, teams=teams)
        for name, shown, teams in named
    }
    desk.people = replace(desk.people, users=users)
    found = await get(client, "/api/names")
    assert found["agents"]["a1"] == "Agent 1", "of another team, as beside a call of the own queue"
    assert found["users"] == {"eva": "Eva Own", "mia": "Mia Kern"}, "who has no name of their own is known by the log-in"
    assert [row["id"] for row in await get(client, "/api/agents")] == ["a0", "a3"], "what they do is not shown"
    assert await get(client, "/api/names", ANN) == {"agents": {"a0": "Agent 0", "a3": "Agent 3"}, "users": {}}
    desk.people = replace(desk.people, teams={})
    assert len((await get(client, "/api/names", ANN))["agents"]) == 12


# -- reports --------------------------------------------------------------------------------------------------------

NARROWED = {
    name: "agent" if report.own or "queue" not in report.options else "queue"
    for name, report in CATALOGUE.items()
    if report.options & {"queue", "agent"}
}


async def test_reports_that_cannot_be_narrowed_to_a_team_are_closed(client: Client) -> None:
    listed = {row["name"] for row in await get(client, "/api/reports")}
    assert listed == NARROWED.keys()
    assert {"flows", "campaigns"} & listed == set()
    for name in CATALOGUE.keys() - listed:
        assert await get(client, f"/api/reports/{name}?call=x") == 403


@pytest.mark.parametrize(("name", "option"), sorted(NARROWED.items()))
async def test_a_report_is_asked_for_the_team_only(
    client: Client, desk: ToyDesk, monkeypatch: pytest.MonkeyPatch, name: str, option: str
) -> None:
    asked = list[Any]()
    stream = desk.reports().stream

    def listen(request: Any, *more: Any) -> Any:
        asked.append(request)
        return stream(request, *more)

    monkeypatch.setattr(desk.reports(), "stream", listen)
    which = "call=x&" if name == "call" else ""
    await get(client, f"/api/reports/{name}?{which}")
    assert asked[0].names[option] == (("a0", "a3") if option == "agent" else ("q0",))
    if name == "occupancy":  # its rows are about agents, too
        assert asked[0].names["agent"] == ("a0", "a3")
    for other in ("queue=q1", "agent=a1", "queue=q0,q1"):
        if (name, other) == ("calls", "agent=a1"):
            continue
        if other.partition("=")[0] in CATALOGUE[name].options:
            assert await get(client, f"/api/reports/{name}?{which}{other}") == 403
    assert len(asked) == 1
    if name == "calls":
        await get(client, "/api/reports/calls?agent=a1")
        assert (asked[1].names["agent"], asked[1].names["queue"]) == (("a1",), ("q0",)), "their calls in the queues of the team"
