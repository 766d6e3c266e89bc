"""Rules beyond the shape of a campaign: the agents it needs, and what must hold before a number may be dialled."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

from callbridge.core.model.plan import CallFirst, ConnectMode, DialMode
from callbridge.core.model.sentence import Sentence
from callbridge.core.model.skills import profile
from callbridge.settings import models
from callbridge.settings.campaigns import CampaignConfig
from callbridge.settings.document import Document, Path, mapping
from callbridge.settings.faults import Fault, did_you_mean
from callbridge.settings.instance import DATABASE_URL
from callbridge.settings.resolve import resolve
from callbridge.settings.staff import AgentConfig
from callbridge.wire.phone_numbers import is_region

NAMES_SHOWN = 5
ABANDONED_REST = 72 * 3600.0


def faults(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """Every fault of the campaigns."""
    for name, campaign in settings.campaigns.items():
        at: Path = ("campaigns", name)
        yield from _names(document, at, campaign)
        yield from _agents(settings, document, at, campaign)
        if campaign.first is CallFirst.CUSTOMER and campaign.message is None:
            yield document.at(
                at,
                "message is missing: what people hear who answer and get no agent within 2 s",
                "it must say who called, and the number to call back",
            )
        if campaign.dial is None and document.values.get("outside") is None:
            yield document.at(at, "dial is missing: nothing says how numbers are dialled", 'such as dial: "PJSIP/{number}@trunk"')
        if campaign.region is not None and not is_region(campaign.region):
            yield document.at((*at, "region"), f"no such region: {campaign.region}", "two letters of ISO 3166, such as GB or CN")
        if campaign.leave_message and not campaign.amd:
            yield document.at((*at, "leave_message"), "requires amd: yes: nothing else detects machines", key=True)
    if settings.campaigns and document.values.get("database") is None:
        hint = f"such as database: {{url: {DATABASE_URL}}}"
        yield document.at(("campaigns",), "campaigns need a database for leads and attempts", hint)
    if settings.campaigns and settings.region is None and "region" not in document.values:
        problem = "campaigns need a region: without it, a national number on the do-not-call list would match no lead"
        yield document.at(("campaigns",), problem, "such as region: GB, on the top level")
    if settings.campaigns and document.values.get("redis") is None:
        yield document.at(("campaigns",), "campaigns need Redis: without it a restart would forget who is being called")


def _names(document: Document, at: Path, campaign: CampaignConfig) -> Iterator[Fault]:
    queues = mapping(document.values.get("queues"))
    if campaign.queue not in queues:
        yield document.at((*at, "queue"), f"no such queue: {campaign.queue!r}", did_you_mean(campaign.queue, queues))
    calendars = mapping(document.values.get("calendars"))
    if campaign.calendar is not None and campaign.calendar not in calendars:
        problem = f"no such calendar: {campaign.calendar!r}"
        yield document.at((*at, "calendar"), problem, did_you_mean(campaign.calendar, calendars))


def _agents(settings: models.Settings, document: Document, at: Path, campaign: CampaignConfig) -> Iterator[Fault]:
    """A person who answers must hear an agent at once: a phone that has to be picked up first is too slow."""
    if campaign.first is CallFirst.AGENT or campaign.queue not in settings.queues:
        return
    slow = [
        name
        for name, agent in settings.agents.items()
        if (agent.connect is ConnectMode.RING or agent.confirm) and _serves(settings, campaign.queue, agent)
    ]
    if slow:
        more = f" and {len(slow) - NAMES_SHOWN} more" if len(slow) > NAMES_SHOWN else ""
        who = ", ".join(slow[:NAMES_SHOWN]) + more
        way = (
            "use first: agent, which rings them before the customer"
            if campaign.mode is DialMode.PROGRESSIVE
            else "use connect: auto_answer or nailed_up"
        )
        yield document.at(
            (*at, "mode"),
            f"a person who answers must hear an agent within 2 s, but the phones of {who} have to be picked up first",
            way,
        )


def _serves(settings: models.Settings, queue: str, agent: AgentConfig) -> bool:
    skills = profile(agent.skills)
    steps = (step for tier in settings.tiers.order for step in resolve(settings, queue, tier).steps)
    return any(step.skills.strength(skills) is not None for step in steps)


def warnings(settings: models.Settings, document: Document) -> Iterator[Fault]:
    """Warnings: what works, but is probably not intended."""
    for name, campaign in settings.campaigns.items():
        at: Path = ("campaigns", name)
        calendar = settings.calendars.get(campaign.calendar or "")
        if campaign.calendar is None:
            yield document.at(at, Sentence("has no calendar: people would also be called at night"))
        elif calendar is not None and not any([*calendar.week.values(), *calendar.holidays.values()]):
            never = Sentence("{calendar} is never open, so nobody is called", calendar=campaign.calendar)
            yield document.at((*at, "calendar"), never)
        if campaign.attempts.after_abandoned < ABANDONED_REST and campaign.first is CallFirst.CUSTOMER:
            problem = Sentence(
                "a person left without an agent may be called again within 72 h: the British rule allows that only when "
                "an agent is guaranteed"
            )
            yield document.at((*at, "attempts", "after_abandoned"), problem)
        if campaign.number is None:
            yield document.at(at, Sentence("has no number: the trunk decides which number people see"))
        if campaign.connect_within > 2:
            silence = Sentence("more than 2 s of silence count as abandoned where that is regulated")
            yield document.at((*at, "connect_within"), silence)
        if campaign.amd:
            problem = Sentence("machine detection takes time: amd.conf must say total_analysis_time = 2000 or less")
            yield document.at((*at, "amd"), problem, Sentence("`callbridge doctor --etc` checks this"))
        if campaign.amd and campaign.false_positives is None:
            problem = Sentence(
                "takes some people for machines: without false_positives the audit has no rate by the British rule"
            )
            hint = Sentence("such as false_positives: 0.03, if 3 of 100 detected machines are people")
            yield document.at((*at, "amd"), problem, hint)
        if campaign.cap > 0.03:
            most = Sentence("more than 3 % is not allowed in the United States, nor anywhere that we know of")
            yield document.at((*at, "cap"), most)
    file = settings.database.file if settings.database is not None else None
    if file is not None and (folder := _missing(file.absolute().parent)):
        hint = Sentence("the systemd unit creates /var/lib/callbridge; any other folder must exist and be writable by callbridge")
        yield document.at(("database", "url"), Sentence("no such folder here: {folder}", folder=folder), hint)
    if file is not None and not file.is_absolute():
        problem = Sentence("is relative: it depends on the folder in which callbridge is started")
        yield document.at(("database", "url"), problem, Sentence("use four slashes: {url}", url=DATABASE_URL))
    if not settings.campaigns and document.values.get("ledger") is not None:
        yield document.at(("ledger",), Sentence("is not used: there are no campaigns"))


def _missing(folder: pathlib.Path) -> str:
    """The folder, when it does not exist or cannot be read."""
    try:
        return "" if folder.is_dir() else str(folder)
    except OSError:
        return str(folder)
