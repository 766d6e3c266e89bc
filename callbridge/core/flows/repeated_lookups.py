"""Lookups about a caller: which were asked, and asking them again when a transfer has put somebody else in the caller's place.

Answers about the caller before are forgotten; what was typed into the flow stays, for that is about the call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from callbridge.core.model.call import Call
from callbridge.core.model.events import LookedUp
from callbridge.core.model.facts import CallRepeated, LookupEnded
from callbridge.core.model.orders import LookUp
from callbridge.core.model.plan import MEMORY, SURVEY
from callbridge.core.model.rows import evolve
from callbridge.core.model.world import World

NO_VALUES = frozenset({"tier", "language"})
"""Answers that concern the call itself."""


def question_of(call: Call) -> Mapping[str, str]:
    """What a lookup about this caller may be asked with."""
    about = {"caller": call.number, "entry": call.entry, "tier": call.tier, "call": call.id, "language": call.language}
    return dict(call.values) | about


def noted(call: Call, lookup: str, values: Iterable[str]) -> Call:
    """The call with the names of the values that this lookup gave."""
    names = sorted(values) or [""]
    others = tuple(each for each in call.looked_up if each[0] != lookup)
    return evolve(call, looked_up=(*others, *((lookup, name) for name in names)))


def ask_again(world: World, call: Call) -> Call:
    """The caller has changed: forget what was looked up about the one before, and ask about this one."""
    known = dict(call.values)
    for _, name in call.looked_up:
        known.pop(name, None)
    lookups = dict.fromkeys(lookup for lookup, _ in call.looked_up if not lookup.startswith(SURVEY))
    if world.plan.remembers:
        lookups[MEMORY] = None
    call = evolve(call, values=tuple(known.items()), looked_up=(), asked_again=())
    asked = []
    for lookup in lookups if call.number else ():
        question = world.mint("lookup")
        world.order(LookUp(lookup=lookup, call=call.id, question=question, values=question_of(call)))
        asked.append((question, lookup, world.now))
    return evolve(call, asked_again=tuple(asked))


def answered_again(world: World, call: Call, event: LookedUp) -> Call | None:
    """The call with the answer to a lookup that was asked again; None when it answers another question."""
    asked = next((each for each in call.asked_again if each[0] == event.question), None)
    if asked is None:
        return None
    question, lookup, since = asked
    call = evolve(call, asked_again=tuple(each for each in call.asked_again if each[0] != question))
    if lookup != MEMORY:
        result = "failed" if event.found is None else "found"
        lasted = max(0.0, world.now - since)
        world.emit(LookupEnded(seq=world.next_seq(), at=world.now, call=call.id, lookup=lookup, result=result, lasted=lasted))
    found = event.found or {}
    if lookup == MEMORY and found.get("repeat"):
        emit_repeated(world, call, found)
    known = {name: value for name, value in found.items() if name not in NO_VALUES}
    call = evolve(
        call,
        values=tuple((dict(call.values) | known).items()),
        tier=call.flow_tier or found.get("tier", "") or call.tier,
        language=found.get("language", "") or call.language,
    )
    return noted(call, lookup, known)


def emit_repeated(world: World, call: Call, found: Mapping[str, str]) -> None:
    """The memory says that this number talked to us a short time ago."""
    try:
        after = max(0.0, world.now - float(found.get("last_at", "")))
    except ValueError:
        return
    agent, queue = found.get("last_agent", ""), found.get("last_queue", "")
    world.emit(CallRepeated(seq=world.next_seq(), at=world.now, call=call.id, agent=agent, queue=queue, after=after))
