"""Phone numbers as people and trunks write them, and what the core asks of the part that can read them.

The core parses no numbers: that takes the numbering plans of all countries. The plan has a ``NumberReader`` for it.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Protocol

NO_NUMBER = "not a phone number"
WITHHELD = "withheld"
"""Stands for a number or name that the caller withholds, wherever it would be shown, stored or sent."""
SPREADSHEET = "a number written by a spreadsheet (decimal, exponent or thousands separators): import the column as text"

_PLAIN = re.compile(r"\+?[0-9]{1,15}")
_WIDE = str.maketrans("０１２３４５６７８９＋", "0123456789+")
"""As an input method for Chinese or Japanese types them."""
_NOISE = str.maketrans("", "", " \t\u00a0\u2009\u202f-\u2010\u2011\u2012\u2013.()/'\"")
_QUOTES = " \t\r\n'\"="
_SPREADSHEET = tuple(
    re.compile("[+-]?" + pattern)
    for pattern in (
        r"[0-9]+(?:[.,][0-9]+)? ?[eE][+-]?[0-9]+",  # 4.93012E+11
        r"[0-9]+[.,]0{1,2}",  # 030123456.0
        r"[0-9]{7,}(?:[.,]0+|\.[0-9]{1,2})",  # 030123456.000, 493012345.5; but 030.123456 has an area code
        r"[0-9]{1,3}(?:,[0-9]{2,3}){2,}",  # 49,301,234,567
        r"[0-9]{1,3}(?:([ ,.'’])[0-9]{3})(?:\1[0-9]{3})*(?!\1)[.,](?:0+|[0-9]{1,2})",  # 49.301.234.567,0
        r"(?=(?:[^0-9]*[0-9]){7})[0-9 ()/'’\u2010-\u2013-]*[0-9]\)?(?: ?[.,] ?0{1,3})+",  # 030 123456.0, 030123456.0.0
    )
)
"""A person's separators are not among these: 01.23.45.67.00 and 030.1234567 have one dot too many, or too early."""


def is_of_spreadsheet(number: str) -> bool:
    """Was this a phone number in a column of numbers? What it is now has digits that nobody typed, or too few."""
    if _PLAIN.fullmatch(number):
        return False
    number = unicodedata.normalize("NFKC", number)
    number = "".join(char for char in number if unicodedata.category(char) != "Cf").strip(_QUOTES).removeprefix("tel:")
    return any(pattern.fullmatch(number) for pattern in _SPREADSHEET)


def fault_of(number: str) -> str:
    """Why this is no number that could be used, where ``plain`` gives none: the one wording for all who read numbers."""
    return SPREADSHEET if is_of_spreadsheet(number) else NO_NUMBER


def plain(number: str) -> str:
    """The digits as they were written, separators gone, perhaps a ``+`` before them: what can be dialled. "" for no number."""
    if not _PLAIN.fullmatch(number):
        if is_of_spreadsheet(number):
            return ""
        number = number.translate(_WIDE).strip().removeprefix("tel:")
        if number.startswith(("+", "00")):
            number = number.replace("(0)", "")
        number = number.translate(_NOISE)
    return number if _PLAIN.fullmatch(number) else ""


@dataclass(frozen=True, slots=True)
class Withheld:
    """The number that a caller withholds. It may choose the tier, before the core sees the call, and goes no further."""

    number: str = field(repr=False)


class NumberReader(Protocol):
    """Pure: the same text is always read the same way."""

    def identity(self, number: str) -> str:
        """``+442079460000`` for all its spellings; of an extension its digits; "" for what is no number (``anonymous``)."""

    def refusal(self, number: str) -> str:
        """Why nobody is called at this number; "" when somebody may be."""


@dataclass(frozen=True, slots=True)
class AsWritten:
    """Knows no country: separators go, and ``00`` becomes ``+``."""

    def identity(self, number: str) -> str:
        number = plain(number)
        if number.startswith("00"):
            number = "+" + number[2:]
        return number if _PLAIN.fullmatch(number) else ""

    def refusal(self, number: str) -> str:
        return "" if self.identity(number) else fault_of(number)


AS_WRITTEN = AsWritten()


def spellings(normalised: str) -> frozenset[str]:
    """A normalised number with and without its ``+``, which not every trunk sends."""
    digits = normalised.lstrip("+")
    return frozenset({digits, f"+{digits}"})
