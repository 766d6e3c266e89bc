"""The flow interpreter: takes callers through flows - plays prompts, collects input, queries other systems, decides and routes.

    visits.into_flow -> (its deadline, which is now) -> node -> node -> ... -> queue, dialplan, goodbye, another flow

While no prompt is played there is music, whatever the node waits for: a caller in silence hangs up. No input leads to a dead
end: every wait has a time-out, every loop of nodes contains a key press (otherwise the configuration is refused), and an
error of ours or of the PBX continues as a time-out would.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from callbridge.core.entities import attempts, callbacks, conditions
from callbridge.core.flows import surveys
from callbridge.core.model.call import Call, DiversionReason, FlowPosition, NodeActivity, Phase, VisitOutcome
from callbridge.core.model.events import DigitPressed, LookedUp, PlaybackEnded, RecordingEnded
from callbridge.core.model.facts import CallRepeated, FlowEnded, FlowStepped, LookupEnded, PromptFailed, VoicemailLeft
from callbridge.core.model.flow import (
    KEYS,
    MOST_DIGITS,
    BranchNode,
    CallbackNode,
    CollectNode,
    DialplanNode,
    DoNotCallNode,
    Flow,
    FlowNode,
    GoodbyeNode,
    HoursNode,
    LookupNode,
    MenuNode,
    Node,
    PlayNode,
    QueueNode,
    SetNode,
    VoicemailNode,
    filled,
    fits,
    patience,
    spoken,
)
from callbridge.core.model.ids import pbx_of
from callbridge.core.model.orders import LookUp, Record, StartMusic, StopPlaying
from callbridge.core.model.orders import Play as PlayOrder
from callbridge.core.model.plan import MEMORY, ToFlow, ToQueue
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World
from callbridge.core.routing import segments, visits

LOOKUP_SLACK = 1.0
"""Seconds beyond a lookup's own deadline after which we stop waiting for its answer."""
MOST_NODES = 50
"""Nodes without a prompt, a key or a wait after which a flow counts as an endless loop."""
MOST_SILENCES = 20
MOST_AHEAD = 20
RECORD_SLACK = 5.0
"""Seconds beyond a message's longest time after which its end counts as unheard."""
SHORTEST_MESSAGE = 1.0
"""Seconds; a shorter recording is a hang-up, not a message."""
DOWN_CHECK = 1.0


# -- what happens -----------------------------------------------------------------------------------------------------


def deadline_passed(world: World, call: Call) -> None:
    """The flow begins, or what it waited for did not come."""
    flow_position = call.flow_position
    if flow_position is None or (flow_position.due is not None and flow_position.due > world.now):
        world.calls.put(call.id, evolve(call, deadline=flow_position.due if flow_position is not None else None))
        return
    if (
        flow_position.node and pbx_of(call.leg) in world.down
    ):  # while the link is down the caller is not silent, only unheard; the next snapshot continues
        _put(world, evolve(call, flow_position=evolve(flow_position, due=world.now + DOWN_CHECK)))
        return
    flow = flow_of(world, flow_position)
    if flow is None:
        _fail(world, call)
    elif not flow_position.node or flow_position.node not in flow.nodes:
        _go(world, call, flow, flow.start)
    elif flow_position.activity is NodeActivity.SAYING:
        call = _stop_prompt(world, evolve(call, flow_position=evolve(flow_position, hops=0)))
        _playback_ended(world, call, flow, flow.nodes[flow_position.node])
    elif flow_position.activity is NodeActivity.LOOKING:
        _found(world, call, flow, None)
    elif flow_position.activity is NodeActivity.RECORDING:
        _recorded(world, call, flow, None)
    else:
        _silence(world, evolve(call, flow_position=evolve(flow_position, hops=0)), flow, flow.nodes[flow_position.node])


