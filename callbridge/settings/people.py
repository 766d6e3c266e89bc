"""The shape of those who log in to the screens and the API, besides agents: users and teams."""

from __future__ import annotations

from typing import Literal

from pydantic import SecretStr, field_validator

from callbridge.settings.section import ConfigSection
from callbridge.settings.values import LanguageCode, Name, Text
from callbridge.wire.passwords import read_hash


class UserConfig(ConfigSection):
    """Somebody who logs in with a name and a password; agents log in with their id and PIN and are not listed here."""

    name: Text | None = None
    """Name that people are shown; by default the name with which the user logs in. Example: `Maria Lopez`"""
    role: Literal["viewer", "supervisor", "admin"]
    """What the user may do: a `viewer` reads, a `supervisor` acts for agents and calls, an `admin` may also reload the
    configuration."""
    password: SecretStr
    """Hash of the password, as `callbridge password` prints it. Example: `scrypt:15:8:3:c2FsdHNhbHQ:a2V5a2V5a2V5a2V5a2V5`"""
    teams: tuple[Name, ...] = ()
    """Teams whose queues and agents the user sees and acts on; without any all queues and agents. Example: `[front]`"""
    language: LanguageCode | None = None
    """Language in which the screens begin. Example: `en`"""

    @field_validator("password")
    @classmethod
    def _a_hash(cls, value: SecretStr) -> SecretStr:
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
