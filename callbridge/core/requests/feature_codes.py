"""Feature codes: agents log in, pause and get ready from their phones, with spoken prompts.

The agent is identified by the endpoint that dials and by a PIN, never by a caller's number. The request is carried out by
``agent_requests`` like any other; the dialogue only identifies the agent and plays the result.
"""

from __future__ import annotations

from callbridge.core.entities import agent_states, allowed_phones, legs, refusals
from callbridge.core.model.agent import Agent, Intent, Work
from callbridge.core.model.call import SupervisionMode
from callbridge.core.model.events import AgentRequest, AgentRequested, DigitPressed, DispositionRequested, FeatureDialled
from callbridge.core.model.feature_call import FeatureCall, FeatureCallMove, FeatureCallStage, after
from callbridge.core.model.ids import LegId, endpoint_of, pbx_of
from callbridge.core.model.leg import Leg, LegRole
from callbridge.core.model.orders import Answer, InspectPhone, Play, StopPlaying, Subscribe
from callbridge.core.model.phones import phone_on
from callbridge.core.model.rows import evolve
from callbridge.core.model.sentence import Sentence
from callbridge.core.model.world import World
from callbridge.core.requests import after_call, agent_requests, pin_guards
from callbridge.core.transfers import supervision

FIRST_DIGIT = 8.0
"""Seconds after a prompt within which the first key must be pressed."""
NEXT_DIGIT = 4.0
"""Seconds after the last key after which the input is complete without ``#``."""
MAX_PROMPT = 20.0
"""Seconds after which a prompt counts as over if its end was not reported."""
MAX_CALL = 90.0
"""Maximum duration of a feature call in seconds."""
MAX_LOGIN_TRIES = 3
"""Failed logins allowed in one feature call."""
MAX_TYPED_DIGITS = 20

PHONES = ("PJSIP/", "SIP/", "IAX2/")
"""Channel technologies of phones. A Local channel does not show who dialled."""

STATE = "state"
"""The code that only reports the state. All others have the names of agents' requests (AgentRequest)."""

DISPOSITION = "disposition"
"""Set the disposition of a call: the code is followed by the digit of the disposition."""

_REQUESTS = {str(request): request for request in AgentRequest}
_MODES = frozenset(map(str, SupervisionMode))


def dialled(world: World, event: FeatureDialled) -> None:
    """A feature call begins; a call from an endpoint that is not a phone is hung up."""
    if event.leg in world.legs:
        return
    leg = legs.open_leg(world, event.leg, LegRole.FEATURE)
    world.order(Subscribe(leg=leg.id))
    endpoint = endpoint_of(event.channel_name)
    if not endpoint.startswith(PHONES) or endpoint in world.plan.trunks:
        legs.hang_up(world, leg.id)
        return
    phone = phone_on(world.plan, pbx_of(leg.id), endpoint)
    world.put_leg(leg, phone=phone, up_at=world.now if event.up else None)
    agent = world.agent_at(phone)
    if agent is not None:
        agent_states.refresh_device(world, agent_states.phone_works(world, agent))
    world.order(InspectPhone(pbx=pbx_of(leg.id), phone=phone))
    if not event.up:
        world.order(Answer(leg=leg.id))
    _begin(world, FeatureCall(leg=leg.id, phone=phone, ends_at=world.now + MAX_CALL), event)


