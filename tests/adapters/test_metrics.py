from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from callbridge.adapters.facts.totals import Totals
from callbridge.adapters.metrics.registry import Metrics
from callbridge.adapters.views.board import Board
from callbridge.core.model.agent import Intent, published
from callbridge.core.model.call import DiversionReason, VisitOutcome
from callbridge.core.model.facts import (
    AgentAlerted,
    AgentChanged,
    AnyFact,
    ApplicationReplaced,
    CallDiverted,
    OfferEnded,
    OfferMade,
    RequestRefused,
    SwitchChanged,
    TalkEnded,
    TieLineFailed,
    VisitBegan,
    VisitEnded,
)
from callbridge.core.model.ids import LegId
from callbridge.core.model.orders import Ring
from callbridge.core.model.switch import Switch
from tests.adapters.worlds import Busy, plan
from tests.examples import seeds

CONTRACT = {
    "dialer_running": ("gauge", {"campaign"}),
    "dialer_outstanding": ("gauge", {"campaign"}),
    "dialer_leads_ready": ("gauge", {"campaign"}),
    "dialer_utilisation_ratio": ("gauge", {"campaign"}),
    "dialer_decided_dials": ("gauge", {"campaign"}),
    "dialer_expected_abandon_ratio": ("gauge", {"campaign"}),
    "dialer_abandon_ratio": ("gauge", {"campaign", "window"}),
    "dialer_attempts": ("counter", {"campaign", "outcome"}),
    "dialer_dials": ("counter", {"campaign"}),
    "dialer_late": ("counter", {"campaign"}),
    "dialer_idle_seconds": ("histogram", {"campaign"}),
    "dialer_connect_delay_seconds": ("histogram", {"campaign"}),
    "dispositions": ("counter", {"queue", "code"}),
    "dialer_dispositions": ("counter", {"campaign", "code"}),
    "dialer_opt_outs": ("counter", {"reason"}),
    "queue_calls_waiting": ("gauge", {"queue"}),
    "queue_oldest_wait_seconds": ("gauge", {"queue"}),
    "queue_calls_without_agent": ("gauge", {"queue"}),
    "queue_calls_over_target": ("gauge", {"queue", "tier"}),
    "agents_longest_not_ready_seconds": ("gauge", {"reason"}),
    "history_up": ("gauge", set[str]()),
    "queue_agents": ("gauge", {"queue", "state"}),
    "queue_today_offered": ("gauge", {"queue"}),
    "queue_today_ended": ("gauge", {"queue", "outcome"}),
    "queue_today_waiting": ("gauge", {"queue"}),
    "queue_today_within_target": ("gauge", {"queue"}),
    "visits_offered": ("counter", {"queue", "tier"}),
    "visits_ended": ("counter", {"queue", "tier", "outcome"}),
    "visits_within_target": ("counter", {"queue", "tier"}),
    "voice_mos": ("histogram", {"queue"}),
    "voice_packets": ("counter", {"queue", "result"}),
    "answer_wait_seconds": ("histogram", {"queue", "tier"}),
    "abandon_wait_seconds": ("histogram", {"queue", "tier"}),
    "talk_seconds": ("histogram", {"queue", "direction"}),
    "wrap_up_seconds": ("histogram", {"queue", "direction"}),
    "offers": ("counter", {"queue", "result"}),
    "handover_seconds": ("histogram", {"queue"}),
    "hold_seconds": ("histogram", {"queue", "direction"}),
    "overflows": ("counter", {"queue", "to", "reason"}),
    "calls_diverted": ("counter", {"pbx", "reason"}),
    "calls_refused": ("counter", {"full", "pbx"}),
    "agent_state_seconds": ("counter", {"state", "reason"}),
    "pbx_up": ("gauge", {"pbx", "link"}),
    "application_replaced": ("counter", {"pbx"}),
    "tie_line_failed": ("counter", {"pbx", "to"}),
    "pbx_events": ("counter", {"pbx", "type"}),
    "orders": ("counter", {"pbx", "order", "result"}),
    "order_seconds": ("histogram", {"pbx", "order"}),
    "audit_differences": ("counter", {"pbx", "kind"}),
    "quarantines": ("counter", {"kind"}),
    "event_age_seconds": ("histogram", set[str]()),
    "inbox_depth": ("gauge", set[str]()),
    "loop_lag_seconds": ("histogram", set[str]()),
    "gc_pause_seconds": ("histogram", {"generation"}),
    "save_seconds": ("histogram", set[str]()),
    "store_degraded": ("gauge", set[str]()),
    "redis_up": ("gauge", set[str]()),
    "leader": ("gauge", set[str]()),
    "standbys": ("gauge", set[str]()),
    "estimated_times": ("counter", set[str]()),
    "build_info": ("gauge", {"version"}),
    "agent_alerts": ("counter", {"kind"}),
    "requests_refused": ("counter", {"request"}),
    "switch_on": ("gauge", {"switch"}),
    "webhook_deliveries": ("counter", {"hook", "result"}),
    "webhook_backlog": ("gauge", {"hook"}),
    "recordings_deleted": ("counter", {"queue", "result"}),
    "report_deliveries": ("counter", {"schedule", "result"}),
    "reports_owed": ("gauge", {"schedule"}),
    "quality_reviews": ("counter", {"queue", "form", "fatal"}),
    "quality_score": ("histogram", {"queue", "form"}),
    "quality_points": ("histogram", {"queue", "form"}),
    "facts_lost": ("counter", {"reader"}),
    "facts_behind": ("gauge", {"reader"}),
    "http_refused": ("counter", {"reason"}),
    "ewt_error_seconds": ("histogram", {"queue"}),
    "flows_ended": ("counter", {"flow", "result"}),
    "prompts_failed": ("counter", {"where"}),
    "survey_answers": ("counter", {"queue", "question", "answer"}),
    "surveys_ended": ("counter", {"queue", "result"}),
    "queue_callbacks_waiting": ("gauge", {"queue"}),
    "callbacks": ("counter", {"queue", "outcome"}),
    "callback_wait_seconds": ("histogram", {"queue"}),
    "callback_attempts": ("counter", {"queue", "result"}),
    "ledger_up": ("gauge", set[str]()),
    "ledger_pending": ("gauge", set[str]()),
    "recording_disk_free_bytes": ("gauge", set[str]()),
    "recordings": ("counter", {"queue", "result"}),
    "repeat_calls": ("counter", {"queue"}),
    "voicemails": ("counter", {"queue"}),
    "lookups": ("counter", {"lookup", "result"}),
    "lookup_seconds": ("histogram", {"lookup"}),
}


