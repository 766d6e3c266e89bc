"""Campaigns: attempts and what became of them, by when each was dialled; both legal abandon rates, as the audit has them."""

from __future__ import annotations

from sqlalchemy import Engine

from callbridge.adapters.database.attempt_counts import MachineEstimate
from callbridge.adapters.reports.campaign_figures import CampaignList, DiallingFigures, find_campaigns, window_begin
from callbridge.adapters.reports.keyed_rows import Key, keyed_rows, ratio
from callbridge.adapters.reports.report import Chart, FigureFamily, Report, ReportColumn, ReportQuery, ValueKind
from callbridge.adapters.reports.rows import INTERVAL, Row
from callbridge.adapters.reports.terms import CampaignTerms

_TEXT, _COUNT, _SHARE, _DECIMAL = ValueKind.TEXT, ValueKind.COUNT, ValueKind.SHARE, ValueKind.DECIMAL
_NAMES = (
    ReportColumn("campaign", _TEXT, "campaign"),
    ReportColumn("presented", _TEXT, "shown", "the caller ID presented, as configured now", brief=False),
)
_COLUMNS = (
    ReportColumn("attempts", _COUNT, "calls", "times that a number was called"),
    ReportColumn("connected", _COUNT, "picked up", "of these: answered, by a person or a machine", brief=False),
    ReportColumn("live", _COUNT, "live", "of these: answered by a person, or unknown; not where an agent was connected first"),
    ReportColumn("machines", _COUNT, "mach.", "of these: answered by a machine, according to detection or the agent"),
    ReportColumn("live_abandoned", _COUNT, "aband.", "live answers that reached no agent in time"),
    ReportColumn("rate_us", _SHARE, "US", "live answers that reached no agent in time / live answers"),
    ReportColumn("rate_us_window", _SHARE, "US 30 d", "the same for the 30 days up to the end of the interval (16 CFR 310.4)"),
    ReportColumn("rate_uk", _SHARE, "UK", "abandoned / (abandoned + passed to an agent), machines as estimated (Ofcom)"),
    ReportColumn("cap", _SHARE, "cap", "largest share of abandoned calls that the configuration allows", brief=False),
    ReportColumn("answer_rate", _SHARE, "live %", "live answers / attempts, with the caller ID presented", brief=False),
    ReportColumn("dialled_talks", _COUNT, "talks", "attempts in which an agent talked to somebody", brief=False),
    ReportColumn("coded", _COUNT, "coded", "attempts with a disposition of the configuration", brief=False),
    ReportColumn("contacts", _COUNT, "contacts", "of these: with the right person, according to the disposition"),
    ReportColumn("successes", _COUNT, "success", "of these: the purpose was achieved, according to the disposition", brief=False),
    ReportColumn("conversion", _SHARE, "conv.", "successes / coded"),
    ReportColumn(
        "agent_time", ValueKind.SECONDS, "agents", "time logged in of the agents who had such a call in the period", brief=False
    ),
    ReportColumn("contacts_per_hour", _DECIMAL, "per h", "contacts / hours of agent_time"),
    ReportColumn("first_attempts", _COUNT, "new", "leads called for the first time", brief=False),
    ReportColumn("penetration", _SHARE, "list", "leads called at least once by the end of the interval / leads"),
    ReportColumn(
        "leads_to_retry",
        _COUNT,
        "to retry",
        "leads called before and not finished now; in the last interval only",
        brief=False,
    ),
    ReportColumn("retries_left", _COUNT, "retries", "attempts that these leads have left", brief=False),
)
_NOTE = "An attempt counts in the interval in which the number was dialled."


def campaigns_report(engine: Engine, query: ReportQuery) -> Report:
    pieces = query.pieces()
    found, lists = find_campaigns(engine, query)
    ends = {piece.label: piece.ended for piece in pieces}
    last = list(ends)[-1]
    not_done = {(last, name) for name, leads in lists.items() if leads.open.total()}
    rows: dict[Key, Row] = {}
    for label, name in sorted({*found, *not_done}):
        one, leads = found.get((label, name), DiallingFigures()), lists.get(name, CampaignList())
        terms = query.terms.campaigns.get(name)
        calls = _calls(one, leads, (window_begin(ends[label], query.zone), ends[label]), terms)
        progress = (one.new, ratio(leads.dialled.between(0.0, ends[label]), leads.leads))
        left = _left(leads, terms) if label == last else (None, None)
        rows[label, name, terms.number if terms is not None else ""] = (*calls, *_talks(one, terms), *progress, *left)
    columns, width = (INTERVAL, *_NAMES, *_COLUMNS), len(_COLUMNS)
    made = keyed_rows(pieces, rows, len(_NAMES), width)
    return Report("campaigns", FigureFamily.COHORT, columns, made, Chart.BARS, ("attempts", "live"), [_NOTE])


def _calls(one: DiallingFigures, leads: CampaignList, window: tuple[float, float], terms: CampaignTerms | None) -> Row:
    counts = one.counts
    rate_uk = counts.rate_uk(terms.estimate if terms is not None else MachineEstimate())
    rates = (
        ratio(counts.abandoned, counts.live),
        ratio(leads.abandoned.between(*window), leads.live.between(*window)),
        None if rate_uk is None else round(rate_uk, 4),
        None if terms is None else terms.cap,
        ratio(counts.live, counts.attempts),
    )
    return counts.attempts, one.connected, counts.live, one.machines, counts.abandoned, *rates


def _talks(one: DiallingFigures, terms: CampaignTerms | None) -> Row:
    """Without the configuration nobody knows what a disposition means."""
    time = round(one.staffed, 1)
    if terms is None:
        return one.talks, None, None, None, None, time, None
    coded, contacts, successes = (
        sum(one.codes[code] for code in codes) for codes in (terms.codes, terms.reached, terms.successes)
    )
    per_hour = round(contacts * 3600 / one.staffed, 2) if one.staffed else None
    return one.talks, coded, contacts, successes, ratio(successes, coded), time, per_hour


def _left(leads: CampaignList, terms: CampaignTerms | None) -> Row:
    again = {made: number for made, number in leads.open.items() if made}
    retries = None if terms is None else sum(max(0, terms.most_attempts - made) * number for made, number in again.items())
    return sum(again.values()), retries
