"""Changes of agents: all of them go through ``change``, which emits the published state when it differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack

from callbridge.core.entities import agent_phones, flapping, phone_troubles
from callbridge.core.entities.legs import hang_up, open_leg
from callbridge.core.model.agent import DND, WORK_MOVES, Agent, Device, Intent, Work, own_deadline, published
from callbridge.core.model.call import Call
from callbridge.core.model.changes import AgentChanges
from callbridge.core.model.events import HintRead
from callbridge.core.model.facts import AgentAlerted, AgentChanged, WrapUpEnded
from callbridge.core.model.ids import LegId, channel_of
from callbridge.core.model.illegal_move import IllegalMove
from callbridge.core.model.leg import LegRole
from callbridge.core.model.orders import InspectPhone, Ring
from callbridge.core.model.phones import is_of_pbx, pbx_of_phone
from callbridge.core.model.plan import AgentPlan, ConnectMode, Penalty
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World

SETTLE = 0.5
"""Seconds after the end of our leg in which the phone may still be reported in use (AMI comes later than ARI)."""
INSPECT_EVERY = 10.0
"""Seconds after which the channels of a phone that is reported in use are listed again: a report may be overtaken, or lost."""
SESSION_RING = 60.0
"""Seconds that the phone of a nailed-up agent rings at log-in."""

SESSION_CHECK = 5.0
"""Seconds after which, and at which interval, we probe whether a phone that rings at login was answered."""

SESSION_REST = 30.0
"""Seconds for which the phone of a nailed-up agent is left alone after its line died; twice as long after each time that it did
not answer then."""
SESSION_TRIES = 6
"""How often it is rung again: over half an hour. Then the agent must request ``ready``, or the phone's state must come back."""

LONGEST_REST = 600.0
"""Seconds beyond which the penalty of an agent whose offers keep failing no longer doubles."""


def change(world: World, agent: Agent, **changes: Unpack[AgentChanges]) -> Agent:
    """Store the agent with these changes; emit a fact when the published state differs."""
    new = evolve(agent, **changes)
    if new.reserved_for and not can_be_held(new):
        world.overtaken.append((new.reserved_for, "agent_gone"))
        new = evolve(new, reserved_for="")
    if new.connecting and new.work is not Work.OFFERED:
        new = evolve(new, connecting=False)
    if new.work is not agent.work and new.work not in WORK_MOVES[agent.work]:
        raise IllegalMove(f"agent {agent.id}: work {agent.work} cannot become {new.work}")
    before, after = published(agent), published(new)
    if before != after:
        world.emit(
            AgentChanged(
                seq=world.next_seq(),
                at=world.now,
                agent=agent.id,
                call=new.call,
                name=new.name,
                phone=new.phone,
                state=after[0],
                reason=after[1],
                previous=before[0],
                previous_reason=before[1],
                lasted=max(0.0, world.now - agent.since),
            )
        )
        new = evolve(new, since=world.now, deadline=own_deadline(new))
    else:
        deadline = own_deadline(new)
        if deadline != new.deadline:
            new = evolve(new, deadline=deadline)
    world.agents.put(agent.id, new)
    return new


def can_be_held(agent: Agent) -> bool:
    """Is the agent available for a customer who is being called first?"""
    return agent.intent is Intent.READY and agent.work is Work.IDLE and agent.device is Device.AVAILABLE


def add(world: World, plan: AgentPlan) -> Agent:
    """A new agent, known from the plan, logged out."""
    agent = Agent(
        id=plan.id,
        name=plan.name,
        profile=plan.skills,
        phone="" if world.agent_at(plan.phone) is not None else plan.phone,
        home=plan.phone,
        connect=plan.connect,
        since=world.now,
        idle_since=world.now,
        device=agent_phones.device_at(world, plan.phone),
    )
    world.agents.put(agent.id, agent)
    return with_other_phones(world, agent)


def leg_gone(world: World, agent: Agent) -> Agent:
    """The leg of the agent's call has ended: the agent is free without waiting for the phone's device state, unless legs to other
    devices are still there."""
    left = tuple(leg for leg in agent.also_ringing if leg in world.legs and leg != agent.leg)
    if left:
        return change(world, agent, leg=left[0], also_ringing=left[1:])
    if agent.also_ringing:
        agent = change(world, agent, also_ringing=())
    return settle(world, without_leg(world, agent))


