"""People who log in with a browser: passwords, PINs, cookies, and who is let in by them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import scrypt
from typing import Any

import pytest

from callbridge.adapters.http import Account, AccountKind, Accounts, ApiToken, HttpSettings, Sessions, SessionTerms, TokenRole
from callbridge.adapters.http.log_in import COOKIE, LOG_IN_FAILED, MOST_OF_ACCOUNT, MOST_OF_ADDRESS
from callbridge.adapters.http.rate_limit import RateLimit
from callbridge.adapters.http.sessions import AWAY_FOR, MOST_EACH, WRITTEN_AGAIN, WebSession
from callbridge.adapters.redis.sessions import RedisSessions
from callbridge.core.model.events import PlanChanged
from callbridge.core.requests.pin_guards import LOCKED, MAX_WRONG_PINS
from callbridge.wire.passwords import BadPasswordHash, PasswordHash, read_hash
from tests.adapters.conftest import RedisServer
from tests.adapters.http_desk import Client, ToyDesk, client_of

SETTINGS = HttpSettings(tokens=[ApiToken(name="wallboard", role=TokenRole.VIEWER, token="view")])
JSON = {"Content-Type": "application/json"}


def cheap(password: str) -> PasswordHash:
    salt = b"0123456789abcdef"
    return PasswordHash(salt, scrypt(password.encode(), salt=salt, n=2**10, r=1, p=1, dklen=32), 10, 1, 1)


def user(name: str, role: TokenRole = TokenRole.SUPERVISOR, password: str = "correct horse", **more: Any) -> Account:
    kept = cheap(password)
    return Account(kind=AccountKind.USER, name=name, shown=name.title(), role=role, password=kept, secret=str(kept), **more)


def an_agent(name: str, pin: str) -> Account:
    return Account(kind=AccountKind.AGENT, name=name, shown=f"Agent {name}", role=TokenRole.AGENT, agent=name, secret=pin)


@pytest.fixture(autouse=True)
def _quick_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callbridge.adapters.http.log_in._NOBODY", cheap(""))


@pytest.fixture
def desk() -> ToyDesk:
    """Agent a0 has the PIN 4711; maria is a supervisor."""
    desk = ToyDesk()
    plan = desk.busy.world.plan
    with_pin = {**plan.agents, "a0": replace(plan.agents["a0"], pin="4711")}
    desk.tell(PlanChanged(at=desk.now(), plan=replace(plan, agents=with_pin)))
    agents = {"a0": an_agent("a0", "4711")}
    desk.people = Accounts(users={"maria": user("maria", language="es")}, agents=agents, reasons=("lunch", "training"))
    return desk


@pytest.fixture
async def client(desk: ToyDesk) -> AsyncIterator[Client]:
    async with client_of(desk, SETTINGS) as made:
        yield made


def own_origin(client: Client) -> dict[str, str]:
    return {"Origin": str(client.make_url("/")).rstrip("/")}


async def log_in(client: Client, **body: str) -> Any:
    return await client.post("/api/session", json=body)


async def maria(client: Client) -> None:
    assert (await log_in(client, user="maria", password="correct horse")).status == 200


# -- logging in -----------------------------------------------------------------------------------------------------


async def test_a_user_logs_in_and_acts_in_the_own_name(desk: ToyDesk, client: Client) -> None:
    answer = await log_in(client, user="maria", password="correct horse")
    assert answer.status == 200
    body = await answer.json()
    assert (body["user"], body["name"], body["role"], body["agent"]) == ("maria", "Maria", "supervisor", None)
    assert (body["teams"], body["language"], body["expires_in"]) == ([], "es", 3600.0)
    assert body["reasons"] == ["lunch", "training"]
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert {"HttpOnly", "Path=/", "SameSite=Strict"} == {part.strip() for part in cookie.split(";")[1:]}
    assert (await (await client.get("/api/session")).json())["user"] == "maria"
    assert (await client.post("/api/agents/a1/login", json={}, headers=own_origin(client))).status == 200
    assert [event.by for event in desk.asked] == ["maria"]
    assert [(told.by, told.role, told.agent) for told in desk.noted] == [("maria", "supervisor", "")]


async def test_an_agent_logs_in_with_the_pin_and_is_only_this_agent(desk: ToyDesk, client: Client) -> None:
    answer = await log_in(client, user="a0", password="4711")
    body = await answer.json()
    assert (body["user"], body["role"], body["agent"], body["name"]) == ("a0", "agent", "a0", "Agent a0")
    assert (await client.post("/api/agents/a0/login", json={}, headers=own_origin(client))).status == 200
    assert (await client.post("/api/agents/a1/login", json={}, headers=own_origin(client))).status == 403
    assert [agent["id"] for agent in await (await client.get("/api/agents")).json()] == ["a0"]


async def test_a_token_logs_in_with_its_role(client: Client) -> None:
    body = await (await log_in(client, token="view")).json()
    assert (body["user"], body["role"]) == ("wallboard", "viewer")
    assert (await client.post("/api/callbacks", json={}, headers=own_origin(client))).status == 403


async def test_who_is_not_logged_in_is_told_so_and_a_token_needs_no_session(client: Client) -> None:
    assert (await client.get("/api/session")).status == 401
    answer = await client.get("/api/session", headers={"Authorization": "Bearer view"})
    assert (await answer.json())["expires_in"] is None


@pytest.mark.parametrize(
    "body",
    [
        {"user": "maria", "password": "wrong"},
        {"user": "nobody", "password": "correct horse"},
        {"user": "a0", "password": "0000"},
        {"user": "a1", "password": ""},
        {"user": "a1", "password": "4711"},
        {"token": "wrong"},
    ],
)
async def test_every_failure_says_the_same(client: Client, body: dict[str, str]) -> None:
    answer = await log_in(client, **body)
    said = await answer.json()
    assert (answer.status, said["detail"], said["locked_for"]) == (
        401,
        LOG_IN_FAILED,
        LOCKED,
    )  # as long for PINs as for passwords
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("body", [{}, {"user": "maria", "token": "x"}, {"password": "x", "token": "x"}, {"user": 1}])
async def test_a_body_that_is_no_log_in_is_refused(client: Client, body: Any) -> None:
    assert (await client.post("/api/session", json=body)).status == 400


async def test_whatever_is_wrong_takes_as_long_as_a_password(
    desk: ToyDesk, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    derived, matches = list[str](), PasswordHash.matches

    def noted(kept: PasswordHash, said: str) -> bool:
        derived.append(said)
        return matches(kept, said)

    monkeypatch.setattr(PasswordHash, "matches", noted)
    for name in ("maria", "nobody", "a0", "a1"):
        await log_in(client, user=name, password=f"guess for {name}")
    assert derived == [f"guess for {name}" for name in ("maria", "nobody", "a0", "a1")]


# -- guessing -------------------------------------------------------------------------------------------------------


async def test_pins_are_locked_as_at_a_phone(desk: ToyDesk, client: Client) -> None:
    for _ in range(MAX_WRONG_PINS):
        assert (await log_in(client, user="a0", password="0000")).status == 401
    assert (await log_in(client, user="a0", password="4711")).status == 401
    desk.busy.now += LOCKED + 1
    assert (await log_in(client, user="a0", password="4711")).status == 200


async def test_an_account_is_shut_after_many_failures_but_not_for_an_address_where_its_owner_was(
    desk: ToyDesk, client: Client
) -> None:
    for _ in range(MOST_OF_ACCOUNT):
        assert (await log_in(client, user="maria", password="wrong")).status == 401
    answer = await log_in(client, user="maria", password="correct horse")
    assert (answer.status, int(answer.headers["Retry-After"]) > 0) == (429, True)
    async with client_of(desk, SETTINGS) as other:
        await maria(other)
        for _ in range(MOST_OF_ACCOUNT - 1):
            assert (await log_in(other, user="maria", password="wrong")).status == 401
        await maria(other)


@pytest.mark.parametrize("name", ["maria 127.0.0.1", "at 127.0.0.1: maria", "127.0.0.1: maria"])
async def test_a_name_that_looks_like_another_counter_locks_nobody_out(client: Client, name: str) -> None:
    await maria(client)
    for _ in range(MOST_OF_ACCOUNT):
        assert (await log_in(client, user=name, password="x")).status == 401
    await maria(client)


async def test_an_address_is_shut_whatever_names_it_tries(client: Client) -> None:
    for number in range(MOST_OF_ADDRESS):
        assert (await log_in(client, user=f"name{number}", password="x")).status == 401
    assert (await log_in(client, user="maria", password="correct horse")).status == 429
    assert (await client.get("/api/queues", headers={"Authorization": "Bearer view"})).status == 200


def test_what_succeeded_does_not_count() -> None:
    limit = RateLimit(2, now=lambda: 0.0)
    for _ in range(5):
        limit.count("ann")
        limit.forgive("ann")
    assert limit.wait("ann") == 0
    limit.forgive("nobody")


# -- sessions -------------------------------------------------------------------------------------------------------


async def test_a_log_in_gives_a_new_id_and_ends_the_old_one(client: Client) -> None:
    await maria(client)
    (before,) = [cookie.value for cookie in client.session.cookie_jar]
    await maria(client)
    (after,) = [cookie.value for cookie in client.session.cookie_jar]
    assert before != after
    client.session.cookie_jar.clear()
    assert (await client.get("/api/session", headers={"Cookie": f"{COOKIE}={before}"})).status == 401
    assert (await client.get("/api/session", headers={"Cookie": f"{COOKIE}={after}"})).status == 200
    assert (await client.get("/api/session", headers={"Cookie": f"{COOKIE}=chosen-by-somebody-else"})).status == 401


async def test_logging_out_ends_the_session_and_deletes_the_cookie(client: Client) -> None:
    await maria(client)
    (cookie,) = [cookie.value for cookie in client.session.cookie_jar]
    answer = await client.delete("/api/session", headers=own_origin(client))
    assert (answer.status, "Max-Age=0" in answer.headers["Set-Cookie"]) == (204, True)
    assert (await client.get("/api/session", headers={"Cookie": f"{COOKIE}={cookie}"})).status == 401


async def test_a_session_ends_when_it_is_not_used_and_in_any_case_some_time(desk: ToyDesk, client: Client) -> None:
    await maria(client)
    for _ in range(12):
        desk.wall_clock += 3599
        assert (await client.get("/api/session")).status == 200
    desk.wall_clock += 20
    assert (await client.get("/api/session")).status == 401
    await maria(client)
    desk.wall_clock += 3601
    assert (await client.get("/api/session")).status == 401


@pytest.mark.parametrize(
    "people",
    [
        Accounts(users={"boss": user("boss")}),
        Accounts(users={"maria": user("maria", password="another one")}),
    ],
    ids=["removed", "new password"],
)
async def test_a_reload_that_removes_a_user_or_changes_the_password_ends_the_sessions(
    desk: ToyDesk, client: Client, people: Accounts
) -> None:
    await maria(client)
    desk.people, before = people, desk.people
    assert (await client.get("/api/session")).status == 401
    desk.people = before
    assert (await client.get("/api/session")).status == 401


async def test_another_role_counts_at_once(desk: ToyDesk, client: Client) -> None:
    await maria(client)
    desk.people = Accounts(users={"maria": user("maria", TokenRole.VIEWER)})
    assert (await client.post("/api/agents/a1/login", json={}, headers=own_origin(client))).status == 403


async def test_an_account_has_so_many_sessions_at_most() -> None:
    sessions = Sessions(SessionTerms(), lambda: 0.0)
    opened = [await sessions.open(user("maria")) for _ in range(MOST_EACH + 2)]
    found = [await sessions.find(each) is not None for each in opened]
    assert found == [False, False] + [True] * MOST_EACH


# -- other pages ----------------------------------------------------------------------------------------------------

FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "http://["},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_a_write_by_cookie_comes_from_a_page_of_ours(desk: ToyDesk, client: Client, headers: dict[str, str]) -> None:
    await maria(client)
    answer = await client.post("/api/agents/a1/login", json={}, headers=headers)
    assert (answer.status, desk.asked) == (403, [])
    assert (await client.delete("/api/session", headers=headers)).status == 403


async def test_pages_of_others_neither_read_nor_log_somebody_in(client: Client) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site"}
    body = {"user": "maria", "password": "correct horse"}
    assert (await client.post("/api/session", json=body, headers=foreign)).status == 403
    assert (await client.post("/api/session", data=b"{}", headers={"Content-Type": "text/plain"})).status == 415
    await maria(client)
    assert (await client.get("/api/queues", headers=foreign)).status == 403
    assert (await client.get("/api/queues", headers={"Sec-Fetch-Site": "same-origin"})).status == 200


async def test_as_soon_as_there_is_a_user_nobody_is_admin_without_a_log_in(desk: ToyDesk) -> None:
    async with client_of(desk, HttpSettings()) as open_to_all:
        assert (await open_to_all.get("/api/queues")).status == 401
        await maria(open_to_all)
        assert (await open_to_all.get("/api/queues")).status == 200
        desk.people = Accounts()
        open_to_all.session.cookie_jar.clear()
        assert (await (await open_to_all.get("/api/session")).json())["user"] == "local"


# -- a restart ------------------------------------------------------------------------------------------------------


def _kept(redis_server: RedisServer) -> tuple[Sessions, RedisSessions]:
    store = RedisSessions(redis_server.settings())
    return Sessions(SessionTerms(), lambda: 1_790_000_000.0, store, b"a key of both"), store


async def test_a_restart_keeps_people_logged_in_and_a_log_out_counts_everywhere(redis_server: RedisServer) -> None:
    first, store = _kept(redis_server)
    again, other = _kept(redis_server)
    session_id = await first.open(user("maria"))
    found = await again.find(session_id)
    assert found is not None
    assert (found.kind, found.name, found.proof) == ("user", "maria", again.proof(user("maria")))
    assert await again.find("guessed") is None
    await again.end(session_id)
    first.begin()
    assert await first.find(session_id) is None
    await store.close()
    await other.close()


async def test_without_redis_people_log_in_all_the_same(redis_server: RedisServer) -> None:
    clock = [1_790_000_000.0]
    store = RedisSessions(redis_server.settings())
    sessions = Sessions(SessionTerms(), lambda: clock[0], store, b"key")
    redis_server.kill()
    session_id = await sessions.open(user("maria"))
    assert await sessions.find(session_id) is not None
    with pytest.raises(ConnectionError):
        await sessions.find("of before, or guessed")
    clock[0] += AWAY_FOR
    assert await sessions.find("of before, or guessed") is None
    await sessions.end(session_id)
    assert await sessions.find(session_id) is None
    await store.close()


class _Shelf:
    """A store whose content a test can spoil, and that can be away."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.asked = 0
        self.away = False

    async def put(self, key: str, text: str, seconds: float) -> bool:
        if not self.away:
            self.kept[key] = text
        return not self.away

    async def get(self, key: str) -> str | None:
        self.asked += 1
        if self.away:
            raise ConnectionError
        return self.kept.get(key)

    async def drop(self, key: str) -> None:
        self.kept.pop(key, None)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"kind": "user"}', '{"opened_at": "soon"}'])
