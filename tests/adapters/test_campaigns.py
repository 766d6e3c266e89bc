"""What others see of a campaign: above all, why nobody is dialled."""

from __future__ import annotations

import pytest

from callbridge.adapters.ledger import LedgerStore
from callbridge.adapters.views.campaigns import campaign
from callbridge.cli.tables import campaign_text
from callbridge.core.model.attempt import Running
from callbridge.core.model.events import AgentRequest, AgentRequested, CampaignRequested, StoreChanged
from callbridge.core.model.plan import ConnectMode, DialMode
from callbridge.core.pacing.budget import Rules
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
        ("not started", "it is stopped"),
        ("paused", "it is paused"),
        ("stopped", "it is stopped"),
        ("away", "no agent who serves support is ready for it"),
        ("store", "the store is behind"),
        ("no leads", "no lead may be dialled now"),
        ("talking", "no agent is free"),
    ],
)
def test_it_is_said_why_nobody_is_dialled(state: str, why: str) -> None:
    toy = begin(house(), leads=0 if state == "no leads" else 3, people={0: 1.0}, start=False)
    if state == "away":
        toy.tell(AgentRequested(at=START, agent="amy", request=AgentRequest.NOT_READY))
    if state == "store":
        toy.tell(StoreChanged(at=START, safe=False))
    if state != "not started":
        toy.tell(CampaignRequested(at=START, campaign="spring", to=Running.RUNNING))
    if state in ("paused", "stopped"):
        toy.tell(CampaignRequested(at=START, campaign="spring", to=Running(state)))
    toy.run(START + 4.0)
    assert why_not(toy) == why


def test_agents_in_reserve_are_there_but_not_for_it() -> None:
    toy = begin(house(spring(reserve=1)), leads=3)
    toy.run(START + 4.0)
    assert why_not(toy) == "every free agent is kept for callers, or has a lead already"
    toy = begin(house(spring(reserve=1, mode=DialMode.PREDICTIVE)), leads=3)
    toy.run(START + 4.0)
    assert why_not(toy) == "every free agent is kept for callers, or has a lead already"


def test_a_window_that_bears_no_more_is_the_reason() -> None:
    toy = begin(house(spring(mode=DialMode.PREDICTIVE, rules=Rules(hard=True))), leads=3, people={0: 1.0}, start=False)
    toy.tell(CampaignRequested(at=START, campaign="spring", to=Running.RUNNING))
    floor = toy.story.world.campaign_states["spring"]
    for index in range(100):
        floor.pacer.budget.answered(START, abandoned=index < 4, risk=0.0)
    toy.run(START + 4.0)
    assert why_not(toy) == "no agent is free, and the abandon rate allows no dialling ahead"


def test_a_ledger_that_says_nothing_is_told_of() -> None:
    toy = begin(house(), leads=3, start=False)
    toy.ledger.obey = lambda order, soon: None  # type: ignore[method-assign]
    toy.tell(CampaignRequested(at=START, campaign="spring", to=Running.RUNNING))
    toy.run(START + 2.0)
    assert why_not(toy) == "leads are being fetched"
    toy.run(START + 8.0)
    assert why_not(toy) == "the ledger does not answer"


def test_all_lines_may_be_taken_by_people_who_talk() -> None:
    toy = begin(house(spring(lines=1), agents=dict.fromkeys(("amy", "bob"), ConnectMode.AUTO_ANSWER)), leads=3, people={0: 1.0})
    toy.run(START + 4.0)
    assert why_not(toy) == "every line is taken (lines: 1)"


def test_the_screen_says_why_and_from_when_on() -> None:
    row = {"name": "spring", "state": "running", "why_not": "no lead may be dialled now", "leads_ready": 0}
    text = campaign_text(row | {"leads": {"ready": 3, "done: reached": 2}, "next_due_at": 1_767_268_800.0})
    assert "not dialling: no lead may be dialled now" in text
    assert "leads: 2 done: reached, 3 to be dialled" in text
    assert "next lead can be dialled at 2026-01-01 " in text or "from 2025-12-31 " in text
    assert "the next lead" not in campaign_text(row | {"next_due_at": None})


def test_the_next_lead_is_the_first_that_is_due() -> None:
    book = LedgerStore("sqlite://")
    book.open()
    assert book.next_due("spring", START) is None
    book.load("spring", [{"number": number(0), "due_at": START + 60.0}, {"number": number(1), "due_at": START + 30.0}], START)
    book.load("spring", [{"number": number(2)}], START)
    assert book.next_due("spring", START) == START + 30.0
    assert book.next_due("spring", START + 40.0) == START + 60.0
    assert book.next_due("summer", START) is None
    book.close()