def metrics(*, now: float = 100.0, label_agents: bool = False) -> Metrics:
    return Metrics(Board(), lambda: now, Totals(label_agents=label_agents))


def tell(made: Metrics, facts: Sequence[AnyFact], until: float = 0.0) -> None:
    """A batch of the runtime: counted, saved, shown."""
    changed = made.totals.count(facts)
    made.on_facts(facts)
    made.note(changed, until)


def families(made: Metrics) -> dict[str, Metric]:
    """What a scrape shows now."""
    text = made._text(made._shown | made._in_progress()).decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(made: Metrics, name: str, **labels: str) -> float | None:
    found = [
        sample.value
        for family in families(made).values()
        for sample in family.samples
        if (sample.name, sample.labels) == (f"callbridge_{name}", labels)
    ]
    assert len(found) < 2, "a series twice"
    return found[0] if found else None


def ring(leg: str) -> Ring:
    return Ring(leg=LegId(leg), phone="PJSIP/ann", role="agent", agent="ann", give_up=20.0)


def offer(leg: str, freed_at: float | None) -> OfferMade:
    return OfferMade(
        seq=1, at=99.9, call="c", agent="ann", queue="support", leg=leg, tier="gold", needs="x", waited=3.0, freed_at=freed_at
    )


def visit_ended(outcome: str, **more: object) -> VisitEnded:
    fields: dict[str, object] = {"seq": 1, "at": 1.0, "call": "c", "queue": "support", "tier": "gold", "waited": 7.0, "day": "d"}
    return VisitEnded(**(fields | {"outcome": outcome, "within_target": False} | more))  # type: ignore[arg-type]


def test_names_kinds_and_labels_are_the_contracts() -> None:
    made = metrics()
    known = {
        metric.name: (metric.type, set(made.registry._names_to_collectors.get(metric.name, metric)._labelnames))  # type: ignore[union-attr]
        for metric in made.registry.collect()
    }
    counted = {
        f"callbridge_{family.name}": ("histogram" if family.bounds else "counter", set(family.labels))
        for family in made.totals.families
    }
    assert known.keys().isdisjoint(counted)
    assert known | counted == {f"callbridge_{name}": described for name, described in CONTRACT.items()}
    shown = {name: family.type for name, family in families(made).items()}
    assert shown == {name: kind for name, (kind, _) in (known | counted).items()}


