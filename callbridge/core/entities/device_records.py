"""Which devices never react, which nobody would notice while another device of the agent rings. Each is reported once, until it
does."""

from __future__ import annotations

from callbridge.core.model.agent import MISCONFIGURED
from callbridge.core.model.device_record import DeviceRecord
from callbridge.core.model.facts import AgentAlerted
from callbridge.core.model.world import World


def ignored(world: World, agent: str, device: str, trouble: str) -> None:
    """The device has not reacted to a call. A fault that only its configuration remedies is reported at once."""
    before = world.devices.get(device)
    count = before.ignored + 1 if before is not None else 1
    world.devices.put(device, DeviceRecord(agent=agent, ignored=count, trouble=trouble))
    kind = ""
    if trouble in MISCONFIGURED:
        kind = "phone_misconfigured" if before is None or before.trouble != trouble else ""
    elif count == world.plan.phones.dead_after:
        kind = "device_dead"
    if kind:
        world.emit(
            AgentAlerted(seq=world.next_seq(), at=world.now, agent=agent, kind=kind, reason=trouble, count=count, device=device)
        )


def reacted(world: World, device: str) -> None:
    """The device has rung, was answered, or has refused."""
    if device in world.devices:
        world.devices.drop(device)


def forget(world: World, phone: str, contacts: tuple[str, ...]) -> None:
    """Devices that are no longer registered at this phone's account."""
    for device in [*world.devices.rows()]:
        if device.startswith(f"{phone}/") and device.removeprefix(f"{phone}/") not in contacts:
            world.devices.drop(device)
