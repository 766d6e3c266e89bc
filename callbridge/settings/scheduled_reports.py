"""The shape of scheduled reports."""

from __future__ import annotations

import pathlib
import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, SecretStr, field_validator, model_validator

from callbridge.settings.mail import MailAddress
from callbridge.settings.section import ConfigSection
from callbridge.settings.spelling import OneOrMore, text
from callbridge.settings.values import EntryName, Name, WholeUrl, filled, listed
from callbridge.wire.reports import CATALOGUE, By, ReportOption

_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", re.ASCII)


def _time(value: object) -> object:
    if not isinstance(value, str) or not _TIME.fullmatch(value.strip()):
        raise ValueError(f"expected a time of day such as 07:00, not {value!r:.40}")
    return value.strip()


def _report(value: str) -> str:
    if value not in CATALOGUE:
        raise ValueError(f"no such report: {value!r:.40}; `callbridge report --help` lists them")
    if needs := CATALOGUE[value].needs:
        raise ValueError(f"the report {value} is about one {needs}: it cannot be sent by schedule")
    return value


TimeOfDay = Annotated[str, BeforeValidator(_time), text("time of day", "^([01]?[0-9]|2[0-3]):[0-5][0-9]$", "07:00")]
ReportName = Annotated[str, AfterValidator(_report), text("report", example="queues")]
NamesOrAll = Annotated[tuple[Name, ...], BeforeValidator(listed), OneOrMore()]
EntryNames = Annotated[tuple[EntryName, ...], BeforeValidator(listed), OneOrMore()]
Addresses = Annotated[tuple[MailAddress, ...], BeforeValidator(listed), AfterValidator(filled), OneOrMore()]


class ReportWebhookConfig(ConfigSection):
    """A system that receives reports by HTTP POST."""

    url: WholeUrl
    """URL to which the report is posted. Example: `https://bi.example/reports`"""
    secret: SecretStr
    """Key with which each request is signed, at least 16 characters."""

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < 16:
            raise ValueError("is too short for signing: use at least 16 characters")
        return value


class ReportTargetConfig(ConfigSection):
    """A target of a report: exactly one of these."""

    email: Addresses | None = None
    """Addresses to which the report is mailed, as an attachment; requires the section `mail`. Example: `[lead@example.com]`"""
    folder: pathlib.Path | None = None
    """Folder into which the report is written, relative to this file; it must exist. Example: `/srv/reports`"""
    webhook: ReportWebhookConfig | None = None
    """System to which the report is posted."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(each is not None for each in (self.email, self.folder, self.webhook)) != 1:
            raise ValueError("give exactly one of email, folder and webhook")
        return self

    @property
    def key(self) -> str:
        """What distinguishes it from other targets."""
        if self.email is not None:
            return f"email {' '.join(sorted(self.email))}"
        return f"folder {self.folder}" if self.folder is not None else f"webhook {self.webhook.url if self.webhook else ''}"


class ScheduledReportConfig(ConfigSection):
    """A report that is sent regularly."""

    name: Name
    """Name of the schedule in file names, subjects, logs and alerts. Example: `morning`"""
    report: ReportName
    """Name of the report; `callbridge report --help` lists them. Example: `queues`"""
    by: By | None = None
    """Interval by which the period is divided; if omitted, the figures are for the whole period. Example: `30m`"""
    period: Literal["yesterday", "last_week", "last_month"] = "yesterday"
    """Period that it covers: `yesterday`, sent daily; `last_week`, sent on Mondays; or `last_month`, sent on the first of the
    month."""
    at: TimeOfDay = "07:00"
    """Time of day at which it is sent, in the configuration's time zone."""
    form: Literal["html", "xlsx", "csv", "excel"] = "html"
    """File format: `html` (a page with plots), `xlsx` (a workbook), `csv`, or `excel` (CSV that Excel opens directly)."""
    language: Literal["en", "zh"] = "en"
    """Language of headings and definitions: `en` or `zh`."""
    queues: NamesOrAll = ()
    """Only these queues. Example: `[support, sales]`"""
    tiers: NamesOrAll = ()
    """Only these tiers. Example: `[gold]`"""
    entries: EntryNames = ()
    """Only these entries. Example: `[main]`"""
    agents: NamesOrAll = ()
    """Only these agents. Example: `[1001]`"""
    campaigns: EntryNames = ()
    """Only these campaigns. Example: `[spring]`"""
    to: Annotated[tuple[ReportTargetConfig, ...], AfterValidator(filled)]
    """Where it is sent; each target is retried separately. Example: `[{email: [lead@example.com]}]`"""

    @property
    def names(self) -> dict[ReportOption, tuple[str, ...]]:
        """The names that it is limited to, by option."""
        given = {
            ReportOption.QUEUE: self.queues,
            ReportOption.TIER: self.tiers,
            ReportOption.ENTRY: self.entries,
            ReportOption.AGENT: self.agents,
            ReportOption.CAMPAIGN: self.campaigns,
        }
        return {option: names for option, names in given.items() if names}

    @model_validator(mode="after")
    def _usable(self) -> Self:
        taken = CATALOGUE[self.report].options
        for option, names in self.names.items():
            if names and option not in taken:
                raise ValueError(f"the report {self.report} cannot be narrowed to {_PLURALS[option]}")
        if self.by is not None and ReportOption.BY not in taken:
            raise ValueError(f"the report {self.report} takes no by")
        if len({target.key for target in self.to}) < len(self.to):
            raise ValueError("the same target is given twice")
        return self


_PLURALS = {
    ReportOption.QUEUE: "queues",
    ReportOption.TIER: "tiers",
    ReportOption.ENTRY: "entries",
    ReportOption.AGENT: "agents",
    ReportOption.CAMPAIGN: "campaigns",
}
