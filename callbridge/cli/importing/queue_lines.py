"""One app_queue as the lines of one of our queues."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from callbridge.cli.importing import penalties, waiting
from callbridge.cli.importing.converted import Looks
from callbridge.cli.importing.destinations import Destinations
from callbridge.cli.importing.dialplan import Dialplan
from callbridge.cli.importing.equivalents import CARRIED, STRATEGIES, WHY, is_no, is_silent, is_yes
from callbridge.cli.importing.penalties import PenaltyChange, PenaltyStep
from callbridge.cli.importing.queue_calls import DialplanTarget, QueueCall
from callbridge.cli.importing.yaml_lines import clean, comment, key, text
from callbridge.settings.durations import duration_text
from callbridge.wire.asterisk_conf import ConfEntry, ConfSection

TOP = 5
"""The highest level."""
USUAL_RING = 15.0
LONGEST_RING = 60.0
LONGEST_WRAP_UP = 3600.0
LONGEST_TARGET = 3600.0
_MAX_WAITING = 1_000_000


@dataclass(frozen=True, slots=True)
class SourceQueue:
    """What is known of one app_queue. ``levels``: penalty -> level; ``calls``: the dialplan's calls of it, None: not given."""

    section: ConfSection
    name: str
    skill: str
    levels: Mapping[int, int]
    calls: Sequence[QueueCall] | None
    usual_monitor_type: str = ""
    rules: Mapping[str, Sequence[PenaltyChange]] = field(default_factory=dict)
    """Of queuerules.conf."""

    @property
    def where(self) -> str:
        return f"[{self.section.name}]"


def queue_lines(
    queue: SourceQueue, dialplan: Dialplan | None, ways: Destinations, widen: float | None, looks: Looks
) -> list[str]:
    section, calls = queue.section, queue.calls or ()
    lines = [f"{key(queue.name)}:"]
    if queue.name != section.name:
        lines.append(f"  # was: [{comment(section.name)}]")
    target = _seconds(queue, "servicelevel", LONGEST_TARGET, looks)
    if target:
        lines.append(f"  target: {{answer_within: {duration_text(target)}, share: 0.80}}")
    by_level = widen is None and len(set(queue.levels.values())) > 1
    lines += _pick(queue, by_level, looks)
    longest = min((call.longest_wait for call in calls if call.longest_wait), default=LONGEST_RING)
    lines.append(f"  ring_for: {duration_text(min(_ring(queue, looks), longest))}")
    lines.append(f"  wrap_up: {duration_text(_seconds(queue, 'wrapuptime', LONGEST_WRAP_UP, looks) or 0.0)}")
    music = next((clean(given) for name in ("musicclass", "music", "musiconhold") if (given := section.last(name))), "")
    music = music or next((call.music for call in calls if call.music), "")
    if music:
        lines.append(f"  music: {text(music)}")
    lines += _misses(section)
    lines += _steps(queue, widen, looks)
    lines += _overflow(queue, ways, looks)
    lines += waiting.announcements(section, next((call.greeting for call in calls if call.greeting), []), looks)
    lines += waiting.keys(section, dialplan, ways, looks)
    lines += waiting.whisper(section, looks)
    lines += waiting.recording(section, any(call.record for call in calls), queue.usual_monitor_type, looks)
    for call in calls:
        lines += [f"  # was: {looks.add(f'{queue.where} {call.place}', said)}" for said in call.looks]
    return lines + list(_rest(queue, looks))


def _rest(queue: SourceQueue, looks: Looks) -> Iterator[str]:
    """A comment for each setting that has no equivalent and asks for something."""
    for name in dict.fromkeys(entry.key.lower() for entry in queue.section.entries):
        if name not in CARRIED:
            for entry in queue.section.all(name)[-3:]:
                if not is_silent(entry):
                    yield f"  {looks.was(queue.where, entry, WHY.get(name, 'no equivalent'))}"


def _pick(queue: SourceQueue, by_level: bool, looks: Looks) -> Iterator[str]:
    """The strategy; between members of different penalties the penalty goes first."""
    yield f"  pick: {'highest_level   # the lowest penalty that is free first, as before' if by_level else 'longest_idle'}"
    usual = ConfEntry("strategy", "ringall", "", 0)  # app_queue's own
    for entry in queue.section.all("strategy")[-1:] or [usual]:
        if why := STRATEGIES.get(entry.value.lower(), "an unknown strategy"):
            yield f"  {looks.was(queue.where, entry, why)}"


def _steps(queue: SourceQueue, widen: float | None, looks: Looks) -> Iterator[str]:
    """All levels at once, one step for each that somebody has, or those of the queue's penalty rule; the last one lasts."""
    named, highest = queue.section.last("defaultrule") or "", {call.highest_penalty for call in queue.calls or ()}
    changes = queue.rules.get(named, ())
    if named and not changes:
        looks.add(queue.where, f"defaultrule = {named[:60]}: no such rule in queuerules.conf beside the file; write it as steps:")
    for change in changes:
        if change.more:
            looks.add(queue.where, f"rule {named}, after {change.after:g} s: only the highest penalty has an equivalent")
    if len(highest) > 1:
        looks.add(queue.where, "QUEUE_MAX_PENALTY differed by where callers came from: see steps:")
    first = highest.pop() if len(highest) == 1 else None
    if first is not None or changes:
        found = penalties.steps(queue.levels, first, changes)
    else:
        used = sorted(set(queue.levels.values()), reverse=True) or [1]
        found = [PenaltyStep(level, widen) for level in (used[:-1] if widen else [])] + [PenaltyStep(used[-1], None)]
    yield "  steps:"
    for step in found:
        lasts = f", for: {duration_text(step.lasts)}" if step.lasts is not None else ""
        yield f"    - {{skills: {text(f'{queue.skill} >= {step.level}')}{lasts}}}"