def playback_ended(world: World, call: Call, event: PlaybackEnded) -> None:
    """A prompt is over, or could not be played."""
    flow_position = call.flow_position
    flow = flow_of(world, flow_position) if flow_position is not None else None
    if (
        call.phase is not Phase.FLOW
        or flow_position is None
        or flow is None
        or not flow_position.playback
        or flow_position.playback != event.playback
    ):
        return
    if event.failed:
        where = f"flow:{flow_position.flow}/{flow_position.node}"
        world.emit(PromptFailed(seq=world.next_seq(), at=world.now, call=call.id, where=where))
    node = flow.nodes.get(flow_position.node)
    if node is not None:
        hops = flow_position.hops if event.failed else 0
        _playback_ended(world, evolve(call, flow_position=evolve(flow_position, playback="", hops=hops)), flow, node)


def pressed(world: World, event: DigitPressed) -> None:
    """A caller pressed a key: in a flow it is an answer; while waiting it may open one."""
    leg = world.legs.get(event.leg)
    call = world.calls.get(leg.call) if leg is not None else None
    if call is None or call.leg != event.leg or event.digit not in KEYS:
        return
    if call.phase is Phase.FLOW and call.flow_position is not None:
        flow = flow_of(world, call.flow_position)
        node = flow.nodes.get(call.flow_position.node) if flow is not None else None
        if flow is not None and node is not None:
            _key(world, evolve(call, flow_position=evolve(call.flow_position, hops=0, silences=0)), flow, node, event.digit)
    elif call.flow_position is None and call.visit is not None:
        visits.key_pressed(world, call, event.digit)


def looked_up(world: World, event: LookedUp) -> None:
    """Another system answered, or did not."""
    call = world.calls.get(event.call)
    flow_position = call.flow_position if call is not None and call.phase is Phase.FLOW else None
    if (
        call is None
        or flow_position is None
        or flow_position.activity is not NodeActivity.LOOKING
        or flow_position.playback != event.question
    ):
        return  # too late, or an answer to another time at this node
    flow = flow_of(world, flow_position)
    if flow is not None:
        _found(world, call, flow, event.found)


def recorded(world: World, event: RecordingEnded) -> None:
    """A message is complete, or could not be recorded."""
    leg = world.legs.get(event.leg)
    call = world.calls.get(leg.call) if leg is not None else None
    flow_position = call.flow_position if call is not None and call.phase is Phase.FLOW else None
    if (
        call is None
        or flow_position is None
        or flow_position.activity is not NodeActivity.RECORDING
        or flow_position.playback != event.recording
    ):
        return
    flow = flow_of(world, flow_position)
    if flow is not None:
        _recorded(world, call, flow, event)


def reconcile(world: World, call: Call) -> None:
    """After a gap in the events: the node starts again."""
    flow_position = call.flow_position
    flow = flow_of(world, flow_position) if flow_position is not None else None
    if flow_position is None or flow is None:
        _fail(world, call)
        return
    call = _stop_prompt(world, call)
    if isinstance(flow.nodes.get(flow_position.node), LookupNode):  # silent for a moment already
        world.order(StartMusic(leg=call.leg, music=flow.music))
    _arrive(
        world,
        evolve(call, flow_position=evolve(flow_position, playback="", typed="", checking=False)),
        flow,
        flow_position.node if flow_position.node in flow.nodes else flow.start,
    )


def hung_up(world: World, call: Call) -> Call:
    """The caller has hung up, or was taken elsewhere. Returns the call without its flow position."""
    flow_position = call.flow_position
    if flow_position is None:
        return call
    if flow_position.activity is NodeActivity.RECORDING and _keep_message(
        world, call, flow_position, world.now - flow_position.since
    ):
        call = evolve(call, outcome="voicemail")
    if call.visit is None and not call.outcome:
        call = evolve(call, outcome="left_flow")
    return _end(world, call, "hung_up")


def leave(world: World, call: Call, result: str) -> Call:
    """The caller is sent elsewhere. Returns the call without its flow; its prompt is stopped."""
    if call.flow_position is None:
        return call
    return _end(world, _stop_prompt(world, call), result)


