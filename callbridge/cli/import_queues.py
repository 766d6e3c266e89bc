"""`callbridge import queues.conf`: an Asterisk's queues, members and penalties as our configuration.

Penalties become levels: who has the lowest has the highest level of the queue's skill, each next penalty one less.
app_queue asks a member with a penalty as soon as nobody with a lower one is free: that is `pick: highest_level` in one
step. Callers who rather wait for the better ones get a step for each level (``widen``). What has no counterpart is said
in a comment where it stood.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from callbridge.cli.import_waiting import CARRIED, while_waiting
from callbridge.settings.durations import duration_text
from callbridge.wire.asterisk_conf import Conf, ConfSection

TOP = 5
"""The highest level."""
_NAME = re.compile(r"\w[\w.@+-]*")
_SKILL = re.compile(r"[^\W\d][\w-]*")
_PHONE = re.compile(r"(?:PJSIP|SIP|IAX2|DAHDI|SCCP)/[A-Za-z0-9_.+@-]+", re.IGNORECASE)
_LOCAL = re.compile(r"Local/(?P<number>[^@/]+)@(?P<context>[^/]+)", re.IGNORECASE)

_CARRIED = CARRIED | {"member", "timeout", "wrapuptime", "musicclass", "musiconhold", "servicelevel", "strategy"}
_STRATEGIES: Mapping[str, str] = {
    "ringall": "all phones rang at once; now one at a time does, the longest idle first",
    "leastrecent": "",
    "fewestcalls": "fewest calls first has no counterpart; now the longest idle first",
    "random": "chance has no counterpart; now the longest idle first",
    "rrmemory": "its round comes close to longest idle first",
    "rrordered": "its round comes close to longest idle first",
    "linear": "the order of the file has no counterpart; give levels and pick: highest_level",
    "wrandom": "chance weighed by penalty has no counterpart; the penalties are levels now",
}
"""What is different."""
_WHY: Mapping[str, str] = {
    "joinempty": "a caller joins always; use a last step and then: for queues that nobody serves",
    "leavewhenempty": "a caller stays; use then: to send callers on",
    "maxlen": "there is no limit of callers in a queue",
    "weight": "no queue outweighs another: whose target comes due first is served first; see target and head_start",
    "retry": "nothing is retried: an offer that fails is followed by the next at once",
    "ringinuse": "an agent with a call is never rung",
    "autofill": "always so",
    "autopause": "see no_answer: {not_ready: rona}",
    "timeoutpriority": "there is one time-out: ring_for",
    "penaltymemberslimit": "see the steps",
    "memberdelay": "caller and agent are joined at once",
    "timeoutrestart": "a busy phone does not prolong the ring",
    "defaultrule": "queuerules.conf changes penalties while a caller waits: give the steps a `for:` instead",
    "monitor-type": "record: of a queue is MixMonitor",
    "monitor-format": "recorded is what a queue says: record: {file: ...}",
    "persistentmembers": "agents log in by themselves; their state is kept",
    "shared_lastcall": "always so: wrap-up is one for all queues",
    "updatecdr": "calls and agents are in callbridge's own facts",
    "setqueuevar": "see Redis and the API",
    "setinterfacevar": "see Redis and the API",
    "setqueueentryvar": "see Redis and the API",
    "log_membername_as_agent": "agents are logged by their id",
    "reportholdtime": "whisper: tells the agent {queue} and {tier}, not how long the caller has waited",
    "min-announce-frequency": "an announcement ends before the next begins; see announce: {every}",
    "random-periodic-announce": "periodic announcements come in turn",
    "relative-periodic-announce": "periodic_every counts from the last one's beginning",
    "announce-round-seconds": "the estimated wait is said in minutes, rounded up",
    "announce-to-first-user": "everybody hears them",
    "announce-position-limit": "everybody hears the position",
    "announce-position-only-up": "the position never gets worse",
    "queue-youarenext": "the first one hears the position, too",
    "queue-minute": "queue-minutes is said of one, too",
    "queue-seconds": "the estimated wait is said in minutes",
    "queue-reporthold": "the agent does not hear how long the caller has waited",
}


_PBX = """\
# How the PBX is reached: delete this section where your main file, which includes this one, has it already.
pbx:
  - name: pbx1
    ari:
      url: ${CALLBRIDGE_ARI_URL:-http://127.0.0.1:8088/ari}
      user: ${CALLBRIDGE_ARI_USER:-callbridge}
      password: ${CALLBRIDGE_ARI_PASSWORD:-callbridge}
    ami:
      user: ${CALLBRIDGE_AMI_USER:-callbridge}
      secret: ${CALLBRIDGE_AMI_SECRET:-callbridge}
"""


@dataclass(slots=True)
class ImportedMember:
    """One agent: ``skills`` by the queue's skill; ``told``: comments."""

    id: str
    name: str
    phone: str
    skills: dict[str, int] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Imported:
    """``lines``: our YAML; ``doubts``: what somebody should look at, also in its comments."""

    lines: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    queues: int = 0
    agents: int = 0

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


def convert(conf: Conf, entries: Conf | None = None, widen: float | None = None) -> Imported:
    """Our configuration for queues.conf. ``entries``: extensions.conf, to see which extensions led to which queue;
    ``widen``: seconds for which callers wait for each level before the next is taken in."""
    result = Imported()
    sections = _queues(conf, result)
    members: dict[str, ImportedMember] = {}
    names: dict[str, str] = {}
    ids: dict[str, str] = {}
    blocks: list[list[str]] = []
    flows: dict[str, str] = {}  # place in the dialplan -> the flow that leads there
    for section in sections:
        name = names[section.name] = _fresh(section.name, names.values(), "queue")
        skill = _skill(name, ids)
        levels = _levels(section, result)
        _enlist(section, skill, levels, members, result)
        by_level = widen is None and len(set(levels.values())) > 1
        waiting = while_waiting(section, entries, lambda place, wanted: _flow_to(place, wanted, flows))
        blocks.append(_queue(section, name, by_level, [*_steps(skill, levels, widen), *waiting], result))
    result.queues, result.agents = len(sections), len(members)
    result.lines = [
        "# Converted from queues.conf by `callbridge import`. Review the lines with `was:`: they have no equivalent.",
        *(f"# not read: {_plain(str(note))}" for note in conf.notes),
        *_general(conf),
        "",
        *_PBX.splitlines(),
        "",
        *_section("skills", [f"{_key(skill)}: {_text(f'Can serve the queue {name}')}" for name, skill in ids.items()]),
        *_section("entries", list(_entries(names, entries, result))),
        *_section("queues", [line for block in blocks for line in block]),
        *_flows(flows),
        *_section("agents", [line for member in members.values() for line in _agent(member)]),
    ]
    result.doubts += [str(note) for note in conf.notes]
    return result


# -- queues ---------------------------------------------------------------------------------------------------------


def _queues(conf: Conf, result: Imported) -> list[ConfSection]:
    found: dict[str, ConfSection] = {}
    for section in conf.sections:
        if section.template or section.name == "general":
            continue
        if section.name in found:
            result.doubts.append(f"[{section.name}] occurs twice; the sections were merged")
            found[section.name].entries += section.entries
        else:
            found[section.name] = ConfSection(section.name, False, list(section.entries))
    return list(found.values())


def _flow_to(place: str, wanted: str, flows: dict[str, str]) -> str:
    return flows.setdefault(place, _fresh(wanted, flows.values(), "flow"))


def _flows(flows: Mapping[str, str]) -> list[str]:
    """A flow for each key by which callers left."""
    lines = [f"{_key(name)}: {{nodes: {{away: {{dialplan: {_text(place)}}}}}}}" for place, name in flows.items()]
    return _section("flows", lines) if lines else []


def _queue(section: ConfSection, name: str, by_level: bool, steps: Sequence[str], result: Imported) -> list[str]:
    lines = [f"{_key(name)}:"]
    if name != section.name:
        lines.append(f"  # was: [{_plain(section.name)}]")
    target = _number(section, "servicelevel", result)
    if target:
        lines.append(f"  target: {{answer_within: {duration_text(target)}, share: 0.80}}")
    lines += _pick(section, by_level)
    ring = _number(section, "timeout", result)
    lines.append(f"  ring_for: {duration_text(ring) if ring else '15s'}" + ("" if ring else "   # was: no timeout"))
    lines.append(f"  wrap_up: {duration_text(_number(section, 'wrapuptime', result) or 0.0)}")
    music = _clean(section.last("musicclass") or section.last("musiconhold") or "")
    if music:
        lines.append(f"  music: {_text(music)}")
    lines += steps
    told = dict.fromkeys(entry.key.lower() for entry in section.entries if entry.key.lower() not in _CARRIED)
    for key in told:
        for entry in section.all(key)[-3:]:
            why = _WHY.get(key, "no equivalent")
            lines.append(f"  # was: {_plain(entry.key)} = {_plain(entry.value)}: {why}")
    return lines


def _pick(section: ConfSection, by_level: bool) -> list[str]:
    """The strategy; between members of different penalties the penalty goes first."""
    strategy = (section.last("strategy") or "ringall").lower()
    why = _STRATEGIES.get(strategy, "an unknown strategy")
    pick = "highest_level   # the lowest penalty that is free first, as before" if by_level else "longest_idle"
    lines = [f"  pick: {pick}"]
    return lines + ([f"  # was: strategy = {_plain(strategy)}: {why}"] if why else [])


def _steps(skill: str, levels: Mapping[int, int], widen: float | None) -> list[str]:
    """All levels at once, or one step for each that somebody has; the last one lasts."""
    used = sorted(set(levels.values()), reverse=True) or [1]
    earlier = used[:-1] if widen else []
    timed = [f"    - {{skills: {_text(f'{skill} >= {level}')}, for: {duration_text(widen or 0)}}}" for level in earlier]
    return ["  steps:", *timed, f"    - {{skills: {_text(f'{skill} >= {used[-1]}')}}}"]


def _levels(section: ConfSection, result: Imported) -> dict[int, int]:
    """Penalty -> level: the lowest penalty is level 5; more than five penalties share the lowest levels."""
    penalties = sorted({_member(entry.value)[1] or 0 for entry in section.all("member")})
    if len(penalties) > TOP:
        result.doubts.append(
            f"[{section.name}] has {len(penalties)} different penalties; the highest ones share the lowest of the {TOP} levels"
        )
    return {penalty: max(1, TOP - place) for place, penalty in enumerate(penalties)}


def _number(section: ConfSection, key: str, result: Imported) -> float | None:
    """Seconds, none when there are none or they make no sense."""
    given = section.last(key)
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and len(given) < 7):
        result.doubts.append(f"[{section.name}] {key} = {given}: not a number of seconds")
        return None
    return min(float(given), 86_400.0)


