"""Reports as they are asked for: names and dates as text become a query that the history can answer, or one line that says why
not. The command, the HTTP interface and the schedule ask in this way."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from callbridge.adapters.database import NotConfigured
from callbridge.adapters.reports.call_details import UnknownCall
from callbridge.adapters.reports.intervals import BadPeriod, By, moment_of
from callbridge.adapters.reports.masking import masked_report
from callbridge.adapters.reports.names import UnknownName, check_names
from callbridge.adapters.reports.registry import REPORTS
from callbridge.adapters.reports.report import Report, ReportQuery
from callbridge.adapters.reports.terms import ReportTerms
from callbridge.core.model.sentence import Sentence
from callbridge.wire.reports import CATALOGUE, ReportOption


class BadReportRequest(ValueError):
    """The report cannot be made as it is asked for; the message says why, in one line."""


class NoHistory(Exception):
    """There is none, or it cannot be read now; the message says why, in one line."""


class HistoryNotConfigured(NoHistory, NotConfigured):
    """There is none, and there will be none until the configuration has one."""


class NoSuchName(BadReportRequest):
    """Neither the configuration nor the history knows a name that it is narrowed to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRequest:
    """Texts, not checked yet. ``begin`` and ``end`` are dates or moments; empty: today, and now. ``names``: only these.
    ``masked``: numbers and names are shown as others may see them. ``newest``, ``limit``, ``offset``: as in ``ReportQuery``."""

    name: str
    begin: str = ""
    end: str = ""
    by: str = ""
    names: Mapping[ReportOption, Collection[str]] = field(default_factory=dict)
    number: str = ""
    outcome: str = ""
    score: str = ""
    call: str = ""
    together: bool = False
    masked: bool = False
    newest: bool = False
    limit: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSite:
    """What a request is read with. ``configured``: the names of the configuration; ``person``: the identity by which the history
    knows a phone number, empty for what is none."""

    zone: ZoneInfo
    configured: Mapping[ReportOption, Collection[str]]
    person: Callable[[str], str]
    terms: ReportTerms = field(default_factory=ReportTerms)


def make_report(engine: Engine, site: ReportSite, request: ReportRequest, now: float) -> tuple[Report, ReportQuery]:
    """Raises BadReportRequest, NoSuchName and SQLAlchemyError."""
    query = query_of(site, request, now)
    try:
        check_names(engine, query, site.configured)
        report = REPORTS[request.name](engine, query)
        if not CATALOGUE[request.name].paged:
            report.rows = islice(report.rows, query.offset, query.offset + query.limit if query.limit else None)
        return (masked_report(report) if query.masked else report), query
    except BadPeriod as wrong:
        raise BadReportRequest(*wrong.args) from None
    except (UnknownName, UnknownCall) as wrong:
        raise NoSuchName(*wrong.args) from None


def query_of(site: ReportSite, request: ReportRequest, now: float) -> ReportQuery:
    """What is asked for, as far as it can be read without the history. Raises BadReportRequest."""
    check_options(request)
    try:
        return _query(site, request, now)
    except BadPeriod as wrong:
        raise BadReportRequest(*wrong.args) from None


def check_options(request: ReportRequest, mark: str = "--") -> None:
    """Raises BadReportRequest for an option that the report cannot use. ``mark``: how options are written there."""
    if request.name not in CATALOGUE:
        raise BadReportRequest(
            Sentence("no such report: '{name}' (known: {known})", name=request.name, known=", ".join(CATALOGUE))
        )
    taken, needs = CATALOGUE[request.name].options, CATALOGUE[request.name].needs
    given = {option for option, names in request.names.items() if names}
    others = {ReportOption.BY: request.by, ReportOption.NUMBER: request.number, ReportOption.OUTCOME: request.outcome}
    others |= {ReportOption.SCORE: request.score, ReportOption.CALL: request.call}
    given |= {option for option, text in others.items() if text}
    given |= {ReportOption.TOGETHER} if request.together else set()
    for option in ReportOption:
        if option in given - taken:
            known = ", ".join(f"{mark}{one}" for one in ReportOption if one in taken)
            words = {"report": request.name, "option": f"{mark}{option}", "known": known or "a period only"}
            raise BadReportRequest(Sentence("the report {report} takes no {option}: it takes {known}", **words))
    if request.newest and not CATALOGUE[request.name].paged:
        raise BadReportRequest(Sentence("the report {report} takes no {option}", report=request.name, option=f"{mark}newest"))
    if needs is not None and needs not in given:
        raise BadReportRequest(Sentence("the report {report} needs {option}", report=request.name, option=f"{mark}{needs}"))


def _query(site: ReportSite, request: ReportRequest, now: float) -> ReportQuery:
    zone = site.zone
    person = site.person(request.number) if request.number else ""
    if request.number and not person:
        raise BadReportRequest(Sentence("'{number}' is not a phone number", number=request.number[:40]))
    if request.by and request.by not in tuple(By):
        raise BadReportRequest(Sentence("no such interval: '{by}' (known: {known})", by=request.by, known=", ".join(By)))
    least, most = scores_of(request.score) if request.score else (None, None)
    begin = moment_of(request.begin or f"{datetime.fromtimestamp(now, zone):%Y-%m-%d}", zone)
    end = moment_of(request.end, zone, end=True) if request.end else max(begin, now)
    if request.end and begin >= end:
        raise BadReportRequest(Sentence("the period ends before it begins"))
    if begin > now:
        raise BadReportRequest(Sentence("the period lies in the future"))
    return ReportQuery(
        begin=begin,
        end=min(end, now),
        now=now,
        zone=zone,
        by=By(request.by or By.WHOLE),
        queues=_names(request, ReportOption.QUEUE),
        tiers=_names(request, ReportOption.TIER),
        entries=_names(request, ReportOption.ENTRY),
        agents=_names(request, ReportOption.AGENT),
        campaigns=_names(request, ReportOption.CAMPAIGN),
        person=person,
        outcome=request.outcome,
        call=request.call,
        together=request.together,
        masked=request.masked,
        newest=request.newest,
        limit=request.limit,
        offset=request.offset,
        least_score=least,
        most_score=most,
        terms=site.terms,
    )


def scores_of(text: str) -> tuple[float, float]:
    """``1-2.5``, or ``5``: the least and the most. Raises BadReportRequest."""
    first, dash, last = text.partition("-")
    try:
        least, most = float(first), float(last if dash else first)
    except ValueError:
        raise BadReportRequest(Sentence("'{text}' is not a score: expected 1-2, 3.5-5 or 5", text=text)) from None
    if not 1 <= least <= most <= 5:  # also what is not a number
        raise BadReportRequest(Sentence("'{text}' is not a score: a mean rating is from 1 to 5", text=text))
    return least, most


def _names(request: ReportRequest, option: ReportOption) -> frozenset[str]:
    return frozenset(request.names.get(option, ()))
