"""The shape of agents and their phones, and of where calls go without them."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import (
    Field,
    SecretStr,
    field_validator,
)

from callbridge.core.model.plan import ConnectMode
from callbridge.settings.auto_answer import AutoAnswerConfig
from callbridge.settings.browser_phone import BrowserPhoneConfig
from callbridge.settings.section import ConfigSection
from callbridge.settings.spelling import Unit
from callbridge.settings.values import (
    AgentPhone,
    DialString,
    Digit,
    Domain,
    Duration,
    Hint,
    LanguageCode,
    Lasting,
    Media,
    Name,
    Pattern,
    PhonePattern,
    SkillLevel,
    Text,
)


class AgentConfig(ConfigSection):
    """One agent: phone, skills and how calls are presented."""

    name: Text | None = None
    """Name that people are shown; by default the agent's id. Example: `Alice Morgan`"""
    skills: dict[Name, SkillLevel] = {}
    """Skills and their levels, from 1 (learner) to 5 (expert). Example: `{support: 5, english: 3}`"""
    phone: AgentPhone | None = None
    """Endpoint of the PBX that rings, required unless `phones` is given; with several PBXs after the name of its PBX, as in
    `pbx2/PJSIP/1001`; one agent per phone."""
    phones: list[AgentPhone] = []
    """Endpoints of an agent with several phones, instead of `phone`: all that can be reached ring at the same time,
    and the first to answer has the call. Example: `[PJSIP/1001, PJSIP/1001-web]`"""
    site: Name | None = None
    """Site of the agent; by default that of the first phone's PBX. Example: `london`"""
    hint: Hint | None = None
    """Hint of the agent's extension: a call at any of its devices makes the agent `busy_elsewhere`, and its `Custom:DND` state is
    the agent's do not disturb. Example: `1001@ext-local`"""
    connect: ConnectMode = ConnectMode.RING
    """How calls reach the agent: `ring` rings the phone, `auto_answer` asks it to answer at once, `nailed_up` keeps
    one call up for the whole login."""
    login: bool = False
    """Whether the agent is logged in and ready when callbridge meets the agent for the first time."""
    pin: SecretStr | None = None
    """PIN for logging in at a phone, 4 to 12 digits (`phones.pin_digits`); without one the agent can log in only at the
    phone named here.
    Example: `"4711"`"""
    language: LanguageCode | None = None
    """Language of the prompts that the agent hears."""
    supervisor: bool = False
    """Whether the agent may listen to, whisper into, join and take over calls."""
    auto_answer: AutoAnswerConfig | None = None
    """How the phone is asked to answer by itself; by default as `phones` says. Example: `{preset: yealink}`"""
    browser_phone: BrowserPhoneConfig | None = None
    """Makes the agent's page in the browser one of the agent's phones. Example: `{password: SECRET}`"""
    confirm: bool = False
    """Whether the agent accepts each call with 1 and declines it with 2, so that voicemail never answers a caller."""

    @property
    def all_phones(self) -> list[str]:
        """The agent's phones, the first one first."""
        return [*([self.phone] if self.phone is not None else []), *self.phones]

    @property
    def first_phone(self) -> str:
        return next(iter(self.all_phones), "")

    @field_validator("pin")
    @classmethod
    def _digits(cls, value: SecretStr | None) -> SecretStr | None:
        """An empty PIN, such as from a variable that is not set, means none."""
        pin = value.get_secret_value() if value is not None else ""
        if pin and not re.fullmatch("[0-9]{3,12}", pin):
            raise ValueError("expected 3 to 12 digits")  # not quoted: it is a secret all the same
        return value if pin else None


class PhonesConfig(ConfigSection):
    """What holds for the phones of all agents."""

    silent_after: Duration = 2.0
    """A phone that has replied nothing to an INVITE, not even 100 Trying, for this long is silent: its agent is `offline`
    and the caller goes to the next one; `0` gives phones the whole ring time. Example: `2s`"""
    dead_after: Annotated[int, Field(ge=1, le=100), Unit("calls")] = 3
    """One of several devices of an agent is reported as dead after this many calls in a row to which it has not reacted while
    another one rang. Example: `5`"""
    do_not_disturb: Literal["busy_elsewhere", "not_ready"] = "busy_elsewhere"
    """What an agent is whose phone is on do not disturb: `busy_elsewhere` is over with it, or tried again after a while;
    `not_ready` is a pause with the reason `dnd`."""
    auto_answer: AutoAnswerConfig | None = None
    """How phones are asked to answer by themselves (`connect: auto_answer`); by default by the headers that most
    understand. Example: `{preset: grandstream}`"""
    domains: tuple[Domain, ...] = ()
    """Hosts by which phones know the PBX; a phone's blind transfer to another one is refused; without them any address counts
    as the PBX's, and of names only the phone's own domain; `"*"` allows all. Example: `[pbx.example.com, 192.0.2.10]`"""
    pin_digits: Annotated[int, Field(ge=3, le=12), Unit("digits")] = 4
    """How many digits the PIN of an agent has at least. Example: `6`"""
    allowed: tuple[PhonePattern, ...] = ()
    """Endpoints of the PBX, besides agents' own phones, at which agents may log in (hot desks) and supervisors may join
    calls; in those of PJSIP, `*` and `?` stand for any characters. Example: `[PJSIP/2*, SIP/lobby]`"""