async def test_a_session_that_cannot_be_read_is_none_and_the_store_is_not_asked_again_at_once(text: str) -> None:
    shelf = _Shelf()
    sessions = Sessions(SessionTerms(), lambda: 0.0, shelf, b"key")
    session_id = await sessions.open(user("maria"))
    shelf.kept = dict.fromkeys(shelf.kept, text)
    sessions.begin()
    assert [await sessions.find(session_id) for _ in range(3)] == [None] * 3
    assert shelf.asked == 1


async def test_a_store_that_is_late_sends_nobody_to_the_log_in() -> None:
    """After a restart beside a busy Redis: the first look-up came to nothing, and everybody was asked for the password again."""
    shelf, clock = _Shelf(), [1_790_000_000.0]
    first = Sessions(SessionTerms(), lambda: clock[0], shelf, b"key")
    session_id = await first.open(user("maria"))
    again = Sessions(SessionTerms(), lambda: clock[0], shelf, b"key")
    shelf.away = True
    with pytest.raises(ConnectionError):
        await again.find(session_id)
    shelf.away = False
    assert await again.find(session_id) is not None
    clock[0] += AWAY_FOR  # it was away for a moment only
    again.begin()
    shelf.away = True
    with pytest.raises(ConnectionError):
        await again.find(session_id)