def _general(conf: Conf) -> Iterator[str]:
    for section in conf.sections:
        if section.name == "general" and not section.template:
            for entry in section.entries:
                why = _WHY.get(entry.key.lower(), "no equivalent")
                yield f"# was: [general] {_plain(entry.key)} = {_plain(entry.value)}: {why}"


# -- agents ---------------------------------------------------------------------------------------------------------


def _member(value: str) -> tuple[str, int | None, str, list[str]]:
    """``interface,penalty,name,state_interface,...`` as (interface, penalty, name, the rest)."""
    interface, *rest = (part.strip().strip('"') for part in value.split(","))
    rest += ["", ""]
    penalty = int(rest[0]) if rest[0].isascii() and rest[0].isdigit() and len(rest[0]) < 7 else None
    return interface, penalty, _clean(rest[1]), [part for part in rest[2:] if part]


def _enlist(
    section: ConfSection, skill: str, levels: Mapping[int, int], members: dict[str, ImportedMember], result: Imported
) -> None:
    for entry in section.all("member"):
        interface, penalty, name, more = _member(entry.value)
        phone = _phone(interface, more)
        if not phone:
            result.doubts.append(f"[{section.name}] member {entry.value}: not a phone that can be called, skipped")
            continue
        member = members.get(phone.upper())
        if member is None:
            id = _fresh(phone.partition("/")[2], [one.id for one in members.values()], "agent")
            member = members[phone.upper()] = ImportedMember(id, name or id, phone)
            if _LOCAL.match(interface):
                member.told.append(f"was: {interface}: the phone was guessed, because a Local channel cannot be an agent's phone")
                result.doubts.append(f"agent {id}: {interface} was converted to {phone}; check that this is the right phone")
        elif name and name not in (member.name, member.id):
            member.told.append(f"was: also called {name}")
        member.skills[skill] = max(member.skills.get(skill, 0), levels[penalty or 0])


