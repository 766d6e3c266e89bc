"""A small client of a running callbridge's HTTP interface, for the commands."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TIMEOUT = 10.0


class ApiError(Exception):
    """What went wrong, in one line for a person."""


@dataclass(frozen=True, slots=True)
class Client:
    """``url`` is the server's root. Raises ApiError whatever goes wrong."""

    url: str
    token: str = ""

    def queues(self) -> list[dict[str, Any]]:
        return self._list("/api/queues", "queues")

    def agents(self) -> list[dict[str, Any]]:
        return self._list("/api/agents", "agents")

    def calls(self) -> list[dict[str, Any]]:
        return self._list("/api/calls", "calls")

    def call(self, call: str) -> dict[str, Any]:
        """One call with its story."""
        return self._dict(self._ask("GET", f"/api/calls/{urllib.parse.quote(call, safe='')}"))

    def act(self, agent: str, act: str, *, reason: str = "", phone: str = "") -> dict[str, Any]:
        """Ask something for an agent; gives the agent as it is then."""
        body = {key: value for key, value in (("reason", reason), ("phone", phone)) if value}
        return self._dict(self._ask("POST", f"/api/agents/{urllib.parse.quote(agent, safe='')}/{act}", body))

    def act_on_call(self, call: str, act: str, **body: str | float) -> dict[str, Any]:
        """Ask something about a call: ``hang-up``, ``move`` (to="queue:NAME"), ``head-start`` (seconds), ``pull``."""
        return self._dict(self._ask("POST", f"/api/calls/{urllib.parse.quote(call, safe='')}/{act}", body))

    def reload(self) -> None:
        """Put the configuration in force. ApiError names the faults for which it was refused."""
        self._ask("POST", "/api/reload", {})

    def bypass(self, on: bool | None = None) -> dict[str, Any]:
        """How the bypass stands; turn it first when ``on`` is given."""
        return self._dict(self._ask("GET", "/api/bypass") if on is None else self._ask("POST", "/api/bypass", {"on": on}))

    def _list(self, path: str, key: str) -> list[dict[str, Any]]:
        answer = self._ask("GET", path)
        rows = answer.get(key, []) if isinstance(answer, dict) else answer
        return [row for row in rows if isinstance(row, dict)]

    def _dict(self, answer: Any) -> dict[str, Any]:
        return answer if isinstance(answer, dict) else {}

    def _ask(self, method: str, path: str, body: Mapping[str, str | float | bool] | None = None) -> Any:
        headers = {"Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(dict(body)).encode(), "application/json"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            request = urllib.request.Request(self.url.rstrip("/") + path, data=data, method=method, headers=headers)
            with opener.open(request, timeout=TIMEOUT) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refusal:
            raise ApiError(_problem(refusal)) from None
        except (urllib.error.URLError, OSError) as trouble:
            reason = getattr(trouble, "reason", trouble)
            raise ApiError(f"no callbridge answers at {self.url} ({reason}); is it running, is --url right?") from None
        except (ValueError, http.client.HTTPException) as trouble:
            raise ApiError(f"{self.url} is not callbridge's HTTP address: {trouble}") from None


def _problem(refusal: urllib.error.HTTPError) -> str:
    if refusal.code == 401:
        return "the server wants a token: set $CALLBRIDGE_TOKEN"
    try:
        problem = json.load(refusal)
        faults = [fault for fault in problem.get("faults", []) if isinstance(fault, str)]
        return "; ".join([str(problem.get("detail") or problem.get("title") or refusal), *faults])
    except (ValueError, AttributeError):
        return f"the server said {refusal.code} {refusal.reason}"
