"""The command ``number``: how a phone number is read, and everything that is known of it.

It asks what the configuration names - the tiers' file, the lookups, Redis, the database - and needs no running
callbridge. What could not be asked is said, not left out.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any

import structlog
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from callbridge.adapters.database import file_of
from callbridge.adapters.facts.privacy import scrub
from callbridge.adapters.ledger import LedgerStore
from callbridge.adapters.lookups.last_agents import LastAgents
from callbridge.adapters.lookups.lookup import Lookups
from callbridge.adapters.redis.store import RedisStore
from callbridge.adapters.store import StoreDown
from callbridge.adapters.views.callbacks import shown
from callbridge.cli.campaigns import Trouble, store_of
from callbridge.cli.tables import moment
from callbridge.core.model.events import AnyEvent, LookedUp
from callbridge.core.model.orders import LookUp
from callbridge.service.adapter_settings import lookup_settings, redis_settings
from callbridge.service.callers import tier_file
from callbridge.settings.faults import printable
from callbridge.settings.models import Settings
from callbridge.settings.resolve import memory_of
from callbridge.wire.phone_numbers import PhoneNumber

DONE = 0
STORE_WITHIN = 5.0
"""Seconds that Redis is waited for."""

NumberFacts = dict[str, Any]


class NotAsked(Exception):
    """Something could not be asked; the message says why."""


def number(settings: Settings, text: str, *, as_json: bool) -> int:
    """Print what is known of a number."""
    structlog.configure(processors=[_quiet])
    try:
        known = asyncio.run(found(settings, text))
    finally:
        structlog.reset_defaults()
    print(json.dumps(known, ensure_ascii=False) if as_json else printable_text(known))
    return DONE


async def found(settings: Settings, text: str) -> NumberFacts:
    """Everything; ``not_asked`` says of what could not be asked why."""
    read = settings.numbers.read(text)
    who = settings.numbers.identity(text)
    known = _as_read(settings, read) | {"identity": who}
    sources: dict[str, Callable[[], Awaitable[object]]] = {
        "tier": lambda: _tier(settings, text),
        "lookups": lambda: _lookups(settings, text),
        "last_agent": lambda: _last_agent(settings, text),
        "callbacks": lambda: _callbacks(settings, who),
    }
    known["not_asked"] = {}
    for name, ask in sources.items():
        try:
            known[name] = await ask()
        except NotAsked as why:
            known["not_asked"][name] = str(why)
    known["do_not_call"] = [{"source": "configuration"}] if who and who in settings.do_not_call else []
    try:
        ledger = _ledger(settings, read.e164)
        known["do_not_call"] += [{"source": "ledger"} | entry for entry in ledger["do_not_call"]]
        known |= {"leads": ledger["leads"], "attempts": ledger["attempts"]}
    except (NotAsked, Trouble) as why:
        known["not_asked"]["ledger"] = str(why)
    except SQLAlchemyError as trouble:
        known["not_asked"]["ledger"] = f"the database: {type(trouble).__name__}"
    return known


def _as_read(settings: Settings, read: PhoneNumber) -> NumberFacts:
    return {
        "written": read.written,
        "e164": read.e164,
        "region": read.region,
        "kind": str(read.kind),
        "zones": list(read.zones(settings.instance.timezone)) if read.e164 else [],
        "fault": read.fault,
        "refusal": read.refusal,
    }


async def _tier(settings: Settings, text: str) -> str:
    tiers = tier_file(settings)
    if not await tiers.load():
        raise NotAsked(f"{settings.tiers.csv} cannot be used: see `callbridge check`")
    return tiers.tier_of(text)


async def _lookups(settings: Settings, text: str) -> dict[str, Mapping[str, str] | None]:
    """Each lookup's answer; None when it gave none in time."""
    answers: list[AnyEvent] = []
    asked = Lookups(answers.append, time.time, redis=redis_settings(settings))
    asked.adopt(
        [one for one in lookup_settings(settings) if one.name in settings.lookups], settings.tiers.order, settings.numbers
    )
    try:
        for name in settings.lookups:
            await asked.perform(LookUp(lookup=name, call="", question=name, values={"caller": text}))
    finally:
        await asked.close()
    hidden = scrub if settings.log.mask_numbers else str
    return {
        event.question: None if event.found is None else {key: hidden(value) for key, value in event.found.items()}
        for event in answers
        if isinstance(event, LookedUp)
    }


