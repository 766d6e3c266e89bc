"""The reports by name: what each is about, and what it can be narrowed to and divided by. Pure, and light: the configuration and
the command read it before a report is asked for.

To add a report: describe it here, name its maker in ``adapters/reports/registry``, and translate its words in
``adapters/report_forms/chinese``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class By(StrEnum):
    """How a period is divided. Hours of the day and weekdays gather the same hour, or weekday, of all days."""

    WHOLE = "whole"
    QUARTER_HOUR = "15m"
    HALF_HOUR = "30m"
    HOUR = "1h"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    HOUR_OF_DAY = "hour-of-day"
    WEEKDAY = "weekday"


class ReportOption(StrEnum):
    """What a report can be asked for beside its period."""

    BY = "by"
    TOGETHER = "together"
    QUEUE = "queue"
    TIER = "tier"
    ENTRY = "entry"
    AGENT = "agent"
    CAMPAIGN = "campaign"
    NUMBER = "number"
    OUTCOME = "outcome"
    SCORE = "score"
    CALL = "call"


NAME_OPTIONS = (ReportOption.QUEUE, ReportOption.TIER, ReportOption.ENTRY, ReportOption.AGENT, ReportOption.CAMPAIGN)
"""Those that narrow a report to names, of which there may be several."""


@dataclass(frozen=True, slots=True)
class ReportDescription:
    """``summary``: one line, for a list of reports. ``options``: the others are refused. ``about_callers``: it names phone
    numbers, of callers or of those whom a call was transferred to. ``own``: an agent may see it of that agent alone.
    ``needs``: an option without which it says nothing. ``paged``: it reads only the rows that are asked for, from either end.
    ``mixed``: a row has figures of agents beside those of the queues' callers."""

    name: str
    summary: str
    options: frozenset[ReportOption]
    about_callers: bool = False
    own: bool = False
    needs: ReportOption | None = None
    paged: bool = False
    mixed: bool = False


def _report(
    name: str,
    summary: str,
    *options: ReportOption,
    about_callers: bool = False,
    own: bool = False,
    needs: ReportOption | None = None,
    paged: bool = False,
    mixed: bool = False,
) -> ReportDescription:
    return ReportDescription(name, summary, frozenset(options), about_callers, own, needs, paged, mixed)


_CALLERS = (ReportOption.QUEUE, ReportOption.TIER, ReportOption.ENTRY)
_COHORT = (ReportOption.BY, *_CALLERS)
_SEARCH = (*_CALLERS, ReportOption.NUMBER, ReportOption.OUTCOME)
_WORK = (ReportOption.BY, ReportOption.AGENT, ReportOption.QUEUE)

CATALOGUE: dict[str, ReportDescription] = {
    one.name: one
    for one in (
        _report("queues", "what became of the callers of each queue", *_COHORT, ReportOption.TOGETHER),
        _report("tiers", "what became of the callers of each tier", *_COHORT, ReportOption.TOGETHER),
        _report("entries", "what became of the callers of each entry", *_COHORT, ReportOption.TOGETHER),
        _report("agents", "what each agent did, and for how long", ReportOption.BY, ReportOption.AGENT, own=True),
        _report("flows", "paths of the callers through each flow", ReportOption.BY, ReportOption.TIER, ReportOption.ENTRY),
        _report("surveys", "response to each survey, and its answers", *_COHORT, ReportOption.AGENT),
        _report(
            "callbacks", "what became of the callbacks of each queue", ReportOption.BY, ReportOption.QUEUE, ReportOption.TIER
        ),
        _report(
            "repeats",
            "who called again within a day, and first-call resolution",
            ReportOption.BY,
            ReportOption.QUEUE,
            ReportOption.TIER,
            ReportOption.AGENT,
        ),
        _report("campaigns", "attempts, abandon rates and success of each campaign", ReportOption.BY, ReportOption.CAMPAIGN),
        _report("dispositions", "how often agents gave each code, by queue and campaign", *_WORK, ReportOption.CAMPAIGN),
        _report("scripts", "answers in scripts, by queue and campaign", *_WORK, ReportOption.CAMPAIGN),
        _report(
            "quality",
            "recordings reviewed, their scores, and how far reviewers agree",
            ReportOption.BY,
            ReportOption.QUEUE,
            ReportOption.AGENT,
            ReportOption.CAMPAIGN,
        ),
        _report("voice", "how conversations sounded at phones in the browser, by agent", *_WORK, own=True),
        _report("sessions", "each log-in of an agent, with its pauses", ReportOption.AGENT, own=True),
        _report("adherence", "agents' time logged in, compared with their shifts", ReportOption.BY, ReportOption.AGENT, own=True),
        _report(
            "calls",
            "every call: from whom, how long, with whom, how it ended",
            *_SEARCH,
            ReportOption.AGENT,
            ReportOption.CAMPAIGN,
            ReportOption.SCORE,
            about_callers=True,
            paged=True,
        ),
        _report(
            "call",
            "everything that happened in one call",
            ReportOption.CALL,
            ReportOption.QUEUE,
            about_callers=True,
            needs=ReportOption.CALL,
        ),
        _report(
            "abandoned", "callers who gave up waiting, and whether we have talked to them since", *_SEARCH, about_callers=True
        ),
        _report("heatmap", "callers, service level and talk in each hour of the week", *_CALLERS),
        _report("service-level", "service level by all four formulas", *_COHORT, ReportOption.TOGETHER),
        _report("offers", "results of the offers to each agent", *_WORK, ReportOption.TIER, own=True),
        _report("transfers", "who transferred calls, to whom, and with what result", *_WORK, about_callers=True, own=True),
        _report("occupancy", "how busy agents were, and how many waited and talked at once", *_WORK, mixed=True),
    )
}
