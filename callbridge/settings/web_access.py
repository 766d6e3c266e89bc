"""The shape of what browsers need of the HTTP interface beside tokens."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from callbridge.settings.section import ConfigSection
from callbridge.settings.values import Lasting


class SessionsConfig(ConfigSection):
    """How long somebody who has logged in stays logged in."""

    idle: Annotated[Lasting, Field(ge=60.0)] = 3600.0
    """A session ends when it was not used for this long; an open screen uses it. Example: `1h`"""
    lasts: Annotated[Lasting, Field(ge=60.0)] = 43_200.0
    """A session ends this long after the log-in in any case. Example: `12h`"""