async def _last_agent(settings: Settings, text: str) -> Mapping[str, str]:
    redis = redis_settings(settings)
    if not memory_of(settings):
        raise NotAsked("nothing in the configuration remembers it")
    if redis is None:
        raise NotAsked("without Redis only the running callbridge knows")
    memory = LastAgents(time.time, lambda call: "", redis=redis)
    repeat = settings.repeat_calls.within if settings.repeat_calls is not None else 0.0
    renamed = {queue.renamed_from: name for name, queue in settings.queues.items() if queue.renamed_from is not None}
    memory.adopt(memory_of(settings), repeat, settings.numbers, renamed)
    try:
        async with asyncio.timeout(STORE_WITHIN):
            return await memory.recall(text)
    except (RedisError, OSError, TimeoutError) as trouble:
        raise NotAsked(f"Redis: {type(trouble).__name__}") from None
    finally:
        await memory.close()


async def _callbacks(settings: Settings, who: str) -> list[NumberFacts]:
    """Those that are owed, by the saved state."""
    redis = redis_settings(settings)
    if redis is None:
        raise NotAsked("without Redis only the running callbridge knows")
    store = RedisStore(redis)
    try:
        async with asyncio.timeout(STORE_WITHIN):
            saved = await store.load()
    except (StoreDown, RedisError, OSError, TimeoutError) as trouble:
        raise NotAsked(f"the saved state: {type(trouble).__name__}") from None
    finally:
        await store.close()
    owed = saved.rows["callbacks"] if saved is not None else []
    same = [callback for callback in owed if who and who in (callback.who, settings.numbers.identity(callback.number))]
    return [shown(callback, masked=settings.log.mask_numbers) for callback in same]


def _ledger(settings: Settings, e164: str) -> dict[str, list[NumberFacts]]:
    if settings.database is None:
        raise NotAsked("there is no section 'database:'")
    file = file_of(settings.database.url.get_secret_value())
    if file is not None and not file.exists():
        raise NotAsked(f"{file} is not there yet")
    book: LedgerStore = store_of(settings)
    try:
        return {"do_not_call": [asdict(one) for one in book.blocks_of(e164, time.time())]} | book.history_of(e164)
    finally:
        book.close()


def _quiet(_logger: object, _method: str, _event: object) -> Any:
    raise structlog.DropEvent


# -- for people -------------------------------------------------------------------------------------------------------


def printable_text(known: NumberFacts) -> str:
    return "\n".join(printable(f"{name:<13} {text}".rstrip()) for name, text in _lines(known))


def _lines(known: NumberFacts) -> list[tuple[str, str]]:
    e164 = known["e164"] or f"none: {known['fault']}"
    compared = "" if known["e164"] or not known["identity"] else f"; compared as {known['identity']}"
    lines = [("written", known["written"]), ("number", e164 + compared), ("kind", known["kind"])]
    lines += [("region", known["region"]), ("time zones", ", ".join(known["zones"]))] if known["e164"] else []
    if known["refusal"] and known["e164"]:
        lines.append(("never called", known["refusal"]))
    lines.append(("tier", known.get("tier", "?")))
    lines.append(("do not call", "; ".join(map(_blocked, known["do_not_call"])) or "no"))
    for name, answer in known.get("lookups", {}).items():
        values = ", ".join(f"{key}={value}" for key, value in (answer or {}).items()) or "nothing"
        lines.append((f"lookup {name}", values if answer is not None else "no answer"))
    if (last := known.get("last_agent")) is not None:
        text = f"{last['last_agent']} (queue {last['last_queue']}, {moment(last['last_at'])})" if last else "none"
        lines.append(("last agent", text))
    for name in ("callbacks", "leads", "attempts"):
        rows = known.get(name)
        if rows is not None:
            lines.append((name, str(len(rows)) if rows else "none"))
            lines += [("", _TEXTS[name](row)) for row in rows]
    return lines + [("not asked", f"{name}: {why}") for name, why in known["not_asked"].items()]


def _blocked(entry: NumberFacts) -> str:
    if entry["source"] == "configuration":
        return "by the configuration"
    scope = f"by campaign {entry['campaign']}" if entry["campaign"] else "by all campaigns"
    until = f", until {moment(entry['expires_at'])}" if entry["expires_at"] is not None else ""
    return f"{scope} since {moment(entry['at'])} ({entry['reason']}, by {entry['by']}){until}"


_TEXTS: dict[str, Callable[[NumberFacts], str]] = {
    "callbacks": lambda row: f"{row['id']}: queue {row['queue']}, {row['state']}, tried {row['attempts']} times",
    "leads": lambda row: f"{row['campaign']}: {row['state']} {row['reason']}".rstrip(),
    "attempts": lambda row: f"{moment(row['at'])} {row['campaign']}: {row['outcome'] or 'under way'}",
}
