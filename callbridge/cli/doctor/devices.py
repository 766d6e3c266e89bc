"""What the running callbridge has learned of devices that never react. Of a stopped one nothing is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from callbridge.cli.client import ApiError
from callbridge.cli.doctor.findings import Finding, warning

MAX_EXPLAINED = 200
"""Agents with several devices whose explanation is asked for."""
TODO = "check the device's power, network and registration (`pjsip show contacts`), or take it out of the agent's phones"


def examine(explain: Callable[[str, str], Mapping[str, Any]], agents: Iterable[str]) -> Iterator[Finding]:
    """``explain``: asks the running callbridge about one of the ``agents``, who are those with several devices."""
    for agent in [*agents][:MAX_EXPLAINED]:
        try:
            lines = explain("agents", agent).get("lines", ())
        except ApiError:
            continue  # it was refused, or this agent is new: the others are told all the same
        for line in lines:
            if line.get("code") == "device_dead":
                yield warning("phones", f"agent {agent}: {line.get('text')}", TODO)
