"""What reports need of the configuration, beside the history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from callbridge.adapters.database.attempt_counts import MachineEstimate
from callbridge.adapters.reports.terms import CampaignTerms, QueueTargets, ReportTerms
from callbridge.settings.campaigns import CampaignConfig, DispositionConfig
from callbridge.settings.models import Settings
from callbridge.settings.queues import QueueDispositionConfig


def report_terms(settings: Settings) -> ReportTerms:
    scales = {
        (name, question.name): tuple(int(key) for key in question.keys) if question.kind == "rating" else ()
        for name, survey in settings.surveys.items()
        for question in survey.questions
    }
    return ReportTerms(
        scales=scales,
        answers=dict(_listed_answers(settings)),
        campaigns={name: _campaign(one) for name, one in settings.campaigns.items()},
        queues={name: _targets(settings, name) for name in settings.queues},
        labels={name: _labels(_dispositions(settings, name)) for name in settings.queues},
        agent_hour=settings.cost.agent_hour if settings.cost is not None else None,
        shifts=settings.shifts.csv if settings.shifts is not None else None,
        adherence=settings.shifts.target if settings.shifts is not None else None,
    )


def _listed_answers(settings: Settings) -> Iterator[tuple[tuple[str, str], tuple[str, ...]]]:
    for script, one in settings.scripts.items():
        for step in one.steps.values():
            for name, field in step.fields.items():
                yield (script, name), ("yes", "no") if field.kind == "yes_no" else field.choices or ()


def _targets(settings: Settings, queue: str) -> QueueTargets:
    """Only what the configuration says: the share that holds without a word is nobody's target."""
    levels = (settings.queues[queue], settings.queue_defaults)
    return QueueTargets(
        service_level=next((one.target.share for one in levels if one.target.share is not None), None),
        aht=next((one.report_targets.aht for one in levels if one.report_targets.aht is not None), None),
        csat=next((one.report_targets.csat for one in levels if one.report_targets.csat is not None), None),
    )


def _dispositions(settings: Settings, queue: str) -> Mapping[str, QueueDispositionConfig]:
    own = settings.queues[queue].dispositions
    return (own if own is not None else settings.queue_defaults.dispositions) or {}


def _labels(codes: Mapping[str, QueueDispositionConfig | DispositionConfig]) -> dict[str, str]:
    return {code: one.label for code, one in codes.items() if one.label}


def _campaign(campaign: CampaignConfig) -> CampaignTerms:
    codes = campaign.dispositions
    return CampaignTerms(
        number=campaign.number or "",
        cap=campaign.cap,
        most_attempts=campaign.attempts.most,
        estimate=MachineEstimate(campaign.amd, campaign.false_positives),
        codes=frozenset(codes),
        labels=_labels(codes),
        reached=frozenset(name for name, one in codes.items() if one.reached),
        successes=frozenset(name for name, one in codes.items() if one.success),
    )