def flow_of(world: World, flow_position: FlowPosition) -> Flow | None:
    """The flow as it was when the caller entered it, or the present one if that is unknown (after a restart)."""
    return world.flow(flow_position.flow, flow_position.version)


# -- going on ---------------------------------------------------------------------------------------------------------


def _go(world: World, call: Call, flow: Flow, node: str, key: str = "") -> None:
    """To a node, with nothing typed or tried there yet."""
    flow_position = call.flow_position
    assert flow_position is not None
    _arrive(world, evolve(call, flow_position=evolve(flow_position, typed="", checking=False, tries=0)), flow, node, key)


def _arrive(world: World, call: Call, flow: Flow, name: str, key: str = "") -> None:
    """Arrive at a node; pass through nodes that decide at once."""
    while True:
        flow_position = call.flow_position
        assert flow_position is not None
        if flow_position.hops >= MOST_NODES:
            break
        if not flow.hidden:
            world.emit(FlowStepped(seq=world.next_seq(), at=world.now, call=call.id, flow=flow.name, node=name, key=key))
        call, key = evolve(call, flow_position=evolve(flow_position, node=name, hops=flow_position.hops + 1)), ""
        node = flow.nodes.get(name)
        match node:
            case None:
                break
            case SetNode():
                call, name = _set(call, node), node.next
            case HoursNode():
                name = node.open if conditions.is_open(world, node.calendar) else node.closed
            case BranchNode():
                name = next((to for when, to in node.cases if conditions.holds(world, call, when)), node.otherwise)
            case CallbackNode():
                call, name = _call_back(world, call, node)
            case DoNotCallNode():
                attempts.block(world, call.number, node.campaign, node.reason, f"flow:{flow.name}")
                name = node.next
            case _:
                _begin(world, call, flow, node)
                return
    _fail(world, call)


def _begin(world: World, call: Call, flow: Flow, node: Node) -> None:
    """A node where something happens."""
    flow_position = call.flow_position
    assert flow_position is not None
    match node:
        case PlayNode() | GoodbyeNode() | VoicemailNode():
            _play_prompt(world, call, flow, node, node.media)
        case MenuNode() | CollectNode() if flow_position.ahead:
            world.order(StartMusic(leg=call.leg, music=flow.music))
            _listen(world, call, node)
            _take_ahead(world, call.id, flow, flow_position.node)
        case MenuNode() | CollectNode():
            _play_prompt(world, call, flow, node, node.media)
        case LookupNode():
            _look_up(world, call, flow, node)
        case QueueNode():
            _into_queue(world, call, node)
        case FlowNode():
            call = visits.overflowed_by_key(world, call, f"flow:{node.flow}")
            reason = "entry" if flow.hidden else "flow"
            visits.into_flow(world, _end(world, call, "flow", f"flow:{node.flow}"), node.flow, reason)
        case DialplanNode():
            to = f"dialplan:{node.context},{node.extension}"
            call = visits.overflowed_by_key(world, call, to)
            visits.leave(world, _end(world, call, "dialplan", to), node.context, node.extension, DiversionReason.FLOW)
        case _:
            raise AssertionError(f"nothing happens at a {type(node).__name__}")


def _take_ahead(world: World, call_id: str, flow: Flow, node: str) -> None:
    """Use keys that were typed ahead, one by one; the rest is for the next node."""
    while True:
        call = world.calls.get(call_id)
        flow_position = call.flow_position if call is not None else None
        if (
            call is None
            or flow_position is None
            or flow_position.flow != flow.name
            or flow_position.node != node
            or not flow_position.ahead
        ):
            return
        call = evolve(call, flow_position=evolve(flow_position, ahead=flow_position.ahead[1:]))
        _key(world, call, flow, flow.nodes[node], flow_position.ahead[0])


