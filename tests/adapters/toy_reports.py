"""A small history, and reports on it, for the tests of the command and of HTTP."""

from __future__ import annotations

import functools
import tempfile
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

from callbridge.adapters.database.history_tables import agent_states, calls, offers, segments, visits
from callbridge.adapters.history import HistoryStore, People
from callbridge.adapters.report_forms.service import ReportService
from callbridge.adapters.reports.asking import ReportSite
from callbridge.adapters.reports.contacts import ContactService, KnownAs
from callbridge.wire.reports import ReportOption

NINE = 1_795_856_400.0
"""Saturday, 2026-11-28, 09:00 in London."""
SITE = ReportSite(
    zone=ZoneInfo("Europe/London"),
    configured={ReportOption.QUEUE: ("support", "q0"), ReportOption.AGENT: ("ann", "a0")},
    person=lambda number: number if number.startswith("+") else "",
)


def one_day(url: str) -> None:
    """A day with three callers of queue support: answered after 5 s, answered after 45 s (late), abandoned after 30 s."""
    with closing(HistoryStore(url, People())) as store:
        store.open()
        with store.database.engine.begin() as link:
            for at, (call, waited, talked) in enumerate((("a", 5.0, 120.0), ("b", 45.0, 60.0), ("c", 30.0, 0.0)), 1):
                began = NINE + at * 600
                values = {"call": call, "arrived_at": began, "entry": "=main", "tier": "gold", "callback": "", "campaign": ""}
                link.execute(calls.insert().values(values))
                outcome = "answered" if talked else "abandoned"
                visit = {"call": call, "visit": 1, "queue": "support", "tier": "gold", "began_at": began, "waited": waited}
                visit |= {"ended_at": began + waited, "outcome": outcome, "within_target": waited <= 20 and bool(talked)}
                link.execute(visits.insert().values(visit))
                if talked:
                    segment = {"call": call, "segment": 2, "visit": 1, "queue": "support", "agent": "ann", "talked": talked}
                    segment |= {"began_at": began + waited, "hold": 10.0, "wrap_up": 30.0, "ended_by": "customer"}
                    link.execute(segments.insert().values(segment))
            missed = {"call": "c", "offer": 3, "agent": "ann", "began_at": NINE + 1801, "result": "no_answer"}
            link.execute(offers.insert().values(missed))
            since = NINE
            for state, reason, lasted in (("ready", "", 3000.0), ("talking", "", 180.0), ("not_ready", "lunch", 420.0)):
                times = {"fact": f"1-{since}", "began_at": since, "ended_at": since + lasted}
                link.execute(agent_states.insert().values(agent="ann", state=state, reason=reason, **times))
                since += lasted


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="callbridge-reports-")


@functools.cache
def toy_url() -> str:
    url = f"sqlite:///{Path(_folder().name) / 'history.db'}"
    one_day(url)
    return url


def toy_reports() -> ReportService:
    """It is evening. Another for each loop: what a loop that has ended waits for never ends."""
    return ReportService(toy_url(), lambda: SITE, lambda: NINE + 10 * 3600)


def toy_contacts() -> ContactService:
    """Nobody in it has called before."""
    return ContactService(toy_url(), lambda number: KnownAs(persons={number}, numbers={number}))
