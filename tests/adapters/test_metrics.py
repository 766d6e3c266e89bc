from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from callbridge.adapters.metrics import Metrics
from callbridge.adapters.views import Board
from callbridge.core.facts import AgentChanged, CallDiverted, OfferEnded, OfferMade, TalkEnded, VisitBegan, VisitEnded
from callbridge.core.ids import LegId
from callbridge.core.orders import Ring
from tests.adapters.worlds import Busy

CONTRACT = {
    "queue_calls_waiting": ("gauge", {"queue"}),
    "queue_oldest_wait_seconds": ("gauge", {"queue"}),
    "queue_agents": ("gauge", {"queue", "state"}),
    "visits_offered": ("counter", {"queue", "tier"}),
    "visits_ended": ("counter", {"queue", "tier", "outcome"}),
    "visits_within_target": ("counter", {"queue", "tier"}),
    "answer_wait_seconds": ("histogram", {"queue", "tier"}),
    "abandon_wait_seconds": ("histogram", {"queue", "tier"}),
    "talk_seconds": ("histogram", {"queue"}),
    "wrap_up_seconds": ("histogram", {"queue"}),
    "offers": ("counter", {"queue", "result"}),
    "handover_seconds": ("histogram", {"queue"}),
    "hold_seconds": ("histogram", {"queue"}),
    "overflows": ("counter", {"queue", "to", "reason"}),
    "calls_diverted": ("counter", {"pbx", "reason"}),
    "agent_state_seconds": ("counter", {"state", "reason"}),
    "pbx_up": ("gauge", {"pbx", "link"}),
    "pbx_events": ("counter", {"pbx", "type"}),
    "orders": ("counter", {"pbx", "order", "result"}),
    "order_seconds": ("histogram", {"pbx", "order"}),
    "audit_differences": ("counter", {"pbx", "kind"}),
    "quarantines": ("counter", {"kind"}),
    "event_age_seconds": ("histogram", set[str]()),
    "inbox_depth": ("gauge", set[str]()),
    "loop_lag_seconds": ("histogram", set[str]()),
    "save_seconds": ("histogram", set[str]()),
    "store_degraded": ("gauge", set[str]()),
    "redis_up": ("gauge", set[str]()),
    "leader": ("gauge", set[str]()),
    "estimated_times": ("counter", set[str]()),
    "build_info": ("gauge", {"version"}),
}


def metrics(*, now: float = 100.0, label_agents: bool = False) -> Metrics:
    return Metrics(Board(), lambda: now, label_agents=label_agents)


def value(made: Metrics, name: str, **labels: str) -> float | None:
    return made.registry.get_sample_value(f"callbridge_{name}", labels)


def ring(leg: str) -> Ring:
    return Ring(leg=LegId(leg), phone="PJSIP/ann", role="agent", agent="ann", give_up=20.0)


def offer(leg: str, freed_at: float | None) -> OfferMade:
    return OfferMade(
        seq=1, at=99.9, call="c", agent="ann", queue="support", leg=leg, tier="gold", needs="x", waited=3.0, freed_at=freed_at
    )


def visit_ended(outcome: str, **more: object) -> VisitEnded:
    fields: dict[str, object] = {"seq": 1, "at": 1.0, "call": "c", "queue": "support", "tier": "gold", "waited": 7.0, "day": "d"}
    return VisitEnded(**(fields | {"outcome": outcome, "within_target": False} | more))  # type: ignore[arg-type]


async def test_names_kinds_and_labels_are_the_contracts() -> None:
    made = metrics()
    described = {metric.name: metric for metric in made.registry.collect()}
    assert {name.removeprefix("callbridge_") for name in described} == set(CONTRACT)
    for name, (kind, labels) in CONTRACT.items():
        family = described[f"callbridge_{name}"]
        maker = made.registry._names_to_collectors.get(family.name, family)
        assert (family.type, set(maker._labelnames)) == (kind, labels), name  # type: ignore[union-attr]


