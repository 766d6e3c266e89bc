"""What is done outside the core and told for the audit."""

from __future__ import annotations

from dataclasses import replace

from callbridge.core.model.events import PlanChanged, RequestCarriedOut, TokenUsed
from callbridge.core.model.facts import ApiLoggedIn, ConfigReloaded, RequestGranted, RequestRefused
from tests.core.story import one_queue


def test_a_log_in_to_the_api_is_told() -> None:
    story = one_queue()
    story.happens(TokenUsed(at=story.now, by="ann", role="agent", origin="10.0.0.7", agent="ann"))
    told = story.fact(ApiLoggedIn)
    assert (told.by, told.role, told.origin, told.agent) == ("ann", "agent", "10.0.0.7", "ann")


def test_what_others_carry_out_is_told_with_the_name() -> None:
    story = one_queue()
    story.happens(RequestCarriedOut(at=story.now, by="maria", request="leads_add", to="campaign:spring"))
    told = story.fact(RequestGranted)
    assert (told.by, told.request, told.to) == ("maria", "leads_add", "campaign:spring")


def test_a_reload_is_told_with_its_details_and_a_start_or_a_refusal_is_none() -> None:
    story = one_queue()
    assert story.all_told(ConfigReloaded) == []  # the story has begun with a plan
    story.caller()
    without = replace(story.world.plan, queues={}, entries={})
    story.happens(PlanChanged(at=story.now, plan=without, by="ops", details='[{"key":"queues.support"}]'))
    assert story.fact(RequestRefused).request == "reload"
    assert story.all_told(ConfigReloaded) == []
    story.happens(PlanChanged(at=story.now, plan=without, by="ops", details='[{"key":"queues.support"}]', force=True))
    told = story.fact(ConfigReloaded)
    assert (told.by, told.forced, told.details) == ("ops", True, '[{"key":"queues.support"}]')
