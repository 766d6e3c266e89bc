"""Publish that a request was refused."""

from __future__ import annotations

from callbridge.core.model.facts import RequestRefused
from callbridge.core.model.sentence import Sentence, Unknown, packed
from callbridge.core.model.world import World


def refuse(world: World, request: str, reason: Sentence, *, by: str, agent: str = "", call: str = "", to: str = "") -> None:
    """``agent`` or ``call`` is whom or what the request was about; ``by``: who made it; ``to``: its target."""
    world.emit(
        RequestRefused(
            seq=world.next_seq(),
            at=world.now,
            agent=agent,
            call=call,
            request=request,
            to=to,
            reason=reason,
            **packed(reason),
            by=by,
            unknown=isinstance(reason, Unknown),
        )
    )
