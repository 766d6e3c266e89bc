"""The rules of built-in alerts, by name: the configuration refers to them, and each alert names its rule."""

from __future__ import annotations

from typing import Literal

RuleName = Literal[
    "vip_over_target",
    "long_wait",
    "nobody_on_duty",
    "nobody_fits",
    "service_level",
    "tier_service_level",
    "calls_unusual",
    "offers_missed",
    "survey_dsat",
    "not_ready_too_long",
    "pbx_link",
    "store_behind",
    "database",
    "history_behind",
    "facts_lost",
    "webhook_backlog",
]
