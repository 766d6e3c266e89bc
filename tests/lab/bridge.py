"""One running callbridge of the lab: the real command in a process of its own, beside a lab PBX.

Rule of this file: it is used as people and systems use it: a config file, the HTTP interface, signals, and its log.
"""

import asyncio
import json
import shutil
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import aiohttp

from callbridge.cli.client import ApiError, Client
from tests.lab import scratch
from tests.lab.pbx import Pbx
from tests.lab.ports import PortBlock
from tests.lab.process import Process
from tests.lab.redis import RedisServer

Fact = dict[str, Any]

STARTS = 60.0
"""Seconds after which a start is taken to hang. It imports and opens much, so beside other labs it takes ten times as long."""

QUICK: dict[str, Any] = {
    "short_abandon": 1,
    "short_talk": 0,
    "wrap_up": 1,
    "ring_for": 4,
    "rejected": {"rest": 2},
    "offline": {"rest": 2},
    "no_answer": {"not_ready": "rona"},
}
"""Queue settings for tests: everything that a person waits for is short."""
_OF_A_FACT = ("event", "agent", "state", "outcome", "result", "reason", "to")
"""What a test that waited in vain says of the last facts."""


def agent(phone: str, skills: Mapping[str, int], connect: str = "ring", *, login: bool = True) -> dict[str, Any]:
    return {"name": f"Agent {phone}", "skills": dict(skills), "phone": f"PJSIP/{phone}", "connect": connect, "login": login}


def floor(
    agents: Mapping[str, dict[str, Any]], queues: Mapping[str, dict[str, Any]] | None = None, **more: Any
) -> dict[str, Any]:
    """A configuration without its links: one queue ``support`` for anybody who has that skill, unless queues are given.

    The fallback queue has no members and keeps its callers, unless the test is about it and says ``fallback``."""
    queues = queues or {"support": {"steps": [{"skills": "support"}]}}
    skills = sorted({skill for one in agents.values() for skill in one["skills"]} | set(more.pop("skills", ())))
    return {
        "skills": skills,
        "entries": {name: {"queue": name} for name in queues},
        "queue_defaults": QUICK | more.pop("queue_defaults", {}),
        "queues": dict(queues),
        "agents": dict(agents),
        "fallback": {"mirror": False, "pull_back": False},
        **more,
    }


