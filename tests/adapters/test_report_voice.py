"""Voice quality in the history: each measurement is a row, a line of its call, and in the figures of its agent."""

from __future__ import annotations

from typing import Any

from callbridge.adapters.history import HistoryStore, People
from callbridge.adapters.history.persons import PersonRows
from callbridge.adapters.reports.call_details import call_report
from callbridge.adapters.reports.report import FieldsText
from callbridge.adapters.reports.voice import voice_report
from callbridge.core.model.facts import CallQuality

from .told import MORNING, adds_up, arrival, asked, read, tell

NUMBER = "+442079460001"


def quality(call: str, at: float, mos: float, *, agent: str = "amy", queue: str = "support", **more: Any) -> CallQuality:
    sound: dict[str, Any] = {"codec": "PCMU", "received": 990, "lost": 10, "worst_mos": mos - 0.5} | more
    return CallQuality(seq=0, at=at, call=call, agent=agent, queue=queue, mos=mos, **sound)


def test_median_lowest_and_poor_conversations_of_each_agent(history: HistoryStore) -> None:
    at = MORNING + 3600
    scores = [4.4, 4.2, 3.59, 3.6]
    facts = [quality(f"a{number}", at + number, mos, rtt=0.04, jitter=0.004) for number, mos in enumerate(scores)]
    facts += [quality("b", at, 2.0, agent="bob", queue="sales", received=0, lost=0), quality("early", MORNING - 1, 1.0)]
    tell(history, facts)
    amy, bob = read(voice_report(history.database.engine, asked()))
    assert (amy["agent"], amy["measured"], amy["median_mos"], amy["lowest_mos"]) == ("amy", 4, 3.9, 3.59)
    assert (amy["poor"], amy["poor_share"], amy["worst_moment"]) == (1, 0.25, 3.09)
    assert (amy["packets_lost"], amy["jitter_ms"], amy["round_trip_ms"]) == (0.01, 4.0, 40.0)
    assert (bob["poor_share"], bob["packets_lost"], bob["jitter_ms"]) == (1.0, None, None)
    engine = history.database.engine
    assert [row["agent"] for row in read(voice_report(engine, asked(queues=frozenset({"sales"}))))] == ["bob"]
    assert [row["agent"] for row in read(voice_report(engine, asked(agents=frozenset({"amy"}))))] == ["amy"]


def test_the_figures_of_intervals_add_up(history: HistoryStore) -> None:
    tell(history, [quality(f"c{hour}", MORNING + hour * 3000, 3.0 + hour / 20, agent="ab"[hour % 2]) for hour in range(24)])
    adds_up(lambda query: voice_report(history.database.engine, query))


def test_the_call_says_how_each_share_sounded(history: HistoryStore) -> None:
    told = [quality("c1", MORNING + 60, 4.3, rtt=0.0381), quality("c1", MORNING + 90, 3.1, agent="bob")]
    tell(history, [arrival("c1", MORNING), *told])
    lines = [row for row in read(call_report(history.database.engine, asked(call="c1"))) if row["what"] == "voice quality"]
    assert [(row["agent"], row["details"]) for row in lines] == [
        ("amy", "MOS 4.3, worst 3.8, lost 1.0%, round trip 38 ms, codec PCMU"),
        ("bob", "MOS 3.1, worst 2.6, lost 1.0%, codec PCMU"),
    ]
    details = lines[0]["details"]
    assert isinstance(details, FieldsText)
    assert details.fields == {"mos": 4.3, "worst_mos": 3.8, "loss": 0.01, "rtt": 0.0381, "codec": "PCMU"}


def test_the_person_has_them_and_they_stay_when_it_is_erased(history: HistoryStore) -> None:
    tell(history, [arrival("c1", MORNING, number=NUMBER), quality("c1", MORNING + 60, 4.3)])
    person = PersonRows(history.database.engine, People(), NUMBER)
    assert [row["mos"] for row in person.export()["voice_quality"]] == [4.3]
    person.erase("ops", MORNING + 120)
    assert [row["measured"] for row in read(voice_report(history.database.engine, asked()))] == [1]
