"""One private Prometheus: the real server on a port of its own, its database in a folder of its own.

Rule of this file: it runs the files of deploy/prometheus; only the address and the rhythm are the lab's.
"""

import asyncio
import json
import shutil
import socket
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Self

import yaml

from tests.lab import scratch
from tests.lab.ports import PortBlock
from tests.lab.process import Process

HOST = "127.0.0.1"
EVERY = "1s"
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Prometheus:
    """``async with Prometheus(folder, target="127.0.0.1:8090") as prometheus: ...``

    ``files`` holds prometheus.yml and its rules; every rhythm in them becomes EVERY, but that of scrapes ``scrapes``.
    """

    def __init__(self, files: Path, target: str, *others: str, scrapes: str = EVERY) -> None:
        self.folder = scratch.folder("cb-prometheus-")
        self._ports = PortBlock(1)
        self.port = self._ports.take(HOST, socket.SOCK_STREAM)
        self.url = f"http://{HOST}:{self.port}"
        self._process: Process | None = None
        self._write(files, [target, *others], scrapes)

    def _write(self, files: Path, targets: list[str], scrapes: str) -> None:
        config = yaml.safe_load((files / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": scrapes, "scrape_timeout": EVERY, "evaluation_interval": EVERY}
        (job,) = config["scrape_configs"]
        job["static_configs"] = [{"targets": targets}]
        for name in config["rule_files"]:
            rules = yaml.safe_load((files / name).read_text())
            for group in rules["groups"]:
                group["interval"] = EVERY
            (self.folder / name).write_text(yaml.safe_dump(rules))
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(config))

    async def start(self, limit: float = 20.0) -> None:
        """Start, and return when it answers."""
        options = {
            "config.file": self.folder / "prometheus.yml",
            "storage.tsdb.path": self.folder / "data",
            "web.listen-address": f"{HOST}:{self.port}",
            "log.level": "warn",
        }
        words = [f"--{name}={value}" for name, value in options.items()]
        self._process = await Process.start(["prometheus", *words], self.folder / "log")
        async with asyncio.timeout(limit):
            while not await asyncio.to_thread(self._answers):
                if not self._process.running:
                    raise RuntimeError(f"Prometheus ended: {(self.folder / 'log').read_text()[-500:]}")
                await asyncio.sleep(0.05)

    def _answers(self) -> bool:
        try:
            with _OPENER.open(f"{self.url}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    async def ask(self, path: str, **parameters: str) -> Any:
        """``data`` of an answer of its HTTP interface."""
        return await asyncio.to_thread(self._ask, f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}")

    def _ask(self, url: str) -> Any:
        try:
            with _OPENER.open(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as refusal:
            raise ValueError(json.load(refusal)["error"]) from None

    async def query(self, expression: str, at: float | None = None) -> list[dict[str, Any]]:
        """The series of an instant query, as Prometheus gives them. ValueError when it is no query."""
        time = {} if at is None else {"time": f"{at:.3f}"}
        return list((await self.ask("query", query=expression, **time))["result"])

    async def last_scrape(self) -> float:
        """When it has asked callbridge last; 0: not yet, or not for minutes."""
        found = await self.query("timestamp(callbridge_build_info)")
        return max((float(one["value"][1]) for one in found), default=0.0)

    async def close(self) -> None:
        """Stop, and give files and port back."""
        if self._process is not None:
            await self._process.end()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._ports.release()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
