"""Reviews by HTTP: the reviewer is the token's user, an agent sees own scores only, and nothing is handed out twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from callbridge.adapters.http import ApiToken, HttpSettings, TokenRole
from callbridge.adapters.quality.service import QualityService
from tests.adapters.http_desk import Client, ToyDesk, client_of
from tests.adapters.toy_quality import quality_service, recorded

pytestmark = pytest.mark.slow

SETTINGS = HttpSettings(
    tokens=[
        ApiToken(name="ann", role=TokenRole.AGENT, token="ann-token", agent="ann"),
        ApiToken(name="bob", role=TokenRole.AGENT, token="bob-token", agent="bob"),
        ApiToken(name="ann", role=TokenRole.SUPERVISOR, token="ann-leads"),
        ApiToken(name="eve", role=TokenRole.SUPERVISOR, token="eve"),
        ApiToken(name="dan", role=TokenRole.ADMIN, token="dan"),
    ],
)
MARKS = {"greeting": 4, "identified": "pass"}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    url = f"sqlite:///{tmp_path}/history.db"
    recorded(url, ("ann", "bob"), 2)
    with closing(quality_service(url)) as quality:
        async with client_of(ToyDesk(quality=quality), SETTINGS) as made:
            yield made


async def ask(client: Client, path: str, token: str = "eve", status: int = 200, body: Any = None) -> Any:
    method = "GET" if body is None else "POST"
    headers = {"Authorization": f"Bearer {token}"}
    async with client.request(method, f"/api/quality/{path}", headers=headers, json=body) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json()


async def taken(client: Client, token: str, **body: Any) -> dict[str, Any]:
    found: dict[str, Any] = await ask(client, "next", token, body={"sample": "team", **body})
    return found


async def worked_through(client: Client, token: str) -> list[dict[str, Any]]:
    """What a reviewer is given until there is nothing more, each scored."""
    done: list[dict[str, Any]] = []
    for _ in range(4):
        answer = await client.post("/api/quality/next", json={"sample": "team"}, headers={"Authorization": f"Bearer {token}"})
        found = await answer.json()
        if answer.status == 404:
            assert found["detail"] == "nothing is left to review"
            return done
        await ask(client, f"reviews/{found['id']}/score", token, body={"marks": MARKS})
        done.append(found)
    return done


async def test_a_review_is_of_the_tokens_user_from_next_to_score(client: Client) -> None:
    one = await taken(client, "eve")
    assert (one["reviewer"], one["state"], one["score"], one["scored_at"]) == ("eve", "open", "", "")
    assert one["file"] == f"day/{one['agent']}-{one['call'][-1]}.wav"
    assert [(each["name"], each["points"], each["fatal"]) for each in one["criteria"]] == [
        ("greeting", 5, False),
        ("identified", "", True),
    ]
    assert await taken(client, "eve") == one
    body = {"marks": MARKS, "remarks": {"greeting": "no name"}, "heard_at": {"greeting": 1.5}, "comment": "good"}
    assert await ask(client, f"reviews/{one['id']}/score", body=body) == {
        "id": one["id"], "score": 0.8, "points": 0.8, "failed": [], "callback": "", "callback_outcome": "",
    }  # fmt: skip
    scored = await ask(client, f"reviews/{one['id']}")
    assert (scored["state"], scored["score"], scored["comment"], scored["failed"]) == ("scored", 0.8, "good", 0)
    greeting = next(mark for mark in scored["marks"] if mark["criterion"] == "greeting")
    assert (greeting["mark"], greeting["most"], greeting["comment"], greeting["heard_at"]) == (4, 5, "no name", 1.5)
    assert await ask(client, "samples") == [{"sample": "team", "period": "2026-11-28", "drawn": 4, "taken": 1, "scored": 1}]


async def test_nobody_scores_in_somebody_elses_name_or_twice(client: Client) -> None:
    one = await taken(client, "eve")
    path = f"reviews/{one['id']}/score"
    assert (await ask(client, path, "dan", 409, {"marks": MARKS}))["detail"] == f"review {one['id']} is eve's"
    assert "reviewer" in (await ask(client, path, status=400, body={"marks": MARKS, "reviewer": "dan"}))["faults"][0]["field"]
    await ask(client, path, body={"marks": MARKS})
    again = await ask(client, path, status=409, body={"marks": MARKS})
    assert again["detail"] == f"review {one['id']} is already scored and not disputed"


async def test_no_recording_is_given_to_two_reviewers_nor_own_calls_to_an_agent(client: Client) -> None:
    own = await worked_through(client, "ann-leads")
    assert [one["agent"] for one in own] == ["bob", "bob"]
    others = await worked_through(client, "eve")
    assert [one["agent"] for one in others] == ["ann", "ann"]
    assert {one["recording"] for one in own}.isdisjoint(one["recording"] for one in others)


async def test_with_calibrate_a_reviewer_gets_what_somebody_else_has_scored(client: Client) -> None:
    await ask(client, "next", status=404, body={"sample": "team", "calibrate": True})
    first = await taken(client, "eve")
    await ask(client, f"reviews/{first['id']}/score", body={"marks": MARKS})
    second = await taken(client, "dan", calibrate=True)
    assert (second["recording"], second["reviewer"], second["calibrates"]) == (first["recording"], "dan", True)


async def test_an_agent_sees_and_disputes_own_scored_reviews_only(client: Client) -> None:
    one = await taken(client, "eve")
    agent = one["agent"]
    other = "bob" if agent == "ann" else "ann"
    own, others, path = f"{agent}-token", f"{other}-token", f"reviews/{one['id']}"
    for token, target in ((own, path), (others, path), (own, "reviews/999"), (own, f"reviews?agent={other}")):
        assert (await ask(client, target, token, 403))["detail"].startswith("this token is for one agent")
    assert (await ask(client, f"{path}/dispute", own, 403, {"reason": "no"}))["status"] == 403
    assert await ask(client, "reviews", own) == []
    await ask(client, f"{path}/score", body={"marks": {"greeting": 4, "identified": "fail"}})
    (listed,) = await ask(client, "reviews", own)
    assert (listed["id"], listed["score"], listed["points"], listed["failed"]) == (one["id"], 0, 0.8, 1)
    assert await ask(client, "reviews", others) == []
    assert (await ask(client, f"{path}/dispute", others, 403, {"reason": "no"}))["status"] == 403
    await ask(client, f"{path}/dispute", own, body={"reason": "had been identified before"})
    disputed = await ask(client, path, own)
    assert (disputed["state"], disputed["disputed_by"], disputed["dispute"]) == ("disputed", agent, "had been identified before")
    await ask(client, f"{path}/dispute", own, 409, {"reason": "once more"})
    await ask(client, f"{path}/score", body={"marks": MARKS})
    assert (await ask(client, path))["state"] == "scored"


@pytest.mark.parametrize(
    ("path", "status", "body", "detail"),
    [
        ("next", 404, {"sample": "nowhere"}, "no such sample: nowhere"),
        ("reviews/7", 404, None, "there is no review 7"),
        ("reviews/x", 404, None, "no such review: its ID is a number"),
        ("reviews/99999999999999999999", 404, None, "no such review: its ID is a number"),
        ("reviews?agent=a%00b", 400, None, "a parameter must not contain control characters"),
        ("reviews/7/score", 404, {"marks": MARKS}, "there is no review 7"),
        ("reviews/7/score", 400, {"marks": {}}, "the request body is invalid"),
        ("reviews/7/dispute", 404, {"reason": "wrong"}, "there is no review 7"),
    ],
)
async def test_what_there_is_not_is_refused(client: Client, path: str, status: int, body: Any, detail: str) -> None:
    assert (await ask(client, path, status=status, body=body))["detail"] == detail


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"marks": {"greeting": 4}}, "no mark for identified"),
        ({"marks": {**MARKS, "greeting": 6}}, "greeting: expected 0 to 5 points, not '6.0'"),
        ({"marks": {**MARKS, "tone": 1}}, "the form service has no criterion 'tone': it has greeting, identified"),
        ({"marks": MARKS, "remarks": {"tone": "flat"}}, "the form service has no criterion 'tone'"),
    ],
)
async def test_marks_that_the_form_does_not_have_are_refused(client: Client, body: Any, detail: str) -> None:
    one = await taken(client, "eve")
    assert (await ask(client, f"reviews/{one['id']}/score", status=400, body=body))["detail"] == detail
    assert (await ask(client, f"reviews/{one['id']}"))["state"] == "open"


async def test_without_a_database_or_with_one_that_is_away_it_says_so(tmp_path: Path) -> None:
    for quality, status, detail in (
        (quality_service(None), 501, "quality reviews are off: add the sections 'database:' and 'quality:' with samples"),
        (quality_service(f"sqlite:///{tmp_path}/none/history.db"), 503, "the database: unable to open database file"),
    ):
        with closing(quality):
            async with client_of(ToyDesk(quality=quality), SETTINGS) as client:
                assert (await ask(client, "samples", status=status))["detail"] == detail


async def test_a_reader_does_not_wait_for_a_locked_database(tmp_path: Path) -> None:
    """The loop answers others while a review waits for the database."""
    url = f"sqlite:///{tmp_path}/history.db"
    recorded(url, ("ann",), 1)
    engine = create_engine(url, isolation_level=None)
    quality: QualityService = quality_service(url)
    with closing(quality), engine.connect() as link:
        link.execute(text("BEGIN IMMEDIATE"))
        async with client_of(ToyDesk(quality=quality), SETTINGS) as client:
            waits = client.post("/api/quality/next", json={"sample": "team"}, headers={"Authorization": "Bearer eve"})
            async with asyncio.TaskGroup() as group:
                asked = group.create_task(_status(waits))
                await client.get("/api/queues", headers={"Authorization": "Bearer eve"})
                assert not asked.done()
                link.execute(text("ROLLBACK"))
        assert asked.result() == 200
    engine.dispose()


async def _status(request: Any) -> int:
    async with request as answer:
        return int(answer.status)
