"""Types of arguments that more than one command has: what is no such thing is refused before the command begins."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path


def plain_text(text: str) -> str:
    """What people write, which the database keeps: bytes that are no UTF-8 cannot be stored."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ArgumentTypeError("is not UTF-8 text") from None
    return text


def phone_number(text: str) -> str:
    """However it is written, and whatever else stands there: only nothing is refused."""
    if not text.strip():
        raise ArgumentTypeError("is empty: give the number, in quotes if it has spaces")
    return plain_text(text)


def output_file(text: str) -> Path:
    path = Path(text)
    if not path.name:
        raise ArgumentTypeError(f"{text!r} is not the name of a file")
    return path
