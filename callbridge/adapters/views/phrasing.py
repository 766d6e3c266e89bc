"""Building blocks for the sentences of explanations. Pure; times are in seconds.

A sentence is written once, in English, where its condition is: ``line("ringing", "ringing for {call}", call=...)``. Its key and
values go along, so that a screen can say the same in another language: ``web/src/texts/zh.js`` has a template for each key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from callbridge.core.model.sentence import Sentence, Word
from callbridge.core.model.skills import AllOf, AnyOf, AtLeast, Profile, Requirement, SkillNode


@dataclass(frozen=True, slots=True)
class Number:
    """A number within a sentence. ``{callers:caller}`` in a template adds the noun: ``2 callers``."""

    value: int

    def __format__(self, noun: str) -> str:
        return count(self.value, noun) if noun else str(self.value)


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """A length of time within a sentence."""

    seconds: float

    def __str__(self) -> str:
        return span(self.seconds)


@dataclass(frozen=True, slots=True)
class Several:
    """Parts of a sentence, one after the other."""

    parts: tuple[Value, ...]
    between: str = ", "

    def __str__(self) -> str:
        return self.between.join(map(str, self.parts))


@dataclass(frozen=True, slots=True)
class Phrase:
    """A sentence or a part of one. ``text``: in English; ``key``, ``values``: which one it is, and what was filled into it."""

    key: str
    text: str
    values: Mapping[str, Value]

    def __str__(self) -> str:
        return self.text


Value: TypeAlias = "str | Number | TimeSpan | Several | Phrase"
"""What is filled into a template. A name, a number of a phone or a requirement is a ``str``: it is the same in all languages; but
for a ``Sentence``, which is in parts itself."""


def say(key: str, english: str, /, **values: Value) -> Phrase:
    """A part of a sentence. ``english``: a template, as of ``str.format``."""
    return Phrase(key, english.format_map(values), values)


def word(kind: str, name: str) -> Phrase:
    """A word of which screens have a text already: ``state.wrap_up``."""
    return Phrase(f"{kind}.{name}", name.replace("_", " "), {})


@dataclass(frozen=True, slots=True)
class PhraseTable:
    """What is said for each value that a field can have, such as the ways in which a conversation ends. The key of a text is the
    ``kind`` and the value: ``ended_by.agent``."""

    kind: str
    english: Mapping[str, str]

    def of(self, name: str, /, **values: Value) -> Phrase | None:
        """None for a value without a text. ``values``: for the blanks of the texts, as in ``say``."""
        english = self.english.get(name)
        return None if english is None else say(f"{self.kind}.{name}", english, **values)


def plain(value: Value | int) -> object:
    """As JSON: text, a number, ``seconds``, ``parts`` with what is ``between`` them, a phrase, or a refusal with its
    ``template``."""
    match value:
        case Word():
            return {"key": value.key, "text": str(value), "values": {}}
        case Sentence():
            values = {name: plain(part) for name, part in value.values.items()}
            return {"text": str(value), "template": value.template, "values": values}
        case str() | int():
            return value
        case Number():
            return value.value
        case TimeSpan():
            return {"seconds": round(value.seconds, 1)}
        case Several():
            return {"parts": [plain(part) for part in value.parts], "between": value.between.strip()}
        case Phrase():
            return {"key": value.key, "text": value.text, "values": {name: plain(part) for name, part in value.values.items()}}


def in_parts(text: str) -> dict[str, object]:
    """The ``template`` and ``values`` of a refusal that has values, as JSON; of any other text nothing, since that is its own
    template."""
    if not isinstance(text, Sentence) or not text.values:
        return {}
    return {"template": text.template, "values": {name: plain(value) for name, value in text.values.items()}}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedLine:
    """One sentence of an explanation. ``code`` names its kind for programs; ``at`` is when it happened, in epoch seconds.
    ``phrase``: the sentence for other languages; None where there is English only."""

    code: str
    text: str
    at: float | None = None
    phrase: Phrase | None = None

    @property
    def values(self) -> dict[str, str | float]:
        """What an alert says; lengths are in seconds, and a word is named as in the API."""
        return {} if self.phrase is None else {name: _flat(value) for name, value in self.phrase.values.items()}

    def plain(self) -> dict[str, object]:
        """The line as a JSON object."""
        said = {} if self.phrase is None else plain(self.phrase)
        assert isinstance(said, dict)
        return {"code": self.code, "text": self.text} | said | ({} if self.at is None else {"at": self.at})


def line(key: str, english: str, /, **values: Value) -> ExplainedLine:
    """A sentence. Its code is the key up to the first dot: sentences of one kind differ behind it."""
    said = say(key, english, **values)
    return ExplainedLine(code=key.partition(".")[0], text=said.text, phrase=said)


def _flat(value: Value) -> str | float:
    match value:
        case Number():
            return value.value
        case TimeSpan():
            return round(value.seconds)
        case Phrase():
            return value.key.rpartition(".")[2]
        case _:
            return str(value)


def span(seconds: float) -> str:
    """``4 s``, ``2 min 5 s``, ``1 h 3 min``."""
    if seconds < 9.95:
        return f"{max(0.0, seconds):.1f} s".replace(".0 s", " s")
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours >= 48:
        days, hours = divmod(hours, 24)
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes_left} min" if minutes_left else f"{hours} h"
    if minutes:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{rest} s"


def some(names: Iterable[Value], most: int = 5, of: int = 0) -> Value:
    """Names as a list within a sentence: ``ann, bob and 3 more``. ``of``: how many there are, when only the first are given."""
    listed = tuple(names)
    there = max(of, len(listed))
    if there > most:
        return say("and_more", "{names} and {more} more", names=Several(listed[:most]), more=Number(there - most))
    return Several(listed)


def count(number: int, one: str, many: str = "") -> str:
    """A number with its noun: ``1 caller``, ``2 callers``; ``many``: the plural where it does not end in s."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def lacking(requirement: Requirement, profile: Profile) -> Value:
    """The part of a requirement that a profile does not meet: ``support >= 4 (has 3)``; empty when it matches."""
    levels = dict(profile)
    return "" if requirement.strength(profile) is not None else _lacking(requirement.node, levels)


