"""Who can log in, from the configuration in force; and where their sessions are kept."""

from __future__ import annotations

import hashlib
import time

from callbridge.adapters.http import Account, AccountKind, Accounts, BrowserPhone, Sessions, SessionTerms, Team, TokenRole, Wall
from callbridge.adapters.redis.sessions import RedisSessions
from callbridge.core.model.reasons import chosen_by_people
from callbridge.service.adapter_settings import redis_settings
from callbridge.settings.browser_phone import BrowserPhoneConfig, OwnPhoneConfig
from callbridge.settings.models import Settings
from callbridge.settings.resolve import reasons
from callbridge.settings.values import endpoint_of
from callbridge.wire.passwords import read_hash


def user_names(settings: Settings) -> dict[str, str]:
    """The names that people are shown of users who have one, by the names with which they log in."""
    return {login: user.name for login, user in settings.users.items() if user.name is not None}


def accounts(settings: Settings) -> Accounts:
    """Users, the agents who can prove who they are, teams and wallboards."""
    users = {
        name: Account(
            kind=AccountKind.USER,
            name=name,
            shown=user.name or name,
            role=TokenRole(user.role),
            teams=user.teams,
            language=user.language or "",
            secret=user.password.get_secret_value() if user.password is not None else "",
            password=read_hash(user.password.get_secret_value()) if user.password is not None else None,
        )
        for name, user in settings.users.items()
    }
    agents = {
        name: Account(
            kind=AccountKind.AGENT,
            name=name,
            shown=agent.name or name,
            role=TokenRole.AGENT,
            agent=name,
            language=agent.language or "",
            secret=agent.pin.get_secret_value() if agent.pin is not None else "",
        )
        for name, agent in settings.agents.items()
        if agent.pin is not None or settings.http.oidc is not None
    }
    teams = {
        name: Team(name=name, queues=frozenset(team.queues), agents=frozenset(team.agents))
        for name, team in settings.teams.items()
    }
    walls = {
        name: Wall(
            name=name,
            title=wall.title or "",
            message=wall.message or "",
            queues=wall.queues,
            figures=wall.figures,
            key=wall.key.get_secret_value() if wall.key is not None else "",
        )
        for name, wall in settings.walls.items()
    }
    return Accounts(
        users=users,
        agents=agents,
        teams=teams,
        walls=walls,
        reasons=chosen_by_people(reasons(settings).values()),
        agent_phones={
            name: _browser_phone(settings, agent.browser_phone.phone or agent.first_phone, agent.browser_phone)
            for name, agent in settings.agents.items()
            if agent.browser_phone is not None
        },
        user_phones={
            name: _browser_phone(settings, user.browser_phone.phone, user.browser_phone)
            for name, user in settings.users.items()
            if user.browser_phone is not None
        },
    )


def _browser_phone(settings: Settings, phone: str, own: BrowserPhoneConfig | OwnPhoneConfig) -> BrowserPhone:
    """``phone``: as the configuration names it."""
    pbx = next((each for each in settings.pbx if phone.startswith(f"{each.name}/")), settings.pbx[0])
    endpoint = endpoint_of(phone).partition("/")[2]
    return BrowserPhone(
        phone=phone,
        endpoint=endpoint,
        user=own.user or endpoint,
        password=own.password.get_secret_value(),
        socket=pbx.sip_socket,
    )


class AccountsInForce:
    """Made again only when another configuration is in force."""

    def __init__(self) -> None:
        self._of: Settings | None = None
        self._made = Accounts()

    def __call__(self, settings: Settings) -> Accounts:
        if settings is not self._of:
            self._of, self._made = settings, accounts(settings)
        return self._made


class KeptSessions:
    """The sessions of this process, which outlive its terms."""

    def __init__(self, settings: Settings) -> None:
        redis, terms = redis_settings(settings), settings.http.sessions
        self._store = RedisSessions(redis) if redis is not None else None
        key = hashlib.sha256(b"callbridge: sessions\0" + redis.number_key).digest() if redis is not None else b""
        self.sessions = Sessions(SessionTerms(idle=terms.idle, lasts=terms.lasts), time.time, self._store, key)

    async def close(self) -> None:
        await self.sessions.close()
        if self._store is not None:
            await self._store.close()
