"""Flows as pictures: Mermaid text, which GitHub, GitLab and many wikis draw."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import assert_never

from callbridge.cli.check import condition_text
from callbridge.core.model.flow import (
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
)
from callbridge.core.model.plan import SURVEY
from callbridge.settings.durations import duration_text

_ODD = re.compile(r"[\"<>{}\[\]()|\\`#;]")


def mermaid(flow: Flow) -> str:
    """The flow as a Mermaid flowchart."""
    ids = {name: f"n{number}" for number, name in enumerate(flow.nodes)}
    lines = ["flowchart TD", f"    begin(({_text(flow.name)})) --> {ids.get(flow.start, 'begin')}"]
    for name, node in flow.nodes.items():
        begin, end = _shape(node)
        lines.append(f'    {ids[name]}{begin}"{_text(name)}<br/>{_text(_label(node))}"{end}')
        lines += [f"    {ids[name]} -->{_on(why)} {ids[to]}" for why, to in _ways(node) if to in ids]
    return "\n".join(lines)


def _text(text: str) -> str:
    """Escape a caption: quotes and brackets are special in Mermaid."""
    return _ODD.sub(lambda odd: f"#{ord(odd[0])};", text)


def _on(why: str) -> str:
    return f'|"{_text(why)}"|' if why else ""


def _shape(node: Node) -> tuple[str, str]:
    match node:
        case MenuNode() | CollectNode():
            return "[/", "/]"
        case HoursNode() | BranchNode() | LookupNode() | CallbackNode():
            return "{", "}"
        case QueueNode() | FlowNode() | DialplanNode() | GoodbyeNode():
            return "([", "])"
        case _:
            return "[", "]"


def _label(node: Node) -> str:
    match node:
        case PlayNode(media=media):
            return f"says {media}"
        case MenuNode(media=media):
            return f"asks {media}"
        case CollectNode(media=media, into=into):
            return f"asks {media} for {into}"
        case HoursNode(calendar=calendar):
            return f"{calendar} open?"
        case LookupNode(lookup=lookup):
            return f"looks up {lookup}"
        case SetNode():
            return _set(node)
        case BranchNode():
            return "which?"
        case CallbackNode(queue=queue, number=number):
            return f"callback by {queue} to {number}"
        case DoNotCallNode(campaign=campaign):
            return f"no more calls of {campaign}" if campaign else "no more calls"
        case VoicemailNode(queue=queue):
            return f"message for {queue}"
        case QueueNode(queue=queue):
            return f"queue {queue}"
        case FlowNode(flow=flow) if flow.startswith(SURVEY):
            return f"survey {flow.removeprefix(SURVEY)}"
        case FlowNode(flow=flow):
            return f"flow {flow}"
        case DialplanNode(context=context, extension=extension):
            return f"dialplan {context},{extension}"
        case GoodbyeNode(media=media):
            return f"says {media}, hangs up" if media else "hangs up"


def _set(node: SetNode) -> str:
    parts = [f"tier {node.tier}" if node.tier else "", f"language {node.language}" if node.language else ""]
    parts.append(f"{duration_text(node.head_start)} ahead" if node.head_start is not None else "")
    parts += [f"{name} = {value}" for name, value in node.values.items()]
    return "sets " + (", ".join(part for part in parts if part) or "nothing")


def _ways(node: Node) -> Iterator[tuple[str, str]]:
    match node:
        case PlayNode() | SetNode() | DoNotCallNode() | VoicemailNode():
            yield "", node.next
        case MenuNode():
            for to in dict.fromkeys(node.keys.values()):
                yield " ".join(key for key, where in node.keys.items() if where == to), to
            yield f"{node.tries}x wrong or silent", node.otherwise
        case CollectNode():
            yield "typed", node.next
            yield f"{node.tries}x wrong or silent", node.otherwise
        case LookupNode():
            yield "answered", node.next
            yield "no answer", node.otherwise
        case CallbackNode():
            yield "scheduled", node.next
            yield "not possible", node.otherwise
        case HoursNode():
            yield "open", node.open
            yield "closed", node.closed
        case BranchNode():
            for when, to in node.cases:
                yield condition_text(when), to
            yield "else", node.otherwise
        case QueueNode() | FlowNode() | DialplanNode() | GoodbyeNode():
            return
        case _:
            assert_never(node)
