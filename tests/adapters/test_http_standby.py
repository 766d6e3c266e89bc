"""Who is let in by a standby: people whom the leader has logged in, and nobody by an open door."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from callbridge.adapters.http import (
    Accounts,
    ApiToken,
    HttpSettings,
    Role,
    Sessions,
    SessionTerms,
    StandbyReads,
    Team,
    TokenRole,
    make_standby_app,
)
from callbridge.adapters.http.limited import Limited
from callbridge.adapters.http.log_in import COOKIE
from callbridge.adapters.http.routes import ROUTES
from callbridge.adapters.redis.published import PublishedViews
from callbridge.adapters.redis.sessions import RedisSessions
from callbridge.adapters.redis.timeline_archive import TimelineArchive
from tests.adapters.conftest import RedisServer
from tests.adapters.http_desk import Client, probes
from tests.adapters.test_sessions import user
from tests.adapters.toy_quality import toy_quality, toy_recordings
from tests.adapters.toy_reports import toy_reports
from tests.adapters.worlds import plan

SETTINGS = HttpSettings(tokens=[ApiToken(name="front", role=TokenRole.SUPERVISOR, token="front", teams=("front",))])
PEOPLE = Accounts(users={"maria": user("maria")}, teams={"front": Team(name="front", queues=frozenset(), agents=frozenset())})


def kept(redis_server: RedisServer) -> tuple[Sessions, RedisSessions]:
    store = RedisSessions(redis_server.settings())
    return Sessions(SessionTerms(), lambda: 1_790_000_000.0, store, b"a key of both"), store


@pytest.fixture
async def leaders(redis_server: RedisServer) -> AsyncIterator[Sessions]:
    sessions, store = kept(redis_server)
    yield sessions
    await store.close()


@pytest.fixture
async def standby(redis_server: RedisServer) -> AsyncIterator[Client]:
    views = PublishedViews(redis_server.settings(), lambda: ["q0"])
    timelines = TimelineArchive(redis_server.settings(), masked=True)
    sessions, store = kept(redis_server)
    reads = StandbyReads(
        views=views,
        timelines=timelines,
        reports=toy_reports(),
        quality=toy_quality(),
        recordings=toy_recordings(),
        plan=plan,
        now=lambda: 0.0,
        masked=True,
        accounts=lambda: PEOPLE,
        sessions=sessions,
    )
    asked: Any = probes()
    object.__setattr__(asked, "role", lambda: Role("standby", "http://cb1.example:8090"))
    async with TestClient(TestServer(make_standby_app(SETTINGS, asked, reads))) as made:
        yield made
    for each in (views, timelines, store):
        await each.close()


async def test_a_session_of_the_leader_is_one_on_the_standby(leaders: Sessions, standby: Client) -> None:
    assert (await standby.get("/api/bypass")).status == 401
    cookie = {"Cookie": f"{COOKIE}={await leaders.open(PEOPLE.users['maria'])}"}
    assert (await standby.get("/api/bypass", headers=cookie)).status == 200
    assert (await (await standby.get("/api/session", headers=cookie)).json())["user"] == "maria"


async def test_nobody_logs_in_or_out_on_a_standby(standby: Client) -> None:
    answer = await standby.post("/api/session", json={"user": "maria", "password": "correct horse"})
    assert (answer.status, (await answer.json())["leader"]) == (503, "http://cb1.example:8090")


@pytest.mark.parametrize("path", ["queues", "agents", "calls", "waiting", "callbacks", "reports", "queues/q0", "calls/x"])
async def test_a_client_with_teams_is_sent_to_the_leader(standby: Client, path: str) -> None:
    answer = await standby.get(f"/api/{path}", headers={"Authorization": "Bearer front"})
    assert answer.status == 403
    assert "ask the leader" in (await answer.json())["detail"]


async def test_what_is_open_to_teams_is_about_no_queue() -> None:
    assert {route.path for route in ROUTES if route.limited is Limited.OPEN} == {
        "/api/openapi.json",
        "/api/session",
        "/api/phone",
        "/api/phone/quality",
        "/api/hours",
        "/api/bypass",
    }
