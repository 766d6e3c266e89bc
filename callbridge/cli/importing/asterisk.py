"""queues.conf, the dialplan and the members that Asterisk lists, as our configuration.

Penalties become levels: the lowest penalty is the highest level of the queue's skill, each next one a level less.
app_queue asks a member with a penalty as soon as nobody with a lower one is free: that is `pick: highest_level` in one
step. With ``widen`` callers wait at each level before the next is included. What has no equivalent is a comment at its
place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from callbridge.cli.importing.agents import ImportedAgent, agent_lines, enlist
from callbridge.cli.importing.converted import PBX, Converted, Looks
from callbridge.cli.importing.destinations import Destinations
from callbridge.cli.importing.dialplan import Dialplan, read_dialplan
from callbridge.cli.importing.equivalents import WHY, is_silent, is_yes
from callbridge.cli.importing.members import Listed, written_member
from callbridge.cli.importing.penalties import read_rules
from callbridge.cli.importing.phones import Member, phones_of
from callbridge.cli.importing.queue_calls import QueueCall, queue_calls
from callbridge.cli.importing.queue_lines import TOP, SourceQueue, queue_lines
from callbridge.cli.importing.yaml_lines import comment, fresh, fresh_entry, fresh_skill, key, section, text
from callbridge.wire.asterisk_conf import Conf, ConfEntry, ConfSection

_OURS = "callbridge-fallback"
"""The queue that takes calls while callbridge is away: there on a second import, and never to be imported."""
_MEMBERS_OF = "asterisk -rx 'queue show' > members.txt, and give --members members.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """``extensions``: the dialplan; ``rules``: queuerules.conf; ``listed``: what --members gave; ``realtime``: tables of
    extconfig.conf with queues or members."""

    queues: Conf
    extensions: Conf | None = None
    rules: Conf | None = None
    listed: Listed | None = None
    realtime: Sequence[str] = ()


def convert(sources: Sources, widen: float | None = None) -> Converted:
    """Our configuration. ``widen``: seconds for which callers wait for each level before the next is taken in."""
    conf, entries, listed = sources.queues, sources.extensions, sources.listed
    result = Converted()
    looks, dialplan = result.looks, read_dialplan(entries) if entries is not None else None
    for note in [*conf.notes, *_unread(entries)]:
        looks.add("", f"not read: {note}")
    general = _general(sources, looks)
    sections = _sections(conf, dialplan, listed, looks)
    names, skills = dict[str, str](), dict[str, str]()
    for each in sections:
        names[each.name] = fresh(each.name, names.values(), "queue")
        skills[each.name] = fresh_skill(names[each.name], skills.values())
    calls = list(queue_calls(dialplan, names)) if dialplan is not None else []
    ways, agents, lines = Destinations(names, calls, looks), dict[str, ImportedAgent](), list[str]()
    rules = read_rules(sources.rules) if sources.rules is not None else {}
    monitor_type = conf.value("general", "monitor-type") or ""
    for each in sections:
        members = _members(each, listed)
        people = [member for member in members if phones_of(member, dialplan or Dialplan()).endpoints]
        levels = _levels(each, people or members, looks)  # an outside number has no level
        enlist(each.name, members, skills[each.name], levels, agents, dialplan or Dialplan(), looks)
        own = [call for call in calls if call.queue == each.name] if dialplan is not None else None
        queue = SourceQueue(each, names[each.name], skills[each.name], levels, own, monitor_type, rules)
        lines += queue_lines(queue, dialplan, ways, widen, looks)
    staff = {agent.id: agent for agent in agents.values()}
    result.queues, result.agents = len(sections), len(staff)
    result.lines = [
        "# Converted from queues.conf by `callbridge import`. Review the lines with `was:`: they have no equivalent.",
        *(f"# not read: {comment(str(note))}" for note in conf.notes),
        *general,
        "",
        *PBX.splitlines(),
        "",
        *section("skills", [f"{key(skills[name])}: {text(f'Can serve the queue {ours}')}" for name, ours in names.items()]),
        *section("entries", list(_entries(names, calls, looks))),
        *section("queues", lines),
        *ways.lines(),
        *section("agents", [line for agent in staff.values() for line in agent_lines(agent)]),
    ]
    return result


# -- queues ---------------------------------------------------------------------------------------------------------


def _sections(conf: Conf, dialplan: Dialplan | None, listed: Listed | None, looks: Looks) -> list[ConfSection]:
    """The queues. A [default] without members that is never called comes from sample files."""
    found: dict[str, ConfSection] = {}
    for each in conf.sections:
        if each.template or each.name.casefold() in ("general", _OURS):
            continue
        if each.name in found:
            looks.add(f"[{each.name}]", "occurs twice; the sections were merged")
            found[each.name].entries += each.entries
        else:
            found[each.name] = ConfSection(each.name, False, list(each.entries))
    for name in listed.members if listed is not None else ():
        if name not in (*found, _OURS) and listed is not None and listed.members[name]:
            found[name] = _of_database(name, listed)
            looks.add(
                f"[{name}]", "is not in the file, only in --members: its settings are in a database or were made by a program"
            )
    default = found.get("default")
    if default is not None and not _members(default, listed):
        called = dialplan is not None and any(call.queue == "default" for call in queue_calls(dialplan, ["default"]))
        if not called and (not default.entries or dialplan is not None):
            del found["default"]
    return list(found.values())


def _of_database(name: str, listed: Listed) -> ConfSection:
    given = {"strategy": listed.strategies.get(name, ""), "servicelevel": listed.targets.get(name, "")}
    return ConfSection(name, False, [ConfEntry(key, value, "--members", 0) for key, value in given.items() if value])


def _unread(entries: Conf | None) -> Iterator[object]:
    """Of the dialplan, which files are missing; lines that are not understood are of no queue's concern."""
    for note in entries.notes if entries is not None else ():
        if "included file" in note.text or "not followed" in note.text or "only the first" in note.text:
            yield note