def without_leg(world: World, agent: Agent) -> Agent:
    """The agent's last leg has ended; the state of the phone is still to come."""
    rest_until = agent_phones.rests_until(world, agent)
    return change(world, agent, leg=None, leg_gone_at=world.now, inspect_at=world.now + SETTLE, rest_until=rest_until)


def release(world: World, agent: Agent, queue: str, wrap_up: float, *, call: Call | None = None, segment: int = 0) -> Agent:
    """The conversation, ``segment`` of ``call``, is over: wrap-up begins; an agent who logged out meanwhile has none."""
    if agent.intent is Intent.LOGGED_OUT:
        agent = change(world, agent, work=Work.IDLE, call="", idle_since=world.now)
    else:
        agent = change(
            world,
            agent,
            work=Work.WRAP_UP,
            call="",
            wrap_began=world.now,
            wrap_until=world.now + wrap_up,
            wrap_queue=queue,
            wrap_call=call.id if call is not None else "",
            wrap_segment=segment,
            wrap_direction=call.direction if call is not None else "in",
        )
    return settle(world, agent)


_NO_WRAP_UP: AgentChanges = {
    "work": Work.IDLE,
    "wrap_queue": "",
    "wrap_call": "",
    "wrap_segment": 0,
    "wrap_direction": "in",
}


def settle(world: World, agent: Agent) -> Agent:
    """Let take effect what was waiting for the agent's work, or its leg, to be over."""
    if agent.work is Work.WRAP_UP and agent.leg is None and world.now >= agent.wrap_until:
        after = agent
        agent = change(world, agent, **(_NO_WRAP_UP | {"idle_since": world.now}))
        world.emit(
            WrapUpEnded(
                seq=world.next_seq(),
                at=world.now,
                call=after.wrap_call,
                agent=agent.id,
                queue=after.wrap_queue,
                lasted=world.now - after.wrap_began,
                segment=after.wrap_segment,
                direction=after.wrap_direction,
            )
        )
    if agent.work is Work.IDLE and agent.leg is None:
        unwanted = agent.intent is Intent.LOGGED_OUT or agent.connect is not ConnectMode.NAILED_UP
        if unwanted and agent.session is not None:
            hang_up(world, agent.session)
            agent = refresh_device(world, change(world, agent, session=None, session_up=False))
        if agent.next_phone and _make_room(world, agent):
            agent = move_phone(world, agent, agent.next_phone)
        if agent.intent is Intent.LOGGED_OUT:
            for phone in agent.phones:
                _next_at(world, phone, agent.id)
            agent = world.agents[agent.id]
    return agent


def in_use(agent: Agent) -> bool:
    """Is this agent's phone in use, so that no other agent may take it?"""
    return agent.intent is not Intent.LOGGED_OUT or agent.work is not Work.IDLE or agent.leg is not None


def _make_room(world: World, agent: Agent) -> bool:
    """Is the phone that the agent waits for free? An agent who is logged out gives it up."""
    holder = world.agent_at(agent.next_phone)
    if holder is None or holder.id == agent.id:
        return True
    if in_use(holder):
        return False
    change(world, holder, **agent_phones.without(holder, agent.next_phone))
    return True


def with_other_phones(world: World, agent: Agent) -> Agent:
    """The agent with all phones that belong to the one in force, except those that other agents use."""
    also: list[str] = []
    for phone in agent_phones.by_plan(world, agent, agent.phone):
        holder = world.agent_at(phone)
        if holder is not None and holder.id != agent.id:
            if in_use(holder):
                continue
            change(world, holder, **agent_phones.without(holder, phone))
        also.append(phone)
    return refresh_device(world, change(world, agent, also=tuple(also))) if tuple(also) != agent.also else agent


def _next_at(world: World, phone: str, left_by: str) -> None:
    """A phone became free: an agent who waits for it moves there, or it rings again for the agent whose second phone it is."""
    for other in world.waiting_for(phone):
        settle(world, world.agents[other.id])
    owner = agent_phones.owner(world, phone, left_by)
    if owner is not None and in_use(owner):
        with_other_phones(world, owner)


def move_phone(world: World, agent: Agent, phone: str) -> Agent:
    """Take another phone into use; a nailed-up leg at the old one ends."""
    if agent.session is not None:
        hang_up(world, agent.session)
    old = agent.phones
    agent = change(
        world, agent, phone=phone, also=(), next_phone="", session=None, session_up=False, trouble="", trouble_until=0.0
    )
    agent = with_other_phones(world, agent)
    agent = refresh_device(world, refresh_dnd(world, agent))
    for left in old:
        _next_at(world, left, agent.id)
    return open_session(world, world.agents[agent.id])


