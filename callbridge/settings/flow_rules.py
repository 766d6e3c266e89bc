"""What the shape of a flow cannot show: names that must exist, nodes that nothing leads to, circles without an exit."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Mapping

from callbridge.core.model import flow as core
from callbridge.core.model.sentence import Sentence
from callbridge.settings import models
from callbridge.settings.document import Document, Path, mapping
from callbridge.settings.faults import Fault, did_you_mean
from callbridge.settings.flows import ConditionConfig, NodeConfig
from callbridge.settings.lists import never_fault
from callbridge.settings.media import sounds
from callbridge.settings.queues import QueueConfig
from callbridge.settings.resolve import queue_plan
from callbridge.settings.speech import OURS
from callbridge.settings.values import RESERVED_VALUES
from callbridge.settings.waiting import DestinationConfig, OverflowConfig

NameInUse = tuple[Path, str, str]
"""Where a name is used, of which kind it is (``queue``, ``flow``, ...), and the name."""

_SECTIONS = {"survey": "surveys", "queue": "queues", "flow": "flows", "calendar": "calendars", "lookup": "lookups"}


def faults(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """Every fault of flows and of what leads to them."""
    for at, kind, name in names(settings):
        tiers = document.known(("tiers", "order"), settings.tiers.order)
        known = tiers if kind == "tier" else mapping(document.values.get(_SECTIONS[kind]))
        if name not in known:
            yield document.at(at, f"no such {kind}: {name!r}", did_you_mean(name, [str(each) for each in known]))
    for name, flow in settings.flows.items():
        place: Path = ("flows", name)
        written = mapping(mapping(mapping(document.values.get("flows")).get(name)).get("nodes"))
        if flow.start is not None and flow.start not in written:
            yield document.at((*place, "start"), f"no such node: {flow.start!r}", did_you_mean(flow.start, list(written)))
        for node_at, to in _node_names(place, flow.nodes):
            if to not in written:
                yield document.at(node_at, f"no such node: {to!r}", did_you_mean(to, list(written)))
    circles = list(_circles(settings, document))
    yield from circles or _long_silences(settings, document)
    yield from _own_overflow(settings, document)
    yield from _lookups(settings, document)
    yield from _callbacks(settings, document)
    for index, queue in settings.queues.items():
        if queue.keys and len(queue.keys) > len(core.KEYS):
            yield document.at(("queues", index, "keys"), "has more keys than a phone")


def _own_overflow(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """A rule that leads back into its own queue would apply there again at once."""
    for name in settings.queues:
        own = settings.queues[name].overflow
        at: Path = ("queues", name, "overflow") if own is not None else ("queue_defaults", "overflow")
        for index, rule in enumerate(own if own is not None else settings.queue_defaults.overflow or ()):
            if rule.queue == name:
                yield document.at((*at, index, "queue"), f"sends callers of queue {name!r} back into it")


def _lookups(settings: models.Settings, document: Document) -> Iterator[Fault]:
    for name, lookup in settings.lookups.items():
        if lookup.redis is not None and document.values.get("redis") is None:
            yield document.at(("lookups", name, "redis"), "requires a section 'redis:'")


def _callbacks(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """Callbacks must survive a restart, and there must be a way to dial."""
    calling = [name for name in settings.queues if queue_plan(settings, name).callback is not None]
    for name in calling[:1]:  # what is missing is missing for all
        own = settings.queues[name].callback is not None
        at: Path = ("queues", name, "callback") if own else ("queue_defaults", "callback")
        if document.values.get("redis") is None:
            yield document.at(at, "callbacks must survive a restart, but there is no section 'redis:'", key=True)
        if document.values.get("outside") is None:
            yield document.at(at, "nobody can be called back: the section 'outside:' is missing", key=True)
        if not mapping(document.values.get("callbacks")).get("numbers"):
            hint = 'add callbacks: {numbers: ["0Z."]}, with patterns as in a dialplan'
            yield document.at(at, "nothing says which numbers may be dialled", hint, key=True)
    for name, flow in settings.flows.items():
        for key, node in flow.nodes.items():
            wanted = node.voicemail if node.call_back else node.callback
            written = mapping(mapping(document.values.get("queues")).get(wanted or ""))
            if wanted in settings.queues and wanted not in calling and written.get("callback") is None:
                place = ("flows", name, "nodes", key, "call_back" if node.call_back else "callback")
                yield document.at(place, f"queue {wanted!r} has no callbacks", "add a section 'callback:' to it")
    for index, number in enumerate(settings.callbacks.do_not_call):
        if fault := never_fault(number, settings.numbers):
            yield document.at(("callbacks", "do_not_call", index), f"{number!r:.40} is {fault}")


def warnings(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """Flows that are probably not intended, and prompts that cannot be heard."""
    yield from _unspoken(settings, document)
    yield from _unknown_in_queues(settings, document)
    for name, flow in settings.flows.items():
        nodes = _made(flow.nodes)
        if len(nodes) < len(flow.nodes):
            continue
        reached = _reached(flow.start or next(iter(nodes)), nodes)
        for node in nodes:
            if node not in reached:
                problem = Sentence("no other node leads to this one")
                yield document.at(("flows", name, "nodes", node), problem, key=True)
        yield from _unknown_values(settings, document, name)
    for flow_name in settings.flows.keys() - {target for _, kind, target in names(settings) if kind == "flow"}:
        yield document.at(("flows", flow_name), Sentence("nothing leads to this flow"), key=True)


# -- names ------------------------------------------------------------------------------------------------------------


def names(settings: models.Settings) -> Iterator[NameInUse]:
    """Every use of the name of a queue, flow, calendar, lookup or tier, but for queues in entries and ``then``."""
    for name, entry in settings.entries.items():
        if entry.flow is not None:
            yield ("entries", name, "flow"), "flow", entry.flow
        if entry.when_full is not None:
            yield from _of_way(("entries", name, "when_full"), entry.when_full)
    if settings.limits is not None:
        yield from _of_way(("limits", "when_full"), settings.limits.when_full)
    queues: list[tuple[Path, QueueConfig]] = [(("queue_defaults",), settings.queue_defaults)]
    queues += [(("queues", name), queue) for name, queue in settings.queues.items()]
    for at, queue in queues:
        for routing_at, routing in [(at, queue), *(((*at, "tiers", tier), one) for tier, one in queue.tiers.items())]:
            if routing.then is not None and routing.then.flow is not None:
                yield (*routing_at, "then", "flow"), "flow", routing.then.flow
        for index, rule in enumerate(queue.overflow or ()):
            yield from _of_overflow((*at, "overflow", index), rule)
        if queue.when_full is not None:
            yield from _of_way((*at, "when_full"), queue.when_full)
        if queue.survey is not None:
            yield (*at, "survey"), "survey", queue.survey
        for tier in (queue.record.tiers or ()) if queue.record is not None else ():
            yield (*at, "record", "tiers"), "tier", tier
        if queue.callback is not None and queue.callback.calendar is not None:
            yield (*at, "callback", "calendar"), "calendar", queue.callback.calendar
        for key, flow in (queue.keys or {}).items():
            yield (*at, "keys", key), "flow", flow
        if queue.announce is not None and queue.announce.busy is not None:
            for tier in queue.announce.busy.tiers or ():
                yield (*at, "announce", "busy", "tiers"), "tier", tier
    for name, survey in settings.surveys.items():
        for index, question in enumerate(survey.questions):
            for key, queue_name in question.connect.items():
                yield ("surveys", name, "questions", index, "connect", key), "queue", queue_name
        for tier in survey.tiers or ():
            yield ("surveys", name, "tiers"), "tier", tier
    for name, flow_ in settings.flows.items():
        for key, node in flow_.nodes.items():
            yield from _of_node(("flows", name, "nodes", key), node)


def _of_overflow(at: Path, rule: OverflowConfig) -> Iterator[NameInUse]:
    yield from _of_when((*at, "when"), rule.when)
    yield from _of_way(at, rule)


def _of_way(at: Path, way: DestinationConfig) -> Iterator[NameInUse]:
    if way.queue is not None:
        yield (*at, "queue"), "queue", way.queue
    if way.flow is not None:
        yield (*at, "flow"), "flow", way.flow


def _of_when(at: Path, when: ConditionConfig) -> Iterator[NameInUse]:
    for kind, field, value in (
        ("calendar", "open", when.open),
        ("calendar", "closed", when.closed),
        ("queue", "queue", when.queue),
    ):
        if value is not None:
            yield (*at, field), kind, value
    for tier in when.tiers or ():
        yield (*at, "tiers"), "tier", tier


def _of_node(at: Path, node: NodeConfig) -> Iterator[NameInUse]:
    for kind, field, value in (
        ("queue", "queue", node.queue),
        ("queue", "voicemail", node.voicemail),
        ("queue", "callback", node.callback),
        ("survey", "survey", node.survey),
        ("flow", "flow", node.flow),
        ("calendar", "hours", node.hours),
        ("lookup", "lookup", node.lookup),
    ):
        if value is not None:
            yield (*at, field), kind, value
    if node.set is not None and node.set.tier is not None:
        yield (*at, "set", "tier"), "tier", node.set.tier
    for index, case in enumerate(node.branch or ()):
        yield from _of_when((*at, "branch", index, "when"), case.when)


def _node_names(at: Path, nodes: Mapping[str, NodeConfig]) -> Iterator[tuple[Path, str]]:
    for name, node in nodes.items():
        here: Path = (*at, "nodes", name)
        for field in ("next", "otherwise", "open", "closed"):
            to = getattr(node, field)
            if to is not None:
                yield (*here, field), to
        for key, to in (node.keys or {}).items():
            yield (*here, "keys", key), to
        for index, case in enumerate(node.branch or ()):
            yield (*here, "branch", index, "to"), case.to


# -- ways -------------------------------------------------------------------------------------------------------------


def _made(nodes: Mapping[str, NodeConfig]) -> dict[str, core.Node]:
    """The nodes that could be read."""
    return {name: node.node() for name, node in nodes.items() if isinstance(node, NodeConfig)}


def _reached(start: str, nodes: Mapping[str, core.Node]) -> set[str]:
    reached: set[str] = set()
    ahead = [start]
    while ahead:
        name = ahead.pop()
        if name not in reached and name in nodes:
            reached.add(name)
            ahead += core.leads_to(nodes[name])
    return reached


def _circles(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """A loop that a caller who presses nothing never leaves, also through other flows."""
    nodes: dict[tuple[str, str], core.Node] = {}
    starts: dict[str, tuple[str, str]] = {}
    for name, flow in settings.flows.items():
        made = _made(flow.nodes)
        nodes |= {(name, key): node for key, node in made.items()}
        if made:
            starts[name] = (name, flow.start or next(iter(made)))
    ways: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for place, node in nodes.items():
        if isinstance(node, core.MenuNode | core.CollectNode):
            ways[place] = [(place[0], node.otherwise)]  # where somebody is led who does nothing
        elif isinstance(node, core.FlowNode):
            ways[place] = [starts[node.flow]] if node.flow in starts else []
        else:
            ways[place] = [(place[0], to) for to in core.leads_to(node)]
    done: set[tuple[str, str]] = set()
    for place in ways:
        circle = _circle_from(place, ways, done)
        if circle:
            path = " -> ".join(f"{flow}/{node}" for flow, node in [*circle, circle[0]])
            yield document.at(
                ("flows", circle[0][0], "nodes", circle[0][1]), f"callers would be in a loop without exit: {path}", key=True
            )


def _circle_from(
    start: tuple[str, str], ways: Mapping[tuple[str, str], list[tuple[str, str]]], done: set[tuple[str, str]]
) -> list[tuple[str, str]]:
    """The first loop that can be reached from here and was not examined before; empty when there is none."""
    path: list[tuple[str, str]] = []
    on_path: set[tuple[str, str]] = set()
    stack: list[tuple[tuple[str, str], bool]] = [(start, False)]
    while stack:
        place, leaving = stack.pop()
        if leaving:
            on_path.discard(path.pop())
            done.add(place)
        elif place in on_path:
            done.update(on_path)
            return path[path.index(place) :]
        elif place not in done:
            path.append(place)
            on_path.add(place)
            stack.append((place, True))
            stack += [(to, False) for to in ways.get(place, ())]
    return []


MAX_SILENT = 40
"""Nodes in a row that play and ask nothing: a call that passes some more of them is sent to the fallback."""


def _long_silences(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """A path through a flow with too many nodes in a row that play nothing. Only of flows without loops."""
    for name, flow in settings.flows.items():
        nodes = _made(flow.nodes)
        lengths: dict[str, int] = {}
        for node in nodes:
            if _silent_from(node, nodes, lengths) > MAX_SILENT:
                problem = f"more than {MAX_SILENT} nodes in a row from here play and ask nothing"
                yield document.at(("flows", name, "nodes", node), problem, "add a prompt in between", key=True)
                break


def _silent_from(start: str, nodes: Mapping[str, core.Node], lengths: dict[str, int]) -> int:
    """How many nodes in a row, from here on, play nothing. Without recursion: a flow may be long."""
    stack = [start]
    while stack:
        name = stack[-1]
        node = nodes.get(name)
        if name in lengths or node is None or not core.is_silent(node):
            lengths.setdefault(name, 0)
            stack.pop()
            continue
        ahead = [to for to in core.leads_to(node) if to not in lengths and to not in stack]
        if ahead:
            stack += ahead[:1]
        else:
            lengths[name] = 1 + max((lengths.get(to, 0) for to in core.leads_to(node)), default=0)
            stack.pop()
    return lengths[start]


def _unspoken(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """Texts that are played and have no words; sounds that are in no folder that we can see."""
    texts = settings.speech.texts if settings.speech is not None else {}
    folder = settings.speech.folder if settings.speech is not None else None
    looked: set[str] = set()
    for where, name in sounds(settings.plan()):
        if name in looked:
            continue
        looked.add(name)
        if name.startswith(OURS):
            if name.removeprefix(OURS) not in texts:
                problem = Sentence("no text for {prompt}, which {where} plays", prompt=repr(name), where=where)
                yield document.at(("speech", "texts"), problem)
        elif folder is not None and folder.is_dir() and not name.startswith("/") and not _is_there(folder, name, settings):
            problem = Sentence("there is no sound {prompt}, which {where} plays", prompt=repr(name), where=where)
            yield document.at(("speech", "folder"), problem, Sentence("it may be in a folder other than speech.folder"))


def _is_there(folder: pathlib.Path, name: str, settings: models.Settings) -> bool:
    """In the folder itself, or in one of the languages'."""
    places = [folder, *(folder / language for language in (settings.speech.voices if settings.speech is not None else ()))]
    try:
        return any(next(place.glob(f"{name}.*"), None) is not None for place in places)
    except (OSError, ValueError, NotImplementedError):
        return True


