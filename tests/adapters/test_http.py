from __future__ import annotations

import gc
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from callbridge.adapters.http import BODY_LIMIT, HttpSettings
from callbridge.adapters.system.garbage import postponed
from tests.adapters.http_desk import ToyDesk, client_of, probes

Client = TestClient[Any, Any]
TOKEN = "s3cret"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def desk() -> ToyDesk:
    return ToyDesk()


@pytest.fixture
async def client(desk: ToyDesk) -> AsyncIterator[Client]:
    async with client_of(desk, HttpSettings(token=TOKEN)) as made:
        yield made


@pytest.fixture
async def local(desk: ToyDesk) -> AsyncIterator[Client]:
    """No token is configured, and the address is a loopback one."""
    async with client_of(desk, HttpSettings()) as made:
        yield made


async def problem(answer: Any, status: int) -> dict[str, Any]:
    assert (answer.status, answer.content_type) == (status, "application/problem+json")
    body: dict[str, Any] = json.loads(await answer.text())
    assert body["status"] == status
    return body


async def test_health_and_metrics_need_no_token(client: Client) -> None:
    assert (await client.get("/healthz")).status == 200
    assert (await client.get("/readyz")).status == 200
    answer = await client.get("/metrics")
    assert await answer.text() == "callbridge_leader 1.0\n"
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")


async def test_a_load_balancer_may_ask_for_the_head_only(client: Client) -> None:
    answer = await client.head("/readyz")
    assert (answer.status, await answer.read()) == (200, b"")


async def test_what_is_missing_is_told(desk: ToyDesk) -> None:
    async with client_of(desk, HttpSettings(), probes(healthy=False, missing=("ari of pbx",))) as made:
        answer = await made.get("/healthz")
        assert (answer.status, await answer.json()) == (503, {"healthy": False, "why": ["stuck"]})
        answer = await made.get("/readyz")
        assert answer.status == 503
        assert (await answer.json())["missing"] == ["ari of pbx"]


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"bearer {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xff"]
)
async def test_without_the_token_the_api_is_shut(client: Client, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    for path in ("/api/queues", "/api/agents", "/api/calls", "/api/calls/x", "/api/facts?call=x", "/api/nothing"):
        await problem(await client.get(path, headers=headers), 401)
    answer = await client.post("/api/agents/a0/login", json={}, headers=headers)
    await problem(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_queues_agents_and_calls_are_shown(desk: ToyDesk, client: Client) -> None:
    desk.run(300)
    queues = await (await client.get("/api/queues", headers=BEARER)).json()
    assert [queue["name"] for queue in queues] == ["q0", "q1", "q2"]
    assert queues[0] == {"name": "q0", **(desk.made.queue("q0") or {})}
    agents = await (await client.get("/api/agents", headers=BEARER)).json()
    assert len(agents) == 12
    calls = await (await client.get("/api/calls", headers=BEARER)).json()
    assert {call["id"] for call in calls} == set(desk.made.calls)
    assert [call["arrived_at"] for call in calls] == sorted(call["arrived_at"] for call in calls)
    of_queue = await (await client.get("/api/calls?queue=q1&limit=1", headers=BEARER)).json()
    assert len(of_queue) <= 1
    await problem(await client.get("/api/calls?limit=-1", headers=BEARER), 400)
    await problem(await client.get("/api/calls?limit=²", headers=BEARER), 400)


async def test_a_call_tells_its_story(desk: ToyDesk, client: Client) -> None:
    while not desk.made.ended:
        desk.run(1)
    name = next(iter(desk.made.ended))
    body = await (await client.get(f"/api/calls/{name}", headers=BEARER)).json()
    assert body["state"] == "ended"
    types = [fact["type"] for fact in body["timeline"]]
    assert (types[0], types[-1]) == ("call_arrived", "call_ended")
    assert body["timeline"][0]["number"] == "+44*****123"
    assert await (await client.get(f"/api/facts?call={name}", headers=BEARER)).json() == body["timeline"]
    await problem(await client.get("/api/calls/nobody", headers=BEARER), 404)
    await problem(await client.get("/api/facts?call=nobody", headers=BEARER), 404)
    await problem(await client.get("/api/facts", headers=BEARER), 400)


async def test_an_agent_asks_and_gets_what_came_of_it(client: Client) -> None:
    answer = await client.post("/api/agents/a0/login", json={}, headers=BEARER)
    assert (answer.status, (await answer.json())["state"]) == (200, "ready")
    answer = await client.post("/api/agents/a0/not-ready", json={"reason": "昼休み"}, headers=BEARER)
    body = await answer.json()
    assert (body["state"], body["reason"]) == ("not_ready", "昼休み")
    answer = await client.post("/api/agents/a0/login", json={"phone": "PJSIP/9000"}, headers=BEARER)
    assert (await answer.json())["phone"] == "PJSIP/9000"
    answer = await client.post("/api/agents/a0/logout", headers={**BEARER, "Content-Type": "application/json"})
    assert (await answer.json())["state"] == "logged_out"


async def test_a_refusal_says_why(client: Client) -> None:
    body = await problem(await client.post("/api/agents/a0/end-wrap-up", json={}, headers=BEARER), 409)
    assert (body["detail"], body["request"]) == ("not in wrap-up", "end_wrap_up")
    body = await problem(await client.post("/api/agents/nobody/ready", json={}, headers=BEARER), 404)
    assert body["detail"] == "no such agent: nobody"
    await problem(await client.post("/api/agents/a0/fly", json={}, headers=BEARER), 404)


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[]",
        "null",
        '{"reason": 5}',
        '{"reason": "a\\nb"}',
        '{"reason": "\\u0000"}',
        '{"reason": "\\ud800"}',
        '{"phone": "PJSIP/1 & rm"}',
        '{"phone": "PJSIP/1\\r\\nAction: Originate"}',
        '{"other": 1}',
        json.dumps({"reason": "x" * 65}),
        "[" * 10000,
    ],
)
async def test_a_body_that_is_not_what_is_asked_for_is_refused(client: Client, body: str) -> None:
    answer = await client.post("/api/agents/a0/not-ready", data=body, headers={**BEARER, "Content-Type": "application/json"})
    await problem(answer, 400)


