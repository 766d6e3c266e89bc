"""Planted faults in what is done: hanging up, offers, agents, transfers. A simulator that lets one live is not looking."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from callbridge.core import engine
from callbridge.core.calls import calls, phone_transfers
from callbridge.core.entities import agent_phones, agent_states, legs
from callbridge.core.model.agent import Work
from callbridge.core.model.call import Phase
from callbridge.core.model.ids import leg_id
from callbridge.core.model.leg import LegRole
from callbridge.core.model.orders import Bridge, DropBridge, Probe
from callbridge.core.model.world import World
from callbridge.core.recovery import order_failures
from callbridge.core.requests import agent_requests
from callbridge.core.routing import offers, phone_replies, segments
from tests.sim.planting import (
    Patch,
    Without,
    filter_orders,
    mutant,
    no_hang_up_in,
    nothing,
)

# -- hanging up -------------------------------------------------------------------------------------------------------


@mutant("the offer is withdrawn and the phone rings on")
def phone_rings_on(patch: Patch) -> None:
    no_hang_up_in(patch, offers, LegRole.AGENT)


@mutant("the customer hangs up and the agent's leg stays")
def agent_left_on_the_line(patch: Patch) -> None:
    no_hang_up_in(patch, segments, LegRole.AGENT)


@mutant("the agent hangs up and the customer stays, alone")
def customer_left_alone(patch: Patch) -> None:
    no_hang_up_in(patch, segments, LegRole.CUSTOMER)


@mutant("the customer hangs up and the far party of a transfer stays", seed=18)
def far_party_left(patch: Patch) -> None:
    no_hang_up_in(patch, calls, LegRole.OUTSIDE)


@mutant("a nailed-up agent logs out and the phone stays connected", seed=2)
def session_outlives_the_login(patch: Patch) -> None:
    patch.setattr(agent_states, "hang_up", nothing)


@mutant("a transfer back to an entry leaves its Local channel behind", seed=3)
def local_halves_left(patch: Patch) -> None:
    no_hang_up_in(patch, phone_transfers, *LegRole)


@mutant("a HangUp that failed is not repeated")
def one_hang_up_is_enough(patch: Patch) -> None:
    patch.setattr(engine, "legs", Without(legs, deadline_passed=lambda world, leg: None))


@mutant("the phone answers while it is cancelled, and the caller is bridged to it")
def late_answer_bridged(patch: Patch) -> None:
    life = engine._sign_of_life

    def sign_of_life(world: World, key: Any) -> Any:
        leg = world.legs.get(key)
        call = world.calls.get(leg.call) if leg is not None else None
        if leg is not None and leg.hung_at is not None and call is not None and call.phase is Phase.WAITING:
            world.order(Bridge(bridge=world.mint("bridge"), legs=(call.leg, leg.id), call=call.id))
        return life(world, key)

    patch.setattr(engine, "_sign_of_life", sign_of_life)


@mutant("an emptied bridge is never destroyed")
def bridge_forgotten(patch: Patch) -> None:
    filter_orders(patch, lambda world, order: not isinstance(order, DropBridge))


# -- offers -----------------------------------------------------------------------------------------------------------


@mutant("the caller hangs up while a phone rings, and nobody tells the phone")
def cancel_skipped(patch: Patch) -> None:
    patch.setattr(calls, "offers", Without(offers, withdraw=lambda world, call, result, **_: replace(call, offer=None)))


@mutant("an agent who is being offered a call counts as idle")
def offered_twice(patch: Patch) -> None:
    def change(world: World, agent: Any, **changes: Any) -> Any:
        if changes.get("work") is Work.OFFERED:
            changes = {"call": changes["call"]}
        return agent_states.change(world, agent, **changes)

    patch.setattr(offers, "agent_states", Without(agent_states, change=change))


@mutant("the core has no ring deadline and leaves it to Asterisk")
def ring_deadline_forgotten(patch: Patch) -> None:
    passed = offers.deadline_passed

    def deadline_passed(world: World, call: Any) -> None:
        if call.phase is not Phase.OFFERED:
            passed(world, call)

    patch.setattr(offers, "deadline_passed", deadline_passed)


@mutant("a bridge that nobody enters is waited for, for ever", seed=2)
def join_watchdog_forgotten(patch: Patch) -> None:
    passed = offers.deadline_passed

    def deadline_passed(world: World, call: Any) -> None:
        if call.phase is not Phase.JOINING:
            passed(world, call)

    patch.setattr(offers, "deadline_passed", deadline_passed)


@mutant("an offer that ended comes back to life with the call")
def offer_resurrected(patch: Patch) -> None:
    withdraw = offers.withdraw
    patch.setattr(
        offers, "withdraw", lambda world, call, *more, **named: replace(withdraw(world, call, *more, **named), offer=call.offer)
    )


@mutant("an agent who did not answer, or rejected, pays no penalty")
def penalty_forgotten(patch: Patch) -> None:
    patch.setattr(phone_replies, "penalty", nothing)


@mutant("the phone of a cancelled offer counts as free before it stopped ringing", seed=45)
def freed_too_soon(patch: Patch) -> None:
    withdraw = offers.withdraw

    def hasty(world: World, call: Any, *more: Any, **named: Any) -> Any:
        after = withdraw(world, call, *more, **named)
        agent = world.agents.get(call.offer.agent)
        if agent is not None:
            agent_states.change(world, agent, leg=None)
        return after

    patch.setattr(offers, "withdraw", hasty)


@mutant("after a failed join the caller waits in silence", seed=14)
def music_never_comes_back(patch: Patch) -> None:
    patch.setattr(offers, "StartMusic", lambda **_: Probe(leg=leg_id("pbx", "nobody")))


@mutant("a refused StartMusic is never tried again", seed=4)
def music_not_owed(patch: Patch) -> None:
    patch.setattr(order_failures, "_owe_music", nothing)


# -- agents -----------------------------------------------------------------------------------------------------------


@mutant("after talking the agent is free at once", seed=2)
def wrap_up_forgotten(patch: Patch) -> None:
    release = agent_states.release
    patch.setattr(agent_states, "release", lambda world, agent, queue, _, **of: release(world, agent, queue, 0.0, **of))


@mutant("wrap-up has no end")
def wrap_up_never_ends(patch: Patch) -> None:
    patch.setattr(agent_states, "own_deadline", nothing)


@mutant("wrap-up lasts half as long", seed=2)
def wrap_up_halved(patch: Patch) -> None:
    release = agent_states.release
    patch.setattr(
        agent_states, "release", lambda world, agent, queue, wrap_up, **of: release(world, agent, queue, wrap_up / 2, **of)
    )


@mutant("a log-out asked for while talking is lost", seed=15)
def log_out_lost(patch: Patch) -> None:
    requested = agent_requests.requested

    def deaf(world: World, event: Any) -> None:
        agent = world.agents.get(event.agent)
        if agent is None or agent.work is not Work.TALKING:
            requested(world, event)

    patch.setattr(engine, "agent_requests", Without(agent_requests, requested=deaf))


@mutant("an agent asks for a pause and the phone rings on")
def pause_while_ringing_ignored(patch: Patch) -> None:
    patch.setattr(agent_requests, "decline_offer", lambda world, agent: agent)


@mutant("a phone in use for something else counts as free")
def busy_phone_ignored(patch: Patch) -> None:
    patch.setattr(agent_phones, "IN_USE_STATES", frozenset())


@mutant("a phone without registration counts as there", seed=6)
def offline_phone_ignored(patch: Patch) -> None:
    patch.setattr(agent_phones, "OFFLINE_STATES", frozenset())


@mutant("the end of our leg does not free the agent")
def leg_end_does_not_free(patch: Patch) -> None:
    patch.setattr(calls, "agent_states", Without(agent_states, leg_gone=lambda world, agent: agent))


@mutant("a state's seconds are counted from the last change of anything")
def seconds_lost(patch: Patch) -> None:
    change = agent_states.change
    patch.setattr(agent_states, "change", lambda world, agent, **changes: change(world, agent, **changes | {"since": world.now}))


# -- transfers --------------------------------------------------------------------------------------------------------


@mutant("the agent who transferred a call stays in it", seed=2)
def transfer_keeps_the_agent(patch: Patch) -> None:
    patch.setattr(phone_transfers, "replaced", nothing)


@mutant("a transfer to one of our entries counts as a second call", seed=2)
def transfer_is_a_second_call(patch: Patch) -> None:
    patch.setattr(phone_transfers, "pair_of", lambda name: "")


@mutant("an agent's consult counts as a customer", seed=3)
def consult_is_a_customer(patch: Patch) -> None:
    patch.setattr(phone_transfers, "phone_of", lambda plan, leg, name: "")


@mutant("a transferred call keeps its old bridge when it queues again")
def old_bridge_kept(patch: Patch) -> None:
    patch.setattr(segments, "DropBridge", lambda **_: Probe(leg=leg_id("pbx", "nobody")))
