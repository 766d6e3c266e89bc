"""``/api/phone``: what the page needs to be a phone of who has logged in, and the way of its SIP to the PBX."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from callbridge.adapters.http.accounts import Accounts, BrowserPhone
from callbridge.adapters.http.auth import Caller, caller
from callbridge.adapters.http.limited import Limited
from callbridge.adapters.http.log_in import LogIns
from callbridge.adapters.http.phone_socket import PhoneSockets
from callbridge.adapters.http.problems import Problem
from callbridge.adapters.http.response_bodies import ResponseBody
from callbridge.adapters.http.route import Route, get

SOCKET = "/api/phone/socket"


class PhoneView(ResponseBody):
    """How the page registers at the PBX. ``socket``: the path of the WebSocket for SIP."""

    phone: str
    endpoint: str
    user: str
    password: str
    socket: str


PHONE_ROUTES: tuple[Route, ...] = (
    get(
        "/api/phone",
        "phone",
        "how the own page registers as a phone; only for who has logged in, never for tokens",
        PhoneView,
        faults=(404,),
        limited=Limited.OPEN,
    ),
)


class PhoneHandlers:
    def __init__(self, log_ins: LogIns, accounts: Callable[[], Accounts]) -> None:
        self._log_ins, self._accounts = log_ins, accounts
        self._sockets = PhoneSockets()

    def add_to(self, app: web.Application) -> None:
        """The socket, which is no route of the API: OpenAPI knows no WebSockets."""
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

    def _own(self, who: Caller) -> BrowserPhone:
        """Raises Problem. A token is for programs, and one that leaks must not be a phone."""
        if who.session is None:
            raise Problem(403, "a phone in the browser is for those who have logged in")
        account = self._log_ins.account_of(who.session)
        found = self._accounts().phone_of(account) if account is not None else None
        if found is None:
            raise Problem(404, "you have no phone in the browser: add browser_phone to the configuration")
        return found