async def test_a_scrape_shows_the_queues_as_they_are() -> None:
    busy = Busy(4)
    board = Board.of(busy.world)
    for _ in range(200):
        board.note(busy.world, busy.any().changed)
    made = Metrics(board, lambda: busy.now)
    made.note({}, busy.world.now)
    text = (await made.render()).decode()
    shown = {family.name: family for family in text_string_to_metric_families(text)}
    waiting = {s.labels["queue"]: s.value for s in shown["callbridge_queue_calls_waiting"].samples}
    assert waiting == {name: (board.queue(name) or {})["waiting"] for name in board.queues}
    offered = {s.labels["queue"]: s.value for s in shown["callbridge_queue_today_offered"].samples}
    assert offered == {name: (board.queue(name) or {})["offered"] for name in board.queues}
    assert sum(offered.values()) > 5
    for outcome in VisitOutcome:
        ended = [s for s in shown["callbridge_queue_today_ended"].samples if s.labels["outcome"] == outcome]
        assert {s.labels["queue"]: s.value for s in ended} == {name: (board.queue(name) or {})[outcome] for name in board.queues}
    ready = {s.labels["queue"]: s.value for s in shown["callbridge_queue_agents"].samples if s.labels["state"] == "ready"}
    assert ready == {name: (board.queue(name) or {})["agents_ready"] for name in board.queues}
    spent = sum(sample.value for sample in shown["callbridge_agent_state_seconds"].samples)
    logged_in = [agent for agent in busy.world.agents.values() if agent.intent is not Intent.LOGGED_OUT]
    assert spent == pytest.approx(sum(busy.world.now - agent.since for agent in logged_in)), "of the states that go on"
    assert spent > 0


def test_handover_is_told_when_the_ring_was_done() -> None:
    made = metrics(now=100.02)
    tell(made, [offer("p/1", 99.99), offer("p/2", None), offer("p/3", 99.0), offer("p/4", 99.0)])
    made.rang(LegId("p/1"))
    made.rang(LegId("p/2"))
    tell(made, [OfferEnded(seq=2, at=100.0, queue="support", leg="p/4", result="cancelled", rang_for=0.0)])
    made.rang(LegId("p/4"))
    made.rang(LegId("p/9"))
    tell(made, [offer("p/5", 99.0)])
    tell(made, [OfferEnded(seq=2, at=100.0, call="c", queue="support", leg="p/6", result="answered", rang_for=0.0)])
    made.rang(LegId("p/5"))  # another device of the agent has answered
    assert value(made, "handover_seconds_count", queue="support") == 1
    assert value(made, "handover_seconds_sum", queue="support") == pytest.approx(0.03)


def test_orders_are_counted_by_what_became_of_them() -> None:
    made = metrics()
    made.performed("p", "Ring", "done", 0.01)
    made.performed("p", "Ring", "refused", 0.01)
    made.performed("p", "Ring", "done", 0.02)
    assert value(made, "orders_total", pbx="p", order="Ring", result="done") == 2
    assert value(made, "orders_total", pbx="p", order="Ring", result="refused") == 1
    assert value(made, "order_seconds_count", pbx="p", order="Ring") == 3


def test_visits_are_counted_by_how_they_end() -> None:
    made = metrics()
    tell(
        made,
        [
            VisitBegan(seq=1, at=1.0, queue="support", tier="gold", rank=1.0, day="d"),
            visit_ended("answered", within_target=True),
            visit_ended("abandoned", estimated=True, within_target=True),
            visit_ended("short_abandoned"),
            visit_ended("overflowed", to="queue:general", reason="waited"),
        ],
    )
    assert value(made, "visits_offered_total", queue="support", tier="gold") == 1
    assert value(made, "visits_within_target_total", queue="support", tier="gold") == 1
    assert value(made, "answer_wait_seconds_sum", queue="support", tier="gold") == 7.0
    assert value(made, "abandon_wait_seconds_count", queue="support", tier="gold") == 1
    assert value(made, "visits_ended_total", queue="support", tier="gold", outcome="short_abandoned") == 1
    assert value(made, "overflows_total", queue="support", to="queue:general", reason="waited") == 1
    assert value(made, "estimated_times_total") == 1


