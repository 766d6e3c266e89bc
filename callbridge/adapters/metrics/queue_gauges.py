"""Gauges of the queues and of agents who are not ready: what a scrape shows of the board."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from callbridge.adapters.facts.privacy import label
from callbridge.adapters.views.board import QueueFigures
from callbridge.core.model.agent import State
from callbridge.core.model.call import VisitOutcome

PREFIX = "callbridge_"


class QueueGauges(Collector):
    """Shows the copy that the last scrape took."""

    def __init__(self) -> None:
        self.figures: Mapping[str, QueueFigures] = {}
        self.not_ready: Mapping[str, float | None] = {}
        """Reason -> since when an agent has been not ready for it: of several the longest; None: nobody is."""
        self.now = 0.0

    def collect(self) -> Iterable[Metric]:
        def gauge(name: str, text: str, *more: str) -> GaugeMetricFamily:
            return GaugeMetricFamily(f"{PREFIX}queue_{name}", text, labels=["queue", *more])

        waiting = gauge("calls_waiting", "Callers in the queue now.")
        oldest = gauge("oldest_wait_seconds", "Wait of the caller who has waited longest.")
        alone = gauge("calls_without_agent", "Of the callers in the queue, those whom no agent on duty can serve.")
        late = gauge("calls_over_target", "Of the callers in the queue, those who have waited longer than the target.", "tier")
        callbacks = gauge("callbacks_waiting", "Callbacks owed now.")
        agents = gauge("agents", "Agents that fit the queue.", "state")
        offered = gauge("today_offered", "Visits that arrived today.")
        ended = gauge("today_ended", "Of the visits that arrived today, those that have ended.", "outcome")
        still = gauge("today_waiting", "Of the visits that arrived today, those that still wait.")
        within = gauge("today_within_target", "Of the visits that arrived today, those answered within target.")
        for name, figures in self.figures.items():
            queue = label(name)
            since = figures.oldest_arrived_at
            waiting.add_metric([queue], figures.waiting)
            alone.add_metric([queue], figures.without_agent)
            callbacks.add_metric([queue], figures.callbacks)
            oldest.add_metric([queue], 0.0 if since is None else max(0.0, self.now - since))
            for tier, due in figures.due.items():
                late.add_metric([queue, label(tier)], sum(at < self.now for at in due))
            for state in State:
                agents.add_metric([queue, state.value], figures.agents.get(state, 0))
            offered.add_metric([queue], figures.today.offered)
            still.add_metric([queue], figures.waiting_today)
            within.add_metric([queue], figures.today.within_target)
            for outcome in VisitOutcome:
                ended.add_metric([queue, outcome.value], getattr(figures.today, outcome.value))
        return (waiting, oldest, alone, late, callbacks, agents, offered, ended, still, within, self._longest_not_ready())

    def _longest_not_ready(self) -> Metric:
        text = "Longest time that an agent has currently been not ready, by reason; 0 while nobody is."
        longest = GaugeMetricFamily(f"{PREFIX}agents_longest_not_ready_seconds", text, labels=["reason"])
        for reason, since in self.not_ready.items():
            longest.add_metric([label(reason)], 0.0 if since is None else max(0.0, self.now - since))
        return longest
