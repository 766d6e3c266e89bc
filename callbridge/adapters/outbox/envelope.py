"""The outbox: facts in the envelope that every reader gets, with ids that make telling them twice harmless.

A fact's id is ``<leader's token>-<seq>``. Tokens grow with every take-over and seq within one, so the id is also a
legal and growing id of a Redis stream: Redis itself refuses a fact that the stream already has.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from callbridge.adapters.facts.codec import fact_data, fact_type
from callbridge.adapters.facts.masking import has_masks, masked, personal
from callbridge.core.model.call import Call
from callbridge.core.model.facts import AnyFact, CallAdopted, CallArrived, CallEnded, CallerChanged
from callbridge.core.model.ids import LegId, channel_of, pbx_of
from callbridge.wire.webhooks import TOLD

VERSION = 1
_json = json.JSONEncoder(separators=(",", ":")).encode
"""Made once: ``json.dumps`` makes an encoder for every text."""
FIELDS = ("id", "seq", "at", "type", "call", "pbx", "uniqueid", "linkedid", "v", "data")
_REMEMBERED = 1000
"""Calls that ended, whose origin is still known: some facts come after the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A fact on its way out. ``data`` is a JSON object with people's numbers as they are."""

    id: str
    seq: int
    at: float
    type: str
    call: str
    pbx: str
    uniqueid: str
    linkedid: str
    v: int
    data: str
    personal: str
    """The names of the fields of ``data`` that hold a number or name of somebody, joined by commas: for readers of another
    version, to whom this kind of fact may be new."""
    caller: str = ""
    """Who calls, as a JSON object with ``number``, ``name`` and ``tier``: of the facts about a call that webhooks tell.
    Never in the public stream."""


def no_token() -> int:
    """Of a process that writes nothing."""
    return 0


Place = tuple[int, int]
"""A fact's id as numbers, to be compared: the token under which it was written, and its seq."""
BEGINNING: Place = (0, 0)
"""Before every fact."""


def place_of(fact_id: str) -> Place:
    token, _, seq = fact_id.partition("-")
    return int(token), int(seq)


def id_of(place: Place) -> str:
    return f"{place[0]}-{place[1]}"


_WHOLE = frozenset(field.encode() for field in (*FIELDS, "personal"))
_NAMES = tuple(field.name for field in fields(Envelope))


def read_back(entry_id: bytes, entry: Mapping[bytes, bytes]) -> Envelope | None:
    """An entry of the outbox; one from before ``caller`` was written has none. None when it is no fact: what somebody else put
    into the stream is passed over."""
    if not entry.keys() >= _WHOLE:
        return None
    try:
        plain: dict[str, Any] = {name: entry.get(name.encode(), b"").decode() for name in _NAMES}
        plain |= {"id": entry_id.decode(), "seq": int(plain["seq"]), "at": float(plain["at"]), "v": int(plain["v"])}
        said = json.loads(plain["data"])
    except (ValueError, RecursionError):
        return None
    return Envelope(**plain) if isinstance(said, dict) else None


def masked_data(told: Envelope, token: int = 0) -> str:
    """The JSON object ``data`` of a fact as others may see it.

    ``token``: the one under which this process writes. Of its own facts it knows that ``personal`` names all that it would
    mask, so most of them need not be parsed. Another version may have masked less: its facts are looked at field by field.
    """
    if not told.personal and (_is_written_by(told, token) or not has_masks(told.type)):
        return told.data
    return _json(masked(told.type, json.loads(told.data), told.personal))


def _is_written_by(told: Envelope, token: int) -> bool:
    return token > 0 and told.id.startswith(f"{token}-")


@dataclass(frozen=True, slots=True)
class _Origin:
    pbx: str
    uniqueid: str
    linkedid: str
    caller: str = ""


_NOWHERE = _Origin("", "", "")


def _caller(who: Call | CallArrived | CallAdopted | CallerChanged) -> str:
    return _json({"number": who.number, "name": who.name, "tier": who.tier})


class Stamper:
    """Puts facts into envelopes; remembers where and who each call is from, because only its first fact says so."""

    def __init__(self) -> None:
        self._origins: dict[str, _Origin] = {}
        self._ended: deque[str] = deque()

    def know(self, calls: Iterable[Call]) -> None:
        """Calls restored from a saved world: a channel's id is Asterisk's uniqueid; the linkedid is not saved."""
        for call in calls:
            self._origins.setdefault(call.id, _Origin(pbx_of(call.leg), channel_of(call.leg), "", _caller(call)))

    def stamp(self, token: int, facts: Iterable[AnyFact], only: Container[type[AnyFact]] | None = None) -> list[Envelope]:
        """``only``: the kinds that are wanted; what they say of calls is learnt from the others all the same."""
        stamped: list[Envelope] = []
        for fact in facts:
            self._learn(fact)
            if only is None or type(fact) in only:
                stamped.append(self._stamp(token, fact))
        return stamped

    def _learn(self, fact: AnyFact) -> None:
        if isinstance(fact, CallArrived):
            uniqueid = fact.uniqueid or channel_of(LegId(fact.leg))
            self._origins[fact.call] = _Origin(pbx_of(LegId(fact.leg)), uniqueid, fact.linkedid, _caller(fact))
        elif isinstance(fact, CallAdopted):
            leg = LegId(fact.leg)
            self._origins[fact.call] = _Origin(pbx_of(leg), channel_of(leg), "", _caller(fact))
        elif isinstance(fact, CallerChanged):
            self._origins[fact.call] = replace(self._origins.get(fact.call, _NOWHERE), caller=_caller(fact))
        elif isinstance(fact, CallEnded):
            self._forget_later(fact.call)

    def _stamp(self, token: int, fact: AnyFact) -> Envelope:
        origin = self._origins.get(fact.call, _NOWHERE)
        return Envelope(
            id=f"{token}-{fact.seq}",
            seq=fact.seq,
            at=fact.at,
            type=fact_type(fact),
            call=fact.call,
            pbx=origin.pbx or getattr(fact, "pbx", "") or pbx_of(LegId(getattr(fact, "leg", ""))),
            uniqueid=origin.uniqueid,
            linkedid=origin.linkedid,
            v=VERSION,
            data=_json(fact_data(fact)),
            personal=",".join(personal(fact)),
            caller=origin.caller if type(fact) in TOLD else "",
        )

    def _forget_later(self, call: str) -> None:
        self._ended.append(call)
        if len(self._ended) > _REMEMBERED:
            self._origins.pop(self._ended.popleft(), None)