def cost(world: World, agent: Agent, penalty: Penalty | None, trouble: str = "") -> AgentChanges:
    """What a failed offer costs the agent: a rest, or ``not_ready``. Each further miss in a row doubles the rest, up to
    LONGEST_REST, so that a phone that fails at once is not rung continuously; repeated misses raise an alert. ``trouble``: what
    is wrong with the phone, which then is the reason of the state as well."""
    if penalty is None:
        return {}
    misses = agent.misses + 1
    if misses % world.plan.alert_after_misses == 0:
        world.emit(AgentAlerted(seq=world.next_seq(), at=world.now, agent=agent.id, kind="offers_missed", count=misses))
    changes: AgentChanges = {"misses": misses}
    if penalty.not_ready is not None and agent.intent is Intent.READY:
        back = penalty.return_after
        changes |= not_ready(world, penalty.not_ready)
        changes["return_at"] = world.now + _doubled(back, misses) if back is not None else None
    elif penalty.rest > 0:
        changes["rest_until"] = world.now + _doubled(penalty.rest, misses)
    paused = penalty.not_ready is not None
    return changes | phone_troubles.found(world, agent, trouble, changes.get("rest_until", 0.0), paused=paused)


def _doubled(seconds: float, misses: int) -> float:
    return max(seconds, min(LONGEST_REST, seconds * 2.0 ** min(misses - 1, 20)))


def not_ready(world: World, name: str) -> AgentChanges:
    """What being not ready for this reason changes for an agent."""
    reason = world.plan.reasons.get(name)
    limit = reason.limit if reason is not None else None
    limit_at = world.now + limit if limit is not None else None
    return {"intent": Intent.NOT_READY, "reason": name, "return_at": None, "limit_at": limit_at}


READY: AgentChanges = {"intent": Intent.READY, "reason": "", "return_at": None, "limit_at": None}
LOGGED_OUT: AgentChanges = {"intent": Intent.LOGGED_OUT, "reason": "", "return_at": None, "limit_at": None, "misses": 0}
"""What being ready, or logged out, changes for an agent."""


def deadline_passed(world: World, agent: Agent) -> None:
    """Something about this agent is due: the end of wrap-up, a rest or a pause, or a doubt about the phone."""
    if agent.return_at is not None and agent.return_at <= world.now:
        agent = open_session(world, change(world, agent, **READY))
    if agent.limit_at is not None and agent.limit_at <= world.now:
        _over_limit(world, agent)
        agent = change(world, agent, limit_at=None)
    if agent.inspect_at is not None and agent.inspect_at <= world.now:
        agent = change(world, agent, inspect_at=None)
        if agent.leg is None and _inspect(world, agent):
            agent = change(world, agent, inspect_at=world.now + INSPECT_EVERY)
        if agent_phones.hint_in_use(world, agent):
            agent = refresh_device(world, agent)
    if 0.0 < agent.rest_until <= world.now:
        agent = change(world, agent, rest_until=0.0)
    if 0.0 < agent.trouble_until <= world.now:
        agent = change(world, agent, trouble_until=0.0)
    if agent.steady_at is not None and agent.steady_at <= world.now:
        agent = refresh_device(world, change(world, agent, **flapping.FORGIVEN))
    if agent.session_at is not None and agent.session_at <= world.now:
        agent = _ring_session_again(world, agent)
    agent = settle(world, agent)


def _over_limit(world: World, agent: Agent) -> None:
    reason = world.plan.reasons.get(agent.reason)
    if reason is None or reason.limit is None:
        return  # the plan has changed since
    world.emit(
        AgentAlerted(
            seq=world.next_seq(),
            at=world.now,
            agent=agent.id,
            kind="reason_limit",
            reason=agent.reason,
            limit=reason.limit,
        )
    )


# -- the phone ------------------------------------------------------------------------------------------------------


def device_changed(world: World, phone: str, state: str) -> None:
    """AMI reported the state of a device, or of a phone's do not disturb."""
    devices_changed(world, {phone: state})


def devices_changed(world: World, states: Mapping[str, str]) -> None:
    """The same of several at once: what an agent's phones are together is seen when all of their states are known."""
    before = {phone: world.phones.get(phone) or "" for phone in states}
    for phone, state in states.items():
        if before[phone] != state:
            world.phones.put(phone, state)
    for phone, state in states.items():
        _device_is(world, phone, before[phone], state)


