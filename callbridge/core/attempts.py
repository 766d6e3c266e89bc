"""Attempts from dialled to closed: what became of each, told once, and written down by the ledger before it is forgotten."""

from __future__ import annotations

from callbridge.core.agent import Work
from callbridge.core.attempt import OUTCOMES, Attempt, Stage
from callbridge.core.call import Call
from callbridge.core.facts import AttemptEnded, OptedOut
from callbridge.core.numbers import normalise
from callbridge.core.orders import BlockNumber, CloseAttempt
from callbridge.core.rows import evolve
from callbridge.core.world import World

CLOSE_AGAIN = 30.0
"""Seconds after which an outcome of which the ledger has said nothing is handed to it once more."""


def of(world: World, call: Call) -> Attempt | None:
    """The attempt that this call is."""
    return world.attempts.get(call.dialled_for)


def put(world: World, attempt: Attempt, **changes: object) -> Attempt:
    new: Attempt = evolve(attempt, **changes)  # type: ignore[arg-type]
    world.attempts.put(new.id, new)
    return new


def is_live(world: World, call: Call) -> bool:
    """Is this a person whom a campaign has called, and who hears nobody yet?"""
    attempt = of(world, call)
    return attempt is not None and attempt.stage is Stage.LIVE


def is_overdue(world: World, call: Call) -> bool:
    """Has that person waited for as long as the campaign allows?"""
    attempt = of(world, call)
    return attempt is not None and attempt.stage is Stage.LIVE and attempt.until is not None and world.now >= attempt.until


def latest(world: World, call: Call, patience: float) -> float:
    """When it is given up to reach an agent: after ``patience``, or when the customer must not wait any longer."""
    attempt = of(world, call)
    until = attempt.until if attempt is not None and attempt.stage is Stage.LIVE else None
    return world.now + patience if until is None else min(world.now + patience, until)


def answered(world: World, attempt: Attempt, within: float) -> Attempt:
    """A person is on the line."""
    floor = world.floors.get(attempt.campaign)
    if floor is not None and attempt.dialled_at is not None:
        floor.pacer.dial_ended(world.now - attempt.dialled_at, person=True)
    return put(world, attempt, stage=Stage.LIVE, answered_at=world.now, until=world.now + within)


def connected(world: World, call: Call) -> None:
    """The agent is in the bridge with the customer: what happened is certain from here on."""
    attempt, offer = of(world, call), call.offer
    if attempt is None or attempt.stage is not Stage.LIVE or offer is None:
        return
    plan = world.plan.campaigns.get(attempt.campaign)
    delay = world.now - (attempt.live_from or world.now)
    late = plan is not None and not attempt.agent_first and delay > plan.connect_within
    agent = world.agents.get(offer.agent)
    idle = max(0.0, offer.at - agent.idle_since) if agent is not None else 0.0
    attempt = put(world, attempt, stage=Stage.TALKED, agent=offer.agent, outcome="answered", until=None)
    _count(world, attempt, abandoned=late)
    world.order(CloseAttempt(attempt=attempt, at=world.now))
    _tell(world, attempt, delay=delay, late=late, idle=idle, call=call.id)


def close(world: World, attempt: Attempt, outcome: str, cause: int = 0) -> None:
    """It is over, and no agent has talked. ``unsent``: nobody was called."""
    if attempt.stage in (Stage.CLOSING, Stage.TALKED):
        return
    floor = world.floors.get(attempt.campaign)
    if floor is not None and attempt.stage is Stage.DIALLING and attempt.dialled_at is not None and outcome != "unsent":
        floor.pacer.dial_ended(world.now - attempt.dialled_at, person=False)
    if outcome in ("abandoned", "unknown"):
        _count(world, attempt, abandoned=True)
    attempt = put(
        world,
        attempt,
        stage=Stage.CLOSING,
        outcome=outcome,
        cause=cause or attempt.cause,
        until=None,
        deadline=world.now + CLOSE_AGAIN,
    )
    world.order(CloseAttempt(attempt=attempt, at=world.now))
    if outcome != "unsent":
        _tell(world, attempt, call=attempt.call)


def call_over(world: World, call: Call) -> None:
    """The call of an attempt has ended, in whatever way."""
    attempt = of(world, call)
    if attempt is None:
        return
    if attempt.stage is Stage.TALKED:
        tidy(world, attempt.agent)
    else:
        given_up = call.attempt and call.attempt != "unsent" and call.attempt not in OUTCOMES  # the agent left meanwhile
        close(world, attempt, "no_answer" if given_up else call.attempt or "unsent")


def closed(world: World, key: str) -> None:
    """The ledger has it: nothing is left to remember, but for the disposition."""
    attempt = world.attempts.get(key)
    if attempt is not None and attempt.stage is Stage.CLOSING:
        world.attempts.drop(key)


def deadline_passed(world: World, attempt: Attempt) -> None:
    if attempt.stage is Stage.CLOSING:
        put(world, attempt, deadline=world.now + CLOSE_AGAIN)
        world.order(CloseAttempt(attempt=attempt, at=world.now))
    elif attempt.stage is Stage.RESERVING:
        close(world, attempt, "unsent")
    else:
        put(world, attempt, deadline=None)


def tidy(world: World, agent: str) -> None:
    """The agent's wrap-up is over: talks that have ended can be given no disposition any more."""
    known = world.agents.get(agent)
    for key in world.talks_of(agent):
        attempt = world.attempts[key]
        if attempt.call in world.calls or (known is not None and known.work is Work.WRAP_UP):
            continue
        world.attempts.drop(key)


def block(world: World, number: str, campaign: str, reason: str, by: str) -> None:
    """Not to be called again, from this moment on."""
    who = normalise(number, world.plan.country_code)
    if not who:
        return
    world.blocked.add((campaign, who))
    world.order(BlockNumber(number=who, campaign=campaign, reason=reason, by=by))
    world.tell(OptedOut(seq=world.next_seq(), at=world.now, campaign=campaign, number=who, reason=reason, by=by))


def _count(world: World, attempt: Attempt, *, abandoned: bool) -> None:
    floor = world.floors.get(attempt.campaign)
    if floor is not None and not attempt.agent_first:
        floor.pacer.answered(world.now, abandoned=abandoned, risk=attempt.risk)


def _tell(world: World, attempt: Attempt, *, call: str, delay: float = 0.0, late: bool = False, idle: float = 0.0) -> None:
    rang = (attempt.answered_at or world.now) - attempt.dialled_at if attempt.dialled_at is not None else 0.0
    world.tell(
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