async def test_a_body_too_large_is_refused(client: Client) -> None:
    data = b" " * (BODY_LIMIT + 1)
    await problem(
        await client.post("/api/agents/a0/ready", data=data, headers={**BEARER, "Content-Type": "application/json"}), 413
    )


async def test_what_does_not_exist_is_a_problem_too(client: Client) -> None:
    await problem(await client.get("/nothing"), 404)
    answer = await client.delete("/api/queues", headers=BEARER)
    await problem(answer, 405)
    assert "GET" in answer.headers["Allow"]


async def test_a_request_for_what_does_not_exist_is_freed_without_the_garbage_collector(client: Client) -> None:
    """Somebody who tries addresses asks for very many of them."""
    await problem(await client.get("/nothing"), 404)
    gc.collect()
    with postponed():
        for _ in range(50):
            await problem(await client.get("/nothing"), 404)
        assert gc.collect() < 50 * 10, "for each the six objects of aiohttp's own route, not the request with all it has"


async def test_a_fault_of_ours_shows_nothing_of_our_inside(desk: ToyDesk, client: Client) -> None:
    desk.fault = RuntimeError("secret inside")
    body = await problem(await client.post("/api/agents/a0/ready", json={}, headers=BEARER), 500)
    assert "secret" not in json.dumps(body)
    desk.fault = TimeoutError()
    await problem(await client.post("/api/agents/a0/ready", json={}, headers=BEARER), 504)


async def test_on_loopback_without_a_token_the_api_is_open(local: Client) -> None:
    assert (await local.get("/api/queues")).status == 200
    for host in ("localhost:8090", "127.0.0.1", "[::1]:8090"):
        assert (await local.get("/api/queues", headers={"Host": host})).status == 200


REBOUND = ["evil.example", "evil.example:8090", "127.0.0.1.evil.example", "localhost.evil.example:80", "192.168.1.5"]


@pytest.mark.parametrize("host", REBOUND)
async def test_a_rebound_name_gets_nothing(local: Client, host: str) -> None:
    await problem(await local.get("/api/queues", headers={"Host": host}), 403)
    await problem(await local.post("/api/agents/a0/login", json={}, headers={"Host": host}), 403)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""])
async def test_a_form_of_another_web_page_gets_nothing(desk: ToyDesk, local: Client, kind: str) -> None:
    await problem(await local.post("/api/agents/a0/login", data=b"{}", headers={"Content-Type": kind}), 415)
    assert (desk.made.agent("a0") or {})["state"] == "logged_out"


async def test_open_to_the_world_without_a_token_the_api_is_shut(desk: ToyDesk) -> None:
    async with client_of(desk, HttpSettings(host="0.0.0.0")) as made:
        await problem(await made.get("/api/queues"), 403)
        assert (await made.get("/healthz", headers={"Host": "probe.example"})).status == 200


async def test_hostile_names_in_paths_are_only_names(client: Client) -> None:
    for name in ("..%2f..%2fetc", "%00", "%0d%0aX: y", "😀", "a" * 3000):
        answer = await client.post(f"/api/agents/{name}/ready", json={}, headers=BEARER)
        assert answer.status == 404
        assert "X" not in answer.headers
