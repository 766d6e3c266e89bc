"""Members of queues: as queues.conf has them, and as a running Asterisk lists them (``--members FILE``).

Agents who log in by themselves are in no file. `queue show` lists them, and with `persistentmembers` so does
`database show Queue/PersistentMembers`; FreePBX keeps in `database show QPENALTY` who may log in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from callbridge.cli.importing.dialplan import arguments
from callbridge.cli.importing.phones import Member
from callbridge.cli.importing.yaml_lines import clean

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_QUEUE = re.compile(
    r"(?P<queue>\S.*?) +has \d+ calls? \(max [^)]*\) in '(?P<strategy>\w+)' strategy.*?(?:within (?P<target>\d+)s)?"
)
_SHOWN = re.compile(
    r"\s{3,}(?P<name>.+?)"
    r"(?: \((?P<interface>[^\s()/]+/[^\s()]+)(?: from (?P<state>[^\s()]+))?\))?"
    r"(?: with penalty (?P<penalty>\d+))?"
    r"(?P<rest>(?: \([^()]*\))+ has taken .*)"
)
_STORED = re.compile(r"/Queue/PersistentMembers/(?P<queue>.+?)\s*: ?(?P<members>.*)")
_ALLOWED = re.compile(r"/QPENALTY/(?P<queue>[^/]+)/agents/(?P<extension>[^\s:/]+)\s*: ?(?P<penalty>\d*)\s*")


@dataclass(slots=True)
class Listed:
    """Queue -> its members, and what else is listed of it."""

    members: dict[str, list[Member]] = field(default_factory=dict)
    strategies: dict[str, str] = field(default_factory=dict)
    targets: dict[str, str] = field(default_factory=dict)


def written_member(value: str) -> Member:
    """``interface,penalty,name,state_interface,ringinuse,wrapuptime,paused`` of queues.conf."""
    interface, *rest = (part.strip().strip('"').strip() for part in arguments(value))
    rest += ["", "", ""]
    return Member(interface, _penalty(rest[0]), clean(rest[1]), rest[2], tuple(part for part in rest[3:] if part))


def _penalty(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0


def read_members(text: str) -> Listed:
    """The output of any of the commands, also one after the other in one file."""
    listed, queue = Listed(), ""
    for line in _ANSI.sub("", text).splitlines():
        if stored := _STORED.match(line):
            listed.members.setdefault(stored["queue"], []).extend(_stored(stored["members"]))
        elif allowed := _ALLOWED.match(line):
            member = Member(f"Local/{allowed['extension']}@from-queue/n", _penalty(allowed["penalty"]), fixed=False)
            listed.members.setdefault(allowed["queue"], []).append(member)
        elif heading := _QUEUE.fullmatch(line):
            queue = heading["queue"]
            listed.members.setdefault(queue, [])
            listed.strategies[queue] = heading["strategy"]
            listed.targets[queue] = heading["target"] or ""
        elif queue and (shown := _SHOWN.fullmatch(line)):
            interface = shown["interface"] or shown["name"].strip()
            name = "" if interface == shown["name"].strip() else clean(shown["name"])
            fixed = "(dynamic)" not in shown["rest"]
            listed.members[queue].append(
                Member(interface, _penalty(shown["penalty"] or ""), name, shown["state"] or "", fixed=fixed)
            )
    return listed


def _stored(text: str) -> Iterator[Member]:
    """``interface;penalty;paused;name;state_interface;...``, separated by bars."""
    for each in text.strip().split("|"):
        interface, *rest = (part.strip() for part in each.split(";"))
        rest += ["", "", "", ""]
        if interface:
            yield Member(interface, _penalty(rest[0]), clean(rest[2]), rest[3], fixed=False)
