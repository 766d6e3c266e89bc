"""A world that a newer callbridge saved: this one says so in one line, and leaves it alone."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from callbridge.adapters.redis.connection import RedisSettings
from tests.lab.bridge import agent, floor
from tests.lab.ports import PortBlock
from tests.lab.process import Process, output
from tests.lab.redis import RedisServer

pytestmark = [pytest.mark.live, pytest.mark.timeout(60)]


async def test_a_start_on_a_newer_world_ends_in_one_line_and_changes_no_row(tmp_path: Path) -> None:
    config, log = tmp_path / "callbridge.yaml", tmp_path / "log"
    links = {"ari": {"url": "http://127.0.0.1:1/ari", "user": "a", "password": "b"}, "ami": {"user": "a", "secret": "b"}}
    ports = PortBlock(1)
    async with RedisServer() as redis:
        http = {"port": ports.take("127.0.0.1", socket.SOCK_STREAM)}
        whole = floor({"ann": agent("1001", {"support": 1})}) | {"pbx": [{"name": "pbx1", **links}], "http": http}
        config.write_text(json.dumps(whole | {"redis": {"url": redis.url}}))
        meta = RedisSettings(url=redis.url, world="callbridge").private("meta")
        await output(
            "redis-cli", "-u", redis.url, "hset", meta, "schema", "99", "number", "7", "now", "1.0", "seq", "5", "day", ""
        )
        process = await Process.callbridge("serve", "-c", config, log=log)
        assert await process.wait(20) == 1, log.read_text()
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        assert [line["why"] for line in lines if line["level"] == "critical"] == [
            "the saved world has schema 99; this callbridge reads up to 3: start the newer one"
        ]
        assert "schema\n99\nnumber\n7\n" in await output("redis-cli", "-u", redis.url, "hgetall", meta)
    ports.release()