def _into_queue(world: World, call: Call, node: QueueNode) -> None:
    visit, named = call.visit, world.plan.queue_named(dict(call.values).get(node.by, ""))
    if named in world.plan.queues:
        node = replace(node, queue=named)
    if visit is not None and visit.queue == node.queue:
        call = _end(world, call, "queue", f"queue:{node.queue}")
        visits.wait_on(world, call)
        return
    destination = world.plan.destination_of(call.entry) if node.queue not in world.plan.queues else None
    if isinstance(destination, ToFlow):
        call = visits.overflowed_by_key(world, call, f"flow:{destination.flow}")
        visits.into_flow(world, _end(world, call, "flow", f"flow:{destination.flow}"), destination.flow, "queue_removed")
        return
    if isinstance(destination, ToQueue):
        node = replace(node, queue=destination.queue)
    call = visits.overflowed_by_key(world, call, f"queue:{node.queue}")
    call = _end(world, call, "queue", f"queue:{node.queue}")
    plan = world.plan.queues.get(node.queue)
    if plan is not None:
        world.order(StartMusic(leg=call.leg, music=plan.music))
    visits.begin_visit(world, call, node.queue, head_start=node.head_start)


def _call_back(world: World, call: Call, node: CallbackNode) -> tuple[Call, str]:
    """Create a callback at the caller's place in the queue. Returns the call and the next node."""
    known = {"caller": call.number} | dict(call.values)
    number = filled(node.number, known)
    if callbacks.refusal(world, node.queue, number):
        return call, node.otherwise
    rank = call.visit.rank if call.visit is not None and call.visit.queue == node.queue else None
    call = visits.overflowed_by_key(world, call, f"callback:{node.queue}")
    callbacks.make(world, call, node.queue, number, rank)
    return evolve(call, outcome="callback"), node.next


def _set(call: Call, node: SetNode) -> Call:
    values = dict(call.values) | dict(node.values)
    return evolve(
        call,
        tier=node.tier or call.tier,
        language=node.language or call.language,
        head_start=call.head_start if node.head_start is None else node.head_start,
        values=tuple(values.items()),
    )


def _fail(world: World, call: Call) -> None:
    """The flow has been removed, or leads nowhere: the caller goes to the fallback."""
    call = visits.overflowed_by_key(world, call, "fallback", VisitOutcome.FAILED)
    call = _end(world, _stop_prompt(world, call), "failed")
    visits.leave(world, call, world.plan.fallback_context, call.entry, DiversionReason.FLOW_FAILED)


def _end(world: World, call: Call, result: str, to: str = "") -> Call:
    """Leave the flow. Returns the call without it, still in its phase."""
    flow_position = call.flow_position
    assert flow_position is not None
    flow = flow_of(world, flow_position)
    surveys.ended(world, call, flow_position, flow, hung_up=result == "hung_up")
    if flow_position.flow.startswith(MEMORY):
        return evolve(call, flow_position=None, deadline=None)
    world.emit(
        FlowEnded(
            seq=world.next_seq(),
            at=world.now,
            call=call.id,
            flow=flow_position.flow,
            node=flow_position.node,
            result=result,
            lasted=max(0.0, world.now - flow_position.began_at),
            to=to,
        )
    )
    return evolve(call, flow_position=None, deadline=None)


# -- prompts ----------------------------------------------------------------------------------------------------------


def _play_prompt(world: World, call: Call, flow: Flow, node: Node, media: str) -> None:
    """Play the prompt, then continue with the node; at once when there is no prompt."""
    flow_position = call.flow_position
    assert flow_position is not None
    media = spoken(media, {"caller": call.number.lstrip("+"), "entry": call.entry, **dict(call.values)})
    if not media:
        if isinstance(node, MenuNode | CollectNode):
            world.order(StartMusic(leg=call.leg, music=flow.music))
        _playback_ended(world, call, flow, node)
        return
    playback = world.mint("say")
    world.order(PlayOrder(leg=call.leg, playback=playback, media=media, language=call.language))
    if isinstance(
        node, MenuNode | CollectNode
    ):  # queued right behind it: the music starts when the prompt ends or is cut, whether that is reported or not
        world.order(StartMusic(leg=call.leg, music=flow.music))
    _put(
        world,
        evolve(
            call,
            flow_position=evolve(flow_position, activity=NodeActivity.SAYING, playback=playback, due=world.now + patience(media)),
        ),
    )


