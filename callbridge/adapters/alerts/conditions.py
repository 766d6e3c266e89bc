"""What is wrong at this moment, by the figures of the board and of the process. Pure.

A rule here has the name of a chapter of the runbook (``deploy/README.md``), which says what to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import get_args

from callbridge.adapters.views.board import QueueFigures
from callbridge.adapters.views.phrasing import count, named
from callbridge.core.model.agent import State
from callbridge.wire.alerts import RuleName


@dataclass(frozen=True, slots=True)
class Rule:
    """``lasts``: seconds for which the condition must hold. ``page``: callers are affected now."""

    lasts: float
    page: bool
    chapter: str


RULES: Mapping[RuleName, Rule] = {
    "vip_over_target": Rule(15.0, True, "CallbridgeVipOverTarget"),
    "long_wait": Rule(60.0, False, "CallbridgeLongWait"),
    "nobody_on_duty": Rule(60.0, True, "CallbridgeNobodyOnDuty"),
    "nobody_fits": Rule(60.0, True, "CallbridgeNobodyFits"),
    "service_level": Rule(300.0, False, "CallbridgeServiceLevelLow"),
    "tier_service_level": Rule(300.0, False, "CallbridgeTierServiceLevelLow"),
    "calls_unusual": Rule(300.0, False, "CallbridgeCallsUnusual"),
    "offers_missed": Rule(60.0, True, "CallbridgeOffersStorm"),
    "survey_dsat": Rule(300.0, False, "CallbridgeSurveyDsatHigh"),
    "not_ready_too_long": Rule(60.0, False, "CallbridgeNotReadyTooLong"),
    "pbx_link": Rule(30.0, True, "CallbridgePbxLinkDown"),
    "store_behind": Rule(60.0, False, "CallbridgeStoreBehind"),
    "database": Rule(60.0, False, "CallbridgeHistoryDown"),
    "history_behind": Rule(120.0, False, "CallbridgeHistoryBehind"),
    "facts_lost": Rule(0.0, False, "CallbridgeFactsLost"),
    "webhook_backlog": Rule(300.0, False, "CallbridgeWebhookBacklog"),
}
assert RULES.keys() == set(get_args(RuleName))
LEAST_CALLS = 20
"""Calls of the day needed for a meaningful service level."""
LEAST_CALLS_OF_TIER = 10
"""Calls of a tier within half an hour."""
FACTS_BEHIND = 1000
LEAST_MISSED = 10
"""Offers within five minutes."""
UNUSUAL_CALLS, UNUSUAL_RATIO = 20, 1.5
"""Calls within an hour above the usual number, and how many times that number they are."""
LEAST_DISSATISFIED, DSAT, DSAT_RATIO = 5, 0.2, 2.0
"""AnswerCounts 1 within an hour, their share of the answers to the question, and how many times the share of the day that is."""
_ON_DUTY = (State.READY, State.RINGING, State.CONNECTING, State.TALKING, State.WRAP_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """``off``: disabled rules; ``lasts``: durations that differ from ``RULES``, in seconds; ``vip``: queue -> its VIP tiers."""

    off: Set[RuleName] = frozenset()
    lasts: Mapping[RuleName, float] = field(default_factory=dict)
    vip: Mapping[str, Set[str]] = field(default_factory=dict)
    long_wait: float = 300.0
    not_ready: float = 7200.0
    service_level: float = 0.7
    backlog: int = 500

    def lasting(self, rule: RuleName) -> float:
        return self.lasts.get(rule, RULES[rule].lasts)


@dataclass(frozen=True, slots=True)
class CallVolume:
    """``calls`` came within the last hour. ``usual``: their mean number at this hour of former weeks; None: not known."""

    calls: int
    usual: float | None


AnswerCounts = Mapping[tuple[str, str, str], float]
"""How often each answer was given, by queue, question and answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """``not_ready``: agent -> reason, and since when; ``names``: of agents, by id; ``links`` and ``databases``: what is wrong
    with them; ``store``: why it is behind; ``history_behind``: facts that are not written yet; ``facts_lost``: of the last
    quarter of an hour, by reader; ``offers``: of the last five minutes, by queue and result; ``visits``: ended within half an
    hour, by queue, tier and outcome, ``within_target`` too; ``answers`` to surveys: of the last hour; ``volumes``: of the
    queues with many calls."""

    now: float
    queues: Mapping[str, QueueFigures]
    not_ready: Mapping[str, tuple[str, float]]
    names: Mapping[str, str] = field(default_factory=dict)
    links: Sequence[str] = ()
    store: str = ""
    databases: Mapping[str, str] = field(default_factory=dict)
    backlogs: Mapping[str, int] = field(default_factory=dict)
    history_behind: int = 0
    facts_lost: Mapping[str, float] = field(default_factory=dict)
    offers: Mapping[tuple[str, str], float] = field(default_factory=dict)
    visits: Mapping[tuple[str, str, str], float] = field(default_factory=dict)
    answers: AnswerCounts = field(default_factory=dict)
    answers_of_day: AnswerCounts = field(default_factory=dict)
    volumes: Mapping[str, CallVolume] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AlertCondition:
    """``about``: which queue, agent or link; rule and ``about`` together name an episode. ``text`` may change meanwhile."""

    rule: RuleName
    about: str
    text: str


def conditions(figures: Figures, thresholds: Thresholds) -> Iterator[AlertCondition]:
    """All conditions that hold now, of the enabled rules."""
    for one in _all(figures, thresholds):
        if one.rule not in thresholds.off:
            yield one


