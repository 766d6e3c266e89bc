"""The shape of the process and its neighbours: the PBX, Redis, HTTP, logs, metrics, webhooks."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self
from zlib import crc32

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from callbridge.settings.section import ConfigSection
from callbridge.settings.spelling import Spelt, Unit, text
from callbridge.settings.values import (
    LONGEST_ARI_NAME,
    AriName,
    Duration,
    HttpUrl,
    Lasting,
    Name,
    PbxName,
    Port,
    RedisUrl,
    Text,
    Tie,
    WholeUrl,
    Zone,
    filled,
)
from callbridge.settings.web_access import AddressRange, OidcConfig, SessionsConfig, TlsConfig
from callbridge.wire.webhooks import EVENTS, EventName, placeholders

DEFAULT_APP, DEFAULT_PREFIX = "callbridge", "cb"


def default_prefix(app: str) -> str:
    """Of ids in Asterisk: ``cb`` for the application ``callbridge``, another one for each other application."""
    if app == DEFAULT_APP:
        return DEFAULT_PREFIX
    whole = f"{DEFAULT_PREFIX}_{app}"
    return whole if len(whole) <= LONGEST_ARI_NAME else f"{whole[: LONGEST_ARI_NAME - 9]}_{crc32(app.encode()):08x}"


class InstanceConfig(ConfigSection):
    """``app`` is the Stasis application; ``prefix`` begins every id of a channel or bridge: by default it differs by
    application, because two may run on one PBX."""

    app: AriName = DEFAULT_APP
    """Name of the Stasis application, as the dialplan names it; two instances on one PBX need two names."""
    prefix: AriName = DEFAULT_PREFIX
    """Begins the id of every channel and bridge that callbridge creates; by default `cb` for the application
    `callbridge` and `cb_APP` for any other."""
    timezone: Zone = "Europe/London"
    """Time zone in which the day begins, and of every calendar that names none."""

    @model_validator(mode="before")
    @classmethod
    def _own_prefix(cls, value: object) -> object:
        if isinstance(value, Mapping) and "prefix" not in value and isinstance(value.get("app"), str):
            return {**value, "prefix": default_prefix(value["app"])}
        return value


LEAST_KEY = 16
DATABASE_URL = "sqlite:////var/lib/callbridge/callbridge.db"


class DatabaseConfig(ConfigSection):
    """The database of everything that must outlive the day: history, leads, attempts and opt-outs."""

    url: SecretStr = SecretStr(DATABASE_URL)
    """URL of the database, SQLite or PostgreSQL; by default `sqlite:////var/lib/callbridge/callbridge.db`.
    Example: `postgresql+psycopg://callbridge:PASSWORD@db.example/callbridge`"""

    @field_validator("url")
    @classmethod
    def _a_url(cls, value: SecretStr) -> SecretStr:
        if "://" not in value.get_secret_value():  # not quoted: it may hold a password
            raise ValueError(f"expected a database's URL, such as {DATABASE_URL}")
        if re.fullmatch(r"sqlite(\+\w+)?://(/?:memory:.*)?/?", value.get_secret_value()):
            raise ValueError(f"a database in memory would lose history, leads and opt-outs: use {DATABASE_URL}")
        return value

    @property
    def file(self) -> pathlib.Path | None:
        """The database's file, when it is one of SQLite's."""
        found = re.match(r"sqlite(?:\+\w+)?:///(?!:|file:)([^?]+)", self.url.get_secret_value())
        return pathlib.Path(found[1]) if found is not None else None


class HistoryConfig(ConfigSection):
    """What the history keeps, and for how long."""

    keep: bool = True
    """Write every call, visit, offer, conversation and agent's state to the database; requires the section `database`."""
    numbers: Literal["plain", "hashed"] = "plain"
    """How callers' numbers are kept: `plain`, with their names; or `hashed`: what masking leaves of the number, no name, and a
    keyed hash by which the calls of one person are found."""
    key: SecretStr | None = None
    """Secret of the hashes, required with `numbers: hashed`; with another one the calls of a person before and after do not
    match."""
    days: Annotated[int, Field(ge=1, le=36_500), Unit("days")] = 1100
    """Days after which rows are deleted: of calls, visits, conversations, agents' states, surveys, callbacks and requests."""
    flow_days: Annotated[int, Field(ge=1, le=36_500), Unit("days")] = 400
    """Days after which the steps of callers through flows are deleted; by far the most rows."""

    @model_validator(mode="after")
    def _has_its_key(self) -> Self:
        if self.numbers == "hashed" and self.key is None:
            raise ValueError("numbers: hashed requires a key, such as key_file: history.key")
        if self.key is not None and len(self.key.get_secret_value()) < LEAST_KEY:
            raise ValueError(f"key is too short: at least {LEAST_KEY} characters, such as `openssl rand -hex 32` prints")
        return self


