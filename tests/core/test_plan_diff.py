"""What a new plan changes, and whom that touches: told before anything is done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from callbridge.core.model.agent import Work
from callbridge.core.model.attempt import Attempt, Campaign, Lead, Running
from callbridge.core.model.events import AgentRequest, CallbackChange, CallbackChangeRequested
from callbridge.core.model.facts import CallbackRequested
from callbridge.core.model.plan import AgentPlan, AnnouncementPlan, CallbackTerms, CampaignPlan, Plan, SurveyPlan, ToFlow, ToQueue
from callbridge.core.model.sentence import Sentence
from callbridge.core.reload.plan_diff import ConfigChange, Difference, difference
from callbridge.core.reload.sentences import listed, one_after_another
from tests.core.flows import floor, flow, menu, stage
from tests.core.story import START, Story, agent, plan, queue, routing
from tests.core.test_campaigns import spring

TWO = plan([queue("support", callback=CallbackTerms()), queue("sales")], [agent("bob"), agent("cid", login=False)])
HOUSE = replace(TWO, outside="PJSIP/{number}@trunk", call_back_to=("X.", "+X."))


def full() -> Story:
    """Ann talks to Bob, Ben and Cat wait, somebody is owed a callback; all in support."""
    story = Story(HOUSE)
    story.talk("ann")
    story.caller("ben")
    story.caller("cat")
    story.happens(CallbackChangeRequested(at=story.now, change=CallbackChange.MAKE, queue="support", number="+4412", by="crm"))
    return story


def found(story: Story, **changes: Any) -> Difference:
    """What changing this of the plan would do; it does nothing."""
    before = {name: dict(table.rows()) for name, table in story.world.saved_tables().items()}
    result = difference(story.world, replace(story.world.plan, **changes))
    assert {name: dict(table.rows()) for name, table in story.world.saved_tables().items()} == before
    return result


def only(result: Difference, kind: str) -> ConfigChange:
    (change,) = [change for change in result.changes if change.kind == kind]
    return change


def ids(story: Story, *names: str) -> tuple[str, ...]:
    return tuple(call.id for name in names for call in story.world.calls.values() if call.name == name)


def callback(story: Story) -> tuple[str, ...]:
    return tuple(fact.callback for fact in story.all_told(CallbackRequested))


def test_the_same_plan_is_no_difference() -> None:
    assert found(full()) == Difference()


def test_a_queue_that_is_gone_says_who_is_in_it_and_where_they_go() -> None:
    story = full()
    result = found(
        story, queues={"sales": HOUSE.queues["sales"]}, entries={"support": ToQueue("sales"), "sales": ToQueue("sales")}
    )
    change = only(result, "queue")
    assert (change.name, change.change) == ("support", "gone")
    assert change.callers == ids(story, "ben", "cat")
    assert change.talks == ids(story, "ann")
    assert change.callbacks == callback(story)
    assert (
        change.note
        == "callers go to queue sales; callbacks go to no queue: they are kept until one can take them; talks continue"
    )
    assert len(result.refusals) == 1
    entry = only(result, "entry")
    assert (entry.name, entry.change, entry.note) == ("support", "changed", "leads to queue sales")
    assert entry.callers == ids(story, "ben", "cat")


def test_a_sentence_about_a_thousand_queues_is_not_nested_a_thousand_deep() -> None:
    def depth(text: object) -> int:
        return 1 + max(map(depth, text.values.values()), default=0) if isinstance(text, Sentence) else 0

    many = [Sentence("queue {queue}", queue=f"q{number}") for number in range(1000)]
    for joined, between in ((one_after_another(many), "; "), (listed(many), ", ")):
        assert joined == between.join(many)
        assert depth(joined) < 13


def test_callers_of_several_entries_are_counted_by_where_they_go() -> None:
    story = Story(replace(HOUSE, entries={**HOUSE.entries, "vip": ToQueue("support")}))
    for name, entry in (("ann", "support"), ("ben", "support"), ("cat", "support"), ("dan", "vip")):
        story.caller(name, entry=entry)
    result = found(story, queues={"sales": HOUSE.queues["sales"]}, entries={"support": ToQueue("sales")})
    assert only(result, "queue").note == "callers go to queue sales (3), the fallback (1)"


def test_a_queue_that_is_renamed_carries_everything_over_and_is_not_refused() -> None:
    story = full()
    helpdesk = queue("helpdesk", callback=CallbackTerms(), renamed_from="support", wrap_up=99.0)
    result = found(story, queues={"helpdesk": helpdesk, "sales": HOUSE.queues["sales"]}, entries={})
    change = only(result, "queue")
    assert (change.name, change.change, change.renamed_from, change.settings) == ("helpdesk", "renamed", "support", ("wrap_up",))
    assert (change.callers, change.callbacks) == (ids(story, "ben", "cat"), callback(story))
    assert result.refusals == ()


def test_a_name_before_that_nobody_had_is_an_addition() -> None:
    result = found(full(), queues={**HOUSE.queues, "new": queue("new", renamed_from="old")})
    assert (only(result, "queue").change, only(result, "queue").renamed_from) == ("added", "")


def test_the_settings_of_a_queue_that_change_are_named() -> None:
    other = queue(
        "support",
        routing(("support", 5.0), ("support", None), within=9.0, head_start=3.0),
        callback=CallbackTerms(),
        music="jazz",
    )
    result = found(full(), queues={**HOUSE.queues, "support": other})
    assert only(result, "queue").settings == ("head_start", "music", "steps", "target")
    other = replace(HOUSE.queues["support"], sl_target=0.95, announcements=AnnouncementPlan(every=20.0))
    result = found(full(), queues={**HOUSE.queues, "support": other})
    assert only(result, "queue").settings == ("announce", "target"), "as the configuration calls them"


@pytest.mark.parametrize(
    ("work", "note"),
    [("talking", "finishes the call, then is logged out"), ("ready", "is logged out"), ("out", "")],
)
def test_an_agent_who_is_gone_is_told_with_what_the_agent_does(work: str, note: str) -> None:
    story = full() if work == "talking" else Story(HOUSE)
    who = "cid" if work == "out" else "bob"
    result = found(story, agents={name: one for name, one in HOUSE.agents.items() if name != who})
    change = only(result, "agent")
    assert (change.name, change.change, change.note) == (who, "gone", note)
    assert change.talks == (ids(story, "ann") if work == "talking" else ())


def test_an_agent_in_wrap_up_and_one_whose_phone_rings_are_told_as_such() -> None:
    story = Story(replace(HOUSE, queues={"support": queue("support", wrap_up=50.0)}))
    customer, leg = story.talk("ann")
    story.gone(customer)
    story.gone(leg)
    assert story.world.agents["bob"].work is Work.WRAP_UP
    assert only(found(story, agents={"cid": HOUSE.agents["cid"]}), "agent").note == "finishes the wrap-up, then is logged out"
    story.ask("cid", AgentRequest.LOGIN)
    story.caller("ben")
    assert (
        only(found(story, agents={"bob": HOUSE.agents["bob"]}), "agent").note == "stops ringing: the caller is offered elsewhere"
    )


def test_settings_of_agents_are_named_and_never_shown() -> None:
    secret = replace(agent("bob", {"support": 5}), pin="48151623")
    result = found(full(), agents={**HOUSE.agents, "bob": secret})
    assert only(result, "agent").settings == ("pin", "skills")
    assert "48151623" not in repr(result)


def test_flows_that_change_or_go_keep_who_is_in_them() -> None:
    old = floor(flow({"ask": menu({"1": "bye"})}), flow({"ask": menu({"1": "bye"})}, "other"))
    toy = stage(old)
    toy.calls("ann", entry="welcome")
    toy.run(START + 1.0)
    new = flow({"ask": menu({"2": "bye"})}, version="2")
    result = found(toy.story, flows={"welcome": new}, entries={"welcome": ToFlow("welcome")})
    flows = {change.name: change for change in result.changes if change.kind == "flow"}
    assert (flows["welcome"].change, flows["other"].change) == ("changed", "gone")
    assert flows["welcome"].callers == ids(toy.story, "ann")
    assert flows["welcome"].note == "callers in it finish on the old version"


def test_an_entry_that_is_gone_or_renamed_is_told_with_its_callers() -> None:
    story = full()
    gone = only(found(story, entries={"sales": ToQueue("sales")}), "entry")
    assert (gone.change, gone.note) == ("gone", "its calls go to the fallback")
    assert gone.callers == ids(story, "ben", "cat")
    entries = {"sales": ToQueue("sales"), "desk": ToQueue("support")}
    other = only(found(story, entries=entries, renamed_entries={"support": "desk"}), "entry")
    assert (other.name, other.change, other.renamed_from) == ("desk", "renamed", "support")
    assert other.callers == ids(story, "ben", "cat")


def test_a_campaign_that_is_gone_is_told_with_its_attempts() -> None:
    story = Story(replace(HOUSE, campaigns={"spring": spring()}))
    story.world.campaigns.put("spring", Campaign(id="spring", state=Running.RUNNING))
    story.world.attempts.put("cb-1", Attempt(id="cb-1", campaign="spring", lead=Lead(id=1, number="+4420")))
    result = found(story, campaigns={})
    change = only(result, "campaign")
    assert (change.change, change.attempts) == ("gone", ("cb-1",))
    assert result.stopped == ("spring",)
    assert "+4420" not in repr(result)
    changed: CampaignPlan = spring(lines=3)
    assert only(found(story, campaigns={"spring": changed}), "campaign").settings == ("lines",)


def test_a_tier_that_is_gone_says_as_what_its_callers_are_served() -> None:
    story = Story(HOUSE)
    story.ask("bob", AgentRequest.NOT_READY)
    story.caller("ann", tier="diamond")
    queues = {name: replace(one, routings={"standard": one.routings["standard"]}) for name, one in HOUSE.queues.items()}
    change = only(found(story, queues=queues), "tier")
    assert (change.name, change.change, change.note) == ("diamond", "gone", "are served as standard")
    assert change.callers == ids(story, "ann")


def test_calendars_and_surveys_are_told_too() -> None:
    result = found(full(), surveys={"after": SurveyPlan("after")})
    assert (only(result, "survey").name, only(result, "survey").change) == ("after", "added")


# -- who can serve whom -----------------------------------------------------------------------------------------------


def unskilled(*agents: AgentPlan) -> dict[str, AgentPlan]:
    return {one.id: one for one in agents}


def test_a_queue_that_nobody_logged_in_can_serve_any_more_is_a_warning() -> None:
    story = full()
    result = found(story, agents=unskilled(agent("bob", {"cooking": 5}), agent("cid", login=False)))
    assert result.warnings == (
        "no logged-in agent can serve queue support (3 waiting)",
        "no logged-in agent can serve queue sales",
    )


def test_who_is_logged_in_by_the_new_plan_counts() -> None:
    coming = unskilled(agent("bob", {"cooking": 5}), agent("cid", login=False), agent("dot"))
    assert found(full(), agents=coming).warnings == ()


def test_an_empty_queue_that_nobody_could_serve_before_is_no_news() -> None:
    story = Story(plan([queue("support")], [agent("bob", login=False)]))
    assert found(story, queues={"support": queue("support", music="jazz")}).warnings == ()
    story.caller("ann")
    assert len(found(story, queues={"support": queue("support", music="jazz")}).warnings) == 1


def test_those_who_will_come_from_a_queue_that_is_gone_wait_there_too() -> None:
    story = full()
    sales = queue("sales", routing(("selling", None)))
    coming: Plan = replace(HOUSE, queues={"sales": sales}, entries={"support": ToQueue("sales")})
    assert difference(story.world, coming).warnings == ("no logged-in agent can serve queue sales (2 waiting)",)


def test_an_agent_who_is_gone_is_told_with_the_callbacks_that_nobody_else_was_to_make() -> None:
    story = Story(HOUSE)
    for number, who in (("+4412", "cid"), ("+4413", "")):
        story.happens(
            CallbackChangeRequested(at=story.now, change=CallbackChange.MAKE, queue="support", number=number, agent=who, by="crm")
        )
    change = only(found(story, agents={"bob": HOUSE.agents["bob"]}), "agent")
    assert (change.name, change.callbacks) == ("cid", callback(story)[:1])
    assert change.note == "callbacks that this agent alone was to make are for everybody"
    assert only(found(story, agents={"cid": HOUSE.agents["cid"]}), "agent").callbacks == ()


def test_callbacks_that_could_not_be_called_any_more_are_a_warning() -> None:
    narrowed = "1 callback cannot be called any more and will expire: callbacks.numbers does not allow the number"
    assert found(full(), call_back_to=("0X.",)).warnings == (narrowed,)
    assert found(full(), call_back_to=("+44X.",)).warnings == ()
    assert found(full(), outside="").warnings == ("1 callback cannot be called: the setting outside is missing",)


def test_a_callback_that_could_not_be_called_before_either_is_no_news() -> None:
    story = full()
    story.world.plan = replace(story.world.plan, call_back_to=("0X.",))
    assert found(story, call_back_to=("1X.",)).warnings == ()
