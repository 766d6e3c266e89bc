"""What calls have shown of one of several devices of an agent. Never saved: it is learned again after a start."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRecord:
    agent: str
    ignored: int
    """Calls in a row to which the device has not reacted while others of the agent rang."""
    trouble: str = ""
    """What was wrong with the last of them (``silent``, ``unknown_endpoint``); empty: the PBX could not call it."""