def _begin(world: World, talk: FeatureCall, event: FeatureDialled) -> None:
    prompts = world.plan.prompts
    agent = world.agent_at(talk.phone)
    request = _REQUESTS.get(event.feature)
    if event.feature in _MODES:
        _supervise(world, talk, SupervisionMode(event.feature), event.argument)
    elif request is AgentRequest.LOGIN and (refusal := allowed_phones.refusal(world, talk.phone)):
        _refuse_phone(world, talk, event.argument, refusal)
    elif request is AgentRequest.LOGIN:
        who = event.argument or _owner(world, talk.phone)
        _identify(world, evolve(talk, who=who, typed=bool(event.argument)))
    elif request is None and event.feature not in (STATE, DISPOSITION):
        _play_prompt(world, talk, prompts.unknown)
    elif agent is None:
        _play_prompt(world, talk, prompts.refused)
    elif event.feature == DISPOSITION:
        said = DispositionRequested(at=world.now, agent=agent.id, code=event.argument, by=agent.id)
        _play_prompt(
            world,
            evolve(talk, who=agent.id),
            prompts.refused if after_call.set_disposition(world, said) else prompts.disposition_saved,
        )
    elif request is None:
        _play_prompt(world, evolve(talk, who=agent.id), _state(world, agent))
    else:
        _request(world, evolve(talk, who=agent.id), request, event.argument)


def _refuse_phone(world: World, talk: FeatureCall, who: str, reason: Sentence) -> None:
    """Before a PIN is asked for: it cannot be guessed from a phone at which nobody may log in."""
    refusals.refuse(world, AgentRequest.LOGIN, reason, by="", agent=who)
    _play_prompt(world, talk, world.plan.prompts.refused)


def _supervise(world: World, talk: FeatureCall, mode: SupervisionMode, agent: str) -> None:
    """A supervisor who is logged in at this phone joins an agent's conversation with this call."""
    supervisor, spied = world.agent_at(talk.phone), world.agents.get(agent)
    call = world.calls.get(spied.call) if spied is not None else None
    may = supervisor is not None and _may_supervise(world, supervisor)
    elsewhere = call is not None and pbx_of(call.leg) != pbx_of(talk.leg)  # this leg cannot be bridged to one of another PBX
    if not may or supervisor is None or call is None or elsewhere or supervision.refusal(world, call, talk.phone, supervisor.id):
        _play_prompt(world, talk, world.plan.prompts.refused)
    else:
        world.dialogues.drop(talk.leg)
        supervision.join_from(world, call, mode, world.legs[talk.leg], talk.phone, supervisor.id)


def _may_supervise(world: World, agent: Agent) -> bool:
    plan = world.plan.agents.get(agent.id)
    return plan is not None and plan.supervisor and agent.intent is not Intent.LOGGED_OUT


def _owner(world: World, phone: str) -> str:
    """The agent who logs in here without a number: the one logged in at this phone, else its owner by the plan."""
    agent = world.agent_at(phone)
    if agent is not None and agent.intent is not Intent.LOGGED_OUT:
        return agent.id
    return next((plan.id for plan in world.plan.agents.values() if phone in plan.phones), "")


# -- log-in ---------------------------------------------------------------------------------------------------------


def _identify(world: World, talk: FeatureCall) -> None:
    plan = world.plan.agents.get(talk.who)
    if not talk.who:
        _prompt(world, talk, FeatureCallMove.ASK_NUMBER, world.plan.prompts.agent)
    elif plan is not None and not plan.pin and talk.phone in plan.phones:
        _log_in(world, talk)
    else:
        _prompt(world, talk, FeatureCallMove.ASK_PIN, world.plan.prompts.pin)


def _entered(world: World, talk: FeatureCall) -> None:
    """The input is complete."""
    digits, talk = talk.digits, evolve(talk, digits="")
    if talk.stage is FeatureCallStage.PIN:
        _pin_entered(world, talk, digits)
    elif digits:
        _prompt(world, evolve(talk, who=digits, typed=True), FeatureCallMove.ASK_PIN, world.plan.prompts.pin)
    else:
        _once_more(world, talk)


def _pin_entered(world: World, talk: FeatureCall, digits: str) -> None:
    """An unknown number is also asked for a PIN, and locked after wrong ones, so that nobody learns which numbers exist."""
    plan = world.plan.agents.get(talk.who)
    if pin_guards.locked(world, talk.who, talk.phone):
        _play_prompt(world, talk, world.plan.prompts.locked)
    elif pin_guards.right(plan.pin if plan is not None else "", digits):
        pin_guards.proven(world, talk.who, talk.phone)
        _log_in(world, talk)
    elif digits and pin_guards.wrong(world, talk.who, talk.phone):
        _play_prompt(world, talk, world.plan.prompts.locked)
    else:
        _once_more(world, talk)


