"""Types of arguments that more than one command has: what is no such thing is refused before the command begins."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import datetime
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


def moment(text: str) -> float:
    """A time on this machine's clock, or with its offset; epoch seconds."""
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except (ValueError, OverflowError):
        raise ArgumentTypeError(f"expected a time such as 2026-11-30T14:00, got {text:.40}") from None
