"""Requests about one person, and their answer."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from callbridge.adapters.http.request_bodies import PLAIN_TEXT, Body, dialled
from callbridge.adapters.http.response_bodies import ResponseBody

PERSON_ACTS = {
    "show": "show what is kept about a person, place by place",
    "export": "export everything that is kept about a person; with mask_numbers, without numbers and names",
    "erase": "erase a person from memory, database and Redis; recording files are listed, not deleted",
    "hold": "put a legal hold on a person: neither retention nor a request erases anything until it is released",
    "release": "release a legal hold",
}


class PersonBody(Body):
    """The person's number; with `hold` why."""

    number: Annotated[str, BeforeValidator(dialled)] = Field(pattern=r"^\+?[0-9]{1,15}$", examples=["+442079460000"])
    reason: str = Field(default="asked", min_length=1, max_length=200, pattern=PLAIN_TEXT)


class PersonPlaceView(ResponseBody):
    """``erased``: of what was ``found``; ``note``: what becomes of the rest."""

    place: str
    found: int
    erased: int
    note: str


class HoldView(ResponseBody):
    person: str
    number: str
    held_at: float
    by: str
    reason: str


class PersonView(ResponseBody):
    """``files``: recordings, below the PBX's folder `monitor`. ``tables``: the rows of an export."""

    places: list[PersonPlaceView]
    files: list[str]
    held: HoldView | None
    tables: dict[str, list[dict[str, Any]]]
