"""``/api/names``: display names by id, of the people in rows of the past and the present.

A row that a client may see can name agents of other teams, as the agent who has a call that came from the own queue: they have
names there, too, so their names are nobody's secret. What they do is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from aiohttp import web

from callbridge.adapters.http.accounts import Accounts
from callbridge.adapters.http.auth import caller
from callbridge.adapters.http.limited import Limited
from callbridge.adapters.http.response_bodies import ResponseBody
from callbridge.adapters.http.route import get


class NamesView(ResponseBody):
    """Names of agents by id, of all teams, and of users by the name with which they log in. Who has no name of their own is
    missing. An agent gets the names of its teams' agents, or of all on a floor without teams, and of no user: with what people
    log in is not for everybody. Clients limited to teams get the users of these teams and those of the whole floor."""

    agents: dict[str, str]
    users: dict[str, str]


NAMES_ROUTES = (get("/api/names", "names", "list the names of agents and users, by id", NamesView, limited=Limited.ROWS),)


class NamesHandlers:
    """``agents``: their names by id, of those who are configured."""

    def __init__(self, agents: Callable[[], Mapping[str, str]], accounts: Callable[[], Accounts]) -> None:
        self._agents, self._accounts = agents, accounts

    async def names(self, _request: web.Request) -> web.Response:
        who, accounts = caller(), self._accounts()
        seen = accounts.colleagues(who.agent) if who.agent else None
        agents = {
            name: shown
            for name, shown in sorted(self._agents().items())
            if shown not in ("", name) and (seen is None or name in seen or name == who.agent)
        }
        users = {
            name: one.shown
            for name, one in sorted(accounts.users.items())
            if one.shown != name and not who.agent and _may_meet(who.teams, one.teams)
        }
        return web.json_response({"agents": agents, "users": users})


def _may_meet(own: Collection[str], others: Collection[str]) -> bool:
    """Whether both have to do with the same calls: who has no teams has to do with all."""
    return not own or not others or not set(own).isdisjoint(others)