def _stop_prompt(world: World, call: Call) -> Call:
    flow_position = call.flow_position
    if flow_position is None or not flow_position.playback or flow_position.activity is not NodeActivity.SAYING:
        return call
    world.order(StopPlaying(leg=call.leg, playback=flow_position.playback))
    return evolve(call, flow_position=evolve(flow_position, playback=""))


def _playback_ended(world: World, call: Call, flow: Flow, node: Node) -> None:
    match node:
        case PlayNode():
            _go(world, call, flow, node.next)
        case VoicemailNode():
            _record(world, call, node)
        case GoodbyeNode():
            call = visits.overflowed_by_key(world, call, "goodbye")
            call = _end(world, evolve(call, outcome=call.outcome or "flow"), "goodbye")
            segments.end_call(world, call)
        case MenuNode() | CollectNode():
            _listen(world, call, node)
        case _:
            _fail(world, call)


def _listen(world: World, call: Call, node: MenuNode | CollectNode) -> None:
    """Wait for a key; the music is on already."""
    flow_position = call.flow_position
    assert flow_position is not None
    seconds = node.gap if isinstance(node, CollectNode) and flow_position.typed and not flow_position.checking else node.wait
    _put(world, evolve(call, flow_position=evolve(flow_position, activity=NodeActivity.LISTENING, due=world.now + seconds)))


def _put(world: World, call: Call) -> None:
    world.calls.put(call.id, evolve(call, deadline=call.flow_position.due if call.flow_position is not None else None))


# -- listening --------------------------------------------------------------------------------------------------------


def _key(world: World, call: Call, flow: Flow, node: Node, key: str) -> None:
    flow_position = call.flow_position
    assert flow_position is not None
    if flow_position.full and key == flow_position.ends:
        world.calls.put(call.id, evolve(call, flow_position=evolve(flow_position, full=False)))
        return
    call = evolve(call, flow_position=evolve(flow_position, full=False))
    match node:
        case MenuNode() | CollectNode() if flow_position.activity is not NodeActivity.LOOKING:
            saying = flow_position.activity is NodeActivity.SAYING
            call = _stop_prompt(world, call)
            if isinstance(node, MenuNode):
                _chosen(world, call, flow, node, key)
            elif flow_position.checking:
                _confirmed(world, call, flow, node, key)
            else:
                _typed(world, call, flow, node, key, saying=saying)
        case PlayNode() if node.interrupt:
            _playback_ended(world, _stop_prompt(world, _ahead(call, key)), flow, node)
        case GoodbyeNode() | VoicemailNode():
            pass
        case _:
            world.calls.put(call.id, _ahead(call, key))


def _ahead(call: Call, key: str) -> Call:
    """Keep the key for the next node that expects one."""
    assert call.flow_position is not None
    return evolve(call, flow_position=evolve(call.flow_position, ahead=(call.flow_position.ahead + key)[:MOST_AHEAD]))


def _chosen(world: World, call: Call, flow: Flow, node: MenuNode, key: str) -> None:
    to = node.keys.get(key)
    if to is not None and node.question:
        _go(world, surveys.answered(world, call, flow, node, key), flow, to)  # the answer is a fact of its own
    elif to is not None:
        _go(world, call, flow, to, key)
    else:
        _again(world, call, flow, node, node.wrong)