async def test_a_session_that_could_not_be_written_is_written_soon_afterwards() -> None:
    shelf, clock = _Shelf(), [1_790_000_000.0]
    sessions = Sessions(SessionTerms(), lambda: clock[0], shelf, b"key")
    shelf.away = True
    session_id = await sessions.open(user("maria"))
    shelf.away = False
    clock[0] += WRITTEN_AGAIN
    assert await sessions.find(session_id) is not None
    await sessions.close()
    sessions.begin()
    assert await sessions.find(session_id) is not None


async def test_a_request_whose_session_cannot_be_read_now_is_to_come_again(desk: ToyDesk) -> None:
    shelf = _Shelf()
    desk.opened = Sessions(SessionTerms(), lambda: 1_790_000_000.0, shelf, b"key")
    async with client_of(desk, SETTINGS) as client:
        await maria(client)
        desk.opened.begin()
        shelf.away = True
        answer = await client.get("/api/queues")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
        shelf.away = False
        assert (await client.get("/api/queues")).status == 200


def test_the_id_of_a_session_is_kept_nowhere_and_neither_is_the_pin() -> None:
    sessions = Sessions(SessionTerms(), lambda: 0.0)
    account = an_agent("a0", "4711")
    assert "4711" not in repr(account)
    assert "4711" not in sessions.proof(account)
    assert sessions.left(WebSession("agent", "a0", "", 0.0, 0.0)) == 3600.0


# -- passwords ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret",
        "scrypt:15:8:3:c2FsdHNhbHQ",
        "scrypt:30:8:3:c2FsdHNhbHQ:a2V5a2V5a2V5a2V5a2V5",
        "scrypt:15:0:3:c2FsdHNhbHQ:a2V5a2V5a2V5a2V5a2V5",
        "scrypt:20:99:3:c2FsdHNhbHQ:a2V5a2V5a2V5a2V5a2V5",
        "scrypt:15:8:3:c2FsdHNhbHQ:aaaaaaaaaaaaaaaaa",
    ],
)
def test_what_is_no_hash_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(BadPasswordHash) as refused:
        read_hash(text)
    assert not text or text not in str(refused.value)


def test_a_hash_is_read_as_it_is_written() -> None:
    made = cheap("päss wörd\ud800".encode(errors="replace").decode())
    assert read_hash(str(made)) == made
    assert made.matches("päss wörd?")
    assert not made.matches("päss wörd")