def _once_more(world: World, talk: FeatureCall) -> None:
    """Wrong input. A typed number may itself be wrong; one known from the phone is not."""
    prompts, talk = world.plan.prompts, evolve(talk, tries=talk.tries + 1)
    if talk.tries >= MAX_LOGIN_TRIES:
        _play_prompt(world, talk, prompts.goodbye)
    elif talk.stage is FeatureCallStage.PIN and not talk.typed:
        _prompt(world, talk, FeatureCallMove.ASK_PIN, prompts.wrong_pin)
    elif talk.stage is FeatureCallStage.PIN:
        _prompt(world, talk, FeatureCallMove.ASK_NUMBER, prompts.wrong_login)
    else:
        _play_prompt(world, talk, prompts.goodbye)


def _log_in(world: World, talk: FeatureCall) -> None:
    agent, talk = world.agents[talk.who], evolve(talk, typed=False)
    if agent_requests.taken_by(world, agent, talk.phone) is not None:
        agent_requests.requested(
            world, AgentRequested(at=world.now, agent=agent.id, request=AgentRequest.LOGIN, phone=talk.phone)
        )
        _play_prompt(world, talk, world.plan.prompts.in_use)
        return
    if agent.wrong_pins:
        agent_states.change(world, agent, wrong_pins=0)
    _request(world, talk, AgentRequest.LOGIN)


# -- requests --------------------------------------------------------------------------------------------------------


def _request(world: World, talk: FeatureCall, request: AgentRequest, argument: str = "") -> None:
    """Carry out the request, and play the result."""
    prompts, reason = world.plan.prompts, ""
    if request is AgentRequest.NOT_READY and argument:
        found = next((one.name for one in world.plan.reasons.values() if one.digit == argument), None)
        if found is None:
            _play_prompt(world, talk, prompts.unknown)
            return
        reason = found
    phone = talk.phone if request is AgentRequest.LOGIN else ""
    refusal = agent_requests.requested(
        world, AgentRequested(at=world.now, agent=talk.who, request=request, reason=reason, phone=phone)
    )
    done = {
        AgentRequest.LOGIN: prompts.logged_in,
        AgentRequest.READY: prompts.ready,
        AgentRequest.NOT_READY: _with_digit(prompts.not_ready, argument),
        AgentRequest.LOGOUT: prompts.logged_out,
        AgentRequest.END_WRAP_UP: prompts.wrap_up_ended,
        AgentRequest.EXTEND_WRAP_UP: prompts.wrap_up_extended,
    }
    _play_prompt(world, talk, prompts.refused if refusal else done[request])


def _state(world: World, agent: Agent) -> str:
    """The prompt for the agent's state, ignoring this feature call."""
    prompts = world.plan.prompts
    if agent.work is Work.TALKING:
        return prompts.talking
    if agent.work is Work.WRAP_UP:
        return prompts.wrap_up
    match agent.intent:
        case Intent.LOGGED_OUT:
            return prompts.logged_out
        case Intent.READY:
            return prompts.ready
        case Intent.NOT_READY:
            reason = world.plan.reasons.get(agent.reason)
            return _with_digit(prompts.not_ready, reason.digit if reason is not None else "")


def _with_digit(media: str, digit: str) -> str:
    return f"{media},digits:{digit}" if digit else media


# -- prompts and keys ----------------------------------------------------------------------------------------------


def _prompt(world: World, talk: FeatureCall, turn: FeatureCallMove, media: str) -> None:
    _play(world, evolve(talk, stage=after(talk.stage, turn), digits=""), media)


def _play_prompt(world: World, talk: FeatureCall, media: str) -> None:
    _play(world, evolve(talk, stage=after(talk.stage, FeatureCallMove.SAY), digits=""), media)


