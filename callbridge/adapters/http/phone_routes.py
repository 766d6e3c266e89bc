"""``/api/phone``: what the page needs to be a phone of who has logged in, and the way of its SIP to the PBX."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from aiohttp import web
from pydantic import Field

from callbridge.adapters.http.accounts import BrowserPhone, TokenRole
from callbridge.adapters.http.auth import Caller, caller
from callbridge.adapters.http.backend import Backend
from callbridge.adapters.http.limited import Limited
from callbridge.adapters.http.log_in import LogIns
from callbridge.adapters.http.phone_socket import PhoneSockets
from callbridge.adapters.http.problems import Problem
from callbridge.adapters.http.rate_limit import RateLimit
from callbridge.adapters.http.request_bodies import Body, body_of
from callbridge.adapters.http.response_bodies import ResponseBody
from callbridge.adapters.http.route import Route, get, post
from callbridge.core.model.events import QualityMeasured

SOCKET = "/api/phone/socket"


class PhoneView(ResponseBody):
    """How the page registers at the PBX. ``socket``: the path of the WebSocket for SIP."""

    phone: str
    endpoint: str
    user: str
    password: str
    socket: str


Seconds = Annotated[float, Field(ge=0, le=600, allow_inf_nan=False)]
Packets = Annotated[int, Field(ge=0, le=100_000_000)]
Mos = Annotated[float, Field(ge=1, le=5, allow_inf_nan=False)]


class QualityBody(Body):
    """How the own share of a call sounded. ``jitter`` and ``rtt``: seconds; ``loss_sent``: share of the own packets that did not
    arrive, 0 to 1; ``mos``: mean opinion score."""

    call: str = Field(min_length=1, max_length=200)
    codec: str = Field(default="", max_length=32, pattern=r"^[A-Za-z0-9._-]*$")
    received: Packets
    lost: Packets
    mos: Mos
    worst_mos: Mos
    jitter: Seconds | None = None
    rtt: Seconds | None = None
    loss_sent: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None


MOST_REPORTS = 60
"""Within a minute, of one agent: more is not from a page of ours."""

PHONE_ROUTES: tuple[Route, ...] = (
    get(
        "/api/phone",
        "phone",
        "SIP settings for the logged-in agent's page; not for tokens",
        PhoneView,
        faults=(404,),
        limited=Limited.OPEN,
    ),
    post(
        "/api/phone/quality",
        "phone_quality",
        "report how the agent's own share of a call sounded",
        None,
        status=204,
        roles=frozenset({TokenRole.AGENT}),
        body=QualityBody,
        faults=(403, 404, 429),
        limited=Limited.OPEN,
    ),
)


class PhoneHandlers:
    def __init__(self, log_ins: LogIns, backend: Backend) -> None:
        self._log_ins, self._backend = log_ins, backend
        self._reports = RateLimit(MOST_REPORTS, now=asyncio.get_running_loop().time)
        self._sockets = PhoneSockets()

    def add_to(self, app: web.Application) -> None:
        """The socket, which is not part of the API: OpenAPI knows no WebSockets."""
        app.router.add_get(SOCKET, self.socket)

        async def close(_: web.Application) -> None:
            await self._sockets.close()

        app.on_shutdown.append(close)

    async def phone(self, _request: web.Request) -> web.Response:
        phone = self._own(caller())
        view = {"phone": phone.phone, "endpoint": phone.endpoint, "user": phone.user, "password": phone.password}
        return web.json_response(view | {"socket": SOCKET})

    async def socket(self, request: web.Request) -> web.StreamResponse:
        who = caller()
        return await self._sockets.serve(request, self._own(who), self._log_ins.watching(request, who))

    async def phone_quality(self, request: web.Request) -> web.Response:
        """Of a call in which the agent has talked, as its timeline says."""
        body, own = await body_of(request, QualityBody), caller().agent
        if wait := self._reports.wait(own):
            raise Problem(429, "too many reports", retry_after=wait)
        self._reports.count(own)
        talk = next((fact for fact in self._backend.timeline(body.call) or () if _talks(fact, own)), None)
        if talk is None:
            raise Problem(403, "you have not talked in this call")
        said = body.model_dump()
        self._backend.note(QualityMeasured(at=self._backend.now(), agent=own, queue=str(talk["queue"]), **said))
        return web.Response(status=204)

    def _own(self, who: Caller) -> BrowserPhone:
        """Raises Problem. A token is for programs, and one that leaks must not be a phone."""
        if who.session is None:
            raise Problem(403, "a phone in the browser is for those who have logged in")
        account = self._log_ins.account_of(who.session)
        found = self._backend.accounts().phone_of(account) if account is not None else None
        if found is None:
            raise Problem(404, "you have no phone in the browser: add browser_phone to the configuration")
        return found


def _talks(fact: Mapping[str, Any], agent: str) -> bool:
    return (fact["type"], fact["agent"]) == ("talk_began", agent)
