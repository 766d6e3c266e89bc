"""Wrong PINs: how often somebody may guess, at one phone and for one agent.

A phone at which PINs are guessed is locked, and nobody else suffers. An agent whose PIN is guessed at several
phones is locked everywhere but at the agent's own. So one phone can neither guess for ever nor keep the others from logging in.
"""

from __future__ import annotations

import hmac

from callbridge.core.entities import agent_states
from callbridge.core.model.agent import Agent
from callbridge.core.model.events import PinEntered
from callbridge.core.model.facts import AgentAlerted
from callbridge.core.model.feature_call import PhoneGuard, PinGuard
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World

MAX_WRONG_PINS = 5
"""Wrong PINs at one phone, none of them followed by the right one."""
MAX_WRONG_ELSEWHERE = 10
"""Wrong PINs in a row for one agent at other phones than the agent's own: more than one phone can try."""
LOCKED = 300.0
"""Seconds for which log-in by PIN is locked, and after which wrong PINs at a phone are forgotten."""
MAX_GUARDED = 1000
"""Phones, and numbers that are no agent's, whose wrong PINs are remembered."""


def right(pin: str, digits: str) -> bool:
    return hmac.compare_digest(pin.encode(), digits.encode()) and bool(pin)


def entered(world: World, event: PinEntered) -> None:
    """A PIN was given elsewhere than at a phone: the rules are the same, so that nobody can guess there instead."""
    plan, agent = world.plan.agents.get(event.agent), world.agents.get(event.agent)
    if locked(world, event.agent, event.place):
        world.answer(False)
    elif right(plan.pin if plan is not None else "", event.pin) and agent is not None:
        proven(world, event.agent, event.place)
        if agent.wrong_pins:
            agent_states.change(world, agent, wrong_pins=0)
        world.answer(True)
    else:
        wrong(world, event.agent, event.place)
        world.answer(False)


def locked(world: World, who: str, phone: str) -> bool:
    """May nobody try the PIN of this number at this phone now?"""
    at_phone = world.phone_guards.get(phone)
    if at_phone is not None and at_phone.locked_until > world.now:
        return True
    agent, guard = _guarded(world, who), world.pin_guards.get(who)
    until = agent.pin_locked_until if agent is not None else guard.locked_until if guard is not None else 0.0
    return until > world.now and not _own(world, who, phone)


def proven(world: World, who: str, phone: str) -> None:
    """The right PIN: the wrong ones for this number, and only those, were mistakes."""
    guard = world.phone_guards.get(phone)
    if guard is not None:
        world.phone_guards.put(phone, evolve(guard, numbers=tuple(number for number in guard.numbers if number != who)))


def wrong(world: World, who: str, phone: str) -> bool:
    """Count a wrong PIN; returns whether log-in is locked now."""
    elsewhere = not _own(world, who, phone) and _count_for_number(world, who)
    return _count_at_phone(world, who, phone) or elsewhere


def _own(world: World, who: str, phone: str) -> bool:
    plan = world.plan.agents.get(who)
    return plan is not None and phone in plan.phones


def _count_at_phone(world: World, who: str, phone: str) -> bool:
    guard = world.phone_guards.get(phone)
    recent = guard.numbers if guard is not None and world.now - guard.wrong_at <= LOCKED else ()
    lock = len(recent) + 1 >= MAX_WRONG_PINS
    guard = PhoneGuard(locked_until=world.now + LOCKED) if lock else PhoneGuard(numbers=(*recent, who), wrong_at=world.now)
    world.phone_guards.drop(phone)  # stored again, so that it is the newest
    world.phone_guards.put(phone, guard)
    if len(world.phone_guards) > MAX_GUARDED:
        world.phone_guards.drop(next(iter(world.phone_guards)))
    if lock:
        agent = _guarded(world, who)
        _alert(world, agent.id if agent is not None else "", MAX_WRONG_PINS, phone)
    return lock


def _count_for_number(world: World, who: str) -> bool:
    agent = _guarded(world, who)
    if agent is None:
        return _count_for_nobody(world, who)
    count = agent.wrong_pins + 1
    if count < MAX_WRONG_ELSEWHERE:
        agent_states.change(world, agent, wrong_pins=count)
        return False
    agent_states.change(world, agent, wrong_pins=0, pin_locked_until=world.now + LOCKED)
    _alert(world, agent.id, MAX_WRONG_ELSEWHERE, "")
    return True


def _count_for_nobody(world: World, who: str) -> bool:
    """The same for an unknown number, so that nobody learns which numbers exist; without an alert."""
    guard = world.pin_guards.get(who) or PinGuard()
    lock = guard.wrong + 1 >= MAX_WRONG_ELSEWHERE
    guard = PinGuard(locked_until=world.now + LOCKED) if lock else evolve(guard, wrong=guard.wrong + 1)
    world.pin_guards.drop(who)
    world.pin_guards.put(who, guard)
    if len(world.pin_guards) > MAX_GUARDED:
        world.pin_guards.drop(next(iter(world.pin_guards)))
    return lock


def _guarded(world: World, who: str) -> Agent | None:
    """The agent with this number, if the agent has a PIN."""
    plan = world.plan.agents.get(who)
    return world.agents.get(who) if plan is not None and plan.pin else None


def _alert(world: World, agent: str, count: int, phone: str) -> None:
    seq, kind = world.next_seq(), "pin_locked"
    world.emit(AgentAlerted(seq=seq, at=world.now, agent=agent, kind=kind, limit=LOCKED, count=count, device=phone))