def _all(figures: Figures, thresholds: Thresholds) -> Iterator[AlertCondition]:
    for name, queue in figures.queues.items():
        yield from _of_queue(name, queue, figures, thresholds)
    yield from _of_tiers(figures, thresholds.service_level)
    for name, volume in figures.volumes.items():
        yield from _of_volume(name, volume)
    yield from _of_surveys(figures)
    for agent, (reason, since) in figures.not_ready.items():
        if figures.now - since > thresholds.not_ready:
            why = f" ({reason})" if reason else ""
            yield AlertCondition(
                "not_ready_too_long",
                agent,
                f"agent {named(agent, figures.names.get(agent, ''))} has been not ready{why} for {_span(figures.now - since)}",
            )
    for link in figures.links:
        yield AlertCondition("pbx_link", link, link)
    if figures.store:
        yield AlertCondition("store_behind", "", f"the state of callbridge is not saved: {figures.store}")
    for name, why in figures.databases.items():
        yield AlertCondition("database", name, f"{name}: {why}")
    if figures.history_behind > FACTS_BEHIND:
        yield AlertCondition("history_behind", "", f"the history is {figures.history_behind} facts behind")
    for reader, lost in figures.facts_lost.items():
        if lost:
            yield AlertCondition("facts_lost", reader, f"{lost:.0f} facts for {reader} were lost within a quarter of an hour")
    for hook, waiting in figures.backlogs.items():
        if waiting > thresholds.backlog:
            yield AlertCondition("webhook_backlog", hook, f"{waiting} deliveries wait for the webhook {hook}")


def _of_queue(name: str, queue: QueueFigures, figures: Figures, thresholds: Thresholds) -> Iterator[AlertCondition]:
    for tier in sorted(thresholds.vip.get(name, ())):
        late = [at for at in queue.due.get(tier, ()) if at < figures.now]
        if late:
            longest = _span(figures.now - min(late))
            text = f"{count(len(late), f'{tier} caller')} of {name} waiting longer than promised, one by {longest}"
            yield AlertCondition("vip_over_target", f"{name}/{tier}", text)
    oldest = queue.oldest_arrived_at
    if oldest is not None and figures.now - oldest > thresholds.long_wait:
        yield AlertCondition("long_wait", name, f"a caller in {name} has waited for {_span(figures.now - oldest)}")
    on_duty = sum(queue.agents.get(state, 0) for state in _ON_DUTY)
    if queue.waiting and not on_duty:
        yield AlertCondition(
            "nobody_on_duty", name, f"{count(queue.waiting, 'caller')} waiting in {name}, and no agent is on duty"
        )
    elif queue.without_agent:
        text = f"{count(queue.without_agent, 'caller')} waiting in {name} whom no agent on duty can serve"
        yield AlertCondition("nobody_fits", name, text)
    level, counted = queue.today.service_level, queue.today.answered + queue.today.abandoned
    if level is not None and counted >= LEAST_CALLS and level < thresholds.service_level:
        text = f"today {level:.0%} of {counted} callers of {name} were answered within the target"
        yield AlertCondition("service_level", name, text)
    missed, answered = (figures.offers.get((name, result), 0.0) for result in ("no_answer", "answered"))
    if missed > LEAST_MISSED and missed > answered:
        text = f"{missed:.0f} offers of {name} rang out within 5 minutes, {answered:.0f} were answered"
        yield AlertCondition("offers_missed", name, text)


def _of_tiers(figures: Figures, least: float) -> Iterator[AlertCondition]:
    """The same as the level of the whole queue, of half an hour: of a tier with few callers a day tells too late."""
    for queue, tier in dict.fromkeys((queue, tier) for queue, tier, _ in figures.visits):
        within, answered, abandoned = (
            figures.visits.get((queue, tier, what), 0.0) for what in ("within_target", "answered", "abandoned")
        )
        counted = answered + abandoned
        if counted > LEAST_CALLS_OF_TIER and within / counted < least:
            text = f"{within / counted:.0%} of {counted:.0f} {tier} callers of {queue} within half an hour were answered in time"
            yield AlertCondition("tier_service_level", f"{queue}/{tier}", text)


def _of_volume(queue: str, volume: CallVolume) -> Iterator[AlertCondition]:
    usual = volume.usual
    if usual is not None and volume.calls > UNUSUAL_RATIO * usual and volume.calls - usual > UNUSUAL_CALLS:
        text = f"{queue} received {volume.calls} calls in the last hour; usual at this hour: {usual:.0f}"
        yield AlertCondition("calls_unusual", queue, text)


def _of_surveys(figures: Figures) -> Iterator[AlertCondition]:
    """Of questions that can be answered by 5: there 1 is the worst answer."""
    hour, day = _by_question(figures.answers), _by_question(figures.answers_of_day)
    for (queue, question), given in hour.items():
        worst, share = given.get("1", 0.0), _share_of_worst(given)
        spike = share > DSAT and share > DSAT_RATIO * _share_of_worst(day.get((queue, question), {}))
        if "5" in given and spike and worst >= LEAST_DISSATISFIED:
            text = f"{share:.0%} of the {sum(given.values()):.0f} answers to {question} in {queue} within an hour are 1"
            yield AlertCondition("survey_dsat", f"{queue}/{question}", f"{text}, more than twice the share of the day")


def _by_question(answers: AnswerCounts) -> dict[tuple[str, str], dict[str, float]]:
    found: dict[tuple[str, str], dict[str, float]] = {}
    for (queue, question, answer), times in answers.items():
        found.setdefault((queue, question), {})[answer] = times
    return found


def _share_of_worst(given: Mapping[str, float]) -> float:
    answers = sum(given.values())
    return given.get("1", 0.0) / answers if answers else 0.0


def _span(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
