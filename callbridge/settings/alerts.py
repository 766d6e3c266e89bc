"""The shape of the built-in alerts: conditions and recipients."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr, field_validator

from callbridge.settings.mail import MailAddress
from callbridge.settings.section import ConfigSection
from callbridge.settings.spelling import OneOrMore, Unit
from callbridge.settings.values import Lasting, Name, WholeUrl, listed
from callbridge.wire.alerts import RuleName


class AlertWebhookConfig(ConfigSection):
    """A system that receives alerts."""

    url: WholeUrl
    """URL to which alerts are posted. Example: `https://ops.example/callbridge-alerts`"""
    secret: SecretStr
    """Key with which each request is signed, at least 16 characters."""

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < 16:
            raise ValueError("is too short for signing: use at least 16 characters")
        return value


class AlertsConfig(ConfigSection):
    """Alerts that callbridge sends itself."""

    mail_to: Annotated[tuple[MailAddress, ...], BeforeValidator(listed), OneOrMore()] = ()
    """Addresses to which alerts are sent; requires the section `mail`. Example: `[ops@example.com]`"""
    webhook: AlertWebhookConfig | None = None
    """A system that receives alerts as JSON."""
    most_per_hour: Annotated[int, Field(ge=1, le=1000), Unit("alerts")] = 20
    """Most alerts sent within an hour; conditions that still hold when the limit allows it again are sent then."""
    off: Annotated[tuple[RuleName, ...], BeforeValidator(listed), OneOrMore()] = ()
    """Rules to disable. Example: `[service_level]`"""
    lasts: dict[RuleName, Lasting] = Field(default={}, alias="for")
    """How long a condition must last before it is sent, for rules whose default does not fit. Example: `{long_wait: 2m}`"""
    vip_tiers: Annotated[tuple[Name, ...], BeforeValidator(listed), OneOrMore()] = ()
    """Tiers that the rule `vip_over_target` covers; by default all with a head start in the queue. Example: `[diamond]`"""
    long_wait: Lasting = 300.0
    """Wait of a caller above which an alert is sent. Example: `5m`"""
    not_ready: Lasting = 7200.0
    """Time that an agent is not ready above which an alert is sent. Example: `2h`"""
    service_level: Annotated[float, Field(gt=0, le=1)] = 0.7
    """Service level below which an alert is sent: of a queue today, from the 20th call on, and of a tier within half an hour, if
    it had more than 10 calls. Example: `0.7`"""
    webhook_backlog: Annotated[int, Field(ge=1, le=100_000), Unit("deliveries")] = 500
    """Number of deliveries waiting for a webhook above which an alert is sent."""
