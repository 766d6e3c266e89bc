"""Warnings about values that are allowed and rarely meant: what an experienced engineer would ask about in a review. The page on
which a configuration is reloaded says them in the reader's language."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from callbridge.core.model.sentence import Sentence
from callbridge.settings import models
from callbridge.settings.document import Document, Path
from callbridge.settings.durations import duration_text
from callbridge.settings.faults import Fault
from callbridge.settings.phone_rules import phones_of
from callbridge.settings.queues import QueueConfig, TierRoutingConfig
from callbridge.settings.resolve import queue_plan
from callbridge.settings.rules import SHORTEST_TOKEN
from callbridge.settings.schema import allows_nothing, kind_of

_NO_CALL = Sentence("the agent gets no call during it")
_LONGEST = {
    "wrap_up": (1800.0, _NO_CALL),
    "wrap_up_most": (7200.0, _NO_CALL),
    "short_abandon": (60.0, Sentence("callers who give up sooner are not counted")),
    "short_talk": (10.0, Sentence("an agent who hangs up sooner counts as one who rejected the call")),
    "wait_for_audio": (60.0, Sentence("a caller on a line with silence suppression waits that long even if an agent is free")),
}
"""Seconds beyond which a duration of a queue is doubted, and what it means."""
_LONGEST_TARGET = 1800.0
_LONGEST_REST = 1800.0
_LONGEST_WAIT = 7200.0
_SHORTEST_RING = 2.0
_SHORTEST_PAUSE = 5.0
"""Seconds between two announcements."""
_UNACKNOWLEDGED = 32.0
"""Seconds after its 200 at which Asterisk gives up a caller who has not acknowledged it (64 times T1)."""


def warnings_of_values(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """Of a configuration without faults: single values that are allowed and rarely meant."""
    for rule in (_empty, _durations, _no_way_out, _phones, _links, _tokens, _calendars, _folders, _samples):
        yield from rule(settings, document)


def _empty(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """``wrap_up:`` with nothing behind it looks like a setting and is none."""
    for path in document.scalars:
        if len(path) > 1 and _value_at(document, path) is None and kind_of(path) is not None and not allows_nothing(path):
            yield document.at(
                path, Sentence("has no value: the default is used"), Sentence("give a value, or remove the line"), key=True
            )


def _value_at(document: Document, path: Path) -> object:
    """What was written; text for what has been read into another key since."""
    here: Any = document.values
    for part in path:
        try:
            here = here[part]
        except (KeyError, IndexError, TypeError):
            return ""
    return here


def _durations(settings: models.Settings, document: Document) -> Iterator[Fault]:
    queues: list[tuple[Path, QueueConfig]] = [(("queue_defaults",), settings.queue_defaults)]
    queues += [(("queues", name), queue) for name, queue in settings.queues.items()]
    for at, queue in queues:
        for name, (longest, meaning) in _LONGEST.items():
            value: float | None = getattr(queue, name)
            if value is not None and value > longest:
                yield document.at((*at, name), _very_long(value, meaning))
        wait = queue.wait_for_audio
        if wait and wait < _UNACKNOWLEDGED:
            problem = Sentence(
                "{duration} is short: Asterisk gives up a caller who never acknowledged its answer after 32s",
                duration=duration_text(wait),
            )
            yield document.at((*at, "wait_for_audio"), problem, Sentence("use 35s, or 0 to switch it off"))
        target = queue.target.answer_within if queue.target is not None else None
        if target is not None and target > _LONGEST_TARGET:
            problem = Sentence("{duration} is very long for a target", duration=duration_text(target))
            yield document.at((*at, "target", "answer_within"), problem)
        for path, problem in [*_penalties(queue), *_waits(queue), *_short(queue)]:
            yield document.at((*at, *path), problem)


def _very_long(value: float, meaning: Sentence) -> Sentence:
    return Sentence("{duration} is very long: {meaning}", duration=duration_text(value), meaning=meaning)


Doubt = tuple[Path, Sentence]
"""Where in a queue, and what is doubted."""


def _penalties(queue: QueueConfig) -> Iterator[Doubt]:
    for name in ("no_answer", "rejected", "offline"):
        penalty = getattr(queue, name)
        for field in ("rest", "return_after"):
            value = getattr(penalty, field) if penalty is not None else None
            if value is not None and value > _LONGEST_REST:
                yield (name, field), _very_long(value, _NO_CALL)


def _waits(queue: QueueConfig) -> Iterator[Doubt]:
    """How long callers wait until something else happens."""
    routings: list[tuple[Path, TierRoutingConfig]] = [((), queue)]
    routings += [(("tiers", tier), routing) for tier, routing in queue.tiers.items()]
    waits: list[tuple[Path, float | None]] = [
        ((*at, "steps", index, "for"), step.lasts) for at, routing in routings for index, step in enumerate(routing.steps or ())
    ]
    waits += [(("overflow", index, "when", "waited"), rule.when.waited) for index, rule in enumerate(queue.overflow or ())]
    for path, wait in waits:
        if wait is not None and wait > _LONGEST_WAIT:
            yield path, _very_long(wait, Sentence("no caller waits until then"))


def _short(queue: QueueConfig) -> Iterator[Doubt]:
    if queue.ring_for is not None and queue.ring_for < _SHORTEST_RING:
        short = duration_text(queue.ring_for)
        yield ("ring_for",), Sentence("{duration} is very short: nobody reaches a phone in that time", duration=short)
    announce = queue.announce
    every = {} if announce is None else {"every": announce.every, "periodic_every": announce.periodic_every}
    for field, value in every.items():
        if value < _SHORTEST_PAUSE:
            short = duration_text(value)
            yield ("announce", field), Sentence("{duration} is very short: callers hear hardly any music", duration=short)


def _no_way_out(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """Where only agents are on duty who are to be avoided, somebody or something else must take the caller."""
    for name in settings.queues:
        queue = queue_plan(settings, name)
        if queue.avoid is None or queue.avoid.lasts is not None or queue.overflow:
            continue
        if any(routing.then is None for routing in queue.routings.values()):
            at: Path = ("queues" if settings.queues[name].avoid is not None else "queue_defaults",)
            at = (*at, name, "avoid") if at == ("queues",) else (*at, "avoid")
            problem = Sentence(
                "callers of queue {queue} wait for ever while nobody is on duty but agents to be avoided", queue=name
            )
            rule = "{when: {agents: 0}, queue: general}"
            yield document.at(at, problem, Sentence("add for: 5m, or an overflow rule such as {rule}", rule=rule))


def _phones(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """chan_sip is not built by default from Asterisk 17 on, and was removed in 21."""
    for id, agent in settings.agents.items():
        for at, phone in phones_of(id, agent):
            if phone.startswith("SIP/"):
                problem = Sentence("{phone} is a phone of chan_sip, which Asterisk 21 no longer has", phone=phone)
                named = phone.partition("/")[2]
                yield document.at(at, problem, Sentence("a phone of pjsip.conf is PJSIP/{name}", name=named))
        if agent.confirm and len(agent.phones) > 1:
            problem = Sentence("a voicemail that picks up first silences the agent's other phones")
            hint = Sentence("list only the phones of a desk, or leave confirm out")
            yield document.at(("agents", id, "confirm"), problem, hint)


def _links(settings: models.Settings, document: Document) -> Iterator[Fault]:
    for index, pbx in enumerate(settings.pbx):
        if urlsplit(pbx.ari.url).path.rstrip("/").rpartition("/")[2] != "ari":
            at: Path = ("pbx", index, "ari", "url")
            yield document.at(at, Sentence("does not end with /ari, as the address of Asterisk's REST interface does"))


def _tokens(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """On the loopback address a short token is no fault: who can try it is on this machine."""
    http = settings.http
    tokens: list[tuple[Path, str]] = []
    if http.token is not None:
        tokens.append((("http", "token"), http.token.get_secret_value()))
    tokens += [(("http", "tokens", index, "token"), each.token.get_secret_value()) for index, each in enumerate(http.tokens)]
    for at, token in tokens:
        if len(token) < SHORTEST_TOKEN:
            hint = Sentence("use at least {number} characters, such as from `openssl rand -hex 16`", number=SHORTEST_TOKEN)
            yield document.at(at, Sentence("is easy to guess"), hint)


def _calendars(settings: models.Settings, document: Document) -> Iterator[Fault]:
    today = datetime.now(ZoneInfo(settings.instance.timezone)).date().isoformat()
    for name, calendar in settings.calendars.items():
        if not any(calendar.week.values()) and not any(hours for day, hours in calendar.holidays.items() if day >= today):
            hint = Sentence("add {setting}", setting='week: {mon-fri: "08:00-18:00"}')
            yield document.at(("calendars", name), Sentence("is never open"), hint, key=True)
        elif calendar.holidays and max(calendar.holidays) < today:
            problem = Sentence("every day is over, the last was {day}", day=max(calendar.holidays))
            yield document.at(("calendars", name, "holidays"), problem, Sentence("add this year's"), key=True)


def _folders(settings: models.Settings, document: Document) -> Iterator[Fault]:
    folder = settings.metrics.recordings
    if folder is not None and not folder.is_dir():
        problem = Sentence("there is no folder {folder} on this machine", folder=repr(str(folder)))
        yield document.at(("metrics", "recordings"), problem, Sentence("its free disk space is not published"))


def _samples(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """A sample of conversations that nobody records is empty for ever."""
    silent = [name for name in settings.queues if queue_plan(settings, name).record is None]
    for name, sample in settings.quality.samples.items():
        at: Path = ("quality", "samples", name)
        unrecorded = [queue for queue in sample.queues or settings.queues if queue in silent]
        if sample.queues is None and len(unrecorded) == len(settings.queues):
            hint = Sentence("give queues `record`")
            yield document.at(at, Sentence("no queue records, so nothing is drawn"), hint, key=True)
        elif sample.queues is not None and unrecorded:
            named = ", ".join(unrecorded)
            problem = Sentence("nothing is drawn of queues that do not record: {queues}", queues=named)
            yield document.at((*at, "queues"), problem, Sentence("give them `record`"), key=True)
