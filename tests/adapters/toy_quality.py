"""A small history of recordings, and reviews of them, for the tests of HTTP."""

from __future__ import annotations

import functools
import tempfile
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

from callbridge.adapters.database.history_tables import recordings
from callbridge.adapters.history import HistoryStore, People
from callbridge.adapters.history.recordings import RecordingService
from callbridge.adapters.quality.forms import Criterion, FormSection, ScoreForm
from callbridge.adapters.quality.sampling import SamplePeriod, SampleTerms
from callbridge.adapters.quality.service import QualityService, QualitySite, WrittenReview, draw_due
from callbridge.adapters.quality.store import QualityStore
from tests.adapters.toy_reports import NINE

FORM = ScoreForm(
    "service",
    (
        FormSection(name="talk", criteria=(Criterion(name="greeting", points=5),)),
        FormSection(name="rules", criteria=(Criterion(name="identified", text="Identifies the caller", fatal=True),)),
    ),
)
QUALITY_SITE = QualitySite(
    samples={"team": SampleTerms(name="team", rate=1.0, each=SamplePeriod.DAY, form="service", second_review=True)},
    forms={"service": FORM},
    zone=ZoneInfo("Europe/London"),
)
TOMORROW = NINE + 86_400.0
"""The day of the recordings is over."""
SOUND = b"RIFF" + bytes(range(256)) * 4
GOOD = {"greeting": "4", "identified": "pass"}


def recorded(url: str, agents: tuple[str, ...], each: int) -> None:
    """``each`` recordings of each agent."""
    with closing(HistoryStore(url, People())) as store:
        store.open()
        rows = [
            {"fact": f"1-{agent}-{number}", "call": f"{agent}-call-{number}", "segment": 2, "queue": "support", "agent": agent}
            | {"kind": "talk", "file": f"day/{agent}-{number}.wav", "at": NINE + number, "lasted": 30.0, "paused": 0.0}
            for agent in agents
            for number in range(each)
        ]
        with store.database.engine.begin() as link:
            link.execute(recordings.insert(), rows)


def reviewed_once(url: str) -> None:
    """Review 1 is of agent a0, scored by eve."""
    recorded(url, ("a0",), 3)
    with closing(HistoryStore(url, People())) as history:
        store = QualityStore(history.database.engine)
        draw_due(store, QUALITY_SITE, "team", TOMORROW)
        row = store.next("team", "eve", TOMORROW)
        assert row is not None
        store.score(row["id"], "eve", WrittenReview(marks=GOOD, remarks={}, heard_at={}).by_form(FORM), TOMORROW)


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="callbridge-quality-")


@functools.cache
def _toy_url() -> str:
    url = f"sqlite:///{Path(_folder().name) / 'history.db'}"
    reviewed_once(url)
    return url


def toy_quality() -> QualityService:
    return quality_service(_toy_url())


def toy_recordings() -> RecordingService:
    """The recording ``1-a0-0`` has a file."""
    url = _toy_url()
    file = Path(_folder().name) / "monitor" / "day" / "a0-0.wav"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(SOUND)
    return RecordingService(url, lambda: file.parent.parent, lambda: TOMORROW)


def quality_service(url: str | None) -> QualityService:
    """It is the day after, and nobody is called back."""
    return QualityService(url, lambda: QUALITY_SITE, lambda owed: "", lambda: TOMORROW)
