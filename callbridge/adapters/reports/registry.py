"""Who makes each report of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping

from callbridge.adapters.reports.abandoned import abandoned_report
from callbridge.adapters.reports.adherence import adherence_report
from callbridge.adapters.reports.agents import agents_report
from callbridge.adapters.reports.call_details import call_report
from callbridge.adapters.reports.callbacks import callbacks_report
from callbridge.adapters.reports.calls import calls_report
from callbridge.adapters.reports.campaigns import campaigns_report
from callbridge.adapters.reports.dispositions import dispositions_report
from callbridge.adapters.reports.flows import flows_report
from callbridge.adapters.reports.heatmap import heatmap_report
from callbridge.adapters.reports.occupancy import occupancy_report
from callbridge.adapters.reports.offers import offers_report
from callbridge.adapters.reports.quality import quality_report
from callbridge.adapters.reports.queues import entries_report, queues_report, tiers_report
from callbridge.adapters.reports.repeats import repeats_report
from callbridge.adapters.reports.report import ReportMaker
from callbridge.adapters.reports.scripts import scripts_report
from callbridge.adapters.reports.service_levels import service_level_report
from callbridge.adapters.reports.sessions import sessions_report
from callbridge.adapters.reports.surveys import surveys_report
from callbridge.adapters.reports.transfers import transfers_report
from callbridge.adapters.reports.voice import voice_report

REPORTS: Mapping[str, ReportMaker] = {
    "queues": queues_report,
    "tiers": tiers_report,
    "entries": entries_report,
    "agents": agents_report,
    "flows": flows_report,
    "surveys": surveys_report,
    "callbacks": callbacks_report,
    "repeats": repeats_report,
    "campaigns": campaigns_report,
    "dispositions": dispositions_report,
    "scripts": scripts_report,
    "quality": quality_report,
    "voice": voice_report,
    "sessions": sessions_report,
    "adherence": adherence_report,
    "calls": calls_report,
    "call": call_report,
    "abandoned": abandoned_report,
    "heatmap": heatmap_report,
    "service-level": service_level_report,
    "offers": offers_report,
    "transfers": transfers_report,
    "occupancy": occupancy_report,
}