def _unknown_values(settings: models.Settings, document: Document, name: str) -> Iterator[Fault]:
    """A spoken value that nothing sets is left out; reported once, where it is used. Lookups may return any value."""
    known = _values_set(settings)
    if known is None:
        return
    for key, node in settings.flows[name].nodes.items():
        for field in ("play", "menu", "collect", "goodbye", "read_back", "wrong", "silent", "greeting", "number"):
            for value in core.fields_of(getattr(node, field) or ""):
                if value not in known | set(RESERVED_VALUES):
                    yield document.at(("flows", name, "nodes", key, field), _left_out(value))


def _left_out(value: str) -> Sentence:
    return Sentence("nothing sets {value}: it is left out", value=f"{{{value}}}")


def _values_set(settings: models.Settings) -> set[str] | None:
    """The values that calls may have; None when lookups may return any."""
    nodes = [node for flow in settings.flows.values() for node in flow.nodes.values()]
    if any(node.lookup is not None for node in nodes):
        return None
    known = {node.into for node in nodes if node.into}
    return known | {value for node in nodes if node.set is not None for value in node.set.values}


def _unknown_in_queues(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """Sounds for waiting callers and agents with a value that is never set."""
    known = _values_set(settings)
    if known is None:
        return
    queues: list[tuple[Path, QueueConfig]] = [(("queue_defaults",), settings.queue_defaults)]
    queues += [(("queues", name), queue) for name, queue in settings.queues.items()]
    for at, queue in queues:
        said: list[tuple[Path, str | None, set[str]]] = [
            ((*at, field), getattr(queue, field), {"queue", "tier", "agent", "caller"}) for field in ("whisper", "read_out")
        ]
        if queue.announce is not None:
            said.append(((*at, "announce", "position"), queue.announce.position, {"position"}))
            said.append(((*at, "announce", "wait"), queue.announce.wait, {"position", "minutes"}))
        if queue.avoid is not None and not settings.campaigns and queue.avoid.value not in known:
            problem = Sentence("nothing sets {value}: nobody is avoided", value=queue.avoid.value)
            yield document.at((*at, "avoid", "value"), problem)
        for path, media, ours in said:
            for value in core.fields_of(media or ""):
                if value not in ours | known:
                    yield document.at(path, _left_out(value))
