"""Text that strangers wrote, made fit to store, to show and to send on."""

from __future__ import annotations

import unicodedata

NUMBER_LIMIT = 80
NAME_LIMIT = 128

_UNWANTED = frozenset({"Cc", "Cs", "Zl", "Zp"})
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They turn the reading direction of what stands behind them; others of their kind (Cf) join emoji and letters."""


def clean(value: object, limit: int) -> str:
    """``value`` without control characters, line separators and lone surrogates, trimmed, at most ``limit`` characters.

    Anything but text becomes the empty string.
    """
    if not isinstance(value, str):
        return ""
    if not value.isprintable():
        value = "".join(char for char in value if char not in _TURNING and unicodedata.category(char) not in _UNWANTED)
    return value[:limit].strip()
