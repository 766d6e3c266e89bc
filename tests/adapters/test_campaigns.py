"""What others see of a campaign: above all, why nobody is dialled."""

from __future__ import annotations

import pytest

from callbridge.adapters.campaigns import campaign
from callbridge.adapters.ledger import Book
from callbridge.core.attempt import Running
from callbridge.core.events import AgentAsked, Ask, CampaignAsked, StoreChanged
from callbridge.core.plan import Connect
from callbridge.tables import campaign_text
from tests.core.story import START
from tests.core.test_campaigns import begin, house, number, spring
from tests.core.toy import NEVER, Toy


def why_not(toy: Toy) -> str:
    row = campaign(toy.story.world, "spring")
    assert row is not None
    return str(row["why_not"])


def test_while_somebody_is_dialled_there_is_nothing_to_explain() -> None:
    toy = begin(house(), leads=2, people={0: NEVER})
    toy.run(START + 3.0)
    assert why_not(toy) == ""


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("not started", "it was not started"),
        ("paused", "it is paused"),
        ("stopped", "it was not started"),
        ("away", "nobody who serves support is at work"),
        ("store", "the store is behind"),
        ("no leads", "no lead may be dialled now"),
        ("talking", "no agent is free, nor will be in time"),
    ],
)
def test_it_is_said_why_nobody_is_dialled(state: str, why: str) -> None:
    toy = begin(house(), leads=0 if state == "no leads" else 3, people={0: 1.0}, start=False)
    if state == "away":
        toy.tell(AgentAsked(at=START, agent="amy", ask=Ask.NOT_READY))
    if state == "store":
        toy.tell(StoreChanged(at=START, safe=False))
    if state != "not started":
        toy.tell(CampaignAsked(at=START, campaign="spring", to=Running.RUNNING))
    if state in ("paused", "stopped"):
        toy.tell(CampaignAsked(at=START, campaign="spring", to=Running(state)))
    toy.run(START + 4.0)
    assert why_not(toy) == why


def test_all_lines_may_be_taken_by_people_who_talk() -> None:
    toy = begin(house(spring(lines=1), agents=dict.fromkeys(("amy", "bob"), Connect.AUTO_ANSWER)), leads=3, people={0: 1.0})
    toy.run(START + 4.0)
    assert why_not(toy) == "every line is taken (lines: 1)"


def test_the_screen_says_why_and_from_when_on() -> None:
    row = {"name": "spring", "state": "running", "why_not": "no lead may be dialled now", "leads_ready": 0}
    text = campaign_text(row | {"leads": {"ready": 3, "done: reached": 2}, "next_due_at": 1_767_268_800.0})
    assert "nobody is dialled now: no lead may be dialled now" in text
    assert "leads: 2 done: reached, 3 to be dialled" in text
    assert "the next lead may be dialled from 2026-01-01 " in text or "from 2025-12-31 " in text
    assert "the next lead" not in campaign_text(row | {"next_due_at": None})


def test_the_next_lead_is_the_first_that_is_due() -> None:
    book = Book("sqlite://")
    book.open()
    assert book.next_due("spring") is None
    book.load("spring", [{"number": number(0), "due_at": START + 60.0}, {"number": number(1), "due_at": START + 30.0}], START)
    assert book.next_due("spring") == START + 30.0
    assert book.next_due("summer") is None
    book.close()
