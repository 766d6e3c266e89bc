"""Alerts without Prometheus: figures are checked every few seconds; each problem is reported once, by mail or webhook."""

from callbridge.adapters.alerts.call_volumes import CallVolumes
from callbridge.adapters.alerts.channels import Channel, MailChannel, Outlet, WebhookChannel
from callbridge.adapters.alerts.conditions import RULES, AlertCondition, CallVolume, Figures, Thresholds, conditions
from callbridge.adapters.alerts.episodes import Episodes, Notice
from callbridge.adapters.alerts.watch import AlertWatch

__all__ = [
    "RULES",
    "AlertCondition",
    "AlertWatch",
    "CallVolume",
    "CallVolumes",
    "Channel",
    "Episodes",
    "Figures",
    "MailChannel",
    "Notice",
    "Outlet",
    "Thresholds",
    "WebhookChannel",
    "conditions",
]
