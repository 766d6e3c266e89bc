"""What was found of a person in one place, as every store tells it, and why nothing can be done."""

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
    """No person can be found by this, or not here; the message says why."""


class PersonHeld(RuntimeError):
    """Nothing is erased while the legal hold lasts; the message says since when, by whom and why."""


class PersonsAway(OSError):
    """A store does not answer; the message says which."""