class AriConfig(ConfigSection):
    """The connection to Asterisk's REST interface (ARI)."""

    url: HttpUrl
    """Base URL of Asterisk's REST interface."""
    user: Text
    """User of `ari.conf` as whom callbridge connects. Example: `callbridge`"""
    password: SecretStr
    """Password of this user."""


class AmiConfig(ConfigSection):
    """The connection to Asterisk's manager interface (AMI)."""

    host: Text = "127.0.0.1"
    """Host name or address of the manager interface. Example: `127.0.0.1`"""
    port: Port = 5038
    """TCP port of the manager interface."""
    user: Text
    """User of `manager.conf` as whom callbridge logs in. Example: `callbridge`"""
    secret: SecretStr
    """Secret of this user."""


def _no_ari() -> AriConfig:
    """A PBX that is only observed needs no ARI (``rules`` requires it of all others)."""
    return AriConfig.model_construct(url="http://127.0.0.1:8088/ari", user="nobody", password=SecretStr(""))


class PbxConfig(ConfigSection):
    """One Asterisk. ``echo_limit``: seconds without our own heartbeat coming back after which nothing is ordered;
    ``request_timeout``: seconds after which an order without an answer counts as failed, though it may have worked."""

    name: PbxName
    """Name of the PBX in facts, figures and saved state; it must not contain `/`. Example: `pbx1`"""
    ari: AriConfig = Field(default_factory=_no_ari)
    """Connection to Asterisk's REST interface; can be omitted only for `callbridge observe`."""
    ami: AmiConfig
    """Connection to Asterisk's manager interface, which reports the state of the phones."""
    tie: Tie | None = None
    """What this PBX dials to reach the phone of an agent on another PBX: `{phone}` is the phone's name there, without
    technology, and `{pbx}` that PBX; required where agents have phones on another PBX. Example: `PJSIP/{phone}@tie-{pbx}`"""
    lines: Annotated[int, Field(ge=1, le=5000), Unit("calls")] | None = None
    """Most calls of all campaigns together that this PBX makes at a time, as its trunk allows; by default each campaign's `lines`
    alone limit them. Example: `60`"""
    site: Name | None = None
    """Site of this PBX, its callers and the agents whose first phone it has, for `queues.NAME.own_site`. Example: `london`"""
    bridge_type: Text = "mixing,dtmf_events"
    """Type of the bridges that callbridge creates: `mixing`, with `dtmf_events` so that keys pressed during a call are
    heard and, if wanted, `proxy_media`. Example: `mixing,dtmf_events`"""
    echo_limit: Lasting = 3.0
    """When callbridge's own heartbeat takes longer than this to come back, no orders are sent to the PBX. Example:
    `3s`"""
    request_timeout: Lasting = 5.0
    """An order not answered within this time counts as failed, although Asterisk may have carried it out. Example:
    `5s`"""

    @property
    def sip_socket(self) -> str:
        """Where Asterisk takes SIP over WebSocket: beside ARI, on the same port."""
        return f"{self.ari.url.rstrip('/').removesuffix('/ari')}/ws"

    @field_validator("bridge_type")
    @classmethod
    def _known_type(cls, value: str) -> str:
        types = [part.strip() for part in value.split(",")]
        known = ("mixing", "dtmf_events", "proxy_media")
        if "mixing" not in types or not set(types) <= set(known):
            raise ValueError(f"expected 'mixing', and with a comma any of {', '.join(known[1:])}, not {value!r:.60}")
        return ",".join(types)


class ObserveConfig(ConfigSection):
    """The PBX's own queues (app_queue) that are observed besides callbridge's: their calls are in the same figures."""

    queues: tuple[Text, ...] = ()
    """Names of the queues; by default the one of `fallback.queue`, with `callbridge observe` all queues of the PBX. Example:
    `[callbridge-fallback, reception]`"""
    user: Text | None = None
    """User in `manager.conf` with `read = agent,call` that receives the queue events, in addition to the user of `pbx`, which
    does not; not needed for `callbridge observe`. Example: `callbridge-observer`"""
    secret: SecretStr | None = None
    """Secret of this user."""


