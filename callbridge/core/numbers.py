"""Phone numbers as people and trunks write them."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"\+?[0-9]{1,15}")
_NOISE = str.maketrans("", "", " \t\u00a0\u2009\u202f-\u2010\u2011\u2012\u2013.()/'\"")


def normalise(number: str, country_code: str = "") -> str:
    """``+442079460000`` for all its spellings; "" for what is no number (``anonymous``).

    Separators go, ``00`` becomes ``+``; with ``country_code`` (``+44`` or ``44``) a national ``0...`` becomes international.
    """
    if not _PLAIN.fullmatch(number):
        number = number.strip().removeprefix("tel:")
        if number.startswith(("+", "00")):
            number = number.replace("(0)", "")
        number = number.translate(_NOISE)
        if not _PLAIN.fullmatch(number):
            return ""
    if number.startswith("00"):
        number = "+" + number[2:]
    elif country_code and number.startswith("0"):
        number = f"+{country_code.lstrip('+')}{number[1:]}"
    return number if _PLAIN.fullmatch(number) else ""
