"""Offers: ringing (or beeping) one agent for one call, until both legs are joined or the offer ends otherwise.

An offer is cancelled in the world first and on the phone second; if a cancelled leg answers all the same, it is hung up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from callbridge.core.entities import agent_states, attempts, avoided, dialling, legs, recordings
from callbridge.core.model import waiting_groups
from callbridge.core.model.agent import Agent, Work
from callbridge.core.model.call import (
    Call,
    DiversionReason,
    Move,
    Offer,
    OfferResult,
    OfferStage,
    Phase,
    Visit,
    VisitOutcome,
    after,
)
from callbridge.core.model.events import DigitPressed
from callbridge.core.model.facts import OfferMade, OrderGivenUp, PromptFailed
from callbridge.core.model.flow import patience, spoken
from callbridge.core.model.ids import LegId, pbx_of
from callbridge.core.model.leg import Leg, LegRole
from callbridge.core.model.matcher import Pair
from callbridge.core.model.orders import Bridge, DropBridge, Play, Ring, StartMusic, StopPlaying, StopRinging
from callbridge.core.model.plan import REMEMBERED, ConnectMode, Penalty, QueuePlan
from callbridge.core.model.rows import evolve
from callbridge.core.model.sentence import Sentence
from callbridge.core.model.world import World
from callbridge.core.routing import announcements, answers, devices, displays, phone_replies, segments, visits

SAFETY = dialling.SAFETY
JOIN_CHECK = 5.0
"""Seconds within which both legs must be in the bridge."""
ANSWERS_ITSELF = 1.0
"""Seconds within which a phone that answers by itself has answered."""
RINGS_LATE = 0.5
"""Seconds. A phone that begins to ring later than this has the whole time all the same: the delay is not the agent's."""
END_REPORTED = 0.5
"""Seconds within which the PBX has reported the end of a leg that it refuses to bridge because it is gone."""
REPLY_LOST = 1.0
"""Seconds within which both legs are in the bridge, if the PBX has made it although its reply was lost."""
LIVE_JOIN_CHECK = 2.0
"""The same for customers of campaigns, who hear silence meanwhile."""
BEEP_CHECK = 3.0
"""Seconds within which a nailed-up agent's beep must be over."""
CONFIRM_WITHIN = 15.0
"""Seconds in which an agent must press the key that takes the call, the prompt's own time included."""
TAKE, REFUSE = "1", "2"
OFFER_VALUES = frozenset({"queue", "tier", "agent"})
"""What the configuration names, in any language: fit for the name of a sound."""
MAX_FAILURES = 3
"""Joins that may fail before the caller is sent to the fallback."""


def make(world: World, pair: Pair) -> None:
    """Offer the call to the agent; call and agent have at most one offer at a time."""
    call = world.calls[pair.call]
    assert call.offer is None, "one offer at a time"
    offer, lasts = reach(world, call, pair)
    deadline = attempts.latest(world, call, lasts)
    # One who was pulled is not held any more, whether audio has come or not: somebody wants it so.
    call = evolve(call, phase=after(call.phase, Move.OFFER), offer=offer, audio_until=None, deadline=deadline)
    world.calls.put(call.id, call)


def reach(world: World, call: Call, pair: Pair) -> tuple[Offer, float]:
    """Ring (or beep) the agent. Returns the offer, and the seconds that it may last."""
    agent, visit = world.agents[pair.agent], call.visit
    assert visit is not None and agent.leg is None, "one offer at a time"
    queue = world.plan.queues[visit.queue]
    nailed = agent.connect is ConnectMode.NAILED_UP
    if nailed:
        assert agent.session is not None, "a nailed-up agent is eligible only with a session"
        leg = agent.session
        world.put_leg(world.legs[leg], call=call.id)
    else:
        leg = world.mint_leg(pbx_of(call.leg), "agent")
        legs.open_leg(world, leg, LegRole.AGENT, call=call.id, agent=agent.id)
    freed_at = agent.idle_since if agent.idle_since == world.now else None
    agent = agent_states.change(world, agent, work=Work.OFFERED, call=call.id, leg=leg)
    lasts = BEEP_CHECK if nailed else queue.ring_for
    order = _beep(world, leg) if nailed else _ring(world, call, agent, leg, queue)
    playback = order.playback if isinstance(order, Play) else ""
    if isinstance(order, Ring):
        devices.ring(world, agent, order)
    else:
        world.order(order)
    seq = _emit_made(world, call, visit, agent.id, leg, needs=pair.needs, freed_at=freed_at)
    return Offer(agent=agent.id, leg=leg, at=world.now, nailed=nailed, playback=playback, id=seq), lasts


