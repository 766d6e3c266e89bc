"""A score that another process writes is published by the one that serves: once, over restarts, with and without Redis."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from sqlalchemy import create_engine, select

from callbridge.adapters.database.history_tables import changes
from callbridge.adapters.quality import feed
from tests.adapters.conftest import RedisServer
from tests.adapters.test_score_feed import BAD, Command
from tests.adapters.toy_quality import recorded
from tests.adapters.waiting import until
from tests.test_starting import own_redis, process_config, processed

pytestmark = pytest.mark.slow

LONG = True

QUALITY = {
    "samples": {"team": {"rate": 1, "form": "service"}},
    "forms": {
        "service": {
            "sections": [
                {"name": "talk", "criteria": [{"name": "greeting", "points": 5}]},
                {"name": "rules", "criteria": [{"name": "identified", "fatal": True}]},
            ]
        }
    },
}


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with own_redis() as made:
        yield made


@pytest.fixture
def url(tmp_path: Path) -> str:
    made = f"sqlite:///{tmp_path}/history.db"
    recorded(made, ("ann",), 3)
    return made


def in_history(url: str) -> list[dict[str, Any]]:
    with closing(create_engine(url).connect()) as link:
        rows = link.execute(select(changes).where(changes.c.kind == "score").order_by(changes.c.at))
        return [dict(row) | json.loads(row["details"]) for row in rows.mappings()]


@pytest.mark.parametrize("with_redis", [True, False])
async def test_each_score_is_published_once_over_restarts(
    server: RedisServer, tmp_path: Path, url: str, with_redis: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "READ_SCORES_EVERY", 0.05)
    more: dict[str, Any] = {"redis": {"url": server.settings().url}} if with_redis else {}
    config = process_config(tmp_path, database={"url": url}, quality=QUALITY, **more)
    command = Command(url)
    reviews: list[int] = []
    for served in (1, 2, 3):
        reviews += command.score(BAD, "eve")  # while nobody serves
        async with processed(config) as process:
            await process.begin_term()
            await until(partial(_has, url, served), 10)
            await asyncio.sleep(0.3)  # long enough for it to be told again
            page = (await process.metrics.render()).decode()
    told = in_history(url)
    assert [row["target"] for row in told] == [str(one) for one in reviews]
    assert {(row["by"], row["request"], row["agent"], row["queue"]) for row in told} == {("eve", "service", "ann", "support")}
    assert {(row["score"], row["fatal_accuracy"], row["failed"]) for row in told} == {(0.0, 0.0, "identified")}
    counted = 3.0 if with_redis else 1.0  # without Redis counters begin again
    assert f'callbridge_quality_reviews_total{{queue="support",form="service",fatal="yes"}} {counted}' in page
    if with_redis:
        assert [fact["data"]["review"] for fact in await _stream(server)] == reviews


def _has(url: str, count: int) -> bool:
    return len(in_history(url)) >= count


async def _stream(server: RedisServer) -> list[dict[str, Any]]:
    async with Redis.from_url(server.settings().url) as redis:
        entries: Any = await redis.xrange("callbridge:facts")
        told = [fields for _, fields in entries]
    return [{"data": json.loads(one[b"data"])} for one in told if one[b"type"] == b"call_scored"]
