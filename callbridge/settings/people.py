"""The shape of those who log in to the screens and the API, besides agents: users and teams; and of wallboards."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr, field_validator

from callbridge.settings.browser_phone import OwnPhoneConfig
from callbridge.settings.section import ConfigSection
from callbridge.settings.values import LanguageCode, Name, Text
from callbridge.wire.passwords import read_hash

LEAST_WALL_KEY = 16


class UserConfig(ConfigSection):
    """Somebody who logs in with a name and a password; agents log in with their id and PIN and are not listed here."""

    name: Text | None = None
    """Name that people are shown; by default the name with which the user logs in. Example: `Maria Lopez`"""
    role: Literal["viewer", "supervisor", "admin"]
    """What the user may do: a `viewer` reads, a `supervisor` acts for agents and calls, an `admin` may also reload the
    configuration."""
    password: SecretStr | None = None
    """Hash of the password, as `callbridge password` prints it; who has none logs in by `http.oidc`.
    Example: `scrypt:15:8:3:c2FsdHNhbHQ:a2V5a2V5a2V5a2V5a2V5`"""
    teams: tuple[Name, ...] = ()
    """Teams whose queues and agents the user sees and acts on; without any all queues and agents. Example: `[front]`"""
    language: LanguageCode | None = None
    """Language in which the screens begin. Example: `en`"""
    browser_phone: OwnPhoneConfig | None = None
    """A phone in the user's browser, at which a supervisor listens to calls and joins them.
    Example: `{phone: PJSIP/2001, password: SECRET}`"""

    @field_validator("password")
    @classmethod
    def _a_hash(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            read_hash(value.get_secret_value())
        return value


class TeamConfig(ConfigSection):
    """A part of the floor: who belongs to it, and which queues are its work."""

    name: Text | None = None
    """Name that people are shown; by default the key of the team. Example: `Front office`"""
    queues: tuple[Name, ...] = ()
    """Queues that the team answers for. Example: `[support]`"""
    agents: tuple[Name, ...] = ()
    """Ids of the agents in the team. Example: `["1001"]`"""


WallFigure = Literal[
    "waiting",
    "longest_wait",
    "service_level",
    "ewt",
    "offered",
    "answered",
    "abandoned",
    "overflowed",
    "callbacks",
    "agents_ready",
    "agents_talking",
    "agents_wrap_up",
    "agents_not_ready",
    "agents_logged_in",
]


class WallConfig(ConfigSection):
    """A wallboard: `/wall/NAME` shows it."""

    title: Text | None = None
    """Heading of the wallboard; by default its name. Example: `Support`"""
    message: Text | None = None
    """A line of text below the figures. Example: `Team meeting at 15:00`"""
    queues: tuple[Name, ...] = ()
    """Queues that are shown, in this order; by default all of them. Example: `[support]`"""
    figures: tuple[WallFigure, ...] = Field(
        default=("waiting", "longest_wait", "service_level", "answered", "abandoned", "agents_ready", "agents_talking")
    )
    """Figures that are shown of each queue, in this order. Example: `[waiting, longest_wait, service_level]`"""
    key: SecretStr | None = None
    """Secret of the link `/wall/NAME?key=KEY`, which shows this wallboard without a log-in; another key revokes the link."""

    @field_validator("key")
    @classmethod
    def _is_long(cls, value: SecretStr | None) -> SecretStr | None:
        """An empty one, such as from a variable that is not set, means none."""
        key = value.get_secret_value() if value is not None else ""
        if key and len(key) < LEAST_WALL_KEY:
            raise ValueError(f"is too short: at least {LEAST_WALL_KEY} characters, such as `openssl rand -hex 16` prints")
        if not (key.isascii() and key.isalnum()):
            if key:
                raise ValueError("is part of an address: use ASCII letters and digits")
            return None
        return value
