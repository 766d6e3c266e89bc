"""What strangers wrote, made fit to store; what belongs to people, made fit to show."""

from __future__ import annotations

import re

from callbridge.core.model.numbers import WITHHELD
from callbridge.core.model.sentence import Sentence

_SURROGATE = re.compile("[\ud800-\udfff]")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_OUTSIDE = "number:"
"""How a target outside is written where targets of all kinds are."""
_OUR_TARGETS = frozenset({"agent", "queue", "flow", "callback", "campaign"})
_SEVEN_DIGITS = re.compile(r"\d(?:\D{0,3}\d){6}")
_SPACE = r"[ \-/().\u00a0\u2009\u202f\u2010-\u2013]"
_LIKE_A_NUMBER = re.compile(
    rf"(?:\+|%2B)(?:{_SPACE}{{0,3}}\d){{6,}}"  # international, written in any way
    r"|(?<![\d-])(?<!\d\.)\(?0(?:[ \-/()_:]{0,3}\d){8,}(?!:)"  # national, written in any way; no date
    r"|(?<![\d-])(?<!\d\.)0\d(?:\.?\d){7,}(?!:)"  # the same with dots; no fraction
    r"|(?<![\d-])(?<!\d\.)(?!1\d{9}\.\d)\d{7,}"  # digits alone; but no uniqueid of Asterisk
    r"|(?<=-)(?!1\d{9}\.\d)\d{10,}",  # behind a dash shorter ones are counters
    re.IGNORECASE,
)
_DAY, _MONTH, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:19|20)\d\d"
_DATE = rf"(?:{_YEAR}[-/. ]{_MONTH}[-/. ]{_DAY}|{_DAY}[-/. ]{_MONTH}[-/. ]{_YEAR}|{_MONTH}[-/. ]{_DAY}[-/. ]{_YEAR})(?!\d)"
_GROUP = rf"(?!{_DATE})\(?"
_BETWEEN_GROUPS = r"(?:\)[ -]?|[ \-\u00a0\u2009\u202f\u2010-\u2013])"
_IN_GROUPS = re.compile(
    rf"(?<![\w*-])(?<!\d[.:]){_GROUP}\d{{1,5}}(?:{_BETWEEN_GROUPS}{_GROUP}\d{{2,6}}(?!\d))+(?![\w:]|\.\d)"
    r"|(?<![\w.-])\d{3,5}\.\d{3,4}\.\d{4}(?![\w.])"
)
"""Groups of digits as people write a number without its ``+`` or ``0``: 415-555-2671, (415) 555-2671, 415.555.2671, 612 34 56 78.
No date, and not behind a dash, where ids have their counters."""


def storable(text: str) -> str:
    """``text`` with each lone surrogate, which UTF-8 cannot carry, replaced by U+FFFD."""
    return _SURROGATE.sub("\ufffd", text)


def label(text: str, longest: int = 100) -> str:
    """``text`` as the value of a label or a field for terminals: printable, and not endless."""
    return _UNPRINTABLE.sub("\ufffd", text)[:longest]


def mask(number: str) -> str:
    """A phone number as others may see it: ``+44*****123``. How long it is stays hidden, too."""
    if number == WITHHELD:
        return number
    if len(number) < 8:
        return "*****" if number else ""
    head = number[:3] if number.startswith("+") else ""
    return storable(f"{head}*****{number[-3:]}")


def scrub(text: str) -> str:
    """``text`` with whatever reads like a phone number masked; names, ids, dates and times stay. A refusal keeps its template
    where the values, masked one by one, make the same sentence."""
    if not _SEVEN_DIGITS.search(text):
        return text
    masked = _IN_GROUPS.sub(_mask_groups, _LIKE_A_NUMBER.sub(lambda found: mask(found[0]), text))
    if isinstance(text, Sentence) and text.values:
        values = {name: scrub(value) if isinstance(value, str) else value for name, value in text.values.items()}
        in_parts = Sentence(text.template, **values)
        return in_parts if in_parts == masked else masked
    return masked


def _mask_groups(found: re.Match[str]) -> str:
    """Nine digits are a number, and eight in three groups or more; with fewer it may be anything."""
    groups = re.findall(r"\d+", found[0])
    digits = sum(map(len, groups))
    return mask(found[0]) if digits > 8 or (digits == 8 and len(groups) > 2) else found[0]


def mask_target(target: str) -> str:
    """Where a call goes, as others may see it."""
    kind, colon, name = target.partition(":")
    if colon and kind in _OUR_TARGETS:
        return target
    return _OUTSIDE + mask(name) if kind + colon == _OUTSIDE else scrub(target)


def mask_key(key: str) -> str:
    """The key of a row, as others may see it: of ``queue|number`` the number is masked."""
    owner, bar, number = key.rpartition("|")
    return f"{owner}|{mask(number)}" if bar else key


def hide(text: str) -> str:
    """Nothing of it, only that there is something."""
    if text == WITHHELD:
        return text
    return "*****" if text else ""
