"""Translates the configuration into the adapters' settings."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from callbridge.adapters.ami.fallback_queue import FallbackSettings
from callbridge.adapters.ami.link import AmiSettings
from callbridge.adapters.ari.link import AriSettings
from callbridge.adapters.ari.ownership import OwnershipCheck
from callbridge.adapters.history import People, Retention
from callbridge.adapters.history.recording_retention import RecordingTerms
from callbridge.adapters.http import ApiToken, ConnectionLimits, HttpSettings, OidcSettings, TlsFiles, TokenRole, TrustedProxies
from callbridge.adapters.ledger import LedgerTerms
from callbridge.adapters.lookups.lookup import LookupSettings
from callbridge.adapters.mail import MailSettings
from callbridge.adapters.redis.connection import RedisSettings
from callbridge.adapters.webhooks.body import WebhookSettings
from callbridge.core.model.plan import MEMORY, SURVEY
from callbridge.runtime.lease import LeaseTimes
from callbridge.settings.instance import HttpConfig, InstanceConfig, PbxConfig
from callbridge.settings.models import Settings
from callbridge.settings.resolve import ONCE_WITHIN, REMEMBERED_WITHIN
from callbridge.settings.web_access import OidcConfig


def redis_settings(settings: Settings) -> RedisSettings | None:
    """Where the world is saved; None: in memory only."""
    redis = settings.redis
    if redis is None:
        return None
    return RedisSettings(url=redis.url, prefix=redis.prefix, world=settings.instance.app, number_key=_number_key(settings))


def _number_key(settings: Settings) -> bytes:
    """Without a key in the configuration, one from a secret that all instances have and Redis has not."""
    if settings.redis is not None and settings.redis.number_key is not None:
        return settings.redis.number_key.get_secret_value().encode()
    return hashlib.sha256(b"callbridge: numbers\0" + settings.pbx[0].ami.secret.get_secret_value().encode()).digest()


def history_url(settings: Settings) -> str | None:
    """Of the database with the history; None: there is none."""
    if settings.database is None or not settings.history.keep:
        return None
    return settings.database.url.get_secret_value()


def history_people(settings: Settings) -> People:
    """What the history keeps of callers."""
    history = settings.history
    hashed = history.numbers == "hashed" and history.key is not None
    return People(key=history.key.get_secret_value().encode() if hashed and history.key is not None else b"")


def history_days(settings: Settings) -> Retention:
    return Retention(days=settings.history.days, flow_days=settings.history.flow_days)


def recording_terms(settings: Settings) -> RecordingTerms | None:
    """How long recordings are kept; None: callbridge deletes none."""
    kept, folder = settings.recordings, settings.metrics.recordings
    if folder is None or (kept.keep_days is None and not kept.queues):
        return None
    return RecordingTerms(folder=folder, days=kept.keep_days, queues=kept.queues)


def ledger_terms(settings: Settings) -> dict[str, LedgerTerms]:
    """Each campaign's rules, as the ledger needs them."""
    plan = settings.plan()
    return {
        name: LedgerTerms(
            limits=campaign.limits,
            frequency=plan.frequency,
            never=plan.do_not_call,
            again={
                code: one.again_after
                for code, one in settings.campaigns[name].dispositions.items()
                if one.again_after is not None
            },
            connect_within=campaign.connect_within,
        )
        for name, campaign in plan.campaigns.items()
    }


def lease_times(settings: Settings) -> LeaseTimes | None:
    """How long a leader's silence lasts before a standby takes over; None: there is none."""
    return None if settings.standby is None else LeaseTimes(ttl=settings.standby.take_over_after)


def ari_settings(settings: Settings, pbx: PbxConfig) -> AriSettings:
    instance, times = settings.instance, lease_times(settings)
    return AriSettings(
        name=pbx.name,
        url=pbx.ari.url,
        user=pbx.ari.user,
        password=pbx.ari.password.get_secret_value(),
        app=instance.app,
        prefix=instance.prefix,
        bridge_type=pbx.bridge_type,
        echo_limit=pbx.echo_limit if times is None else min(pbx.echo_limit, times.echo_limit),
        verified=times is not None,
        request_timeout=pbx.request_timeout,
    )


