"""The built-in alerts of a term: what they look at, and where they are sent, by the settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from callbridge.adapters.alerts import AlertWatch, CallVolumes, Channel, Figures, MailChannel, Thresholds, WebhookChannel
from callbridge.adapters.facts.counts import OFFERS, SURVEY_ANSWERS, VISITS_ENDED, WITHIN_TARGET, Family
from callbridge.adapters.history.store import READER
from callbridge.adapters.mail import Mailer
from callbridge.core.model.agent import State, published
from callbridge.core.model.plan import Plan
from callbridge.service.adapter_settings import history_url, mail_settings
from callbridge.settings.models import Settings

if TYPE_CHECKING:
    from callbridge.service.process import Process
    from callbridge.service.term import Term


class Alerting:
    """``adopt`` may be called with a new configuration at any time."""

    def __init__(self, process: Process, term: Term) -> None:
        self._process, self._term = process, term
        self._watch = AlertWatch(self._look)
        self._volumes = CallVolumes(history_url(process.settings), term.clock.now)

    async def adopt(self, settings: Settings, plan: Plan) -> None:
        """Without the section ``alerts`` nothing is sent."""
        wanted = settings.alerts
        most = wanted.most_per_hour if wanted is not None else 0
        self._volumes.adopt(wanted=wanted is not None and "calls_unusual" not in wanted.off)
        await self._watch.adopt(thresholds(settings, plan), channels(settings), most)

    def start(self) -> None:
        self._term.parts.run("alerts", self._watch.run())
        self._term.parts.run("call volumes", self._volumes.run())

    async def close(self) -> None:
        await self._watch.close()
        self._volumes.close()

    def _look(self) -> Figures:
        term = self._term
        ledger, history = term.ledger, term.readers.history
        databases = {
            "ledger": ledger.trouble() if ledger is not None and self._process.settings.campaigns else "",
            "history": history.trouble() if history is not None else "",
        }
        totals = self._process.metrics.totals.shown()

        def counted(wanted: Family) -> Iterator[tuple[tuple[str, ...], float]]:
            return ((labels, values[0]) for (family, labels), values in totals.items() if family is wanted)

        states = {agent.id: (*published(agent), agent.since) for agent in term.board.agents.values()}
        return Figures(
            now=term.clock.now(),
            queues=term.board.figures(),
            not_ready={name: (reason, since) for name, (state, reason, since) in states.items() if state is State.NOT_READY},
            names={agent.id: agent.name for agent in term.board.agents.values()},
            links=term.links.missing(),
            store=term.saver.why if term.saver.degraded else "",
            databases={name: why for name, why in databases.items() if why},
            backlogs=term.readers.hooks.backlogs(),
            history_behind=self._process.metrics.facts_not_read.get(READER, 0),
            facts_lost=self._process.metrics.lost,
            offers={(queue, result): count for (queue, result), count in counted(OFFERS)},
            visits={(queue, tier, outcome): count for (queue, tier, outcome), count in counted(VISITS_ENDED)}
            | {(queue, tier, "within_target"): count for (queue, tier), count in counted(WITHIN_TARGET)},
            answers={(queue, question, answer): count for (queue, question, answer), count in counted(SURVEY_ANSWERS)},
            volumes=self._volumes.found,
        )


def thresholds(settings: Settings, plan: Plan) -> Thresholds:
    """By the section ``alerts``."""
    wanted = settings.alerts
    if wanted is None:
        return Thresholds()
    vip = {
        name: frozenset(
            tier
            for tier, routing in queue.routings.items()
            if (tier in wanted.vip_tiers if wanted.vip_tiers else routing.head_start > 0.0)
        )
        for name, queue in plan.queues.items()
    }
    return Thresholds(
        off=frozenset(wanted.off),
        lasts=wanted.lasts,
        vip=vip,
        long_wait=wanted.long_wait,
        not_ready=wanted.not_ready,
        service_level=wanted.service_level,
        backlog=wanted.webhook_backlog,
    )


def channels(settings: Settings) -> list[Channel]:
    """Where alerts are sent."""
    wanted, mail, where = settings.alerts, mail_settings(settings), settings.instance.app
    found: list[Channel] = []
    if wanted is not None and wanted.mail_to and mail is not None:
        found.append(MailChannel(Mailer(mail), wanted.mail_to, where, ZoneInfo(settings.instance.timezone)))
    if wanted is not None and wanted.webhook is not None:
        found.append(WebhookChannel(wanted.webhook.url, wanted.webhook.secret.get_secret_value(), where))
    return found