def test_talk_and_hold_do_not_overlap() -> None:
    made = metrics()
    tell(made, [TalkEnded(seq=1, at=1.0, queue="support", talked=60.0, hold_seconds=20.0, ended_by="agent")])
    assert value(made, "talk_seconds_sum", queue="support", direction="in") == 40.0
    assert value(made, "hold_seconds_sum", queue="support", direction="in") == 20.0


def changed(agent: str, reason: str, previous: str = "not_ready") -> AgentChanged:
    return AgentChanged(
        seq=1,
        at=10.0,
        agent=agent,
        name="",
        phone="",
        state="ready",
        reason="",
        previous=previous,
        previous_reason=reason,
        lasted=2.0,
    )


def test_what_people_type_cannot_flood_the_labels() -> None:
    made = metrics()
    tell(made, [changed(f"agent {number}", f"reason {number}") for number in range(1000)])
    assert len(families(made)["callbridge_agent_state_seconds"].samples) == 101
    assert value(made, "agent_state_seconds_total", state="not_ready", reason="other") == 1800.0


async def test_labels_are_clean_and_hold_no_phone_numbers() -> None:
    made = metrics()
    tell(made, [changed("ann", "call +442079460123"), changed("bob", "a\nb\ud800\x1b"), changed("cy", "", "logged_out")])
    tell(made, [visit_ended("overflowed", to="dialplan:out,+442079460123", reason="waited")])
    tell(made, [CallDiverted(seq=1, at=1.0, leg="p/1", entry="+442079460123", reason=DiversionReason.UNKNOWN_ENTRY)])
    text = (await made.render()).decode()
    assert "2079460" not in text
    assert "\x1b" not in text
    assert "logged_out" not in text
    assert value(made, "calls_diverted_total", pbx="p", reason="unknown_entry") == 1


def test_agents_are_labels_by_request_only() -> None:
    made = metrics(label_agents=True)
    tell(made, [changed("ann", "lunch")])
    assert value(made, "agent_state_seconds_total", state="not_ready", reason="lunch", agent="ann") == 2.0


def seconds_by_state(made: Metrics) -> dict[str, float]:
    """As a scrape shows them now, reasons summed."""
    told: dict[str, float] = {}
    for sample in families(made)["callbridge_agent_state_seconds"].samples:
        told[sample.labels["state"]] = told.get(sample.labels["state"], 0.0) + sample.value
    return told


@pytest.mark.parametrize("seed", seeds(4, fast=1))
def test_agents_seconds_tick_and_sum_to_their_logged_in_time_at_every_scrape(seed: int) -> None:
    busy = Busy(seed)
    board = Board.of(busy.world)
    made = Metrics(board, lambda: busy.now)
    made.note({}, busy.world.now)
    logged_in, last, before = 0.0, busy.world.now, dict.fromkeys(("ready", "talking"), 0.0)
    for turn in range(150):
        present = sum(published(agent)[0].value != "logged_out" for agent in board.agents.values())
        outcome = busy.any()
        logged_in += present * (busy.world.now - last)
        last = busy.world.now
        tell(made, outcome.facts, busy.world.now)
        board.note(busy.world, outcome.changed)
        if turn % 5 == 0:
            told = seconds_by_state(made)
            assert sum(told.values()) == pytest.approx(logged_in, abs=0.001)
            assert all(told.get(state, 0.0) >= seconds for state, seconds in before.items())
            before = told
    assert logged_in > 100


def test_what_people_must_look_at_is_counted() -> None:
    made = metrics()
    assert value(made, "switch_on", switch="bypass") == 0
    tell(made, [AgentAlerted(seq=1, at=1.0, agent="ann", kind="reason_limit", reason="lunch")])
    tell(made, [RequestRefused(seq=2, at=1.0, agent="ann", request="ready", reason="not logged in")])
    tell(made, [SwitchChanged(seq=3, at=1.0, switch="bypass", on=True, by="ops")])
    tell(made, [ApplicationReplaced(seq=4, at=1.0, pbx="pbx1")])
    assert value(made, "application_replaced_total", pbx="pbx1") == 1
    tell(made, [TieLineFailed(seq=5, at=1.0, pbx="pbx1", to="pbx2", lasts=60.0)])
    assert value(made, "tie_line_failed_total", pbx="pbx1", to="pbx2") == 1
    assert value(made, "agent_alerts_total", kind="reason_limit") == 1
    assert value(made, "requests_refused_total", request="ready") == 1
    assert value(made, "switch_on", switch="bypass") == 1
    made.on_switches([Switch(id="bypass", on=False)])
    assert value(made, "switch_on", switch="bypass") == 0