def _phone(interface: str, more: Sequence[str]) -> str:
    """The endpoint behind a member's interface; empty when there is none."""
    for each in (interface, *more):
        if _PHONE.fullmatch(each):
            technology, _, resource = each.partition("/")
            return f"{technology.upper()}/{resource}"
    local = _LOCAL.match(interface)
    if local is not None and re.fullmatch(r"[0-9]{2,}", local["number"]):
        return f"PJSIP/{local['number']}"
    return ""


def _agent(member: ImportedMember) -> list[str]:
    skills = ", ".join(f"{_key(skill)}: {level}" for skill, level in member.skills.items())
    lines = [f"# {_plain(text)}" for text in member.told]
    return [*lines, f"{_key(member.id)}: {{name: {_text(member.name)}, phone: {_text(member.phone)}, skills: {{{skills}}}}}"]


# -- entries --------------------------------------------------------------------------------------------------------

_QUEUE_CALL = re.compile(r"Queue\(\s*([^,)]+)", re.IGNORECASE)


def _entries(names: Mapping[str, str], dialplan: Conf | None, result: Imported) -> Iterator[str]:
    """An entry for each queue; where the dialplan is given, which extensions led there."""
    led: dict[str, list[str]] = {}
    ours: dict[str, str] = {}
    for section in dialplan.sections if dialplan is not None else ():
        extension = ""
        for entry in section.entries:
            if entry.key.lower() == "exten":
                extension = entry.value.partition(",")[0].strip()
            for found in _QUEUE_CALL.finditer(entry.value):
                led.setdefault(found[1].strip().strip('"'), []).append(f"{section.name},{extension}")
    for original, name in names.items():
        enters = ours[name] = _entry(name, ours.values())
        for place in dict.fromkeys(led.get(original, ())):
            yield f"# {_plain(place)} called Queue({_plain(original)}); now: Goto(callbridge-inbound,{enters},1)"
        yield f"{_key(enters)}: {{queue: {_text(name)}}}"
    for queue in led.keys() - names.keys():
        result.doubts.append(f"the dialplan calls Queue({queue}), which is not in queues.conf")


