"""What reports need of the configuration. Light: the command reads it, too."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from callbridge.adapters.reports.asking import ReportSite
from callbridge.service.report_terms import report_terms
from callbridge.settings.models import Settings
from callbridge.wire.reports import ReportOption


def report_site(settings: Settings) -> ReportSite:
    def person(number: str) -> str:
        from callbridge.service.adapter_settings import history_people  # loads most adapters

        return history_people(settings).identity(settings.numbers.identity(number))

    return ReportSite(
        zone=ZoneInfo(settings.instance.timezone),
        configured={
            ReportOption.QUEUE: settings.queues,
            ReportOption.TIER: settings.tiers.order,
            ReportOption.ENTRY: settings.entries,
            ReportOption.AGENT: settings.agents,
            ReportOption.CAMPAIGN: settings.campaigns,
        },
        person=person,
        terms=report_terms(settings),
    )
