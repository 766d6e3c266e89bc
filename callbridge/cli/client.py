"""A small client of a running callbridge's HTTP interface, for the commands."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

REQUEST_TIMEOUT = 10.0
QUIET = 60.0
"""Seconds without data, including comments, after which an event stream is dropped."""


class ApiError(Exception):
    """The error in one line."""


class NotThere(ApiError):
    """The agent, queue or call does not exist."""


class NotRunning(ApiError):
    """Nobody listens at the address."""


class Unready(ApiError):
    """The server is up but not ready."""

    def __init__(self, missing: list[str]) -> None:
        super().__init__(f"not ready: {', '.join(missing)}")
        self.missing = missing


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
        """One call with its timeline."""
        return self._dict(self._request("GET", f"/api/calls/{_quoted(call)}"))

    def act(self, agent: str, act: str, *, reason: str = "", phone: str = "") -> dict[str, Any]:
        """Send a request for an agent; returns the agent's new view."""
        body = {key: value for key, value in (("reason", reason), ("phone", phone)) if value}
        return self._dict(self._request("POST", f"/api/agents/{_quoted(agent)}/{act}", body))

    def act_on_call(self, call: str, act: str, **body: object) -> dict[str, Any]:
        """Ask something about a call: ``hang-up``, ``move``, ``head-start`` or ``pull``."""
        return self._dict(self._request("POST", f"/api/calls/{_quoted(call)}/{act}", body))

    def explain(self, kind: str, name: str) -> dict[str, Any]:
        """One of the ``agents``, ``queues`` or ``calls`` with the reasons for what happens to it, as ``lines``."""
        try:
            return self._dict(self._request("GET", f"/api/explain/{kind}/{_quoted(name)}"))
        except NotThere:
            seen = ", live or ended within the last day" if kind == "calls" else ""
            raise NotThere(f"no such {kind.removesuffix('s')}: {name}{seen}") from None

    def waiting(self, limit: int) -> dict[str, Any]:
        """The first ``limit`` callers of each queue, in the order in which they will be served, and how many there are."""
        return self._dict(self._request("GET", f"/api/waiting?limit={limit}"))

    def missing(self) -> list[str]:
        """What is not ready, according to the server, and the links to PBXs that are lost while another one is served."""
        try:
            answer = self._request("GET", "/readyz")
        except Unready as refusal:
            return refusal.missing
        told = self._dict(answer)
        lost = [str(each) for each in told.get("notes", []) if str(each).startswith("pbx ")]
        return [*(str(each) for each in told.get("missing", [])), *lost]

    def bypass(self, on: bool | None = None) -> dict[str, Any]:
        """The state of bypass, after setting it if requested."""
        return self._dict(self._request("GET", "/api/bypass") if on is None else self._request("POST", "/api/bypass", {"on": on}))

    def callbacks(self) -> list[dict[str, Any]]:
        """All open callbacks."""
        return self._list("/api/callbacks", "id")

    def call_back(self, queue: str, number: str, **more: object) -> dict[str, Any]:
        """Schedule a callback."""
        return self._dict(self._request("POST", "/api/callbacks", {"queue": queue, "number": number, **more}))

    def change_callback(self, callback: str, change: str, **more: object) -> dict[str, Any]:
        """``call-now``, ``reschedule``, ``number`` or ``cancel``, with what the route asks for."""
        return self._dict(self._request("POST", f"/api/callbacks/{_quoted(callback)}/{change}", more))

    def erase_person(self, number: str) -> dict[str, Any]:
        """Erase a person in callbridge, its database and Redis."""
        return self._dict(self._request("POST", "/api/person/erase", {"number": number}))

    def campaigns(self) -> list[dict[str, Any]]:
        """Every campaign as it is now."""
        return self._list("/api/campaigns", "name")

    def campaign(self, name: str) -> dict[str, Any]:
        """One campaign, with its ledger's figures."""
        return self._dict(self._request("GET", f"/api/campaigns/{_quoted(name)}"))

    def run_campaign(self, name: str, act: str) -> dict[str, Any]:
        """``start``, ``pause`` or ``stop`` it."""
        return self._dict(self._request("POST", f"/api/campaigns/{_quoted(name)}/{act}", {}))

    def set_disposition(self, agent: str, code: str, **more: object) -> dict[str, Any]:
        """Set the disposition of an agent's call."""
        return self._dict(self._request("POST", f"/api/agents/{_quoted(agent)}/disposition", {"code": code, **more}))

    def hours(self) -> list[dict[str, Any]]:
        """All calendars, and which of them are open."""
        return self._list("/api/hours", "name")

    def close(self, calendar: str, closed: bool) -> dict[str, Any]:
        """Close a calendar immediately, or return it to its opening hours."""
        return self._dict(self._request("POST", f"/api/hours/{_quoted(calendar)}", {"closed": closed}))

    def closures(self) -> list[dict[str, Any]]:
        """What is closed for a time, now or later."""
        return self._list("/api/closures", "id")

    def close_for(self, target: str, ends: float, **more: object) -> dict[str, Any]:
        """Close a calendar, a queue or an entry (``queue:support``) until ``ends``."""
        return self._dict(self._request("POST", "/api/closures", {"target": target, "ends": ends, **more}))

    def reopen(self, closure: str) -> dict[str, Any]:
        """End a closure."""
        return self._dict(self._request("POST", f"/api/closures/{_quoted(closure)}/reopen", {}))

    def reload(self, *, dry_run: bool = False, force: bool = False) -> dict[str, Any]:
        """Reload the configuration from disk, or preview the changes."""
        wanted = {"dry_run": dry_run, "force": force}
        return self._dict(self._request("POST", "/api/reload", {name: on for name, on in wanted.items() if on}))

    def step_down(self) -> dict[str, Any]:
        """Have the standby lead; answers when it does."""
        return self._dict(self._request("POST", "/api/step-down", {}))

    def events(self, after: str = "") -> Iterator[dict[str, Any]]:
        """Facts as they happen, from the one with the id ``after`` on, until the server ends it. Raises ApiError, also when
        it has no such stream."""
        more = {"Last-Event-ID": after} if after else {}
        try:
            with self._open("GET", "/api/events", None, "text/event-stream", QUIET, more) as answer:
                for line in answer:
                    if line.startswith(b"data:"):
                        fact = json.loads(line[5:])
                        if isinstance(fact, dict):
                            yield fact
        except (OSError, ValueError, http.client.HTTPException) as trouble:
            raise self._trouble(trouble) from None

    def _list(self, path: str, key: str) -> list[dict[str, Any]]:
        answer = self._request("GET", path)
        rows = answer.get(key, []) if isinstance(answer, dict) else answer
        return [row for row in rows if isinstance(row, dict)]

    def _dict(self, answer: Any) -> dict[str, Any]:
        return answer if isinstance(answer, dict) else {}

    def _request(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        try:
            with self._open(method, path, body, "application/json") as answer:
                return json.load(answer)
        except (OSError, ValueError, http.client.HTTPException) as trouble:
            raise self._trouble(trouble) from None

    def _open(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None,
        accept: str,
        timeout: float = REQUEST_TIMEOUT,
        more: Mapping[str, str] | None = None,
    ) -> Any:
        if urllib.parse.urlsplit(self.url).scheme not in ("http", "https"):
            raise ApiError(f"{self.url} is not an HTTP address; write --url http://HOST:PORT, such as http://127.0.0.1:8090")
        headers = {"Accept": accept, **(more or {})}
        if self.token:
            if not (self.token.isascii() and self.token.isprintable()):
                raise ApiError("the token contains invalid characters; check $CALLBRIDGE_TOKEN or --token")
            headers["Authorization"] = f"Bearer {self.token}"
        data = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(dict(body)).encode(), "application/json"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(self.url.rstrip("/") + path, data=data, method=method, headers=headers)
        return opener.open(request, timeout=timeout)

    def _trouble(self, trouble: Exception) -> ApiError:
        if isinstance(trouble, urllib.error.HTTPError):
            with trouble:
                return _problem(trouble, self.token)
        if isinstance(trouble, OSError):
            reason = getattr(trouble, "reason", trouble)
            if isinstance(reason, ConnectionResetError | BrokenPipeError):
                return ApiError(
                    f"{self.url} closed the connection without an answer; is it callbridge? It does so when too many "
                    "are open: see 'http refused' in its log, and http.limits"
                )
            if isinstance(reason, ssl.SSLError) and "WRONG_VERSION_NUMBER" in str(reason):
                return ApiError(f"{self.url} does not speak TLS: write http://, unless a proxy serves https there")
            kind = NotRunning if isinstance(reason, ConnectionRefusedError) else ApiError
            return kind(f"cannot reach callbridge at {self.url} ({reason}); check that it is running and that --url is correct")
        return ApiError(f"{self.url} is not callbridge's HTTP address: {trouble}")


def _quoted(name: str) -> str:
    return urllib.parse.quote(name, safe="", errors="replace")


def _problem(refusal: urllib.error.HTTPError, token: str) -> ApiError:
    if refusal.code == 401:
        known = "the server rejected the token: check $CALLBRIDGE_TOKEN or --token"
        return ApiError(known if token else "the server requires a token: set $CALLBRIDGE_TOKEN")
    try:
        problem = json.load(refusal)
        if refusal.code == 503 and "missing" in problem:
            return Unready([str(each) for each in problem["missing"]])
        unknown = "the server has no such thing; is it older than this command?" if refusal.code == 404 else ""
        text = str(problem.get("detail") or unknown or problem.get("title") or refusal)
        faults = [_fault(each) for each in problem.get("faults") or ()]
    except (OSError, ValueError, AttributeError, TypeError):
        doubt = "; is it callbridge? Check --url" if refusal.code == 404 else ""
        text, faults = f"the server said {refusal.code} {refusal.reason}{doubt}", []
    kind = NotThere if refusal.code == 404 else ApiError
    return kind(": ".join([text, "; ".join(faults)]) if faults else text)


def _fault(fault: object) -> str:
    if isinstance(fault, Mapping):
        return ": ".join(str(fault[key]) for key in ("field", "problem") if fault.get(key))
    return str(fault)