class Callbridge:
    """callbridge beside a PBX: ``async with Callbridge(pbx, floor(...), redis=redis) as bridge: ...``

    ``warm``: with its imports done before, for tests of what it does with calls; else as a shell starts it.
    ``module``: what Python runs in place of callbridge itself, with its first arguments."""

    def __init__(
        self,
        pbx: Pbx,
        config: Mapping[str, Any],
        *,
        redis: RedisServer | None = None,
        warm: bool = False,
        module: Sequence[str] = ("callbridge",),
    ) -> None:
        self.pbx = pbx
        self.warm = warm
        self.module = module
        self.folder = scratch.folder("cb-run-")
        self._ports = PortBlock(1)
        self.port = self._ports.take("127.0.0.1", socket.SOCK_STREAM)
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = Client(self.url)
        self.log = self.folder / "log"
        self.redis = redis
        self.was_killed = False
        self._process: Process | None = None
        self._read = 0
        self._facts: list[Fact] = []
        self.write_config(config)

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Put the configuration in place; a running callbridge sees it at SIGHUP."""
        pbx = self.pbx
        links = {
            "instance": {"timezone": "UTC"},
            "pbx": [
                {
                    "name": "pbx1",
                    "ari": {"url": pbx.ari_url, "user": pbx.ari_user, "password": pbx.ari_password},
                    "ami": {"port": pbx.ami_port, "user": pbx.ami_user, "secret": pbx.ami_secret},
                }
            ],
            "http": {"port": self.port},
            "log": {"mask_numbers": False},
            "phones": {"allowed": ["PJSIP/*"]},
        }
        if self.redis is not None:
            links["redis"] = {"url": self.redis.url}
        whole = links | {name: value for name, value in config.items() if name not in ("pbx", "http")}
        whole["http"] = {"port": self.port} | config.get("http", {})
        tokens = [one["token"] for one in whole["http"].get("tokens", []) if one["role"] == "admin"]
        if tokens:
            self.client = Client(self.url, tokens[0])
        if isinstance(config.get("pbx"), list):
            whole["pbx"] = config["pbx"]
        elif "pbx" in config:
            whole["pbx"] = [links["pbx"][0] | config["pbx"]]  # type: ignore[index]
        self.path.write_text(json.dumps(whole, ensure_ascii=False, indent=1))

    @property
    def path(self) -> Path:
        return self.folder / "callbridge.yaml"

    @property
    def process(self) -> Process:
        if self._process is None:
            raise RuntimeError("callbridge was not started")
        return self._process

    def pids(self) -> list[int]:
        """Of the process, while it runs."""
        return [self._process.pid] if self._process is not None and self._process.running else []

    async def launch(self) -> None:
        """Start, and return at once."""
        if self.warm:
            self._process = await Process.callbridge("serve", "-c", self.path, log=self.log)
        else:
            command: list[str | Path] = [sys.executable, "-m", *self.module, "serve", "-c", self.path]
            self._process = await Process.start(command, self.log)

    async def start(self, limit: float = STARTS) -> None:
        """Start, and return when it is ready to take calls."""
        await self.launch()
        await self.until_ready(limit)

    async def until_ready(self, limit: float = STARTS) -> None:
        async with asyncio.timeout(limit):
            while not await self.ready():
                if not self.process.running:
                    raise RuntimeError(f"callbridge ended with {self.process.returncode}: {self.last_words()}")
                await asyncio.sleep(0.02)

    async def ready(self) -> bool:
        reader, writer = None, None
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            return b" 200 " in await reader.readline()
        except OSError:
            return False
        finally:
            if writer is not None:
                writer.close()

    async def probe(self, path: str = "/readyz") -> tuple[int, dict[str, Any]]:
        """Status and body of a probe; 0 when nobody answers."""
        try:
            async with aiohttp.ClientSession() as session, session.get(self.url + path) as answer:
                return answer.status, await answer.json(content_type=None)
        except aiohttp.ClientConnectionError:
            return 0, {}

    async def until_missing(self, words: str, limit: float = 10.0) -> str:
        """What /readyz says is missing, once these words are in it."""
        body: dict[str, Any] = {}
        try:
            async with asyncio.timeout(limit):
                while words not in (missing := "; ".join([*body.get("missing", []), *body.get("notes", [])])):
                    _, body = await self.probe()
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"/readyz does not say {words!r} within {limit} s: {body}") from None
        return missing

    async def stop(self) -> None:
        if self._process is not None:
            await self._process.end()

    async def kill(self) -> None:
        """kill -9."""
        self.was_killed = True
        if self._process is not None:
            await self._process.kill()

    async def close(self) -> None:
        await self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._ports.release()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            print(self.last_words())
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # What it says

    def last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:]) if self.log.exists() else ""

    def lines(self) -> Sequence[Fact]:
        """All lines of its log so far."""
        with self.log.open("rb") as log:
            log.seek(self._read)
            for line in log:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                try:
                    self._facts.append(json.loads(line))
                except ValueError:
                    self._facts.append({"event": "not json", "text": line.decode(errors="replace")})
        return self._facts

    def facts(self, kind: str, /, **fields: Any) -> list[Fact]:
        """The facts of a kind (``call_ended``) whose fields have these values."""
        return [
            line
            for line in self.lines()
            if line.get("event") == kind and all(line.get(name) == value for name, value in fields.items())
        ]

    async def until(self, kind: str, /, *, count: int = 1, limit: float = 10.0, **fields: Any) -> Fact:
        """The ``count``-th such fact, waited for."""
        try:
            async with asyncio.timeout(limit):
                while len(found := self.facts(kind, **fields)) < count:
                    known = len(self._facts)
                    while len(self.lines()) == known:  # looking through a long log again and again takes a tenth of a core
                        await asyncio.sleep(0.01)
        except TimeoutError:
            recent = [" ".join(str(line[key]) for key in _OF_A_FACT if line.get(key)) for line in self.lines()[-12:]]
            raise AssertionError(f"no {kind} {fields} (x{count}) within {limit} s; last: {recent}") from None
        return found[count - 1]

    async def eventually(self, true: Callable[[], Any], limit: float = 10.0) -> None:
        async with asyncio.timeout(limit):
            while not true():
                await asyncio.sleep(0.02)

    async def ask(self, who: str, act: str, *, reason: str = "", phone: str = "") -> dict[str, Any]:
        """What an agent may ask, over HTTP."""
        return await asyncio.to_thread(self.client.act, who, act, reason=reason, phone=phone)

    async def state(self, who: str) -> str:
        agents = await asyncio.to_thread(self.client.agents)
        return str(next(row["state"] for row in agents if row["id"] == who))

    async def until_state(self, who: str, state: str, limit: float = 10.0) -> None:
        last = ""
        try:
            async with asyncio.timeout(limit):
                while (last := await self.state(who)) != state:
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"agent {who} is {last}, not {state}, after {limit} s") from None

    async def queue(self, name: str) -> dict[str, Any]:
        queues = await asyncio.to_thread(self.client.queues)
        return next(row for row in queues if row["name"] == name)

    async def calls(self) -> list[dict[str, Any]]:
        return await asyncio.to_thread(self.client.calls)

    def trouble(self) -> list[Fact]:
        """Lines of the log that should never be there."""
        return [line for line in self.lines() if line.get("level") in ("error", "critical") or line.get("event") == "not json"]


__all__ = ["QUICK", "ApiError", "Callbridge", "agent", "floor"]