def _typed(world: World, call: Call, flow: Flow, node: CollectNode, key: str, *, saying: bool) -> None:
    flow_position = call.flow_position
    assert flow_position is not None
    if key == node.ends:
        _entered(world, call, flow, node)
        return
    call = evolve(call, flow_position=evolve(flow_position, typed=(flow_position.typed + key)[:MOST_DIGITS]))
    assert call.flow_position is not None
    if len(call.flow_position.typed) >= node.most:
        _entered(world, evolve(call, flow_position=evolve(call.flow_position, full=True, ends=node.ends)), flow, node)
    elif saying:
        _listen(world, call, node)
    else:
        _put(world, evolve(call, flow_position=evolve(call.flow_position, due=world.now + node.gap)))


def _entered(world: World, call: Call, flow: Flow, node: CollectNode) -> None:
    """The value is complete: is it one?"""
    flow_position = call.flow_position
    assert flow_position is not None
    good = node.least <= len(flow_position.typed) <= node.most and (not node.pattern or fits(node.pattern, flow_position.typed))
    if not good:
        _again(world, call, flow, node, node.wrong if flow_position.typed else node.silent)
        return
    call = _knowing(call, {node.into: flow_position.typed})
    if node.read_back:
        _play_prompt(world, evolve(call, flow_position=evolve(flow_position, checking=True)), flow, node, node.read_back)
    else:
        _go(world, call, flow, node.next)


def _confirmed(world: World, call: Call, flow: Flow, node: CollectNode, key: str) -> None:
    if key == node.yes:
        _go(world, call, flow, node.next)
    else:
        _again(world, _knowing(call, {node.into: ""}), flow, node, "")


def _silence(world: World, call: Call, flow: Flow, node: Node) -> None:
    """No key in time. A caller who has been prompted this often and never presses a key is absent, or cannot."""
    flow_position = call.flow_position
    assert flow_position is not None
    if flow_position.silences >= MOST_SILENCES:
        _fail(world, call)
        return
    flow_position = evolve(flow_position, silences=flow_position.silences + 1)
    call = evolve(call, flow_position=flow_position)
    if isinstance(node, CollectNode) and flow_position.typed and not flow_position.checking:
        _entered(world, call, flow, node)
    elif isinstance(node, CollectNode) and flow_position.checking:
        _again(world, _knowing(call, {node.into: ""}), flow, node, node.silent)
    elif isinstance(node, MenuNode | CollectNode):
        _again(world, call, flow, node, node.silent)
    else:
        _fail(world, call)


def _again(world: World, call: Call, flow: Flow, node: MenuNode | CollectNode, first: str) -> None:
    """Wrong, or nothing: the prompt once more, or the way out."""
    flow_position = call.flow_position
    assert flow_position is not None
    if flow_position.tries + 1 >= node.tries:
        _go(world, call, flow, node.otherwise)
        return
    call = evolve(call, flow_position=evolve(flow_position, tries=flow_position.tries + 1, typed="", ahead="", checking=False))
    _play_prompt(world, call, flow, node, ",".join(part for part in (first, node.media) if part))


def _knowing(call: Call, news: Mapping[str, str]) -> Call:
    known = {name: value for name, value in (dict(call.values) | dict(news)).items() if value}
    return evolve(call, values=tuple(known.items()))


# -- recording --------------------------------------------------------------------------------------------------------


def _record(world: World, call: Call, node: VoicemailNode) -> None:
    flow_position = call.flow_position
    assert flow_position is not None
    recording = world.mint("voicemail")
    world.order(Record(leg=call.leg, recording=recording, longest=node.longest, silence=node.silence))
    due = world.now + node.longest + RECORD_SLACK
    _put(
        world,
        evolve(
            call,
            flow_position=evolve(flow_position, activity=NodeActivity.RECORDING, playback=recording, since=world.now, due=due),
        ),
    )


