"""What every PBX must say in each conformance scenario: one text for all, and the few licences to differ from it.

Rule of this file: the text is what Asterisk 22 says. A licence names the version, the scenarios and the words, and why.
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
    """In these scenarios (none named: in all) of this version ``words`` (a pattern) may read ``instead``."""

    version: int
    words: str
    instead: str
    why: str
    scenarios: tuple[str, ...] = ()


LICENCES = (
    Licence(16, r"^(    LegEnded cause=\d+) sip=\d+$", r"\1", "ChannelDestroyed has a tech_cause only from 20.17 / 22.7 on"),
    Licence(
        16,
        r"^    LegEnded cause=19$",
        "    LegEnded cause=16",
        "a dial that timed out ended as a normal one before 20.14 / 22.4",
        ("a phone rings out",),
    ),
    Licence(16, r"^    LegEnded cause=0$", "    LegEnded cause=16", "the BYE of a caller who was in no bridge counted as normal"),
)


def text(records: Mapping[str, str]) -> str:
    return "\n".join(f"{name}\n{record}" for name, record in sorted(records.items()))


def read() -> dict[str, str]:
    """The record that is expected of each scenario."""
    blocks = PATH.read_text().split("\n\n")
    pairs = (block.strip("\n").partition("\n") for block in blocks)
    return {name: f"{record}\n" for name, _, record in pairs}


def accepted(name: str, version: int, licences: Sequence[Licence] = LICENCES) -> set[str]:
    """The records that this version may give."""
    records = read()
    names = EITHER if name in EITHER else (name,)
    return {_licensed(records[each], name, version, licences) for each in names}


def _licensed(record: str, name: str, version: int, licences: Sequence[Licence]) -> str:
    for licence in licences:
        if licence.version == version and name in (licence.scenarios or (name,)):
            record = re.sub(licence.words, licence.instead, record, flags=re.MULTILINE)
    return record
