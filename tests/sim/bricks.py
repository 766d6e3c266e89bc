"""What conformance scenarios are built from: their register, and the moves that most of them begin with.

Rule of this file: what is ordered is what the core orders, in the core's way (a caller is subscribed to on arrival, an
agent's leg is created under our id with the caller as its originator).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from callbridge.core.model.events import LegAnswered, LegJoined, LegRinging
from callbridge.core.model.ids import LegId
from callbridge.core.model.orders import Answer, Bridge, Ring, Subscribe
from tests.sim.stage import Stage

Script = Callable[[Stage], Awaitable[None]]
BEEP = "sound:beep"
SCENARIOS: dict[str, Script] = {}


def scenario(script: Script) -> Script:
    """Enter a script under its name in words."""
    SCENARIOS[str(getattr(script, "__name__")).replace("_", " ")] = script  # noqa: B009
    return script


async def caller(stage: Stage, name: str = "caller", entry: str = "sales") -> LegId:
    """A caller whom we watch and have answered."""
    leg = await stage.call_in(name, entry)
    await stage.order(Subscribe(leg=leg), Answer(leg=leg))
    await stage.until(leg, LegAnswered)
    return leg


async def ring(
    stage: Stage, customer: LegId | None, name: str = "phone", phone: str = "1001", *, role: str = "agent", give_up: float = 30.0
) -> LegId:
    """An agent's phone, ringing."""
    leg = stage.mint_leg(name)
    await stage.order(
        Ring(leg=leg, phone=f"PJSIP/{phone}", role=role, agent="ann", give_up=give_up, call="c1", originator=customer)
    )
    await stage.until(leg, LegRinging)
    return leg


async def answered(stage: Stage, customer: LegId | None, name: str = "phone", phone: str = "1001", role: str = "agent") -> LegId:
    leg = await ring(stage, customer, name, phone, role=role)
    await stage.answer(leg)
    await stage.until(leg, LegAnswered)
    return leg


async def join(stage: Stage, name: str, *legs: LegId) -> str:
    bridge = stage.mint(name)
    await stage.order(Bridge(bridge=bridge, legs=legs, call="c1"))
    for leg in legs:
        await stage.until(leg, LegJoined)
    return bridge


async def talk(stage: Stage) -> tuple[LegId, LegId, str]:
    """A caller and an agent in a bridge."""
    customer = await caller(stage)
    phone = await answered(stage, customer)
    return customer, phone, await join(stage, "talk", customer, phone)
