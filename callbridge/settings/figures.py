"""The shape of settings for reports: the cost of an agent's hour, the schedule, and targets."""

from __future__ import annotations

import pathlib
from typing import Annotated

from pydantic import Field

from callbridge.settings.section import ConfigSection
from callbridge.settings.spelling import Unit
from callbridge.settings.values import Lasting


class CostConfig(ConfigSection):
    """Labour cost, in the site's currency."""

    agent_hour: Annotated[float, Field(gt=0, le=1_000_000)]
    """Cost of an hour that an agent is logged in; adds the cost per minute of talk to reports. Example: `12.5`"""


class ShiftsConfig(ConfigSection):
    """When agents are scheduled to work."""

    csv: pathlib.Path
    """CSV file with the columns `agent`, `start` and `end` (`2026-11-30T08:00` in local time, or with an offset), relative to
    this file and read whenever a report needs it. Example: `shifts.csv`"""
    target: Annotated[float, Field(gt=0, le=1), Unit("share")] | None = None
    """Lowest adherence: share of the shifts in which the agent is logged in. Example: `0.9`"""


class ReportTargetsConfig(ConfigSection):
    """Targets for a queue's figures besides its service level; they do not affect routing."""

    aht: Lasting | None = None
    """Highest average handle time: talk with hold, and wrap-up. Example: `5m`"""
    csat: Annotated[float, Field(gt=0, le=1), Unit("share")] | None = None
    """Lowest CSAT: share of good answers to the ratings of surveys. Example: `0.85`"""