def test_readers_of_facts_are_counted_and_forgotten() -> None:
    made = metrics()
    made.delivered("crm", "done")
    made.backlog("crm", 17)
    made.facts_lost("hook:crm", 5)
    made.behind("hook:crm", 40)
    assert value(made, "webhook_deliveries_total", hook="crm", result="done") == 1
    assert value(made, "webhook_backlog", hook="crm") == 17
    assert value(made, "facts_lost_total", reader="hook:crm") == 5
    assert value(made, "facts_behind", reader="hook:crm") == 40
    made.hook_gone("crm")
    made.reader_gone("hook:crm")
    assert value(made, "webhook_backlog", hook="crm") is None
    assert value(made, "facts_behind", reader="hook:crm") is None


def test_our_own_health_is_shown() -> None:
    made = metrics()
    made.on_batch([0.001, 2.0], 17)
    made.on_save(0.004, degraded=True)
    made.on_loop_lag(0.003)
    made.on_collection(1, 0.004)
    made.on_redis(True)
    made.on_leader(True)
    made.link("p", "ari", True)
    made.received("p", "StasisStart")
    assert value(made, "inbox_depth") == 17
    assert value(made, "event_age_seconds_count") == 2
    assert value(made, "gc_pause_seconds_count", generation="1") == 1
    assert value(made, "store_degraded") == 1
    assert value(made, "redis_up") == value(made, "leader") == 1
    assert value(made, "pbx_up", pbx="p", link="ari") == 1
    assert value(made, "pbx_events_total", pbx="p", type="StasisStart") == 1


def test_a_link_that_never_came_up_is_shown_as_down() -> None:
    made = metrics()
    made.expect("pbx1")
    assert value(made, "pbx_up", pbx="pbx1", link="ari") == 0.0
    assert value(made, "pbx_up", pbx="pbx1", link="ami") == 0.0
    assert value(made, "orders_total", pbx="pbx1", order="Ring", result="timeout") == 0.0
    assert value(made, "order_seconds_count", pbx="pbx1", order="StartRecording") == 0.0


def test_without_a_redis_nothing_says_that_it_is_down() -> None:
    made = metrics()
    assert math.isnan(value(made, "redis_up") or 0.0)
    made.on_redis(False)
    assert value(made, "redis_up") == 0.0


def test_what_a_reload_brings_is_there_at_zero_and_what_it_takes_stays() -> None:
    made = metrics()
    made.adopt(plan(queues=1), ["crm"])
    assert value(made, "webhook_deliveries_total", hook="crm", result="timeout") == 0.0
    assert value(made, "facts_lost_total", reader="outbox") == value(made, "facts_lost_total", reader="hook:crm") == 0.0
    assert value(made, "handover_seconds_count", queue="q0") == 0.0
    tell(made, [VisitBegan(seq=1, at=1.0, call="c", queue="q0", tier="standard", rank=1.0, day="d")])
    assert value(made, "visits_offered_total", queue="q1", tier="standard") is None
    made.adopt(replace(plan(queues=2), queues={"q1": plan(queues=2).queues["q1"]}))
    assert value(made, "visits_offered_total", queue="q1", tier="standard") == 0.0
    assert value(made, "visits_offered_total", queue="q0", tier="standard") == 1.0


def test_nothing_is_shown_before_it_is_saved() -> None:
    made = metrics()
    changed = made.totals.count([visit_ended("answered")])
    assert value(made, "visits_ended_total", queue="support", tier="gold", outcome="answered") is None
    made.note(changed, 1.0)
    assert value(made, "visits_ended_total", queue="support", tier="gold", outcome="answered") == 1.0


def test_what_people_call_things_cannot_break_the_text() -> None:
    made = metrics()
    odd = 'a"b\\c\nd{e="f"}'
    tell(made, [RequestRefused(seq=1, at=1.0, request=odd, reason="")])
    assert value(made, "requests_refused_total", request=odd.replace("\n", "\ufffd")) == 1.0


async def test_the_free_space_for_recordings_is_told(tmp_path: Path) -> None:
    told = Metrics(Board(), lambda: 100.0, recordings=tmp_path)
    await told.render()
    assert (value(told, "recording_disk_free_bytes") or 0) > 0
    gone = Metrics(Board(), lambda: 100.0, recordings=tmp_path / "gone")
    await gone.render()
    assert math.isnan(value(gone, "recording_disk_free_bytes") or 0)