def found(world: World, call: Call, agent: Agent, leg: LegId) -> Call:
    """A waiting caller is in a bridge with this agent's leg: the offer was made and answered, and never saved. Nothing is
    ordered; ``talks.joined`` does the rest."""
    visit = call.visit
    assert visit is not None and call.offer is None, "one offer at a time"
    nailed = agent.session == leg
    agent_states.change(world, agent, work=Work.OFFERED, call=call.id, leg=leg)
    needs = world.matcher.needs_of(waiting_groups.of_call(call, visit))
    seq = _emit_made(world, call, visit, agent.id, leg, needs=needs, freed_at=None)
    call = evolve(
        call,
        phase=after(call.phase, Move.OFFER),
        offer=Offer(agent=agent.id, leg=leg, at=world.now, nailed=nailed, id=seq),
        audio_until=None,
    )
    world.calls.put(call.id, call)
    return call


def _emit_made(world: World, call: Call, visit: Visit, agent: str, leg: LegId, *, needs: str, freed_at: float | None) -> int:
    """Returns the offer's id."""
    seq = world.next_seq()
    world.emit(
        OfferMade(
            seq=seq,
            at=world.now,
            call=call.id,
            agent=agent,
            queue=visit.queue,
            leg=leg,
            tier=call.tier,
            needs=needs,
            waited=world.now - call.wait_from,
            visit=visit.id,
            freed_at=freed_at,
            collected=_collected(call),
        )
    )
    return seq


def _collected(call: Call) -> str:
    """What was typed and looked up, without what we remember ourselves."""
    known = {name: value for name, value in call.values if name not in REMEMBERED}
    return json.dumps(known, separators=(",", ":")) if known else ""


def _ring(world: World, call: Call, agent: Agent, leg: LegId, queue: QueuePlan) -> Ring:
    return Ring(
        leg=leg,
        phone=agent.phone,
        role="agent",
        agent=agent.id,
        give_up=queue.ring_for + SAFETY,
        call=call.id,
        originator=call.leg if call.leg in world.legs else None,
        number=call.number,
        name=displays.shown(world, call, queue.name),
        auto_answer=agent.connect is ConnectMode.AUTO_ANSWER,
        headers=asking_to_answer(world, agent),
    )


def asking_to_answer(world: World, agent: Agent) -> tuple[tuple[str, str], ...]:
    """The headers by which the agent's phone is asked to answer by itself; none for one that is to ring."""
    if agent.connect is not ConnectMode.AUTO_ANSWER:
        return ()
    plan = world.plan.agents.get(agent.id)
    return (plan.auto_answer if plan is not None else ()) or world.plan.phones.auto_answer


def _beep(world: World, leg: LegId) -> Play:
    return Play(leg=leg, playback=world.mint("beep"), media=world.plan.beep)


def rings(world: World, call: Call, leg: Leg) -> None:
    """The agent's phone has begun to ring: later than ordered if the PBX, or we, are overloaded. Its own limit comes ``SAFETY``
    seconds after ours."""
    offer = call.offer
    if offer is None or offer.leg != leg.id or call.phase is not Phase.OFFERED or offer.stage is not OfferStage.RINGING:
        return  # a nailed-up agent's beep does not ring
    late = min(world.now - offer.at, SAFETY - 1.0)
    queue = world.plan.queues.get(call.visit.queue) if call.visit is not None else None
    if queue is not None and late >= RINGS_LATE and not attempts.is_live(world, call):
        world.calls.put(call.id, evolve(call, deadline=offer.at + late + queue.ring_for))


def answered(world: World, call: Call) -> None:
    """The agent's leg is up, or its beep is over."""
    offer = call.offer
    if offer is None or offer.stage is not OfferStage.RINGING:
        return
    plan = world.plan.agents.get(offer.agent)
    if plan is None or not plan.confirm or offer.nailed:
        _introduce(world, call, offer)
        return
    order = Play(
        leg=offer.leg, playback=world.mint("confirm"), media=world.plan.prompts.confirm, language=_language(world, offer.agent)
    )
    world.order(order)
    offer = evolve(offer, stage=OfferStage.CONFIRMING, playback=order.playback)
    world.calls.put(call.id, evolve(call, offer=offer, deadline=attempts.latest(world, call, CONFIRM_WITHIN)))


