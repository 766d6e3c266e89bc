"""The shape of a phone in the browser: an endpoint of the PBX at which a page of callbridge registers by WebRTC."""

from __future__ import annotations

from pydantic import SecretStr

from callbridge.settings.section import ConfigSection
from callbridge.settings.values import AgentPhone, Text


class BrowserPhoneConfig(ConfigSection):
    """How the page of an agent registers as one of the agent's phones."""

    password: SecretStr
    """Password of the endpoint, as its `auth` section in pjsip.conf has it; only the own page of who has logged in is sent it."""
    user: Text | None = None
    """Username of this `auth` section; by default the endpoint's name. Example: `"1001"`"""
    phone: AgentPhone | None = None
    """Which of the agent's phones the page is; by default the first one. Example: `PJSIP/1001-web`"""


class OwnPhoneConfig(ConfigSection):
    """A phone in the browser of somebody who is no agent, to listen to calls and join them."""

    phone: AgentPhone
    """Endpoint of the PBX as which the page registers; with several PBXs after the name of its PBX. Example: `PJSIP/2001`"""
    password: SecretStr
    """Password of the endpoint, as its `auth` section in pjsip.conf has it; only the own page of who has logged in is sent it."""
    user: Text | None = None
    """Username of this `auth` section; by default the endpoint's name. Example: `"2001"`"""
