"""Text that strangers wrote, made fit to store, to show and to send on."""

from __future__ import annotations

import unicodedata

NUMBER_LIMIT = 80
NAME_LIMIT = 128

_UNWANTED = frozenset({"Cc", "Cs", "Zl", "Zp"})


def clean(value: object, limit: int) -> str:
    """``value`` without control characters, line separators and lone surrogates, trimmed, at most ``limit`` characters.

    Anything but text becomes the empty string.
    """
    if not isinstance(value, str):
        return ""
    if not value.isprintable():
        value = "".join(char for char in value if unicodedata.category(char) not in _UNWANTED)
    return value[:limit].strip()