def _entry(name: str, taken: Iterable[str]) -> str:
    """A name that the dialplan can carry: at least two of A-Z a-z 0-9 and dash."""
    plain = re.sub(r"[^A-Za-z0-9-]+", "-", name).strip("-")
    return _fresh(plain if len(plain) > 1 else f"queue-{plain}".strip("-"), taken, "queue")


# -- names and text -------------------------------------------------------------------------------------------------


def _fresh(wanted: str, taken: Iterable[str], kind: str) -> str:
    """A name of ours near the one that is wanted, and not taken."""
    name = re.sub(r"[^\w.@+-]+", "-", wanted).strip("-.@+")[:56]
    name = name if _NAME.fullmatch(name) else f"{kind}-{name}".rstrip("-")
    known, number, fresh = set(taken), 2, name
    while fresh in known:
        fresh, number = f"{name}-{number}", number + 1
    return fresh


def _skill(queue: str, ids: dict[str, str]) -> str:
    """A skill for a queue, named like it where skills may be named so."""
    name = re.sub(r"[^\w-]+", "-", queue).strip("-")
    name = name if _SKILL.fullmatch(name) and name not in ("and", "or") else f"skill-{name}"
    ids[queue] = _fresh(name, ids.values(), "skill")
    return ids[queue]


def _section(name: str, lines: Sequence[str]) -> list[str]:
    if not any(not line.lstrip().startswith("#") for line in lines):
        return [f"{name}: {{}}", *lines, ""]
    return [f"{name}:", *(f"  {line}" for line in lines), ""]


def _text(value: str) -> str:
    """A YAML string that means exactly this, on one line: JSON's are."""
    return json.dumps(_clean(value).replace("$", "$$"), ensure_ascii=False)


def _key(value: str) -> str:
    return value if re.fullmatch(r"[A-Za-z][\w-]*", value, re.ASCII) and value.lower() not in _YAML_WORDS else _text(value)


_YAML_WORDS = frozenset({"yes", "no", "on", "off", "true", "false", "null", "y", "n"})


def _clean(value: str) -> str:
    return "".join(char if char.isprintable() else " " for char in value).strip()


def _plain(value: str) -> str:
    """Fit for a comment: one line, not endless."""
    return _clean(value)[:160]
