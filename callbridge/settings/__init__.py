"""The configuration: YAML files in, checked settings and the core's plan out, every fault named with its place."""

from __future__ import annotations

from callbridge.settings.faults import ConfigFaults, Fault
from callbridge.settings.loading import load, load_links
from callbridge.settings.models import Settings
from callbridge.settings.report import check, summary
from callbridge.settings.resolve import Resolved, resolve
from callbridge.settings.values import duration_text, seconds

__all__ = [
    "ConfigFaults",
    "Fault",
    "Resolved",
    "Settings",
    "check",
    "duration_text",
    "load",
    "load_links",
    "resolve",
    "seconds",
    "summary",
]
