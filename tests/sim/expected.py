"""What every PBX must say in each conformance scenario: one text for all, and the few licences to differ from it.

Rule of this file: the text is what Asterisk 22 says. A licence names the version, the scenarios and the words, and why. A race
names the scenario, and what may be said instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PATH = Path(__file__).parent / "conformance.txt"
EITHER = ("an answer overtakes the cancel", "a cancel overtakes the answer")
"""A race: on a real PBX nobody can say who wins, so that each of the two may end like the other."""


@dataclass(frozen=True, slots=True)
class Licence:
    """In these scenarios (none named: in all) of this version ``words`` (a pattern) read ``instead``, or, if this is only
    ``sometimes`` so, as they are."""

    version: int
    words: str
    instead: str
    why: str
    scenarios: tuple[str, ...] = ()
    sometimes: bool = False


@dataclass(frozen=True, slots=True)
class Race:
    """In these scenarios (none named: in all) every version may say one of ``instead`` in place of ``words`` (a pattern)."""

    words: str
    instead: tuple[str, ...]
    why: str
    scenarios: tuple[str, ...] = ()


RACES = (
    Race(
        r"^    PlaybackEnded beep failed\n    LegLeft\n    LegEnded cause=16$",
        (
            "    LegLeft\n    LegEnded cause=16",
            *(
                "\n".join(f"    {line}" for line in lines)
                for refused in ("OrderFailed Play refused 404", "OrderFailed Play refused 409")
                for lines in (
                    (refused, "LegLeft", "LegEnded cause=16"),
                    ("LegLeft", refused, "LegEnded cause=16"),
                    ("LegLeft", "LegEnded cause=16", refused),
                )
            ),
        ),
        "a hang-up drops a playback that has not begun without an event; when it overtakes the request, that is refused",
        ("a playback is cut by our hang up",),
    ),
    Race(
        r"^(    LegTransferred .*)\n    LegLeft$",
        (r"    LegLeft\n\1",),
        "a phone that hangs up at once may leave before the transfer is told, which comes from another thread",
    ),
    Race(
        r"^(  far half\n(?:    .*\n)*?    LegEnded cause=)16$",
        (r"\g<1>0",),
        "the end of the near half, which is hung up at the same time, comes first and passes no cause on",
        ("a phone transfers to an entry of ours",),
    ),
)

LICENCES = (
    Licence(16, r"^(    LegEnded cause=\d+) sip=\d+$", r"\1", "ChannelDestroyed has a tech_cause only from 20.17 / 22.7 on"),
    Licence(
        16,
        r"^    LegEnded cause=19$",
        "    LegEnded cause=16",
        "a dial that timed out ended as a normal one before 20.14 / 22.4",
        ("a phone rings out",),
    ),
    Licence(
        16,
        r"^    LegEnded cause=0$",
        "    LegEnded cause=16",
        "the BYE of a caller who was in no bridge counted as normal, unless the thread saw the hang-up before the cause",
        sometimes=True,
    ),
)


def text(records: Mapping[str, str]) -> str:
    return "\n".join(f"{name}\n{record}" for name, record in sorted(records.items()))


def read() -> dict[str, str]:
    """The record that is expected of each scenario."""
    blocks = PATH.read_text().split("\n\n")
    pairs = (block.strip("\n").partition("\n") for block in blocks)
    return {name: f"{record}\n" for name, _, record in pairs}


def accepted(name: str, version: int, licences: Sequence[Licence] = LICENCES, races: Sequence[Race] = RACES) -> set[str]:
    """The records that this version may give."""
    records = read()
    names = EITHER if name in EITHER else (name,)
    told = {licensed for each in names for licensed in _licensed(records[each], name, version, licences)}
    for race in races:
        if name in (race.scenarios or (name,)):
            told |= {_sub(race.words, instead, each) for instead in race.instead for each in told}
    return told


def _sub(words: str, instead: str, record: str) -> str:
    return re.sub(words, instead, record, flags=re.MULTILINE)


def _licensed(record: str, name: str, version: int, licences: Sequence[Licence]) -> set[str]:
    records = {record}
    for licence in licences:
        if licence.version == version and name in (licence.scenarios or (name,)):
            licensed = {_sub(licence.words, licence.instead, each) for each in records}
            records = records | licensed if licence.sometimes else licensed
    return records
