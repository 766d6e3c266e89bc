"""Which codes an agent's page offers: those of the campaign or the queue of the agent's own call, until the wrap-up is over."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from callbridge.adapters.http.scope import WHOLE_FLOOR
from callbridge.adapters.http.view_feed import ME, ViewFeed, ViewPart, ViewReader
from callbridge.adapters.views.board import Board
from callbridge.adapters.views.timeline import in_words
from callbridge.adapters.views.timelines import plain_fact
from callbridge.core.model.dial_rules import DialLimits
from callbridge.core.model.events import CallRequest, CallRequested
from callbridge.core.model.facts import DispositionSet
from callbridge.core.model.plan import CampaignPlan, DialMode, Disposition, ToAgent
from callbridge.core.pacing.budget import Rules
from tests.core.story import Story, agent, plan, queue

CODES = {"solved": Disposition("solved", "1", "Solved at once")}


def test_codes_are_those_of_the_own_call_and_of_nobody_elses() -> None:
    story = Story(plan([replace(queue("support", wrap_up=10.0), dispositions=CODES)], [agent("bob"), agent("cid", {})]))

    def offered(who: str) -> list[str]:
        return [one.code for one in Board.of(story.world).dispositions(story.world.agents[who])]

    assert offered("bob") == []
    customer, bob = story.talk()
    story.wait(5.0)
    assert (offered("bob"), offered("cid")) == (["solved"], [])
    story.happens(CallRequested(at=story.now, call=story.call().id, request=CallRequest.CONSULT, to=ToAgent("cid"), by="bob"))
    story.connect(story.ring().leg)
    assert (offered("bob"), offered("cid")) == (["solved"], [])
    story.happens(CallRequested(at=story.now, call=story.call().id, request=CallRequest.RETURN, by="bob"))
    board = Board.of(story.world)
    story.gone(customer)
    board.note(story.world, {("calls", story.world.agents["bob"].wrap_call): None, ("agents", "bob"): story.world.agents["bob"]})
    assert [one.code for one in board.dispositions(story.world.agents["bob"])] == ["solved"]
    reader = ViewReader(scope=WHOLE_FLOOR, parts=frozenset({ViewPart.ME}), agent="bob")
    shown = asyncio.run(ViewFeed(board).whole(reader))[ME]
    me = json.loads(shown or b"")
    assert (me["call"], me["after"]["state"], me["after"]["number"]) == (None, "ended", "+44")
    assert me["after"]["queue"] == "support"
    assert me["dispositions"] == [{"code": "solved", "label": "Solved at once"}]
    view = board.agent("bob")
    assert view is not None and view["until"] == story.now + 10.0
    story.gone(bob)
    story.wait(11.0)
    assert offered("bob") == []


@pytest.mark.parametrize(
    ("name", "campaign", "code", "said"),
    [
        ("support", "", "solved", "Solved at once"),
        ("support", "spring", "solved", "Renewed"),
        ("support", "gone", "solved", "Solved at once"),
        ("support", "", "open", "open"),
        ("support", "", "removed", "removed"),
        ("gone", "", "solved", "solved"),
    ],
)
def test_the_timeline_tells_a_disposition_as_the_agent_read_it(name: str, campaign: str, code: str, said: str) -> None:
    codes = CODES | {"open": Disposition("open")}
    renewed = {"solved": Disposition("solved", label="Renewed")}
    limits, rules = DialLimits(), Rules()
    spring = CampaignPlan(
        name="spring", queue="support", mode=DialMode.PROGRESSIVE, limits=limits, rules=rules, dispositions=renewed
    )
    floor = replace(plan([replace(queue("support"), dispositions=codes)], [agent("bob")]), campaigns={"spring": spring})
    fact = DispositionSet(seq=1, at=5.0, call="c1", agent="bob", queue=name, campaign=campaign, code=code, by="bob")
    (line,) = in_words([plain_fact(fact)], floor)
    assert line.text == f"disposition set by bob: {said}"
