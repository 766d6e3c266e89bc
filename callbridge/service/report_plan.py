"""Translates the schedule of reports from the configuration."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from callbridge.adapters.report_forms.deliveries import ReportTarget, ToFolder, ToMail, ToWebhook
from callbridge.adapters.report_forms.forms import ReportForm
from callbridge.adapters.report_forms.schedule import ReportPeriod
from callbridge.adapters.report_forms.scheduler import ReportPlan, ScheduledReport
from callbridge.adapters.report_forms.words import Language
from callbridge.adapters.reports.asking import ReportRequest
from callbridge.service.adapter_settings import mail_settings
from callbridge.settings.models import Settings
from callbridge.settings.scheduled_reports import ReportTargetConfig


def report_plan(settings: Settings) -> ReportPlan:
    scheduled = [
        ScheduledReport(
            name=one.name,
            request=ReportRequest(name=one.report, by=one.by or "", names=one.names),
            period=ReportPeriod(one.period),
            at=one.at,
            form=ReportForm(one.form),
            language=Language(one.language),
            targets=[(target.key, _target(target)) for target in one.to],
        )
        for one in settings.reports
    ]
    return ReportPlan(zone=ZoneInfo(settings.instance.timezone), scheduled=scheduled, mail=mail_settings(settings))


def _target(target: ReportTargetConfig) -> ReportTarget:
    if target.email is not None:
        return ToMail(target.email)
    if target.folder is not None:
        return ToFolder(target.folder)
    assert target.webhook is not None
    return ToWebhook(target.webhook.url, target.webhook.secret.get_secret_value())
