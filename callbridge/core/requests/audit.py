"""Facts for the audit about what was done outside the core."""

from __future__ import annotations

from callbridge.core.model.events import RequestCarriedOut, TokenUsed
from callbridge.core.model.facts import ApiLoggedIn, RequestGranted
from callbridge.core.model.world import World


def token_used(world: World, event: TokenUsed) -> None:
    world.emit(
        ApiLoggedIn(seq=world.next_seq(), at=world.now, agent=event.agent, by=event.by, role=event.role, origin=event.origin)
    )


def carried_out(world: World, event: RequestCarriedOut) -> None:
    world.emit(RequestGranted(seq=world.next_seq(), at=world.now, request=event.request, by=event.by, to=event.to))