def _device_is(world: World, phone: str, before: str, state: str) -> None:
    was, now = agent_phones.device_of(before), agent_phones.device_of(state)
    for one in phone_troubles.agents_at(world, phone) if phone_troubles.is_dnd_state(world, phone) else ():
        refresh_dnd(world, one)
    agent = world.agent_at(phone)
    if agent is not None:
        reachable, settled = now is not Device.OFFLINE, world.now >= agent.leg_gone_at + SETTLE
        if before != state and phone_troubles.is_ended_by(world, agent, before, reachable=reachable, settled=settled):
            agent = phone_works(world, agent)
        agent = refresh_device(world, agent)
    if agent is not None and was is Device.OFFLINE and now is Device.AVAILABLE and phone == agent.phone:
        _line_again(world, agent)
    for one in world.hinted_at(phone):
        refresh_device(world, world.agents[one.id])


def link_changed(world: World, pbx: str) -> None:
    """The link to a PBX is lost, or back: where there are several, its agents are ``offline`` meanwhile, with their intent. That
    says nothing of the phones, which may not come and go too often."""
    if len(world.plan.pbxs) == 1:
        return
    for agent in [*world.agents.values()]:
        if agent.connect is ConnectMode.NAILED_UP or not any(is_of_pbx(world.plan, pbx, phone) for phone in agent.phones):
            continue
        device = agent_phones.device(world, agent)
        if device is Device.OFFLINE or agent.device is Device.OFFLINE:
            change(world, agent, device=device, steady_at=None)


def hint_read(world: World, event: HintRead) -> None:
    """The devices of the agent's extension are these now."""
    if event.devices:
        world.hints.put(event.agent, event.devices)
    else:
        world.hints.drop(event.agent)
    agent = world.agents.get(event.agent)
    if agent is not None:
        refresh_device(world, refresh_dnd(world, agent))


def _line_again(world: World, agent: Agent) -> None:
    """The line of a nailed-up agent went down with the phone, which is back."""
    if agent.connect is not ConnectMode.NAILED_UP:
        return
    if not flapping.is_flapping(world, agent):
        open_session(world, change(world, agent, back_at=world.now))
    elif agent.session is None and agent.session_at is None:
        change(world, agent, session_at=world.now + flapping.STEADY)


def phone_works(world: World, agent: Agent) -> Agent:
    """The agent's phone has just shown that it does."""
    return change(world, agent, **phone_troubles.over(agent)) if agent.trouble else agent


def refresh_dnd(world: World, agent: Agent) -> Agent:
    """Follow what the PBX says of the phone's do not disturb; where that is a pause, it ends with it."""
    dnd = phone_troubles.is_dnd(world, agent)
    if dnd is agent.dnd:
        return agent
    changes: AgentChanges = {"dnd": dnd}
    if not dnd and agent.trouble == DND:
        changes |= phone_troubles.over(agent)
    if dnd and agent.intent is Intent.READY and world.plan.phones.pause_on_dnd:
        changes |= not_ready(world, DND)
    elif not dnd and agent.intent is Intent.NOT_READY and agent.reason == DND:
        changes |= READY
    return change(world, agent, **changes)


def refresh_device(world: World, agent: Agent) -> Agent:
    """Derive the agent's device from the phone's state, ignoring our own legs."""
    device = agent_phones.device(world, agent)
    nailed = agent.connect is ConnectMode.NAILED_UP
    if agent_phones.makes_feature_call(world, agent) and (nailed or device is not Device.OFFLINE):
        # Earlier than AMI reports it; and a nailed-up agent on another line would not hear the beep.
        return agent if agent.device is Device.BUSY_ELSEWHERE else change(world, agent, device=Device.BUSY_ELSEWHERE)
    if nailed:
        device = Device.AVAILABLE if agent.session_up else Device.OFFLINE
        return agent if agent.device is device else change(world, agent, device=device)
    if device is Device.BUSY_ELSEWHERE:
        if agent.leg is not None:
            device = agent.device
        elif world.now < agent.leg_gone_at + SETTLE:
            return change(world, agent, inspect_at=agent.leg_gone_at + SETTLE)
    changes = flapping.moved(world, agent, device)
    if changes.get("device") is Device.BUSY_ELSEWHERE and agent.inspect_at is None:
        changes = {**changes, "inspect_at": world.now + INSPECT_EVERY}
    if agent_phones.has_heard(agent, device):
        changes = {**changes, "rest_until": world.now}
    return change(world, agent, **changes) if changes else agent


