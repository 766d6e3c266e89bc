"""Attempts from dialled to closed: each outcome is emitted once, and written by the ledger before the attempt is dropped."""

from __future__ import annotations

from typing import Unpack

from callbridge.core.model.agent import Work
from callbridge.core.model.attempt import OUTCOMES, Attempt, AttemptMove, AttemptStage, PendingBlock, after
from callbridge.core.model.call import Call
from callbridge.core.model.changes import AttemptChanges
from callbridge.core.model.events import AttemptClosed
from callbridge.core.model.facts import AttemptEnded, OptedOut
from callbridge.core.model.illegal_move import IllegalMove
from callbridge.core.model.orders import BlockNumber, CloseAttempt
from callbridge.core.model.plan import CampaignPlan
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World

CLOSE_AGAIN = 30.0
"""Seconds after which an outcome is sent to the ledger again: it could not be written, or an earlier run had sent it."""
MAX_REFUSALS = 10
"""How often the ledger may refuse an outcome or a block before the fact ``order_given_up`` is emitted."""
BLOCK_AGAIN = 3600.0
"""Seconds between retries of a block that has been refused that often."""


def of(world: World, call: Call) -> Attempt | None:
    """The attempt that this call is."""
    return world.attempts.get(call.attempt_id)


def put(world: World, attempt: Attempt, **changes: Unpack[AttemptChanges]) -> Attempt:
    """Put the attempt with these changes. Its stage changes by ``move`` only."""
    new = evolve(attempt, **changes)
    if new.stage is not attempt.stage:
        raise IllegalMove(f"an attempt that is {attempt.stage} became {new.stage} without a move")
    world.attempts.put(new.id, new)
    return new


def move(world: World, attempt: Attempt, how: AttemptMove, **changes: Unpack[AttemptChanges]) -> Attempt:
    """The only way to another stage. Raises IllegalMove where the table does not allow it."""
    moved: Attempt = evolve(attempt, stage=after(attempt.stage, how))
    return put(world, moved, **changes)


def is_live(world: World, call: Call) -> bool:
    """Is this a person whom a campaign has called, and who is not connected to an agent yet?"""
    attempt = of(world, call)
    return attempt is not None and attempt.stage is AttemptStage.LIVE


def is_overdue(world: World, call: Call) -> bool:
    """Has that person waited for as long as the campaign allows?"""
    attempt = of(world, call)
    return attempt is not None and attempt.stage is AttemptStage.LIVE and attempt.until is not None and world.now >= attempt.until


def latest(world: World, call: Call, patience: float) -> float:
    """Until when an agent may be reached: for ``patience`` seconds, or until the customer must not wait any longer."""
    attempt = of(world, call)
    until = attempt.until if attempt is not None and attempt.stage is AttemptStage.LIVE else None
    return world.now + patience if until is None else min(world.now + patience, until)


def answered(world: World, call: Call, attempt: Attempt, within: float) -> Attempt:
    """A person has been on the line since their leg was answered; after a gap in the events that may be a while ago."""
    at = up_since(world, call)
    _learn(world, attempt, at, person=True)
    return move(world, attempt, AttemptMove.ANSWER, answered_at=at, until=at + within)


def up_since(world: World, call: Call) -> float:
    leg = world.legs.get(call.leg)
    return leg.up_at if leg is not None and leg.up_at is not None else world.now


def to_an_agent(world: World, attempt: Attempt, within: float) -> Attempt:
    """It is a person, or may be one. Where the greeting's end was not measured, an agent is still assigned: too late by the
    rules, and counted so."""
    _learn(world, attempt, world.now, person=True)
    since = world.now if attempt.spoken_at is None else attempt.spoken_at
    return move(world, attempt, AttemptMove.ANSWER, until=since + within)


def connected(world: World, call: Call, at: float) -> None:
    """The agent is in the bridge with the customer, since ``at``: what happened is certain from here on."""
    attempt, offer = of(world, call), call.offer
    if attempt is None or attempt.stage is not AttemptStage.LIVE or offer is None:
        return
    plan = world.plan.campaigns.get(attempt.campaign)
    delay = at - (attempt.live_from or at)
    agent = world.agents.get(offer.agent)
    idle = max(0.0, offer.at - agent.idle_since) if agent is not None else 0.0
    attempt = move(world, attempt, AttemptMove.CONNECT, agent=offer.agent, outcome="answered", until=None, connected_at=at)
    late = plan is not None and is_late(attempt, plan)
    _count(world, attempt, abandoned=late)
    attempt = record(world, attempt)
    _emit(world, attempt, delay=delay, late=late, idle=idle, call=call.id)


