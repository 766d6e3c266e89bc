"""Phone numbers as people and trunks write them."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"\+?[0-9]{1,15}")
_NOISE = str.maketrans("", "", " \t\u00a0\u2009\u202f-\u2010\u2011\u2012\u2013.()/'\"")


def plain(number: str) -> str:
    """The digits as they were written, separators gone, perhaps a ``+`` before them: what can be dialled. "" for no number."""
    if not _PLAIN.fullmatch(number):
        number = number.strip().removeprefix("tel:")
        if number.startswith(("+", "00")):
            number = number.replace("(0)", "")
        number = number.translate(_NOISE)
    return number if _PLAIN.fullmatch(number) else ""


def normalise(number: str, country_code: str = "") -> str:
    """``+442079460000`` for all its spellings; "" for what is no number (``anonymous``).

    Separators go, ``00`` becomes ``+``; with ``country_code`` (``+44`` or ``44``) a national ``0...`` becomes international.
    """
    number = plain(number)
    if number.startswith("00"):
        number = "+" + number[2:]
    elif country_code and number.startswith("0"):
        number = f"+{country_code.lstrip('+')}{number[1:]}"
    return number if _PLAIN.fullmatch(number) else ""


def spellings(normalised: str) -> frozenset[str]:
    """A normalised number with and without its ``+``, which not every trunk sends."""
    digits = normalised.lstrip("+")
    return frozenset({digits, f"+{digits}"})
