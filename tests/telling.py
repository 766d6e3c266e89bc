"""One telling number, in all the forms in which it may stand somewhere, and whether a text tells it."""

from __future__ import annotations

import re
from urllib.parse import unquote

NUMBER = "+4915773218899"
NATIONAL = "015773218899"
FORMS = (
    NUMBER,
    "004915773218899",
    "4915773218899",
    NATIONAL,
    "4915773218899.0",
    "+49 (0)1577 3218899",
    "+49 1577 321-88-99",
    "+49.1577.321.8899",
    "0157 / 7321 8899",
    "(0157) 73218899",
    "0157_7321_8899",
    "0157:7321:8899",
    "0157.7321.8899",
    "1577 321 88 99",
    "1577-321-8899",
    "(1577) 321-8899",
    "1577.321.8899",
    "49 1577 321 88 99",
    "tel:+49-1577-321-8899",
    "%2B4915773218899",
    f"PJSIP/{NUMBER}@trunk",
    "PJSIP/trunk/4915773218899",
    "PJSIP/4915773218899-0000002a",
    f"Local/{NUMBER}@out-0000001a;1",
    f"sip:{NUMBER}@198.51.100.7:5060",
    f"dialplan:outside,{NUMBER}",
    f"support|{NUMBER}",
    f"KeyError('{NUMBER}')",
    f"said at 10:15, on 2026-11-28: call {NUMBER}, or 0157 73218899!",
)
_CORE = "73218899"
"""What is in every form, once separators are out."""
_BETWEEN = re.compile(r"[ \-/()._:\u00a0]")


def tells(text: str) -> bool:
    """Does anybody who reads this know the number?"""
    return _CORE in _BETWEEN.sub("", unquote(text))


def where(text: str, around: int = 60) -> str:
    """The place where a text tells it, for the message of a test that failed."""
    found = re.search(r"7\D{0,2}3\D{0,2}2\D{0,2}1\D{0,2}8\D{0,2}8\D{0,2}9", text)
    return text[max(0, found.start() - around) : found.end() + around] if found else ""
