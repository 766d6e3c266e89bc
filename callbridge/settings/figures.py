"""What is known of figures beside the history: what an agent's hour costs, and what figures should be."""

from __future__ import annotations

import pathlib
from typing import Annotated

from pydantic import Field

from callbridge.settings.section import ConfigSection
from callbridge.settings.spelling import Unit
from callbridge.settings.values import Lasting


class CostConfig(ConfigSection):
    """What work costs, in the site's currency."""

    agent_hour: Annotated[float, Field(gt=0, le=1_000_000)]
    """Cost of an hour for which an agent is logged in; reports then say the cost per minute of talk. Example: `12.5`"""


class ShiftsConfig(ConfigSection):
    """When agents are scheduled to work."""

    csv: pathlib.Path
    """CSV file with the columns `agent`, `start` and `end` (`2026-11-30T08:00` in local time, or with an offset), relative to
    this file and read whenever a report needs it. Example: `shifts.csv`"""


class ReportTargetsConfig(ConfigSection):
    """What the figures of a queue should be, beside its service level; routing does not depend on them."""

    aht: Lasting | None = None
    """Longest average handle time: talk with hold, and wrap-up. Example: `5m`"""
    csat: Annotated[float, Field(gt=0, le=1), Unit("share")] | None = None
    """Least share of good answers to the ratings of surveys. Example: `0.85`"""
