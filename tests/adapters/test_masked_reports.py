"""Reports by HTTP show numbers and names as all other answers do."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from callbridge.adapters.database.history_tables import agent_states, calls, changes, recordings, transfers, visits
from callbridge.adapters.history import HistoryStore, People
from callbridge.adapters.http import HttpSettings
from callbridge.adapters.report_forms.service import ReportService
from callbridge.wire.reports import CATALOGUE
from tests.adapters.http_desk import ToyDesk, client_of
from tests.adapters.toy_reports import NINE, SITE

pytestmark = pytest.mark.slow

NUMBER, OTHER, NAME = "+442079460123", "+493012345678", "Jane Doe"
IN_CLEAR = (NUMBER[1:], OTHER[1:], NAME)
ABOUT_PEOPLE = {"calls", "call", "abandoned", "transfers", "sessions", "agents"}


@pytest.fixture
def url(tmp_path: Path) -> str:
    """One caller who was transferred to an outside number, with numbers wherever people can write them."""
    url = f"sqlite:///{tmp_path}/history.db"
    with closing(HistoryStore(url, People())) as store:
        store.open()
        with store.database.engine.begin() as link:
            call = {"call": "c", "arrived_at": NINE, "person": NUMBER, "number": NUMBER, "name": NAME, "entry": "=main"}
            link.execute(calls.insert().values(call | {"callback": "", "campaign": "", "diverted_to": f"number:{OTHER}"}))
            visit = {"call": "c", "visit": 1, "queue": "support", "began_at": NINE, "ended_at": NINE + 9, "outcome": "abandoned"}
            link.execute(visits.insert().values(visit | {"went_to": f"number:{OTHER}", "reason": f"wants {OTHER}"}))
            given = {"call": "c", "transfer": 2, "agent": "ann", "kind": "blind", "party": "agent", "began_at": NINE + 1}
            link.execute(transfers.insert().values(given | {"target": f"number:{OTHER}", "result": "completed"}))
            about = {"fact": "r", "call": "c", "kind": "talk", "at": NINE, "agent": "ann"}
            link.execute(recordings.insert().values(about | {"failure": f"no channel to {OTHER}"}))
            asked = {"fact": "x", "at": NINE, "kind": "request", "call": "c", "request": "transfer", "granted": False}
            link.execute(changes.insert().values(asked | {"target": OTHER, "reason": f"calls {NUMBER} back"}))
            state = {"agent": "ann", "fact": "s", "state": "not_ready", "reason": f"calls {OTHER}", "phone": f"Local/{OTHER}@out"}
            link.execute(agent_states.insert().values(state | {"began_at": NINE, "ended_at": NINE + 60}))
    return url


@pytest.mark.parametrize("masked", [True, False])
async def test_no_report_by_http_tells_a_number_or_a_name_where_they_are_masked(url: str, masked: bool) -> None:
    with closing(ReportService(url, lambda: SITE, lambda: NINE + 3600)) as reports:

        class Desk(ToyDesk):
            def reports(self) -> ReportService:
                return reports

        desk = Desk()
        desk.made.masked = masked
        told = set()
        async with client_of(desk, HttpSettings()) as client:
            for name, one in CATALOGUE.items():
                for form in ("json", "csv", "html"):
                    call = "&call=c" if one.needs is not None else ""
                    async with client.get(f"/api/reports/{name}?from=2026-11-28&format={form}{call}") as answer:
                        text = await answer.text()
                        assert answer.status == 200, text
                    if any(clear in text for clear in IN_CLEAR):
                        told.add(name)
    assert told == (set() if masked else ABOUT_PEOPLE)
