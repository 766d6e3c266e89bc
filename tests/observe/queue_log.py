"""What app_queue's own log says of each call, and what the facts say, in the same words: to be compared call by call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Told = tuple[str, str, str]
"""What happened, in which queue, and to whom (the member's name)."""

_EXITS = ("EXITWITHTIMEOUT", "EXITWITHKEY", "EXITEMPTY")
_ENDINGS = {
    "COMPLETEAGENT": "ended by agent",
    "COMPLETECALLER": "ended by customer",
    "BLINDTRANSFER": "ended by transfer",
    "ATTENDEDTRANSFER": "ended by transfer",
}


def of_log(text: str) -> dict[str, list[tuple[Told, float | None]]]:
    """By uniqueid, in order; with the seconds that the log gives, where it gives some.

    When a caller is given the place of a member who consulted a queue, the log goes on under another channel than the one that
    entered, and may name the wrong one for the talk that ends: what it says then belongs to the call that did enter, or talks."""
    calls: dict[str, list[tuple[Told, float | None]]] = {}
    inside: dict[str, list[str]] = {}
    talking: dict[tuple[str, str], list[str]] = {}
    for line in text.splitlines():
        _, call, queue, member, event, *data = line.split("|")
        if event == "ENTERQUEUE":
            inside.setdefault(queue, []).append(call)
        elif event in _ENDINGS:
            talks = talking[queue, member]
            call = call if call in talks else talks[0]
            talks.remove(call)
        elif call not in inside.get(queue, ()):
            (call,) = inside.get(queue) or (call,)
        if event == "CONNECT":
            talking.setdefault((queue, member), []).append(call)
        if event in ("CONNECT", "ABANDON", *_EXITS):
            inside[queue].remove(call)
        told: tuple[Told, float | None] | None = None
        if event == "ENTERQUEUE":
            told = ("entered", queue, ""), None
        elif event == "CONNECT":
            told = ("answered", queue, member), float(data[0])
        elif event == "ABANDON":
            told = ("abandoned", queue, ""), float(data[2])
        elif event in _EXITS:
            told = ("overflowed", queue, ""), None
        elif event == "RINGNOANSWER":
            told = ("not answered", queue, member), float(data[0]) / 1000
        elif event in _ENDINGS:
            talked = 1 if event.startswith("COMPLETE") else 4 if data[0] == "LINK" else 3
            told = (_ENDINGS[event], queue, member), float(data[talked])
        if told is not None:
            calls.setdefault(call, []).append(told)
    return calls


def of_facts(facts: Iterable[Mapping[str, Any]], names: Mapping[str, str]) -> dict[str, list[tuple[Told, float | None]]]:
    """``facts`` as plain data; ``names``: agent -> the member's name."""
    calls: dict[str, list[tuple[Told, float | None]]] = {}
    for fact in facts:
        queue, told = fact.get("queue", ""), None
        member = names.get(fact.get("agent", ""), "")
        match fact["type"]:
            case "visit_began":
                told = ("entered", queue, ""), None
            case "talk_began":
                told = ("answered", queue, member), None
            case "visit_ended" if fact["outcome"] != "answered":
                told = (fact["outcome"], queue, ""), fact["lasted"] if fact["outcome"] == "abandoned" else None
            case "offer_ended" if fact["result"] not in ("answered", "cancelled"):
                told = ("not answered", queue, member), fact["rang_for"]
            case "talk_ended":
                told = (f"ended by {fact['ended_by']}", queue, member), fact["talked"]
        if told is not None:
            calls.setdefault(fact["call"], []).append(told)
    return calls


def differences(log: str, facts: Iterable[Mapping[str, Any]], names: Mapping[str, str], *, within: float = 1.2) -> list[str]:
    """One line for each call that the two tell differently. The log counts whole seconds, by the clock's."""
    theirs, ours = of_log(log), of_facts(facts, names)
    found = [f"{call}: only one of the two has it" for call in sorted(theirs.keys() ^ ours.keys())]
    for call in sorted(theirs.keys() & ours.keys()):
        if [told for told, _ in theirs[call]] != [told for told, _ in ours[call]]:
            found.append(f"{call}: the log says {theirs[call]}, the facts {ours[call]}")
        for (told, logged), (_, seen) in zip(theirs[call], ours[call], strict=False):
            if logged is not None and seen is not None and abs(logged - seen) > within:
                found.append(f"{call}: {told} took {logged} s in the log, {seen:.1f} s in the facts")
    return found