def pressed(world: World, event: DigitPressed) -> None:
    """The agent takes the call by a key, or refuses it."""
    leg = world.legs.get(event.leg)
    call = world.calls.get(leg.call) if leg is not None else None
    offer = call.offer if call is not None else None
    if call is None or offer is None or offer.leg != event.leg or offer.stage is not OfferStage.CONFIRMING:
        return
    if call.phase is Phase.TALKING:
        return
    if event.digit == TAKE:
        world.order(StopPlaying(leg=offer.leg, playback=offer.playback))
        _introduce(world, call, offer)
    elif event.digit == REFUSE:
        retry(world, call, OfferResult.REJECTED)


def _introduce(world: World, call: Call, offer: Offer) -> None:
    """Play the whisper to the agent and the read-out to the caller, at the same time, where configured. A customer of a campaign
    is connected without either."""
    if attempts.is_live(world, call):
        join(world, call)
        return
    plan = world.plan.queues.get(call.visit.queue) if call.visit is not None else None
    values = _about(call, offer, plan)
    whisper = spoken(plan.whisper, values, own=OFFER_VALUES) if plan is not None else ""
    read_out = _read_out(call, plan, values) if plan is not None and call.leg in world.legs else ""
    if not whisper and not read_out:
        join(world, call)
        return
    playback = reading = ""
    if whisper:
        playback = world.mint("whisper")
        world.order(Play(leg=offer.leg, playback=playback, media=whisper, language=_language(world, offer.agent)))
    if read_out:
        reading = world.mint("say")
        call = announcements.stop_prompt(world, call)
        world.order(Play(leg=call.leg, playback=reading, media=read_out, language=call.language))
        world.order(StartMusic(leg=call.leg, music=visits.queue_music(world, call)))
    offer = evolve(offer, stage=OfferStage.TELLING, playback=playback, reading=reading)
    until = world.now + max(patience(media) for media in (whisper, read_out) if media)
    world.calls.put(call.id, evolve(call, offer=offer, deadline=until))


def _about(call: Call, offer: Offer, plan: QueuePlan | None) -> dict[str, str]:
    """The values that prompts may use: our own names, and what the caller typed."""
    own = {"queue": plan.name if plan is not None else "", "tier": call.tier, "agent": offer.agent}
    return dict(call.values) | own | {"caller": call.number.lstrip("+")}


def _read_out(call: Call, plan: QueuePlan, values: Mapping[str, str]) -> str:
    """The caller's prompts before the conversation: the recording notice, and the read-out."""
    consent = plan.record.consent if plan.record is not None and recordings.wanted(call, plan.record) else ""
    return spoken(",".join(part for part in (consent, plan.read_out) if part), values, own=OFFER_VALUES)


def _language(world: World, agent: str) -> str:
    plan = world.plan.agents.get(agent)
    return plan.language if plan is not None else ""


def playback_ended(world: World, call: Call, playback: str, *, failed: bool = False) -> None:
    """A prompt of the offer has ended, or could not be played."""
    offer = call.offer
    if offer is None or call.phase not in (Phase.OFFERED, Phase.DIALLING) or not playback:
        return
    if failed and offer.stage is not OfferStage.RINGING:
        call = _prompt_failed(world, call, offer, "read_out" if playback == offer.reading else offer.stage.value)
        offer = call.offer or offer
    if offer.stage is OfferStage.RINGING:
        answered(world, call)
    elif offer.stage is OfferStage.TELLING:
        offer = evolve(
            offer,
            playback="" if offer.playback == playback else offer.playback,
            reading="" if offer.reading == playback else offer.reading,
        )
        call = evolve(call, offer=offer)
        world.calls.put(call.id, call)
        if not offer.playback and not offer.reading:
            join(world, call)


def _prompt_failed(world: World, call: Call, offer: Offer, what: str) -> Call:
    """Emit the failure; without the recording notice the caller is not recorded."""
    queue = call.visit.queue if call.visit is not None else ""
    where = f"queue:{queue}/{'whisper' if what == OfferStage.TELLING else what}"
    world.emit(PromptFailed(seq=world.next_seq(), at=world.now, call=call.id, agent=offer.agent, queue=queue, where=where))
    plan = world.plan.queues.get(queue)
    record = plan.record if plan is not None else None
    if what != "read_out" or record is None or not record.consent or not recordings.wanted(call, record):
        return call
    recordings.emit_failed(world, call.id, None, "", Sentence("not recorded: the caller could not be told of it"))
    values = dict(call.values) | {recordings.RECORD_REQUEST: "no"}
    call = evolve(call, values=tuple(values.items()))
    world.calls.put(call.id, call)
    return call


