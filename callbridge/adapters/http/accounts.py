"""Who can log in, as the configuration in force says: users, agents, tokens; and the teams that limit what they see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from callbridge.adapters.http.scope import WHOLE_FLOOR, Scope
from callbridge.wire.passwords import PasswordHash


class TokenRole(StrEnum):
    """The role of a client. An ``agent`` sees queues, and sees and acts for itself only."""

    VIEWER = "viewer"
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"


class AccountKind(StrEnum):
    USER = "user"
    AGENT = "agent"
    TOKEN = "token"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody who can log in. ``secret``: what proves it, of which sessions keep a keyed hash: another one ends them."""

    kind: AccountKind
    name: str
    shown: str
    role: TokenRole
    agent: str = ""
    teams: tuple[str, ...] = ()
    language: str = ""
    secret: str = field(repr=False, default="")
    password: PasswordHash | None = field(repr=False, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    name: str
    queues: frozenset[str]
    agents: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wall:
    """A wallboard. ``queues``: none for all; ``key``: of the link that shows it without a log-in; empty: there is none."""

    name: str
    title: str = ""
    message: str = ""
    queues: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    key: str = field(repr=False, default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserPhone:
    """A phone in the page of an agent or user. ``endpoint``: its name without ``PJSIP/``; ``socket``: the PBX's WebSocket for
    SIP; ``user`` and ``password``: what the PBX asks for."""

    phone: str
    endpoint: str
    user: str
    password: str = field(repr=False)
    socket: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Everybody by name. ``agents``: those with a PIN."""

    users: Mapping[str, Account] = field(default_factory=dict)
    agents: Mapping[str, Account] = field(default_factory=dict)
    teams: Mapping[str, Team] = field(default_factory=dict)
    walls: Mapping[str, Wall] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    """Why an agent may be not ready."""
    agent_phones: Mapping[str, BrowserPhone] = field(default_factory=dict)
    """By the agent's id."""
    user_phones: Mapping[str, BrowserPhone] = field(default_factory=dict)
    """By the user's name."""

    def phone_of(self, account: Account) -> BrowserPhone | None:
        """The phone in the browser of this account, if it has one; a token of an agent's is the agent's."""
        if account.agent:
            return self.agent_phones.get(account.agent)
        return self.user_phones.get(account.name) if account.kind is AccountKind.USER else None

    def colleagues(self, agent: str) -> frozenset[str] | None:
        """Whom an agent may find: those of the own teams; None for all, where nobody is in a team."""
        if not self.teams:
            return None
        return frozenset().union(*(team.agents for team in self.teams.values() if agent in team.agents))

    def seen_by(self, agent: str) -> Scope:
        """Whose contacts with a customer an agent may see: those of the own teams; all, where nobody is in a team."""
        own = tuple(team.name for team in self.teams.values() if agent in team.agents)
        return self.scope(own) if own or not self.teams else Scope(frozenset(), frozenset({agent}))

    def scope(self, teams: tuple[str, ...]) -> Scope:
        """What the teams may see and act on; without teams the whole floor. A team that was removed has nothing."""
        if not teams:
            return WHOLE_FLOOR
        known = [self.teams[name] for name in teams if name in self.teams]
        empty: frozenset[str] = frozenset()
        return Scope(empty.union(*(team.queues for team in known)), empty.union(*(team.agents for team in known)))