class RedisConfig(ConfigSection):
    """Where the state is saved and facts are published."""

    url: RedisUrl
    """URL of the Redis server; several with commas, of which the one that accepts writes is used, Sentinels and the name of
    the primary (`redis+sentinel://sentinel1,sentinel2/NAME/0`), or nodes of a Redis Cluster (`redis+cluster://node1,node2`).
    Example: `redis://127.0.0.1:6379/0`"""
    prefix: Annotated[
        str,
        Field(pattern=r"^[\w.:-]*(\{[\w.:-]+\})?[\w.:-]*$", min_length=1, max_length=64),
        text("text", r"^[\p{L}\p{N}_.:-]*(\{[\p{L}\p{N}_.:-]+\})?[\p{L}\p{N}_.:-]*$"),
    ] = "callbridge:"
    """Begins every key and channel name in Redis; letters, digits and `_ . : -`, at most 64, and for a Redis Cluster a tag in
    braces, so that one node has all keys. Example: `"{callbridge}:"`"""
    wait_at_start: Duration = 60.0
    """How long a start waits for an unreachable Redis before it continues without the saved state."""
    number_key: SecretStr | None = None
    """Secret with which callers' numbers are hashed in names of keys (last agents, asked surveys); by default made from the AMI
    secret of the first PBX; with another one callers are not recognised until they call again."""

    @field_validator("number_key")
    @classmethod
    def _is_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < LEAST_KEY:
            raise ValueError(f"is too short: at least {LEAST_KEY} characters, such as `openssl rand -hex 32` prints")
        return value


class StandbyConfig(ConfigSection):
    """Two or more instances with the same Redis, PBX and application: one leads, the others take over when it is gone."""

    address: HttpUrl
    """URL under which users and the other instances reach the HTTP interface of this instance; it differs by instance. Example:
    `http://cb1.example:8090`"""
    take_over_after: Annotated[Lasting, Field(ge=1.0, le=60.0)] = 1.5
    """How long a standby waits for a silent leader before it takes over; the same for all instances. Example: `1.5s`"""


class TokenConfig(ConfigSection):
    """A token for the API and the role that it has."""

    name: Name
    """Name under which the holder of the token appears in the audit log. Example: `wallboard`"""
    role: Literal["viewer", "agent", "supervisor", "admin"]
    """What the token allows: a `viewer` reads, an `agent` acts for one agent, a `supervisor` acts for all agents and
    calls, an `admin` may also reload the configuration."""
    agent: Name | None = None
    """Id of the agent for whom a token with `role: agent` acts. Example: `1001`"""
    teams: tuple[Name, ...] = ()
    """Teams whose queues and agents the token sees and acts on; without any all queues and agents. Example: `[front]`"""
    token: SecretStr
    """The bearer token."""


class HttpLimitsConfig(ConfigSection):
    """Limits on connections and event readers, in all and for one address or token."""

    connections: Annotated[int, Field(ge=16, le=10_000), Unit("connections")] = 512
    """Most connections open at a time; any further one is refused."""
    connections_each: Annotated[int, Field(ge=8, le=10_000), Unit("connections")] = 256
    """Most connections open at a time from one address; set it to `connections` behind a proxy."""
    event_readers: Annotated[int, Field(ge=1, le=5_000), Unit("clients")] = 100
    """Most clients reading the event stream at a time."""
    event_readers_each: Annotated[int, Field(ge=1, le=5_000), Unit("clients")] = 50
    """Most clients reading the event stream at a time from one address or with one token."""
    view_readers_user: Annotated[int, Field(ge=1, le=5_000), Unit("screens")] = 20
    """Most screens that one user has open at a time."""
    view_readers_address: Annotated[int, Field(ge=1, le=5_000), Unit("screens")] = 256
    """Most screens that are open at a time from one address."""