def read_out(world: World, call: Call) -> bool:
    """Play the caller's prompts to a customer whom we called and for whom an agent waits. False: there are none."""
    offer = call.offer
    plan = world.plan.queues.get(call.visit.queue) if call.visit is not None else None
    if offer is None or plan is None:
        return False
    media = _read_out(call, plan, _about(call, offer, plan))
    if not media:
        return False
    reading = world.mint("say")
    world.order(Play(leg=call.leg, playback=reading, media=media, language=call.language))
    offer = evolve(offer, stage=OfferStage.TELLING, playback="", reading=reading)
    world.calls.put(call.id, evolve(call, offer=offer, deadline=world.now + patience(media)))
    return True


def join(world: World, call: Call) -> None:
    """Put both legs into a bridge; the customer of a callback is dialled now instead."""
    offer = call.offer
    assert offer is not None
    if call.leg not in world.legs:
        if not dialling.dial(world, call):
            retry(world, call, OfferResult.CANCELLED)
        return
    for leg, playback in ((offer.leg, offer.playback), (call.leg, offer.reading)):
        if playback and offer.stage is OfferStage.TELLING:
            world.order(StopPlaying(leg=leg, playback=playback))
    if call.phase is Phase.DIALLING:
        world.order(StopRinging(leg=offer.leg))
    bridge = world.mint("bridge")
    call = announcements.stop_prompt(world, call)
    within = LIVE_JOIN_CHECK if attempts.is_live(world, call) else JOIN_CHECK
    world.calls.put(
        call.id,
        evolve(call, phase=after(call.phase, Move.ANSWER), bridge=bridge, deadline=world.now + within),
    )
    queue = call.visit.queue if call.visit is not None else ""
    world.order(Bridge(bridge=bridge, legs=(call.leg, offer.leg), call=call.id, queue=queue, agent=offer.agent))
    displays.show_on_line(world, call, offer.leg, queue)


def withdraw(
    world: World, call: Call, result: OfferResult, *, cause: int = 0, penalty: Penalty | None = None, trouble: str = ""
) -> Call:
    """End the offer without an answer: the phone stops ringing, the agent is free or gets the penalty. Returns the call without
    its offer; the calling function must change its phase and store it. ``trouble``: what is wrong with the phone."""
    offer = call.offer
    assert offer is not None
    answers.emit_offer_ended(world, call, offer, result, cause=cause, trouble=trouble)
    if call.phase is Phase.DIALLING and offer.leg in world.legs:
        world.order(StopRinging(leg=offer.leg))
    for leg, playback in ((offer.leg, offer.playback if offer.nailed else ""), (call.leg, offer.reading)):
        if playback and leg in world.legs:
            world.order(StopPlaying(leg=leg, playback=playback))
    if call.bridge is not None:
        world.order(DropBridge(bridge=call.bridge, pbx=pbx_of(call.leg), legs=(call.leg, offer.leg)))
    agent = world.agents.get(offer.agent)
    if offer.nailed:
        session = world.legs.get(offer.leg)
        if session is not None:
            world.put_leg(session, call="", bridge=None)
    else:
        legs.hang_up(world, offer.leg, "no_answer" if result is OfferResult.NO_ANSWER else "normal")
    if agent is not None and agent.call == call.id:
        devices.stop(world, agent, "no_answer" if result is OfferResult.NO_ANSWER else "normal")
        changes = agent_states.cost(world, agent, penalty, trouble)
        changes |= {"work": Work.IDLE, "call": ""}
        agent = agent_states.change(world, agent, **changes)
        if offer.nailed or offer.leg not in world.legs:
            agent_states.leg_gone(world, agent)
    return evolve(call, offer=None, bridge=None)


