"""Flows as pictures: Mermaid text, which GitHub, GitLab and many wikis draw."""

from __future__ import annotations

import re
from collections.abc import Iterator

from callbridge.core.model.flow import (
    Branch,
    Callback,
    Collect,
    DoNotCall,
    Flow,
    Goodbye,
    Hours,
    IntoDialplan,
    IntoFlow,
    IntoQueue,
    Lookup,
    Menu,
    Node,
    Play,
    Set,
    Voicemail,
)
from callbridge.core.model.plan import SURVEY
from callbridge.settings.durations import duration_text
from callbridge.settings.report import condition_text

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
    """What a caption may hold: quotes and brackets mean something in Mermaid."""
    return _ODD.sub(lambda odd: f"#{ord(odd[0])};", text)


def _on(why: str) -> str:
    return f'|"{_text(why)}"|' if why else ""


def _shape(node: Node) -> tuple[str, str]:
    match node:
        case Menu() | Collect():
            return "[/", "/]"
        case Hours() | Branch() | Lookup() | Callback():
            return "{", "}"
        case IntoQueue() | IntoFlow() | IntoDialplan() | Goodbye():
            return "([", "])"
        case _:
            return "[", "]"


def _label(node: Node) -> str:
    match node:
        case Play(media=media):
            return f"says {media}"
        case Menu(media=media):
            return f"asks {media}"
        case Collect(media=media, into=into):
            return f"asks {media} for {into}"
        case Hours(calendar=calendar):
            return f"{calendar} open?"
        case Lookup(lookup=lookup):
            return f"looks up {lookup}"
        case Set():
            return _set(node)
        case Branch():
            return "which?"
        case Callback(queue=queue, number=number):
            return f"callback by {queue} to {number}"
        case DoNotCall(campaign=campaign):
            return f"no more calls of {campaign}" if campaign else "no more calls"
        case Voicemail(queue=queue):
            return f"message for {queue}"
        case IntoQueue(queue=queue):
            return f"queue {queue}"
        case IntoFlow(flow=flow) if flow.startswith(SURVEY):
            return f"survey {flow.removeprefix(SURVEY)}"
        case IntoFlow(flow=flow):
            return f"flow {flow}"
        case IntoDialplan(context=context, extension=extension):
            return f"dialplan {context},{extension}"
        case Goodbye(media=media):
            return f"says {media}, hangs up" if media else "hangs up"


def _set(node: Set) -> str:
    parts = [f"tier {node.tier}" if node.tier else "", f"language {node.language}" if node.language else ""]
    parts.append(f"{duration_text(node.head_start)} ahead" if node.head_start is not None else "")
    parts += [f"{name} = {value}" for name, value in node.values.items()]
    return "sets " + (", ".join(part for part in parts if part) or "nothing")


def _ways(node: Node) -> Iterator[tuple[str, str]]:
    match node:
        case Play() | Set() | DoNotCall() | Voicemail():
            yield "", node.next
        case Menu():
            for to in dict.fromkeys(node.keys.values()):
                yield " ".join(key for key, where in node.keys.items() if where == to), to
            yield f"{node.tries}x wrong or silent", node.otherwise
        case Collect():
            yield "typed", node.next
            yield f"{node.tries}x wrong or silent", node.otherwise
        case Lookup():
            yield "answered", node.next
            yield "no answer", node.otherwise
        case Callback():
            yield "promised", node.next
            yield "not possible", node.otherwise
        case Hours():
            yield "open", node.open
            yield "closed", node.closed
        case Branch():
            for when, to in node.cases:
                yield condition_text(when), to
            yield "else", node.otherwise