def _members(queue: ConfSection, listed: Listed | None) -> list[Member]:
    written = [written_member(entry.value) for entry in queue.all("member")]
    known = {member.interface.casefold() for member in written}
    extensions = {_extension(member) for member in written} - {""}
    more = listed.members.get(queue.name, []) if listed is not None else []
    fresh_ones: dict[str, Member] = {}
    for member in more:
        if member.interface.casefold() not in known and _extension(member) not in extensions:
            fresh_ones.setdefault(member.interface.casefold(), member)
    return [*written, *fresh_ones.values()]


def _extension(member: Member) -> str:
    """101 of Local/101@from-queue/n, which is the same agent however the rest is written."""
    technology, _, rest = member.interface.partition("/")
    return rest.partition("@")[0] if technology.casefold() == "local" else ""


def _levels(queue: ConfSection, members: Sequence[Member], looks: Looks) -> dict[int, int]:
    """Penalty -> level: the lowest penalty is level 5; more than five penalties share the lowest levels."""
    penalties = sorted({member.penalty for member in members})
    if len(penalties) > TOP:
        said = f"{len(penalties)} different penalties; the highest ones share the lowest of the {TOP} levels"
        looks.add(f"[{queue.name}]", said)
    return {penalty: max(1, TOP - place) for place, penalty in enumerate(penalties)}


def _general(sources: Sources, looks: Looks) -> list[str]:
    """Comments on [general], and on where members are kept outside the file."""
    listed = sources.listed
    sections = [each for each in sources.queues.sections if each.name.casefold() == "general" and not each.template]
    lines = []
    if len(sections) > 1:
        lines.append(
            f"# {looks.add('[general]', f'occurs {len(sections)} times; all of them were read, Asterisk may read one only')}"
        )
    for entry in (entry for each in sections for entry in each.entries):
        if entry.key.lower() == "persistentmembers":
            if listed is None and is_yes(entry.value):
                said = "agents who logged in are in Asterisk's database (AstDB), not in this file"
                lines.append(looks.was("[general]", entry, f"{said}: {_MEMBERS_OF}"))
        elif not is_silent(entry):
            lines.append(looks.was("[general]", entry, WHY.get(entry.key.lower(), "no equivalent")))
    if listed is None:
        for table in sources.realtime:
            said = f"extconfig.conf keeps {table} in a database, where this command does not look: {_MEMBERS_OF}"
            lines.append(f"# {looks.add('', said)}")
    return lines


# -- entries --------------------------------------------------------------------------------------------------------


def _entries(names: Mapping[str, str], calls: Sequence[QueueCall], looks: Looks) -> Iterator[str]:
    """An entry for each queue; where the dialplan is given, which extensions led there."""
    ours: dict[str, str] = {}
    for original, name in names.items():
        enters = ours[name] = fresh_entry(name, ours.values())
        for place in dict.fromkeys(call.place for call in calls if call.queue == original):
            yield f"# {comment(place)} called Queue({comment(original)}); now: Goto(callbridge-inbound,{enters},1)"
        yield f"{key(enters)}: {{queue: {text(name)}}}"
    for queue in dict.fromkeys(call.queue for call in calls if call.queue not in names):
        looks.add("", f"the dialplan calls Queue({queue}), which is not in queues.conf")