class HttpConfig(ConfigSection):
    """The HTTP interface and who may use it."""

    host: Text = "127.0.0.1"
    """Address on which the HTTP interface listens; any but a loopback address requires a token. Example: `127.0.0.1`"""
    port: Port = 8090
    """TCP port of the HTTP interface."""
    token: SecretStr | None = None
    """Bearer token with the role `admin`; an empty one, as from a variable that is not set, means none. Example:
    `${CALLBRIDGE_TOKEN:-}`"""
    tokens: tuple[TokenConfig, ...] = ()
    """Further tokens, each with a name and a role."""
    limits: HttpLimitsConfig = HttpLimitsConfig()
    """How many connections and event readers are served at a time."""
    tls: TlsConfig | None = None
    """Serve https by a certificate; without this section http."""
    trusted_proxies: tuple[AddressRange, ...] = ()
    """Addresses or networks of reverse proxies whose `X-Forwarded-For`, `-Proto` and `-Host` are believed.
    Example: `[10.0.0.5]`"""
    oidc: OidcConfig | None = None
    """Single sign-on; without this section people log in with passwords and PINs only."""
    sessions: SessionsConfig = SessionsConfig()
    """How long somebody who has logged in with a browser stays logged in."""
    agents_see_numbers: bool = True
    """Whether agents see number and name of the caller on their own page in full, from the offer until the end of wrap-up, though
    `log.mask_numbers` masks them elsewhere."""

    @field_validator("token")
    @classmethod
    def _given(cls, value: SecretStr | None) -> SecretStr | None:
        return value if value is not None and value.get_secret_value() else None


_CAPITALS = Spelt(({"enum": ["DEBUG", "INFO", "WARNING", "ERROR"]},))


class LogConfig(ConfigSection):
    """What is logged, and how much of phone numbers is shown."""

    level: Annotated[Literal["debug", "info", "warning", "error"], _CAPITALS] = "info"
    """Least severe level that is logged."""
    mask_numbers: bool = True
    """Whether phone numbers are masked, as in `+49*****321`, in everything that others see: logs, Redis and HTTP; but an agent
    sees the own caller's (`http.agents_see_numbers`)."""

    @field_validator("level", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value


class WithheldNumbersConfig(ConfigSection):
    """Callers who withhold their number, which the trunk knows all the same."""

    route: bool = True
    """Whether a withheld number decides the caller's tier; nothing else is done with it."""
    show: bool = False
    """Whether withheld numbers are treated like all others: shown to agents with the offer, stored, and sent to other systems;
    only for those who are entitled to it, such as emergency services."""


class RecordingsConfig(ConfigSection):
    """Retention of recordings. Expired files below the folder `metrics.recordings` are deleted, except those of persons under a
    legal hold and those with an open review or dispute."""

    keep_days: Annotated[int, Field(ge=1, le=36_500), Unit("days")] | None = None
    """Days after which recordings are deleted; if omitted, only those of the queues in `queues` are. Example: `90`"""
    queues: dict[Name, Annotated[int, Field(ge=1, le=36_500), Unit("days")]] = {}
    """Different retention, in days, for the recordings of these queues. Example: `{sales: 30}`"""


class MetricsConfig(ConfigSection):
    """``label_agents``: seconds by agent, too; for at most 500 agents. ``recordings``: the folder in which the PBX records, whose
    disk's free space is exported and whose files the API plays."""

    label_agents: bool = False
    """Whether the seconds spent in each state and the scores of recordings are also counted per agent, for at most 500 agents."""
    recordings: pathlib.Path | None = None
    """Folder in which the PBX writes recordings; if set, the free space of its disk is exported, and supervisors can play
    recordings through the API. Example: `/var/spool/asterisk/monitor`"""


class WebhookConfig(ConfigSection):
    """A system that receives events as they happen."""

    name: Name
    """Name of the receiver in metrics, logs and alerts. Example: `crm`"""
    url: WholeUrl
    """URL to which events are posted. Example: `https://crm.example/callbridge`"""
    secret: SecretStr
    """Key with which each request is signed, at least 16 characters."""
    events: Annotated[tuple[EventName, ...], AfterValidator(filled)] = EVENTS
    """Kinds of event that are sent. Example: `[offer, answer, end]`"""
    link: str = ""
    """Template of the link that a screen pop opens, with placeholders such as `{number}`, `{call}` and `{agent}`.
    Example: `https://crm.example/?number={number}&call={call}`"""
    unmasked: bool = False
    """Whether numbers and names are sent in full instead of masked."""

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < 16:
            raise ValueError("is too short for signing: use at least 16 characters")
        return value

    @field_validator("link")
    @classmethod
    def _a_template(cls, value: str) -> str:
        if value:
            placeholders(value)
        return value
