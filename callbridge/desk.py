"""The desk at which HTTP asks and sees; and what the settings say of who may."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from callbridge.adapters.http import HttpSettings, Role, Token
from callbridge.adapters.views import Board
from callbridge.core.events import AgentAsked, CallAsked, SwitchTurned
from callbridge.core.facts import AskRefused
from callbridge.core.switch import Switch
from callbridge.settings.models import Http

if TYPE_CHECKING:
    from callbridge.app import App

ASKING = 5.0
"""Seconds after which somebody who asked is told that no answer came."""
RELOADING = 60.0


class Desk:
    """What HTTP may ask and see. Asking raises TimeoutError when no answer comes."""

    def __init__(self, app: App) -> None:
        self._app = app

    def now(self) -> float:
        return self._app.clock.now()

    async def ask(self, event: AgentAsked | CallAsked | SwitchTurned) -> AskRefused | None:
        async with asyncio.timeout(ASKING):
            return await self._app.runtime.ask(event)

    async def reload(self) -> list[str]:
        async with asyncio.timeout(RELOADING):
            return await self._app.reload()

    def switch(self, name: str) -> Switch | None:
        return self._app.world.switches.get(name)

    def board(self) -> Board:
        return self._app.board

    async def explain(self, kind: str, name: str) -> dict[str, Any] | None:
        return await self._app.explainer.explain(kind, name)

    async def waiting(self) -> dict[str, Any]:
        return await self._app.explainer.waiting()

    def story(self, call: str) -> list[dict[str, Any]] | None:
        return self._app.stories.story(call)


def http_settings(http: Http) -> HttpSettings:
    """Who may use the API, in its own terms."""
    tokens = [
        Token(name=token.name, role=Role(token.role), token=token.token.get_secret_value(), agent=token.agent or "")
        for token in http.tokens
    ]
    return HttpSettings(host=http.host, token=http.token.get_secret_value() if http.token else "", tokens=tokens)
