"""What happens at the nodes of a flow: prompts, keys and what is typed, the way from one node to the next.

    go -> arrive -> (nodes that decide at once) -> a prompt, a wait, a recording, a lookup, a way out -> go -> ...

``interpreter`` calls it with what has happened; ``exits`` are the ways out.
"""

from __future__ import annotations

from collections.abc import Mapping

from callbridge.core.entities import attempts, callbacks, conditions, hours
from callbridge.core.flows import exits, lookups, surveys, voicemail
from callbridge.core.flows.position import knowing, put, stop_prompt
from callbridge.core.model.call import Call, NodeActivity
from callbridge.core.model.events import RecordingEnded
from callbridge.core.model.facts import FlowStepped, PromptFailed
from callbridge.core.model.flow import (
    MAX_DIGITS,
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
from callbridge.core.model.orders import Play as PlayOrder
from callbridge.core.model.orders import StartMusic
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World
from callbridge.core.routing import visits

MAX_NODES = 50
"""Nodes without a prompt, a key or a wait after which a flow counts as an endless loop."""
MAX_SILENCES = 20
MAX_AHEAD = 20


def go(world: World, call: Call, flow: Flow, node: str, key: str = "") -> None:
    """To a node, with nothing typed or tried there yet."""
    flow_position = call.flow_position
    assert flow_position is not None
    arrive(world, evolve(call, flow_position=evolve(flow_position, typed="", checking=False, tries=0)), flow, node, key)


def arrive(world: World, call: Call, flow: Flow, name: str, key: str = "") -> None:
    """Arrive at a node; pass through nodes that decide at once."""
    while True:
        flow_position = call.flow_position
        assert flow_position is not None
        if flow_position.hops >= MAX_NODES:
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
                name = node.open if hours.is_open_to(world, call, node.calendar) else node.closed
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
    exits.fail(world, call)


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
            lookups.ask(world, call, flow, node)
        case QueueNode():
            exits.into_queue(world, call, node)
        case FlowNode():
            exits.into_flow(world, call, flow, node)
        case DialplanNode():
            exits.to_dialplan(world, call, node)
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
        pressed(world, call, flow, flow.nodes[node], flow_position.ahead[0])


def _call_back(world: World, call: Call, node: CallbackNode) -> tuple[Call, str]:
    """Create a callback at the caller's place in the queue. Returns the call and the next node."""
    known = {"caller": call.number} | dict(call.values)
    number = filled(node.number, known)
    if callbacks.is_refused(world, call, node.queue, number):
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
        flow_tier=node.tier or call.flow_tier,
        language=node.language or call.language,
        head_start=call.head_start if node.head_start is None else node.head_start,
        values=tuple(values.items()),
    )


# -- prompts ----------------------------------------------------------------------------------------------------------


def _play_prompt(world: World, call: Call, flow: Flow, node: Node, media: str) -> None:
    """Play the prompt, then continue with the node; at once when there is no prompt."""
    flow_position = call.flow_position
    assert flow_position is not None
    media = spoken(media, {"caller": call.number.lstrip("+"), "entry": call.entry, **dict(call.values)})
    if not media:
        if isinstance(node, MenuNode | CollectNode):
            world.order(StartMusic(leg=call.leg, music=flow.music))
        playback_ended(world, call, flow, node)
        return
    playback = world.mint("say")
    world.order(PlayOrder(leg=call.leg, playback=playback, media=media, language=call.language))
    if isinstance(
        node, MenuNode | CollectNode
    ):  # queued right behind it: the music starts when the prompt ends or is cut, whether that is reported or not
        world.order(StartMusic(leg=call.leg, music=flow.music))
    put(
        world,
        evolve(
            call,
            flow_position=evolve(flow_position, activity=NodeActivity.SAYING, playback=playback, due=world.now + patience(media)),
        ),
    )


def playback_ended(world: World, call: Call, flow: Flow, node: Node) -> None:
    """The prompt of a node is over: do what the node is for."""
    match node:
        case PlayNode():
            go(world, call, flow, node.next)
        case VoicemailNode():
            voicemail.record(world, call, node)
        case GoodbyeNode():
            exits.goodbye(world, call)
        case MenuNode() | CollectNode():
            _listen(world, call, node)
        case _:
            exits.fail(world, call)


def _listen(world: World, call: Call, node: MenuNode | CollectNode) -> None:
    """Wait for a key; the music is on already."""
    flow_position = call.flow_position
    assert flow_position is not None
    seconds = node.gap if isinstance(node, CollectNode) and flow_position.typed and not flow_position.checking else node.wait
    put(world, evolve(call, flow_position=evolve(flow_position, activity=NodeActivity.LISTENING, due=world.now + seconds)))


# -- listening --------------------------------------------------------------------------------------------------------


def pressed(world: World, call: Call, flow: Flow, node: Node, key: str) -> None:
    """A key at a node; kept for the next one if nobody expects it here."""
    flow_position = call.flow_position
    assert flow_position is not None
    if flow_position.full and key == flow_position.ends:
        world.calls.put(call.id, evolve(call, flow_position=evolve(flow_position, full=False)))
        return
    call = evolve(call, flow_position=evolve(flow_position, full=False))
    match node:
        case MenuNode() | CollectNode() if flow_position.activity is not NodeActivity.LOOKING:
            saying = flow_position.activity is NodeActivity.SAYING
            call = stop_prompt(world, call)
            if isinstance(node, MenuNode):
                _chosen(world, call, flow, node, key)
            elif flow_position.checking:
                _confirmed(world, call, flow, node, key)
            else:
                _typed(world, call, flow, node, key, saying=saying)
        case PlayNode() if node.interrupt:
            playback_ended(world, stop_prompt(world, _ahead(call, key)), flow, node)
        case GoodbyeNode() | VoicemailNode():
            pass
        case _:
            world.calls.put(call.id, _ahead(call, key))


