"""What was found about a person in one place, as reported by every store, and the errors that prevent an action."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonPlace:
    """``erased``: of what was ``found``. ``note``: what becomes of the rest."""

    place: str
    found: int
    erased: int = 0
    note: str = ""


class NoPerson(ValueError):
    """The person cannot be looked up; the message says why."""


class PersonHeld(RuntimeError):
    """A legal hold prevents the erasure; the message says since when, by whom and why."""


class PersonsAway(OSError):
    """A store does not answer; the message says which."""