def retry(world: World, call: Call, result: OfferResult, *, cause: int = 0, costs: bool = True, trouble: str = "") -> None:
    """The offer failed: the caller keeps the place and is offered elsewhere at once. ``costs``: it was the agent's answer to this
    call, with its penalty; not where the agent is only not there any more, as by a pause."""
    without_music = call.phase in (Phase.JOINING, Phase.TALKING)
    if result is OfferResult.REJECTED and costs and call.offer is not None and not call.campaign:  # abandoned would be worse
        call = evolve(call, rejected_by=avoided.with_rejection(call.rejected_by, call.offer.agent))
    penalty = phone_replies.penalty(world, call, result) if costs else None
    call = withdraw(world, call, result, cause=cause, penalty=penalty, trouble=trouble)
    if call.leg not in world.legs:
        segments.finish(world, call, world.now)  # the customer has not been dialled yet: the callback is for the next agent
        return
    if without_music and call.leg in world.legs:
        world.order(StartMusic(leg=call.leg, music=visits.queue_music(world, call)))
    visits.wait(world, evolve(call, phase=after(call.phase, Move.RETRY)))


def too_late(world: World, call: Call) -> Call:
    """The customer can wait no longer. An auto-answer phone that has rung for a second has missed the call: its agent gets the
    penalty, otherwise the next customer would be abandoned, too. Returns the call without its offer."""
    offer = call.offer
    assert offer is not None
    missed = offer.stage is OfferStage.RINGING and not offer.nailed and world.now - offer.at >= ANSWERS_ITSELF
    result = OfferResult.NO_ANSWER if missed else OfferResult.CANCELLED
    return withdraw(world, call, result, penalty=phone_replies.penalty(world, call, result))


def one_is_gone(world: World, call: Call) -> None:
    """The PBX refused the bridge because it has one of the legs no longer. Who hung up is about to be reported, and decides what
    becomes of the offer; without a report it is tried again."""
    assert call.offer is not None
    until = world.now + END_REPORTED
    world.calls.put(call.id, evolve(call, deadline=until if call.deadline is None else min(call.deadline, until)))
    for leg in (call.leg, call.offer.leg):
        if (known := world.legs.get(leg)) is not None:
            legs.probe_soon(world, known, END_REPORTED / 2)


def may_have_joined(world: World, call: Call) -> None:
    """The PBX was asked for the bridge and did not reply. If it made it, its events say so at once, or, where the link is lost,
    the next snapshot does."""
    until = world.now + REPLY_LOST
    world.calls.put(call.id, evolve(call, deadline=until if call.deadline is None else min(call.deadline, until)))


def failed_to_join(world: World, call: Call, detail: str) -> None:
    """Both legs were up but the bridge failed: offer again without a penalty; after several failures send the caller to the
    fallback."""
    world.emit(OrderGivenUp(seq=world.next_seq(), at=world.now, call=call.id, order="Bridge", why="failed", detail=detail))
    call = evolve(call, failures=call.failures + 1)
    legs.probe_soon(world, world.legs[call.leg], 0.0)
    if call.failures < MAX_FAILURES:
        retry(world, call, OfferResult.CANCELLED)
        return
    call = withdraw(world, call, OfferResult.CANCELLED)
    call = visits.end_visit(world, call, VisitOutcome.FAILED, reason="bridge")
    call = evolve(call, phase=after(call.phase, Move.RETRY))
    visits.leave(world, call, world.plan.fallback_context, call.entry, DiversionReason.BRIDGE)


def deadline_passed(world: World, call: Call) -> None:
    """A call's watch ran out while an agent was being reached."""
    offer = call.offer
    if call.phase is Phase.OFFERED and attempts.is_overdue(world, call):
        world.overtaken.append((call.id, "abandoned"))
    elif call.phase is Phase.JOINING and pbx_of(call.leg) in world.down and not attempts.is_live(world, call):
        may_have_joined(world, call)  # they may talk to each other: the next snapshot shows it
    elif call.phase is Phase.JOINING:
        failed_to_join(world, call, "not both legs were in the bridge in time")
    elif offer is not None and offer.stage is OfferStage.TELLING:
        join(world, call)
    elif offer is not None and offer.stage is OfferStage.CONFIRMING:
        retry(world, call, OfferResult.NO_ANSWER)
    elif offer is not None and offer.nailed:
        answered(world, call)
    else:
        result = OfferResult.NO_ANSWER if devices.rang(world, call) else OfferResult.OFFLINE
        reply = devices.verdict(call, phone_replies.PhoneReply(result))
        retry(world, call, reply.result, trouble=reply.trouble)
