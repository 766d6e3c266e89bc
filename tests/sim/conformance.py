"""What the toy PBX and the real ones must say alike: each scenario is one short script, and its record is compared."""

from __future__ import annotations

from tests.sim import scenes_calls, scenes_features, scenes_phones
from tests.sim.bricks import SCENARIOS
from tests.sim.stage import Stage

assert scenes_calls and scenes_features and scenes_phones, "importing them enters their scenarios"
PHONES = ("1001", "1002", "2002")
OFFLINE = ("2002",)
SETTLE = 0.35
"""Seconds after the last line of a script in which what it led to is still heard."""


async def play(stage: Stage, name: str) -> str:
    """Play one scenario to its end; its record."""
    await SCENARIOS[name](stage)
    await stage.rest(SETTLE)
    return stage.record()


__all__ = ["OFFLINE", "PHONES", "SCENARIOS", "play"]