def _ahead(call: Call, key: str) -> Call:
    """Keep the key for the next node that expects one."""
    assert call.flow_position is not None
    return evolve(call, flow_position=evolve(call.flow_position, ahead=(call.flow_position.ahead + key)[:MAX_AHEAD]))


def _chosen(world: World, call: Call, flow: Flow, node: MenuNode, key: str) -> None:
    to = node.keys.get(key)
    if to is not None and node.question:
        go(world, surveys.answered(world, call, flow, node, key), flow, to)  # the answer is a fact of its own
    elif to is not None:
        go(world, knowing(call, {node.into: key}) if node.into else call, flow, to, key)
    else:
        _again(world, call, flow, node, node.wrong)


def _typed(world: World, call: Call, flow: Flow, node: CollectNode, key: str, *, saying: bool) -> None:
    flow_position = call.flow_position
    assert flow_position is not None
    if key == node.ends:
        _entered(world, call, flow, node)
        return
    call = evolve(call, flow_position=evolve(flow_position, typed=(flow_position.typed + key)[:MAX_DIGITS]))
    assert call.flow_position is not None
    if len(call.flow_position.typed) >= node.most:
        _entered(world, evolve(call, flow_position=evolve(call.flow_position, full=True, ends=node.ends)), flow, node)
    elif saying:
        _listen(world, call, node)
    else:
        put(world, evolve(call, flow_position=evolve(call.flow_position, due=world.now + node.gap)))


def _entered(world: World, call: Call, flow: Flow, node: CollectNode) -> None:
    """The value is complete: is it one?"""
    flow_position = call.flow_position
    assert flow_position is not None
    good = node.least <= len(flow_position.typed) <= node.most and (not node.pattern or fits(node.pattern, flow_position.typed))
    if not good:
        _again(world, call, flow, node, node.wrong if flow_position.typed else node.silent)
        return
    call = knowing(call, {node.into: flow_position.typed})
    if node.read_back:
        _play_prompt(world, evolve(call, flow_position=evolve(flow_position, checking=True)), flow, node, node.read_back)
    else:
        go(world, call, flow, node.next)


def _confirmed(world: World, call: Call, flow: Flow, node: CollectNode, key: str) -> None:
    if key == node.yes:
        go(world, call, flow, node.next)
    else:
        _again(world, knowing(call, {node.into: ""}), flow, node, "")


def silence(world: World, call: Call, flow: Flow, node: Node) -> None:
    """No key in time. A caller who has been prompted this often and never presses a key is absent, or cannot."""
    flow_position = call.flow_position
    assert flow_position is not None
    if flow_position.silences >= MAX_SILENCES:
        exits.fail(world, call)
        return
    flow_position = evolve(flow_position, silences=flow_position.silences + 1)
    call = evolve(call, flow_position=flow_position)
    if isinstance(node, CollectNode) and flow_position.typed and not flow_position.checking:
        _entered(world, call, flow, node)
    elif isinstance(node, CollectNode) and flow_position.checking:
        _again(world, knowing(call, {node.into: ""}), flow, node, node.silent)
    elif isinstance(node, MenuNode | CollectNode):
        _again(world, call, flow, node, node.silent)
    else:
        exits.fail(world, call)


def _again(world: World, call: Call, flow: Flow, node: MenuNode | CollectNode, first: str) -> None:
    """Wrong, or nothing: the prompt once more, or the way out."""
    flow_position = call.flow_position
    assert flow_position is not None
    if flow_position.tries + 1 >= node.tries:
        go(world, call, flow, node.otherwise)
        return
    call = evolve(call, flow_position=evolve(flow_position, tries=flow_position.tries + 1, typed="", ahead="", checking=False))
    _play_prompt(world, call, flow, node, ",".join(part for part in (first, node.media) if part))


# -- recordings and lookups -------------------------------------------------------------------------------------------


def recorded(world: World, call: Call, flow: Flow, event: RecordingEnded | None) -> None:
    """``event`` None: its end was never reported."""
    flow_position = call.flow_position
    assert flow_position is not None
    node = flow.nodes.get(flow_position.node)
    if not isinstance(node, VoicemailNode):
        exits.fail(world, call)
        return
    if event is not None and event.failed:
        where = f"flow:{flow_position.flow}/{flow_position.node}"
        world.emit(PromptFailed(seq=world.next_seq(), at=world.now, call=call.id, where=where))
    elif voicemail.keep_message(world, call, flow_position, event.lasted if event is not None else node.longest):
        call = evolve(call, outcome="voicemail")
    go(world, evolve(call, flow_position=evolve(flow_position, playback="", activity=NodeActivity.SAYING)), flow, node.next)


def looked_up(world: World, call: Call, flow: Flow, found: Mapping[str, str] | None) -> None:
    """``found`` None: nothing, or no answer in time."""
    assert call.flow_position is not None
    node = flow.nodes.get(call.flow_position.node)
    if not isinstance(node, LookupNode):
        exits.fail(world, call)
        return
    call, to = lookups.answered(world, call, node, found)
    go(world, call, flow, to)