class ReasonConfig(ConfigSection):
    """A reason for being not ready."""

    limit: Lasting | None = None
    """An alert is raised when an agent is not ready for this reason longer than this. Example: `45m`"""
    digit: Digit | None = None
    """Key that selects the reason behind the feature code for not ready."""


class PromptsConfig(ConfigSection):
    """What agents hear when they dial a feature code; by default Asterisk's core sounds."""

    agent: Media | None = None
    """Asks for the agent's id."""
    pin: Media | None = None
    """Asks for the PIN."""
    wrong_login: Media | None = None
    """Says that the login failed and asks for the agent's id again."""
    wrong_pin: Media | None = None
    """Says that the PIN is wrong and asks for it again."""
    logged_in: Media | None = None
    """Confirms that the agent is logged in."""
    logged_out: Media | None = None
    """Confirms that the agent is logged out."""
    ready: Media | None = None
    """Confirms that the agent is ready."""
    not_ready: Media | None = None
    """Confirms that the agent is not ready."""
    wrap_up: Media | None = None
    """Says that the agent is in wrap-up."""
    wrap_up_ended: Media | None = None
    """Confirms that the wrap-up has ended."""
    wrap_up_extended: Media | None = None
    """Confirms that the wrap-up was extended."""
    talking: Media | None = None
    """Says that the agent is on a call."""
    in_use: Media | None = None
    """Says that another agent is logged in at this phone."""
    locked: Media | None = None
    """Says that the login is locked after too many wrong PINs."""
    refused: Media | None = None
    """Says that the request was refused."""
    unknown: Media | None = None
    """Says that no such feature code or reason exists."""
    goodbye: Media | None = None
    """Ends the call when nothing was pressed, or something wrong too often."""
    disposition_saved: Media | None = None
    """Confirms that the disposition was saved."""
    confirm: Media | None = None
    """Announces a call that 1 accepts and 2 declines."""


class OutsideConfig(ConfigSection):
    """How agents and supervisors reach outside numbers."""

    dial: DialString
    """What Asterisk dials to reach an outside number, with `{number}` in it once. Example:
    `Local/{number}@callbridge-outside/n`"""
    numbers: tuple[Pattern, ...] | None = None
    """Patterns of the numbers that may be the target of a transfer or consult, any other is refused; without it the PBX alone
    decides, by the context behind `dial`. Example: `["+44[1237].", "0[1237]."]`"""


TransferKeys = Literal[
    "transfer",
    "consult",
    "consult_offer",
    "consult_wait",
    "complete",
    "return",
    "conference",
    "hold",
    "unhold",
    "survey",
    "record",
    "pause_recording",
    "resume_recording",
]


class FallbackConfig(ConfigSection):
    """Where calls go when callbridge cannot take them: ``context``, with the entry as extension.

    ``queue``: the app_queue that answers there; ``mirror``: its members follow our agents; ``pull_back``: its callers
    return to us by ``return_context``, those whom we sent there for trouble only after ``leave_alone`` seconds.
    """

    context: Text = "callbridge-fallback"
    """Context of the dialplan that takes calls which callbridge cannot handle; the extension is the entry. Example:
    `callbridge-fallback`"""
    queue: Text = "callbridge-fallback"
    """The `app_queue` that answers in this context. Example: `callbridge-fallback`"""
    mirror: bool = True
    """Whether the members of the fallback queue follow callbridge's agents."""
    pull_back: bool = True
    """Whether callers waiting in the fallback queue are taken back when callbridge works again."""
    return_context: Text = "callbridge-return"
    """Context of the dialplan through which callers are taken back. Example: `callbridge-return`"""
    leave_alone: Duration = 600.0
    """Callers whom callbridge sent to the fallback because of a fault are not taken back sooner than this."""