def found_talking(world: World, attempt: Attempt, call: Call) -> None:
    """The customer was found in a conversation whose start we missed."""
    if attempt.stage in (AttemptStage.TALKED, AttemptStage.CLOSING):
        return
    agent = call.segment.agent if call.segment is not None else ""
    attempt = move(world, attempt, AttemptMove.FIND_TALKING, agent=agent, outcome="answered", until=None, connected_at=world.now)
    _count(world, attempt, abandoned=False)
    _emit(world, record(world, attempt), call=call.id)


def is_late(attempt: Attempt, plan: CampaignPlan) -> bool:
    """Was the agent connected later than the campaign allows? With the agent first, nobody waited."""
    if attempt.agent_first or attempt.connected_at is None:
        return False
    return attempt.connected_at - (attempt.live_from or attempt.connected_at) > plan.connect_within


def record(world: World, attempt: Attempt, **changes: Unpack[AttemptChanges]) -> Attempt:
    """Send the attempt to the ledger. It is sent once, and the ledger answers when it can; later changes are sent after the
    answer. What it could not write, and what an earlier run had sent, is sent again."""
    attempt = put(world, evolve(attempt, **changes), recorded=False, deadline=world.now + CLOSE_AGAIN)
    if attempt.ordered_by != world.boot:
        attempt = put(world, attempt, ordered_by=world.boot)
        world.order(CloseAttempt(attempt=attempt, at=world.now))
    return attempt


def not_written(world: World, order: CloseAttempt) -> bool:
    """The ledger could not write it: retry later, a limited number of times. True when it is given up now.

    Such an attempt stays in progress in the ledger, so that the lead is not dialled; the next start closes it as unknown.
    """
    attempt = world.attempts.get(order.attempt.id)
    if attempt is None or attempt.recorded:
        return False
    attempt = put(world, attempt, ordered_by="", refusals=attempt.refusals + 1, deadline=world.now + CLOSE_AGAIN)
    if attempt.refusals < MAX_REFUSALS:
        return False
    if attempt.stage is AttemptStage.CLOSING:
        world.attempts.drop(attempt.id)
    else:
        put(world, attempt, recorded=True, deadline=None)
        tidy(world, attempt.agent)
    return True


def close(world: World, attempt: Attempt, outcome: str, cause: int = 0) -> None:
    """The attempt has ended without an agent. ``unsent``: nobody was called."""
    if attempt.stage in (AttemptStage.CLOSING, AttemptStage.TALKED):
        return
    if attempt.stage in (AttemptStage.DIALLING, AttemptStage.LISTENING) and outcome != "unsent":
        _learn(world, attempt, world.now, person=outcome == "abandoned")
    if outcome in ("abandoned", "unknown"):
        _count(world, attempt, abandoned=True)
    told = attempt.dialled_at is not None or outcome != "unsent"
    attempt = move(world, attempt, AttemptMove.CLOSE, outcome=outcome, cause=cause or attempt.cause, until=None)
    attempt = record(world, attempt)
    if told:
        _emit(world, attempt, call=attempt.call)


def call_over(world: World, call: Call) -> None:
    """The call of an attempt has ended, in whatever way."""
    attempt = of(world, call)
    if attempt is None:
        return
    if attempt.stage is AttemptStage.TALKED:
        tidy(world, attempt.agent)
    else:
        given_up = (
            call.dial_result and call.dial_result != "unsent" and call.dial_result not in OUTCOMES
        )  # the agent left meanwhile
        close(world, attempt, "no_answer" if given_up else call.dial_result or "unsent")


def closed(world: World, event: AttemptClosed) -> None:
    """The ledger has it: nothing is left to remember, but for the disposition."""
    attempt = world.attempts.get(event.attempt)
    if attempt is None:
        return
    attempt = put(world, attempt, ordered_by="", refusals=0)
    if (attempt.disposition, attempt.call_back_at) != (event.disposition, event.call_back_at):
        record(world, attempt)  # it has changed again meanwhile
    elif attempt.stage is AttemptStage.CLOSING:
        world.attempts.drop(attempt.id)
    elif attempt.stage is AttemptStage.TALKED:
        put(world, attempt, recorded=True, deadline=None)
        tidy(world, attempt.agent)