def _recorded(world: World, call: Call, flow: Flow, event: RecordingEnded | None) -> None:
    """``event`` None: its end was never reported."""
    flow_position = call.flow_position
    assert flow_position is not None
    node = flow.nodes.get(flow_position.node)
    if not isinstance(node, VoicemailNode):
        _fail(world, call)
        return
    if event is not None and event.failed:
        where = f"flow:{flow_position.flow}/{flow_position.node}"
        world.emit(PromptFailed(seq=world.next_seq(), at=world.now, call=call.id, where=where))
    elif _keep_message(world, call, flow_position, event.lasted if event is not None else node.longest):
        call = evolve(call, outcome="voicemail")
    _go(world, evolve(call, flow_position=evolve(flow_position, playback="", activity=NodeActivity.SAYING)), flow, node.next)


def _keep_message(world: World, call: Call, flow_position: FlowPosition, lasted: float) -> bool:
    """Emit the message if there is one; returns whether there is."""
    flow = flow_of(world, flow_position)
    node = flow.nodes.get(flow_position.node) if flow is not None else None
    if not isinstance(node, VoicemailNode) or lasted < SHORTEST_MESSAGE:
        return False
    world.emit(
        VoicemailLeft(
            seq=world.next_seq(),
            at=world.now,
            call=call.id,
            queue=node.queue,
            recording=flow_position.playback,
            lasted=lasted,
            number=call.number,
        )
    )
    if node.callback and not callbacks.refusal(world, node.queue, call.number):
        callbacks.make(world, call, node.queue, call.number, None, flow_position.playback)
    return True


# -- lookups ----------------------------------------------------------------------------------------------------------


def _look_up(world: World, call: Call, flow: Flow, node: LookupNode) -> None:
    flow_position = call.flow_position
    assert flow_position is not None
    limit = world.plan.lookups.get(node.lookup, 0.0)
    about = {"caller": call.number, "entry": call.entry, "tier": call.tier, "call": call.id, "language": call.language}
    known = dict(call.values) | about
    question = world.mint("lookup")
    world.order(LookUp(lookup=node.lookup, call=call.id, question=question, values=known))
    if limit > 1.0:
        world.order(StartMusic(leg=call.leg, music=flow.music))
    flow_position = evolve(
        flow_position, activity=NodeActivity.LOOKING, playback=question, due=world.now + limit + LOOKUP_SLACK, tries=0
    )
    _put(world, evolve(call, flow_position=flow_position))


def _found(world: World, call: Call, flow: Flow, found: Mapping[str, str] | None) -> None:
    flow_position = call.flow_position
    assert flow_position is not None
    node = flow.nodes.get(flow_position.node)
    if not isinstance(node, LookupNode):
        _fail(world, call)
        return
    began = (flow_position.due or world.now) - world.plan.lookups.get(node.lookup, 0.0) - LOOKUP_SLACK
    if not node.quiet:
        result, lasted = "failed" if found is None else "found", max(0.0, world.now - began)
        world.emit(
            LookupEnded(seq=world.next_seq(), at=world.now, call=call.id, lookup=node.lookup, result=result, lasted=lasted)
        )
    call = evolve(call, flow_position=evolve(flow_position, playback=""))
    if node.lookup == MEMORY and found is not None and found.get("repeat"):
        _emit_repeated(world, call, found)
    if found is None:
        _go(world, call, flow, node.otherwise)
        return
    tier, language = found.get("tier", ""), found.get("language", "")
    known = {name: value for name, value in found.items() if name not in ("tier", "language")}
    _go(world, evolve(_knowing(call, known), tier=tier or call.tier, language=language or call.language), flow, node.next)


def _emit_repeated(world: World, call: Call, found: Mapping[str, str]) -> None:
    try:
        after = max(0.0, world.now - float(found.get("last_at", "")))
    except ValueError:
        return
    agent, queue = found.get("last_agent", ""), found.get("last_queue", "")
    world.emit(CallRepeated(seq=world.next_seq(), at=world.now, call=call.id, agent=agent, queue=queue, after=after))