async def test_a_scrape_shows_the_queues_as_they_are() -> None:
    busy = Busy(4)
    board = Board.of(busy.world)
    for _ in range(200):
        board.note(busy.world, busy.any().changed)
    made = Metrics(board, lambda: busy.now)
    text = (await made.render()).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    waiting = {s.labels["queue"]: s.value for s in families["callbridge_queue_calls_waiting"].samples}
    assert waiting == {name: (board.queue(name) or {})["waiting"] for name in board.queues}
    ready = {s.labels["queue"]: s.value for s in families["callbridge_queue_agents"].samples if s.labels["state"] == "ready"}
    assert ready == {name: (board.queue(name) or {})["agents_ready"] for name in board.queues}


def test_handover_is_told_when_the_ring_was_done() -> None:
    made = metrics(now=100.02)
    made.on_facts([offer("p/1", 99.99), offer("p/2", None), offer("p/3", 99.0), offer("p/4", 99.0)])
    made.rang(LegId("p/1"))
    made.rang(LegId("p/2"))
    made.on_facts([OfferEnded(seq=2, at=100.0, queue="support", leg="p/4", result="cancelled", rang_for=0.0)])
    made.rang(LegId("p/4"))
    made.rang(LegId("p/9"))
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
    made.on_facts(
        [
            VisitBegan(seq=1, at=1.0, queue="support", tier="gold", rank=1.0, day="d"),
            visit_ended("answered", within_target=True),
            visit_ended("abandoned", estimated=True),
            visit_ended("short_abandoned"),
            visit_ended("overflowed", to="queue:general", reason="waited"),
        ]
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
    made.on_facts([TalkEnded(seq=1, at=1.0, queue="support", talked=60.0, held=20.0, ended_by="agent")])
    assert value(made, "talk_seconds_sum", queue="support") == 40.0
    assert value(made, "hold_seconds_sum", queue="support") == 20.0


def changed(agent: str, reason: str, previous: str = "not_ready") -> AgentChanged:
    return AgentChanged(
        seq=1,
        at=1.0,
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
    made.on_facts([changed("ann", f"reason {number}") for number in range(1000)])
    seconds = made.registry._names_to_collectors["callbridge_agent_state_seconds"]._metrics  # type: ignore[attr-defined]
    assert len(seconds) == 101
    assert value(made, "agent_state_seconds_total", state="not_ready", reason="other") == 1800.0


async def test_labels_are_clean_and_hold_no_phone_numbers() -> None:
    made = metrics()
    made.on_facts([changed("ann", "call +442079460123"), changed("ann", "a\nb\ud800\x1b"), changed("ann", "", "logged_out")])
    made.on_facts([visit_ended("overflowed", to="dialplan:out,+442079460123", reason="waited")])
    made.on_facts([CallDiverted(seq=1, at=1.0, leg="p/1", entry="+442079460123", reason="unknown_entry")])
    text = (await made.render()).decode()
    assert "2079460" not in text
    assert "\x1b" not in text
    assert "logged_out" not in text
    assert value(made, "calls_diverted_total", pbx="p", reason="unknown_entry") == 1


def test_agents_are_labels_by_request_only() -> None:
    made = metrics(label_agents=True)
    made.on_facts([changed("ann", "lunch")])
    assert value(made, "agent_state_seconds_total", state="not_ready", reason="lunch", agent="ann") == 2.0


def test_our_own_health_is_shown() -> None:
    made = metrics()
    made.on_batch([0.001, 2.0], 17)
    made.on_save(0.004, degraded=True)
    made.on_loop_lag(0.003)
    made.on_redis(True)
    made.on_leader(True)
    made.link("p", "ari", True)
    made.heard("p", "StasisStart")
    assert value(made, "inbox_depth") == 17
    assert value(made, "event_age_seconds_count") == 2
    assert value(made, "store_degraded") == 1
    assert value(made, "redis_up") == value(made, "leader") == 1
    assert value(made, "pbx_up", pbx="p", link="ari") == 1
    assert value(made, "pbx_events_total", pbx="p", type="StasisStart") == 1