def _lacking(node: SkillNode, levels: Mapping[str, int]) -> Value:
    match node:
        case AtLeast(skill, level):
            has = levels.get(skill, 0)
            if has >= level:
                return ""
            if not has:
                return say("lacks_skill", "{skill} >= {level} (has none)", skill=skill, level=Number(level))
            return say("lacks_level", "{skill} >= {level} (has {has})", skill=skill, level=Number(level), has=Number(has))
        case AllOf(parts):
            told = [(part, missing) for part in parts if (missing := _lacking(part, levels))]
            within = [
                say("lacks_either", "({either})", either=missing) if isinstance(part, AnyOf) and len(parts) > 1 else missing
                for part, missing in told
            ]
            return Several(tuple(within), " and ") if within else ""
        case AnyOf(parts):
            either = [_lacking(part, levels) for part in parts]
            return Several(tuple(either), " or ") if all(either) else ""


PHONE_FAULTS = {
    "no_common_codec": "it has no codec in common with the PBX (488): compare allow= of the endpoint with the phone's codecs",
    "no_media": "it answers without a usable media description (no SDP, or 415): check the media settings of both",
    "authentication": "it wants a password or takes no calls from this PBX (401, 403, 407): check its SIP security settings",
    "unknown_endpoint": "the PBX has no such endpoint, or the phone does not know who is called (404): compare both",
}
"""What is wrong with a phone that cannot be called, and where to look."""


def phone_fault(trouble: str) -> Phrase:
    return Phrase(f"phone_fault.{trouble}", PHONE_FAULTS[trouble], {})


def named(agent: str, name: str) -> str:
    """An agent as people know them, and as the configuration does: ``Alice Morgan (1001)``."""
    return f"{name} ({agent})" if name not in ("", agent) else agent
