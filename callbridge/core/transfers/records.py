"""A transfer in the row of its call, with the deadline that follows from it, and in the facts."""

from __future__ import annotations

from callbridge.core.model.call import Call, Transfer, TransferKind
from callbridge.core.model.facts import CallTransferred, TransferEnded
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World
from callbridge.core.transfers import conferences


def put(world: World, call: Call) -> None:
    """The call with its next deadline: of the target, a code that is being pressed, or an answer that does not count yet."""
    transfer = call.transfer
    due = [transfer.until if transfer is not None else None, call.keys_until]
    offers = (call.offer, transfer.offer if transfer is not None else None)
    due += [offer.certain_at for offer in offers if offer is not None]
    world.calls.put(call.id, evolve(call, deadline=min((at for at in due if at is not None), default=None)))


_NO_FAILURES = ("completed", "returned", "cancelled", "conference")


def ended(world: World, call: Call, transfer: Transfer, result: str) -> Call:
    """Emit the end of a transfer, and of its conference. Returns the call, which may have one segment more."""
    call = conferences.ended(world, call, transfer, goes_on=result == "completed")
    if transfer.together and result != "completed":
        result = "conference"
    world.emit(
        TransferEnded(
            seq=world.next_seq(),
            at=world.now,
            call=call.id,
            agent=transfer.by,
            queue=transfer.queue,
            to=transfer.to,
            kind=transfer.kind,
            result=result,
            lasted=world.now - transfer.began_at,
            transfer=transfer.id,
        )
    )
    if transfer.kind is TransferKind.BACK:
        return call  # what the agent has to know is why it came back
    return evolve(call, failed_transfer=("", "") if result in _NO_FAILURES else (transfer.to, result))


def emit_transferred(world: World, call: Call, by: str, target: str, *, attended: bool) -> None:
    world.emit(CallTransferred(seq=world.next_seq(), at=world.now, call=call.id, agent=by, target=target, attended=attended))
