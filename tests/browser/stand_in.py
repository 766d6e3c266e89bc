"""A stand-in for callbridge's server: the built pages, log-in, the stream of views, and a record of what was asked.

It shows a busy floor that never changes by itself, so pictures and tests see the same at every run. What is true of the
server itself is shown with the real one, by test_floor.py.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from callbridge.adapters.http.pages import PAGES
from callbridge.adapters.views.phrasing import Number, line, say
from tests.browser import stand_in_history

DIST = Path(__file__).resolve().parents[2] / "callbridge" / "web" / "dist"
POLICY = "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'; object-src 'none'"
HOSTILE = "<img src=x onerror=\"document.title='hit'\"><script>document.title='hit'</script>"
"""A caller may call himself so."""
REASONS = ["lunch", "break", "training"]
CODES = [{"code": "solved", "label": "Solved at once"}, {"code": "later", "label": "Call again"}]
Row = dict[str, Any]
Parts = dict[str, dict[str, Row | None]]


def queue(name: str, now: float, *, waiting: int = 0, oldest: float = 0.0, level: float | str = "", **more: Any) -> Row:
    counts = {"agents_connecting": 0, "agents_busy_elsewhere": 0, "agents_offline": 0, "agents_ringing": 0, "agents_wrap_up": 0}
    row = {"name": name, "waiting": waiting, "oldest_arrived_at": now - oldest if waiting else "", "sl": level}
    row |= counts | {"agents_logged_in": 5, "agents_ready": 1, "agents_talking": 3, "agents_not_ready": 1, "callbacks_waiting": 0}
    row |= {"ewt_seconds": 25.0, "waiting_today": waiting, "offered": 120, "answered": 104, "abandoned": 5, "short_abandoned": 2}
    row |= {"overflowed": 1, "failed": 0, "updated_at": now, "seq": 1, "answer_within": 20.0, "sl_target": 0.8}
    return row | more


def agent(name: str, now: float, state: str, *, id: str, lasted: float = 60.0, **more: Any) -> Row:
    row = {"id": id, "name": name, "state": state, "reason": "", "since": now - lasted, "until": "", "queue": "", "call": ""}
    row |= {"next_state": "", "next_reason": ""}
    return row | {"phone": f"PJSIP/{id}", "device": "available", "updated_at": now, "seq": 1} | more


def call(id: str, now: float, state: str, queue: str, number: str, *, waited: float = 30.0, **more: Any) -> Row:
    row = {"id": id, "state": state, "queue": queue, "tier": "gold", "number": number, "arrived_at": now - waited, "step": 0}
    return (
        row
        | {
            "agent": "",
            "agent_name": "",
            "transfer": "",
            "transfer_failed": "",
            "transfer_failed_to": "",
            "recording": "",
            "held_since": "",
            "held_by": "",
            "updated_at": now,
        }
        | {"seq": 1, "supervisors": []}
        | more
    )


def alert(code: str, text: str, since: float, **values: str | float) -> Row:
    known = {"code": code, "text": text, "queue": "", "agent": "", "severity": "warning", "since": since}
    return known | {"values": values}


def busy_floor(now: float) -> Parts:
    queues = [
        queue("support", now, waiting=4, oldest=37.0, level=0.72, callbacks_waiting=1),
        queue("sales", now, waiting=1, oldest=16.0, level=0.77),
        queue("general", now, level=0.93),
    ]
    agents = [
        agent("Maria Lopez", now, "talking", id="1001", lasted=184.0, queue="support", call="cb-call-1"),
        agent("Jonas Weber", now, "ready", id="1002", lasted=12.0),
        agent("Wei Chen", now, "not_ready", id="1003", lasted=1260.0, reason="lunch"),
        agent("Aisha Khan", now, "wrap_up", id="1004", lasted=21.0, queue="sales"),
        agent("Tom Baker", now, "ringing", id="1005", lasted=4.0, queue="support", call="cb-call-2"),
        agent("Eva Novak", now, "offline", id="1006", lasted=300.0),
        agent("Luis Ortega", now, "logged_out", id="1007", lasted=5000.0),
    ]
    calls = [
        call(
            "cb-call-1",
            now,
            "talking",
            "support",
            "+442079460101",
            waited=205.0,
            agent="1001",
            agent_name="Maria Lopez",
            recording="on",
        ),
        call("cb-call-2", now, "offered", "support", "+442079460102", waited=22.0, agent="1005", agent_name="Tom Baker"),
        *(call(f"cb-call-{n}", now, "waiting", "support", f"+4420794602{n:02}", waited=40.0 - n) for n in range(3, 7)),
        call("cb-call-7", now, "waiting", "sales", "", waited=16.0, tier="standard"),
    ]
    owed: Row = {
        "id": "cb-callback-1",
        "queue": "support",
        "number": "+442079460119",
        "name": "Ella Fox",
        "tier": "diamond",
        "state": "standing",
    }
    owed |= {"made_at": now - 300, "due": "", "expires_at": now + 9000, "attempts": 0, "agent": "1001", "call": "", "by": ""}
    campaign: Row = {
        "name": "renewals",
        "state": "running",
        "by": "boss",
        "since": now - 900,
        "mode": "predictive",
        "queue": "sales",
    }
    campaign |= {"outstanding": 3, "live": 2, "talking": 2, "agents": 4, "busy": 3, "leads_ready": 214, "decided": 2}
    campaign |= {
        "why": "predicted",
        "why_not": "",
        "why_not_parts": {},
        "risk": 0.02,
        "risk_allowed": 0.03,
        "answer_chance": 0.31,
    }
    campaign |= {"answers": 140, "abandoned": 2, "abandon_rate": 0.014, "cap": 0.03, "window_seconds": 86400.0}
    late = "Wei Chen (1003)"
    limit: Row = {"name": late, "reason": "lunch", "lasted": 1260, "over": 60}
    return {
        "queues": {row["name"]: row for row in queues},
        "agents": {row["id"]: row for row in agents},
        "calls": {row["id"]: row for row in calls},
        "callbacks": {"cb-callback-1": owed | {"recording": ""}},
        "campaigns": {"renewals": campaign},
        "alerts": {
            "nobody_fits:support": alert("nobody_fits", "support: 4 callers waiting, nobody who fits is ready", now - 37, count=4)
            | {"queue": "support", "severity": "critical"},
            "reason_limit:1003": alert("reason_limit", f"{late}: lunch for 21 min, 1 min over its limit", now - 1260, **limit)
            | {"agent": "1003"},
        },
        "me": {"me": own_part(now, agents[0], calls[0])},
    }


def own_part(now: float, agent: Row, call: Row | None) -> Row:
    if call is not None:
        call = call | {"name": "Amelia Hart", "withheld": False, "campaign": "", "crm": None}
        known = {"Account": "4711 0815", "Contract": "Premium", "Town": "Leeds"}
        call["details"] = [{"name": name.lower(), "label": name, "value": value} for name, value in known.items()]
    own = {"dispositions": CODES, "can": {"record": True, "survey": True}}
    if agent["state"] == "wrap_up":
        return own | {"agent": agent, "call": None, "after": call}
    return own | {"agent": agent, "call": call, "after": None}


def _for_agents(row: Row | None) -> Row | None:
    """Without what only those see who watch the floor."""
    return None if row is None else {name: value for name, value in row.items() if name != "supervisors"}


_LACKS = say("lacks_level", "{skill} >= {level} (has {has})", skill="support", level=Number(2), has=Number(1))
_UNFIT = say("agent_lacks", "{agent} lacks {missing}", agent="Jonas Weber (1002)", missing=_LACKS)


class StandIn:
    """``asked`` has each write: its path and body. ``answers``: what a path answers, as (status, body)."""

    def __init__(self, now: float | None = None) -> None:
        self._still = now is not None
        self.now = time.time() if now is None else now
        self.parts = busy_floor(self.now)
        self.asked: list[tuple[str, Any]] = []
        self.answers: dict[str, tuple[int, Any]] = {}
        self.users: dict[str, Row] = {
            "1001": {"user": "1001", "name": "Maria Lopez", "role": "agent", "agent": "1001"},
            "boss": {"user": "boss", "name": "Olga Boss", "role": "admin", "agent": None},
        }
        self.layout: Row = {"title": "Service floor", "message": "Team meeting at 15:00", "queues": [], "figures": []}
        self.phone = False
        """Whether the pages are phones."""
        self.beating = True
        """Whether anything is sent at all; without it connections are taken, and that is all."""
        self.port = 0
        self._signed_in = ""
        self._seq = 0
        self._streams: set[asyncio.Queue[bytes]] = set()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        app = web.Application(middlewares=[_secured])
        add = app.router.add_route
        for path in PAGES:
            add("GET", path, _page)
        app.router.add_static("/assets/", DIST / "assets")
        add("GET", "/api/session", self._session)
        add("POST", "/api/session", self._sign_in)
        add("DELETE", "/api/session", self._sign_out)
        add("GET", "/api/views", self._views)
        add("GET", "/api/walls/{name}", self._wall)
        add("GET", "/api/walls/{name}/views", self._views)
        add("GET", "/api/{path:.*}", self._read)
        add("POST", "/api/{path:.*}", self._write)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self.port or self._runner.addresses[0][1]

    async def stop(self) -> None:
        """As a restart: streams end, the port refuses."""
        if self._runner is not None:
            for one in self._streams:
                one.put_nowait(b"")
            await self._runner.cleanup()
            self._runner = None

    def sign_in(self, user: str) -> None:
        self._signed_in = user

    def change(self, parts: Mapping[str, Mapping[str, Row | None]]) -> None:
        """Change rows, and tell every page."""
        for name, rows in parts.items():
            for key, row in rows.items():
                if row is None:
                    self.parts[name].pop(key, None)
                else:
                    self.parts[name][key] = row
        self._seq += 1
        for one in self._streams:
            one.put_nowait(self._event("delta", parts))

    def _seen(self, parts: list[str]) -> Parts:
        """An agent sees no other agent, no other call and no callbacks, as with the real server."""
        found = {name: self.parts[name] for name in parts if name in self.parts}
        agent = self.users.get(self._signed_in, {}).get("agent")
        if agent is None:
            return {name: rows for name, rows in found.items() if name != "me"}
        found.pop("callbacks", None)
        own = self.parts["agents"].get(agent) or {}
        for name, key in (("agents", agent), ("calls", own.get("call", ""))):
            if name in found:
                found[name] = {one: _for_agents(row) for one, row in found[name].items() if one == key}
        return found

    def _at(self) -> float:
        """The server's clock: it stands still where a moment was given."""
        return self.now if self._still else time.time()

    def _event(self, event: str, parts: object) -> bytes:
        at = self._at()
        return f"event: {event}\ndata: {json.dumps({'seq': self._seq, 'at': at, 'parts': parts})}\n\n".encode()

    async def _views(self, request: web.Request) -> web.StreamResponse:
        if not self._signed_in and "name" not in request.match_info:
            return _problem(401, "log in first")
        if request.query.get("key", "") == "revoked":
            return _problem(401, "this link is not valid any more")
        wanted = request.query.get("parts", "queues").split(",")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        news: asyncio.Queue[bytes] = asyncio.Queue()
        self._streams.add(news)
        try:
            await response.prepare(request)
            if self.beating:
                await response.write(self._event("whole", self._seen(wanted)))
            while True:
                text = b": beat\n\n" if self.beating else b""
                with suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        text = await news.get()
                        if not text:
                            break
                await response.write(text)
        except ConnectionError:
            pass
        finally:
            self._streams.discard(news)
        return response

    async def _session(self, _request: web.Request) -> web.Response:
        if not self._signed_in:
            return _problem(401, "log in first")
        return web.json_response(
            {"teams": [], "language": None, "expires_in": 3600, "reasons": REASONS, "phone": self.phone}
            | self.users[self._signed_in]
        )

    async def _sign_in(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body.get("user") not in self.users or body.get("password") != "4711":
            return _problem(401, "no such user, or another password", locked_for=300.0)
        self._signed_in = body["user"]
        return await self._session(request)

    async def _sign_out(self, _request: web.Request) -> web.Response:
        self._signed_in = ""
        return web.Response(status=204)

    async def _wall(self, request: web.Request) -> web.Response:
        return web.json_response(self.layout)

    async def _read(self, request: web.Request) -> web.Response:
        path = request.match_info["path"]
        if path in self.answers:
            status, body = self.answers[path]
            return web.json_response(body, status=status)
        if path.startswith("recordings/"):
            return stand_in_history.play(request)
        if (past := stand_in_history.answer(path, request, self.now)) is not None:
            return web.json_response(past)
        if path == "names":
            people = {name: row["name"] for name, row in busy_floor(self.now)["agents"].items() if row}  # of all teams
            return web.json_response({"agents": people, "users": {"maria": "Maria Kern", "eve": "Eve Stone"}})
        if path in ("queues", "agents", "campaigns"):
            return web.json_response(list(self.parts[path].values()))
        if path == "waiting":
            rows = [row for row in self.parts["calls"].values() if row and row["state"] == "waiting"]
            places: Counter[str] = Counter()
            shown = []
            for row in rows:
                places[row["queue"]] += 1
                needs = {"position": places[row["queue"]], "needs": f"{row['queue']} >= 2"}
                shown.append(row | needs | {"steps": 2, "answer_within": 20.0})
            totals = {name: sum(row["queue"] == name for row in rows) for name in self.parts["queues"]}
            alerts = ["support: 4 callers waiting, nobody who fits is ready"]
            found = {"now": self._at(), "bypass": False, "waiting": shown, "total": len(rows), "totals": totals}
            return web.json_response(found | {"alerts": alerts})
        if path.startswith("explain/"):
            lines = [
                {"code": "waiting", "text": "the caller needs support >= 2; the next step is in 12 s", "at": self.now},
                {"code": "waiter", "text": "1. +44*****101 (cb-call-1), standard, waiting for 4 s"},
                line("free_but_unfit", "   available but not matching: {agents}", agents=_UNFIT).plain(),
            ]
            return web.json_response({"lines": lines})
        if path == "reports/agents":
            today = {"agent": "1001", "handled": 31, "missed": 1, "talking": 8340.0, "wrap_up": 1500.0, "aht": 317.0}
            return web.json_response([today | {"occupancy": 0.81, "logged_in": 15_120.0}])
        if path == "targets":
            agents = [
                {key: row[key] for key in ("id", "name", "state", "reason")} for row in self.parts["agents"].values() if row
            ]
            queues = [
                {key: row[key] for key in ("name", "waiting", "ewt_seconds")} for row in self.parts["queues"].values() if row
            ]
            return web.json_response({"agents": agents, "queues": queues})
        if path == "walls":
            return web.json_response([{"name": "floor", **self.layout}])
        if path == "closures":
            closed = {
                "id": "cb-closure-1",
                "target": "queue:support",
                "begins": self.now,
                "ends": self.now + 3600.0,
                "closed": True,
            }
            return web.json_response([closed | {"reason": "staff meeting", "by": "maria", "made_at": self.now}])
        if path == "closures/targets":
            return web.json_response(["calendar:office", "queue:support"])
        if path == "callbacks/queues":
            return web.json_response(["sales", "support"])
        if path == "hours":
            rows = [{"name": "office", "open": True, "closed": False, "by": "", "since": "", "opens": ""}]
            return web.json_response(rows)
        if path == "phone" and self.phone:
            return web.json_response({"endpoint": "1101", "user": "1101", "password": "secret", "socket": "/api/phone/socket"})
        if path == "bypass":
            return web.json_response({"on": False, "by": "", "since": ""})
        return _problem(404, "no such path")

    async def _write(self, request: web.Request) -> web.Response:
        path = request.match_info["path"]
        body = await request.json()
        self.asked.append((path, body))
        drawn = stand_in_history.review(19, self.now, criteria=stand_in_history.CRITERIA)
        status, said = self.answers.get(path, (200, drawn if path == "quality/next" else {}))
        return web.json_response(said, status=status)


def _problem(status: int, detail: str, **more: float) -> web.Response:
    return web.json_response({"type": "about:blank", "title": "", "status": status, "detail": detail, **more}, status=status)


async def _page(_request: web.Request) -> web.Response:
    return web.Response(text=(DIST / "index.html").read_text(encoding="utf-8"), content_type="text/html")


@web.middleware
async def _secured(request: web.Request, handler: Any) -> web.StreamResponse:
    response: web.StreamResponse = await handler(request)
    if not response.prepared:
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
    return response