def phone_inspected(world: World, phone: str, legs: tuple[LegId, ...]) -> None:
    """The endpoint's channels, without ours, show whether the phone is in use elsewhere."""
    agent = world.agent_at(phone)
    if agent is None or agent.connect is ConnectMode.NAILED_UP or agent.device is Device.OFFLINE:
        return
    if agent_phones.makes_feature_call(world, agent):
        return
    others = [leg for leg in legs if not _ours(world, leg)]
    if others and agent_phones.device_at(world, phone) is not Device.BUSY_ELSEWHERE:
        return  # listed before the PBX reported that the phone is free again
    device = Device.BUSY_ELSEWHERE if others and agent.leg is None else Device.AVAILABLE
    if not others and agent.leg is None and (agent.also or world.hints):
        world.phones.put(phone, "NOT_INUSE")  # the others are inspected one by one, too
        device = agent_phones.device(world, agent)
    if agent.device is not device:
        change(world, agent, device=device)


def feature_gone(world: World, agent: Agent, *, in_use: bool) -> Agent:
    """The phone has ended its feature call: it is free at once, although AMI may still report it busy. ``in_use``: it has, or
    may have, another call; inspecting the endpoint's channels settles that."""
    if agent_phones.makes_feature_call(world, agent):
        return agent
    if agent.connect is not ConnectMode.NAILED_UP:
        agent = change(world, agent, leg_gone_at=world.now, inspect_at=world.now + SETTLE)
        offline = agent_phones.device(world, agent) is Device.OFFLINE
        if agent.device is Device.BUSY_ELSEWHERE and not in_use and not offline:
            agent = change(world, agent, device=Device.AVAILABLE)
    return open_session(world, refresh_device(world, agent))


def _ours(world: World, leg: LegId) -> bool:
    return leg in world.legs or channel_of(leg).startswith(world.plan.prefix + "-")


def _inspect(world: World, agent: Agent) -> bool:
    """Returns whether there was anything to ask."""
    phones = agent_phones.in_use(world, agent)
    for phone in phones:
        world.order(InspectPhone(pbx=pbx_of_phone(world.plan, phone) or world.plan.pbxs[0], phone=phone))
    return bool(phones)


# -- nailed-up sessions ---------------------------------------------------------------------------------------------


def open_session(world: World, agent: Agent) -> Agent:
    """Ring the phone of a nailed-up agent once, for the whole login, as soon as its feature call has ended."""
    if agent.connect is not ConnectMode.NAILED_UP or agent.session is not None or agent.intent is not Intent.READY:
        return agent
    pbx = pbx_of_phone(world.plan, agent.phone) or world.plan.pbxs[0]
    if agent_phones.makes_feature_call(world, agent) or pbx in world.down:
        return agent  # after a snapshot, which may show that the line of the last run is still up
    leg = world.mint_leg(pbx, "session")
    new = open_leg(world, leg, LegRole.SESSION, agent=agent.id)
    world.put_leg(new, deadline=world.now + SESSION_CHECK)
    agent = change(world, agent, session=leg, session_up=False, session_at=None, device=Device.OFFLINE)
    world.order(Ring(leg=leg, phone=agent.phone, role="session", agent=agent.id, give_up=SESSION_RING, name=agent.name))
    return agent


def session_answered(world: World, agent: Agent) -> None:
    leg = world.legs.get(agent.session)
    if leg is not None:
        world.put_leg(leg, deadline=None)
    agent = change(world, agent, session_up=True, session_tries=0, idle_since=world.now)
    refresh_device(world, agent)


def session_gone(world: World, agent: Agent) -> Agent:
    return refresh_device(world, change(world, agent, session=None, session_up=False))


def session_died(world: World, agent: Agent) -> Agent:
    """The nailed-up phone was lost, or did not answer when rung again: retry later, a limited number of times."""
    if agent.session_tries >= SESSION_TRIES:
        return change(world, agent, session_tries=0)
    tries = agent.session_tries + 1
    return change(world, agent, session_tries=tries, session_at=world.now + _doubled(SESSION_REST, tries))


def _ring_session_again(world: World, agent: Agent) -> Agent:
    """Not a phone that is known to be off: that is rung when it is back. Nor one in a call, which ends."""
    device = agent_phones.device_of(world.phones.get(agent.phone) or "")
    if device is Device.BUSY_ELSEWHERE:
        return change(world, agent, session_at=world.now + SESSION_REST)
    agent = change(world, agent, session_at=None)
    if device is Device.AVAILABLE:
        agent = open_session(world, agent)
    return agent if agent.session is not None else change(world, agent, session_tries=0)