def ownership_check(instance: InstanceConfig, pbx: PbxConfig) -> OwnershipCheck:
    """How to check at start whether a PBX accepts our login, and who owns the application."""
    password = pbx.ari.password.get_secret_value()
    return OwnershipCheck(pbx=pbx.name, url=pbx.ari.url, app=instance.app, user=pbx.ari.user, password=password)


def ami_settings(pbx: PbxConfig) -> AmiSettings:
    return AmiSettings(
        name=pbx.name,
        user=pbx.ami.user,
        secret=pbx.ami.secret.get_secret_value(),
        host=pbx.ami.host,
        port=pbx.ami.port,
    )


def listener_settings(settings: Settings, pbx: PbxConfig) -> AmiSettings:
    """As whom we listen to the queues of the PBX's own."""
    ami, observe = ami_settings(pbx), settings.observe
    if observe is None or observe.user is None or observe.secret is None:
        return ami
    return replace(ami, user=observe.user, secret=observe.secret.get_secret_value())


def fallback_settings(settings: Settings, pbx: str) -> FallbackSettings:
    wanted = settings.fallback
    return FallbackSettings(
        pbx=pbx,
        queue=wanted.queue,
        return_context=wanted.return_context,
        mark=settings.instance.app,
        mirror=wanted.mirror,
        pull_back=wanted.pull_back,
        leave_alone=wanted.leave_alone,
    )


def hook_settings(settings: Settings) -> list[WebhookSettings]:
    return [
        WebhookSettings(
            name=hook.name,
            url=hook.url,
            secret=hook.secret.get_secret_value(),
            events=hook.events,
            link=hook.link,
            unmasked=hook.unmasked,
        )
        for hook in settings.webhooks
    ]


def mail_settings(settings: Settings) -> MailSettings | None:
    """Where mail is handed over; None: nowhere."""
    mail = settings.mail
    if mail is None:
        return None
    password = mail.password.get_secret_value() if mail.password is not None else ""
    port, user = mail.actual_port, mail.user or ""
    return MailSettings(host=mail.host, port=port, sender=mail.sender, user=user, password=password, tls=mail.tls)


def lookup_settings(settings: Settings) -> list[LookupSettings]:
    return (
        [
            LookupSettings(
                name=name,
                deadline=lookup.deadline,
                url=lookup.url or "",
                key=lookup.redis or "",
                rows=settings.lists.get(name),
                token=lookup.token.get_secret_value() if lookup.token is not None else "",
            )
            for name, lookup in settings.lookups.items()
        ]
        + [
            LookupSettings(name=SURVEY + name, deadline=ONCE_WITHIN, once=survey.again_after)
            for name, survey in settings.surveys.items()
        ]
        + [LookupSettings(name=MEMORY, deadline=REMEMBERED_WITHIN, memory=True)]
    )


def http_settings(http: HttpConfig) -> HttpSettings:
    """Tokens and limits of the HTTP server."""
    tokens = [
        ApiToken(
            name=token.name,
            role=TokenRole(token.role),
            token=token.token.get_secret_value(),
            agent=token.agent or "",
            teams=token.teams,
        )
        for token in http.tokens
    ]
    limits = ConnectionLimits(**http.limits.model_dump())
    return HttpSettings(
        host=http.host,
        token=http.token.get_secret_value() if http.token else "",
        tokens=tokens,
        limits=limits,
        proxies=TrustedProxies.of(http.trusted_proxies),
        oidc=_oidc(http.oidc),
    )


def _oidc(oidc: OidcConfig | None) -> OidcSettings | None:
    if oidc is None:
        return None
    secret = oidc.client_secret.get_secret_value() if oidc.client_secret is not None else ""
    address = oidc.address.rstrip("/")
    return OidcSettings(issuer=oidc.issuer, client_id=oidc.client_id, client_secret=secret, address=address, claim=oidc.claim)


def tls_files(http: HttpConfig) -> TlsFiles | None:
    """Of the certificate with which https is served; None: http is."""
    return None if http.tls is None else TlsFiles(http.tls.certificate, http.tls.key)