def deadline_passed(world: World, attempt: Attempt) -> None:
    if attempt.stage is AttemptStage.CLOSING or (attempt.stage is AttemptStage.TALKED and not attempt.recorded):
        record(world, attempt)
    elif attempt.stage is AttemptStage.RESERVING:
        close(world, attempt, "unsent")
    else:
        put(world, attempt, deadline=None)


def tidy(world: World, agent: str) -> None:
    """The agent's wrap-up is over: ended conversations can no longer be given a disposition."""
    known = world.agents.get(agent)
    for key in world.talks_of(agent):
        attempt = world.attempts[key]
        if attempt.call in world.calls or (known is not None and known.work is Work.WRAP_UP):
            continue
        if attempt.recorded:
            world.attempts.drop(key)
        else:
            move(world, attempt, AttemptMove.CLOSE)


def reconcile(world: World) -> None:
    """After a gap: attempts whose call no longer exists (its row could not be read) end with what is known of them."""
    for attempt in world.attempts.values():
        if attempt.call in world.calls or attempt.stage is AttemptStage.CLOSING:
            continue
        if attempt.stage is AttemptStage.TALKED:
            tidy(world, attempt.agent)
        elif attempt.dialled_at is not None or not attempt.deadline:
            lost = "abandoned" if attempt.stage is AttemptStage.LIVE else "unknown"
            close(world, attempt, lost if attempt.dialled_at is not None else "unsent")


def block(world: World, number: str, campaign: str, reason: str, by: str) -> None:
    """Not to be called again, from this moment on."""
    who = world.plan.numbers.identity(number)
    if not who:
        return
    write_block(world, PendingBlock(id=f"{campaign}|{who}", number=who, campaign=campaign, reason=reason, by=by))
    world.emit(OptedOut(seq=world.next_seq(), at=world.now, campaign=campaign, number=who, reason=reason, by=by))


def write_block(world: World, block: PendingBlock) -> None:
    """Have the ledger write it down, as outcomes are."""
    world.blocks.put(block.id, evolve(block, ordered_by=world.boot, deadline=world.now + CLOSE_AGAIN))
    if block.ordered_by != world.boot:
        world.order(BlockNumber(number=block.number, campaign=block.campaign, reason=block.reason, by=block.by))


def not_blocked(world: World, order: BlockNumber) -> bool:
    """The ledger could not write the block: retry later. The block is in force meanwhile and is never given up. True when it has
    now been refused so often that it is retried rarely from now on."""
    block = world.blocks.get(f"{order.campaign}|{order.number}")
    if block is None:
        return False
    refusals = block.refusals + 1
    rest = CLOSE_AGAIN if refusals < MAX_REFUSALS else BLOCK_AGAIN
    world.blocks.put(block.id, evolve(block, ordered_by="", refusals=refusals, deadline=world.now + rest))
    return refusals == MAX_REFUSALS


def _learn(world: World, attempt: Attempt, at: float, *, person: bool) -> None:
    """The pacer learns what became of a dial, and when; not of one that it had no part in."""
    campaign_state = world.campaign_states.get(attempt.campaign)
    if campaign_state is not None and attempt.dialled_at is not None and not attempt.agent_first:
        campaign_state.pacer.dial_ended(max(0.0, at - attempt.dialled_at), person=person)


def _count(world: World, attempt: Attempt, *, abandoned: bool) -> None:
    """A person called while an agent is there already proves nothing about the rate; one left alone all the same counts."""
    campaign_state = world.campaign_states.get(attempt.campaign)
    if campaign_state is not None and (abandoned or not attempt.agent_first):
        campaign_state.pacer.answered(world.now, abandoned=abandoned, risk=attempt.risk)


def _emit(world: World, attempt: Attempt, *, call: str, delay: float = 0.0, late: bool = False, idle: float = 0.0) -> None:
    rang = (attempt.answered_at or world.now) - attempt.dialled_at if attempt.dialled_at is not None else 0.0
    world.emit(
        AttemptEnded(
            seq=world.next_seq(),
            at=world.now,
            call=call,
            agent=attempt.agent,
            campaign=attempt.campaign,
            attempt=attempt.id,
            lead=attempt.lead.id,
            number=attempt.lead.number,
            outcome=attempt.outcome,
            cause=attempt.cause,
            rang=rang,
            delay=delay,
            late=late,
            idle=idle,
        )
    )
