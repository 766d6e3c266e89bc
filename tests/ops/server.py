"""A server of the lab's own that answers as callbridge's HTTP does, with what a test puts in, and remembers what was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Toy:
    """``answers``: (method, path) -> (status, body)."""

    url: str = ""
    answers: dict[tuple[str, str], tuple[int, Any]] = field(default_factory=dict)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    facts: list[dict[str, Any]] | None = None

    def knows(self, path: str, body: Any, *, method: str = "GET", status: int = 200) -> None:
        self.answers[method, path] = status, body

    def only(self) -> tuple[str, str, Any]:
        """The one thing that was asked."""
        (found,) = self.asked
        return found


@contextmanager
def serving(port: int = 0) -> Iterator[Toy]:
    toy = Toy()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("GET", None)

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            self._answer("POST", json.loads(self.rfile.read(length) or b"null"))

        def _answer(self, method: str, body: Any) -> None:
            toy.asked.append((method, self.path, body))
            if self.path == "/api/events" and toy.facts is not None:
                data = "".join(f"event: {fact['type']}\ndata: {json.dumps(fact)}\n\n" for fact in toy.facts).encode()
                status = 200
            else:
                missing = (404, {"title": "Not Found", "detail": "", "status": 404})
                bare = toy.answers.get((method, self.path.partition("?")[0]), missing)
                status, plain = toy.answers.get((method, self.path), bare)
                data = json.dumps(plain).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    toy.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield toy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