def _play(world: World, talk: FeatureCall, media: str) -> None:
    proven = (
        talk.who if not talk.typed else _owner(world, talk.phone)
    )  # otherwise the language would reveal that the number exists
    plan = world.plan.agents.get(proven)
    playback = world.mint("say")
    _until(world, evolve(talk, playback=playback), MAX_PROMPT)
    world.order(Play(leg=talk.leg, playback=playback, media=media, language=plan.language if plan is not None else ""))


def _until(world: World, talk: FeatureCall, seconds: float) -> None:
    world.dialogues.put(talk.leg, evolve(talk, deadline=min(world.now + seconds, talk.ends_at)))


def _hang_up(world: World, talk: FeatureCall) -> None:
    """Kept until the leg has ended: it knows whether the phone has another call."""
    world.dialogues.put(talk.leg, evolve(talk, stage=after(talk.stage, FeatureCallMove.END), digits="", deadline=None))
    legs.hang_up(world, talk.leg)


def _stop_prompt(world: World, talk: FeatureCall) -> FeatureCall:
    if talk.playback:
        world.order(StopPlaying(leg=talk.leg, playback=talk.playback))
    return evolve(talk, playback="")


def pressed(world: World, event: DigitPressed) -> None:
    """A key: the first one stops the prompt, ``#`` ends the input, ``*`` starts again."""
    talk, leg = world.dialogues.get(event.leg), world.legs.get(event.leg)
    if (
        talk is None
        or leg is None
        or leg.hung_at is not None
        or talk.stage not in (FeatureCallStage.NUMBER, FeatureCallStage.PIN)
    ):
        return
    if event.digit not in "0123456789*#":
        return
    talk = _stop_prompt(world, talk)
    if event.digit == "#":
        _entered(world, talk)
    elif event.digit == "*":
        _until(world, evolve(talk, digits=""), FIRST_DIGIT)
    else:
        _until(world, evolve(talk, digits=(talk.digits + event.digit)[:MAX_TYPED_DIGITS]), NEXT_DIGIT)


def playback_ended(world: World, leg: LegId, playback: str) -> None:
    """A prompt has ended, or could not be played."""
    talk = world.dialogues.get(leg)
    if talk is None or talk.playback != playback or talk.stage is FeatureCallStage.OVER:
        return
    if talk.stage is FeatureCallStage.SAYING:
        _hang_up(world, talk)
    else:
        _until(world, evolve(talk, playback=""), FIRST_DIGIT)


def deadline_passed(world: World, talk: FeatureCall) -> None:
    """The input timed out, or the end of a prompt was not reported."""
    if talk.ends_at <= world.now or talk.stage is FeatureCallStage.SAYING:
        _hang_up(world, talk)
    elif talk.playback:
        _until(world, _stop_prompt(world, talk), FIRST_DIGIT)
    elif talk.digits:
        _entered(world, talk)
    else:
        _play_prompt(world, talk, world.plan.prompts.goodbye)


# -- the leg --------------------------------------------------------------------------------------------------------


def phone_inspected(world: World, phone: str, there: tuple[LegId, ...]) -> None:
    """The channels of a phone with a feature call: does it have other calls?"""
    others = any(leg not in world.legs for leg in there)
    for leg in sorted(world.features_at(phone)):
        talk = world.dialogues.get(leg)
        if talk is not None:
            world.dialogues.put(leg, evolve(talk, others=others))


def give_up(world: World, leg: Leg) -> None:
    """The dialogue of this leg is lost (restart, lost link, internal error): hang up; people dial again."""
    world.dialogues.drop(leg.id)
    legs.hang_up(world, leg.id)


def leg_gone(world: World, leg: Leg) -> None:
    """The feature call has ended, or somebody has moved its channel elsewhere."""
    talk = world.dialogues.get(leg.id)
    world.dialogues.drop(leg.id)
    world.legs.drop(leg.id)
    agent = world.agent_at(leg.phone) if leg.phone else None
    if agent is not None:
        agent_states.feature_gone(world, agent, in_use=talk is None or talk.others is not False)