# -- numbers that people got wrong ----------------------------------------------------------------------------------


def _seconds(queue: SourceQueue, name: str, most: float, looks: Looks) -> float | None:
    """None when there is no such setting, or it makes no sense; capped at ``most``, with a warning."""
    given = queue.section.last(name)
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and len(given) < 10):
        looks.add(queue.where, f"{name} = {given[:40]}: not a number of seconds")
        return None
    if float(given) > most:
        looks.add(queue.where, f"{name} = {given} is {duration_text(float(given))}; {duration_text(most)} was written instead")
        return most
    return float(given)


def _ring(queue: SourceQueue, looks: Looks) -> float:
    """app_queue's 0 let phones ring without an end; so, nearly, do the thousands that people write for it."""
    given = queue.section.last("timeout")
    ring = _seconds(queue, "timeout", LONGEST_RING, looks)
    if given is not None and ring == 0:
        looks.add(queue.where, f"timeout = 0 let a phone ring without limit; {duration_text(LONGEST_RING)} was written instead")
        return LONGEST_RING
    return USUAL_RING if ring is None else ring


_MISSES = {"no_answer": "autopause", "rejected": "autopausebusy", "offline": "autopauseunavail"}
"""What becomes of an agent after a failed offer -> the setting of app_queue that paused the member."""
_USUAL_RETRY = 5


def _misses(section: ConfSection) -> Iterator[str]:
    """app_queue pauses a member who does not answer only if told so; otherwise it asks again after ``retry`` seconds."""
    retry = section.last("retry") or ""
    rest = int(retry) if re.fullmatch("[0-9]{1,2}", retry) and int(retry) else _USUAL_RETRY
    for ours, theirs in _MISSES.items():
        if is_yes(section.last(theirs) or "no") or section.last(theirs) == "all":
            yield f"  {ours}: {{not_ready: rona}}"
        elif ours == "no_answer":
            yield f"  {ours}: {{rest: {rest}s}}   # as before: who misses a call is not paused"


# -- ways out -------------------------------------------------------------------------------------------------------


def _overflow(queue: SourceQueue, ways: Destinations, looks: Looks) -> Iterator[str]:
    """The maximum wait, a full queue, a queue without agents: app_queue went on in the dialplan after `Queue()`."""
    section, calls = queue.section, queue.calls or ()
    rules = dict(_rules(queue, looks))
    for call in calls:
        if call.longest_wait is not None:
            rules.setdefault(f"waited: {duration_text(call.longest_wait)}", "waited_too_long")
    waits = {call.longest_wait for call in calls}
    if len(waits) > 1:
        places = ", ".join(
            f"{call.place} {duration_text(call.longest_wait) if call.longest_wait else 'without limit'}" for call in calls
        )
        yield f"  # was: {looks.add(queue.where, f'callers waited differently, by where they came from: {places}')}"
        rules = {when: why for when, why in rules.items() if not when.startswith("waited")}
        shortest = min(wait for wait in waits if wait is not None)
        rules[f"waited: {duration_text(shortest)}"] = "waited_too_long"
    if not rules:
        return
    out = _way_out(queue, ways, looks) if calls else ""
    if out:
        yield "  overflow:"
        for when, why in rules.items():
            yield f"    - {{when: {{{when}}}, {out}, reason: {why}}}"
        return
    how = "--extensions FILE says where callers went" if queue.calls is None else "where callers went cannot be determined"
    for when in rules:
        said = f'{how}; write overflow: [{{when: {{{when}}}, dialplan: "context,extension"}}]'
        yield f"  # was: {looks.add(f'[{section.name}]', said)}"


def _rules(queue: SourceQueue, looks: Looks) -> Iterator[tuple[str, str]]:
    section = queue.section
    limit = section.last("maxlen") or "0"
    if limit.isascii() and limit.isdigit() and 0 < int(limit[:12]) <= _MAX_WAITING:
        yield f"waiting: {int(limit)}", "full"
    elif not is_no(limit):
        looks.add(queue.where, f"maxlen = {limit[:40]}: not a number of callers")
    join, leave = section.last("joinempty") or "yes", section.last("leavewhenempty") or "no"
    if not is_no(leave) or not is_yes(join):
        if is_no(leave):
            looks.add(
                queue.where, f"joinempty = {join[:60]}: callers who wait already leave as well when the last agent logs out"
            )
        yield "agents: 0", "nobody"
    given = [
        (name, value)
        for name, value in (("joinempty", join), ("leavewhenempty", leave))
        if not is_yes(value) and not is_no(value)
    ]
    for name, value in given:
        if value.lower() != "loose":
            looks.add(
                queue.where, f"{name} = {value[:60]}: the rule counts who is logged in; who pauses or is away counts as well"
            )


def _way_out(queue: SourceQueue, ways: Destinations, looks: Looks) -> str:
    calls = queue.calls or ()
    places = list(dict.fromkeys(call.after for call in calls if call.after is not None))
    for more in places[1:]:
        looks.add(queue.where, f"callers also went on to {_place_text(more)}, depending on where they came from")
    return ways.overflow(places[0], queue.section.name) if places else ""


def _place_text(place: DialplanTarget) -> str:
    return place.text if place.context else "a hang-up"
