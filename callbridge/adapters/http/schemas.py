"""What may come in a body, and what is answered: the shapes that the OpenAPI document is made from."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal, NoReturn, TypeVar

from aiohttp import web
from aiohttp.client_exceptions import ClientError
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from callbridge.adapters.http.problems import Problem
from callbridge.core.model.numbers import SPREADSHEET, is_of_spreadsheet, plain
from callbridge.core.model.plan import Target, ToAgent, ToNumber, ToQueue

BODY_LIMIT = 16 * 1024
"""Bytes that a request may bring."""
BODY_PATIENCE = 10.0
"""Seconds in which they must be here."""
_PLAIN_TEXT = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
_NAME = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]{1,64}$"
_NUMBER = r"^number:\+?[0-9*#]{1,32}$"
"""What can be dialled: never more than a number."""
_LONGEST = 30 * 86_400.0


# -- asked ----------------------------------------------------------------------------------------------------------


class Body(BaseModel):
    """What nothing more is said about: ``{}``, or nothing at all."""

    model_config = ConfigDict(extra="forbid", strict=True)


class PhoneBody(Body):
    """An endpoint of the PBX: never a dial string that leads into the dialplan or out of a trunk. None: the one in force."""

    phone: str = Field(default="", max_length=80, pattern=r"^(?:(?:PJSIP|SIP|IAX2)/[A-Za-z0-9_.+-]+)?$")


class ReasonBody(Body):
    """Why, as configured."""

    reason: str = Field(default="", max_length=64, pattern=_PLAIN_TEXT)


def _dialled(number: object) -> object:
    """As it is dialled: people write numbers with spaces, but a program that took one from a spreadsheet is refused by name."""
    if isinstance(number, float) or (isinstance(number, str) and is_of_spreadsheet(number)):
        raise PydanticCustomError("spreadsheet", SPREADSHEET)
    return plain(number) or number if isinstance(number, str) else number


def _target(to: object) -> object:
    if isinstance(to, str) and to.startswith("number:"):
        _dialled(to.removeprefix("number:"))
    return to


class TargetBody(Body):
    """Where to; which kinds of target it may be is the subclass's to say."""

    to: str

    _of_people = field_validator("to", mode="before")(_target)

    def target(self) -> Target:
        kind, _, name = self.to.partition(":")
        match kind:
            case "queue":
                return ToQueue(name)
            case "agent":
                return ToAgent(name)
            case _:
                return ToNumber(name)


class ToQueueBody(TargetBody):
    """``queue:NAME``."""

    to: str = Field(pattern=f"^queue:{_NAME}", examples=["queue:support"])


class ToAgentBody(TargetBody):
    """``agent:ID``."""

    to: str = Field(pattern=f"^agent:{_NAME}", examples=["agent:1001"])


class ToPersonBody(TargetBody):
    """``agent:ID`` or ``number:DIGITS``, somebody outside."""

    to: str = Field(pattern=f"^agent:{_NAME}|{_NUMBER}", examples=["agent:1001", "number:+493012345"])


class ToAnyBody(TargetBody):
    """``queue:NAME``, ``agent:ID`` or ``number:DIGITS``, somebody outside."""

    to: str = Field(pattern=f"^queue:{_NAME}|^agent:{_NAME}|{_NUMBER}", examples=["queue:support", "number:+493012345"])


class SecondsBody(Body):
    """An advantage in line, in seconds."""

    seconds: float = Field(ge=0, le=_LONGEST, allow_inf_nan=False, strict=False, examples=[600])


class SwitchBody(Body):
    on: bool


class CallbackBody(Body):
    """Whom to call back, and from which queue; ``tier``: else that of the number; ``agent``: by nobody else; ``not_before``:
    epoch seconds."""

    queue: str = Field(min_length=1, max_length=64, pattern=_PLAIN_TEXT)
    number: Annotated[str, BeforeValidator(_dialled)] = Field(pattern=r"^\+?[0-9]{1,15}$", examples=["+442079460000"])
    name: str = Field(default="", max_length=80, pattern=_PLAIN_TEXT)
    tier: str = Field(default="", max_length=64, pattern=_PLAIN_TEXT)
    agent: str = Field(default="", max_length=64, pattern=_PLAIN_TEXT)
    not_before: float = Field(default=0.0, ge=0, le=1e11, allow_inf_nan=False, strict=False)


class DispositionBody(Body):
    """What the talk came to: one of the campaign's codes, or its digit. ``call_back_at``: epoch seconds at which the customer
    wants to be called again, by this agent alone with ``own``."""

    code: str = Field(min_length=1, max_length=64, pattern=_PLAIN_TEXT)
    call_back_at: float | None = Field(default=None, ge=0, le=1e11, allow_inf_nan=False, strict=False)
    own: bool = False


class LeadsBody(Body):
    """Leads as the columns of a file: number, name, timezone, agent, priority, due, and whatever the agent is to see."""

    leads: list[dict[str, str]] = Field(min_length=1, max_length=500)


class BlockBody(Body):
    """A number that is not to be called any more: by one campaign, or by none."""

    number: Annotated[str, BeforeValidator(_dialled)] = Field(pattern=r"^\+?[0-9]{1,15}$", examples=["+442079460000"])
    campaign: str = Field(default="", max_length=64, pattern=_PLAIN_TEXT)
    reason: str = Field(default="asked", min_length=1, max_length=200, pattern=_PLAIN_TEXT)
    expires_at: float | None = Field(default=None, ge=0, le=1e11, allow_inf_nan=False, strict=False)


class UnblockBody(Body):
    """A number that may be called again: the entry of one campaign, or the one for all of them."""

    number: Annotated[str, BeforeValidator(_dialled)] = Field(pattern=r"^\+?[0-9]{1,15}$", examples=["+442079460000"])
    campaign: str = Field(default="", max_length=64, pattern=_PLAIN_TEXT)


class ClosedBody(Body):
    closed: bool


Some = TypeVar("Some", bound=Body)


async def body_of(request: web.Request, kind: type[Some]) -> Some:
    """The request's body, checked. Raises Problem: too late, cut off, or not what is asked for."""
    try:
        async with asyncio.timeout(BODY_PATIENCE):
            data = await request.read()
    except TimeoutError:
        raise Problem(408, "the body did not come") from None
    except (ConnectionError, ClientError, web.RequestPayloadError):
        raise Problem(400, "the body is broken") from None
    try:
        return kind.model_validate_json(data or b"{}")
    except ValidationError as error:
        _invalid(error)


def _invalid(error: ValidationError) -> NoReturn:
    faults = [
        {"field": ".".join(map(str, fault["loc"])), "problem": _problem(fault)} for fault in error.errors(include_input=False)
    ]
    raise Problem(400, "the body is not what is asked for", faults=faults) from None


_FORMS = {
    "number": "expected a phone number such as +442079460000",
    "phone": "expected an endpoint such as PJSIP/1001",
    "to": "expected a target such as queue:support, agent:1001 or number:+493012345, as far as it makes sense here",
}
"""What a value should look like, instead of the pattern that it does not fit."""


def _problem(fault: ErrorDetails) -> str:
    field = str(fault["loc"][-1]) if fault["loc"] else ""
    return _FORMS.get(field, fault["msg"]) if fault["type"] == "string_pattern_mismatch" else fault["msg"]


# -- answered -------------------------------------------------------------------------------------------------------

Count = Annotated[int, Field(ge=0)]
Absent = Literal[""]


class ResponseBody(BaseModel):
    """Absent values are the empty string, times epoch seconds."""

    model_config = ConfigDict(extra="forbid")


class QueueView(ResponseBody):
    """A queue now, and of the visits that arrived today what became of them. ``sl``: the service level, 0 to 1."""

    name: str
    waiting: Count
    oldest_arrived_at: float | Absent
    agents_logged_in: Count
    agents_ready: Count
    agents_ringing: Count
    agents_talking: Count
    agents_wrap_up: Count
    agents_not_ready: Count
    agents_busy_elsewhere: Count
    agents_offline: Count
    callbacks_waiting: Count
    ewt_seconds: float | Absent
    offered: Count
    answered: Count
    abandoned: Count
    short_abandoned: Count
    overflowed: Count
    failed: Count
    sl: float | Absent
    updated_at: float
    seq: int


class AgentView(ResponseBody):
    """An agent now. ``queue`` and ``call`` are those in hand; in wrap-up ``queue`` is the one that it is for."""

    id: str
    name: str
    state: str
    reason: str
    since: float
    queue: str
    call: str
    phone: str
    device: str
    updated_at: float
    seq: int


class CallView(ResponseBody):
    """A call. ``queue`` and ``agent`` are the ones that have it now; ``step``: the window of its queue's steps, from 0."""

    id: str
    state: str
    queue: str
    tier: str
    number: str
    arrived_at: float
    step: int | Absent
    agent: str
    updated_at: float
    seq: int


class FactView(BaseModel):
    """Something that happened; what more it says depends on its ``type``."""

    model_config = ConfigDict(extra="allow")

    seq: int
    at: float
    type: str
    call: str
    agent: str
    queue: str


class CallTimeline(ResponseBody):
    """A call with what happened to it, oldest first. Of a call that ended long ago only ``id`` and ``timeline`` are left."""

    id: str
    state: str | None = None
    queue: str | None = None
    tier: str | None = None
    number: str | None = None
    arrived_at: float | None = None
    step: int | Absent | None = None
    agent: str | None = None
    updated_at: float | None = None
    seq: int | None = None
    timeline: list[FactView]


class ExplanationLine(BaseModel):
    """One sentence of an explanation. ``code`` names its kind; ``at`` is when it happened."""

    model_config = ConfigDict(extra="allow")

    code: str
    text: str


class Explanation(BaseModel):
    """What the view says, and ``lines`` that say why. Of a call also its ``timeline``."""

    model_config = ConfigDict(extra="allow")

    lines: list[ExplanationLine]


class WaitingView(ResponseBody):
    """The first callers of every queue in the order in which they are served."""

    now: float
    bypass: bool
    waiting: list[dict[str, Any]]
    alerts: list[str]
    """What stands with agents now: a pause beyond its limit, offers missed in a row, a locked PIN."""


class CallbackView(ResponseBody):
    """A callback that is owed. ``state``: ``standing`` in line, ``resting`` until ``due``, or ``active``."""

    id: str
    queue: str
    number: str
    tier: str
    state: Literal["standing", "resting", "active"]
    made_at: float
    due: float | Absent
    expires_at: float
    attempts: Count
    agent: str
    call: str
    by: str
    recording: str


class CampaignView(ResponseBody):
    """A campaign as it is. ``decided`` dials of late, and ``why``; ``why_not``: for people, why nobody is dialled now, if nobody
    is; ``risk``: the chance that the last one finds nobody free, of which ``risk_allowed`` may be; ``abandon_rate``: of the
    ``answers`` in the window; ``leads_ready``: how many may be dialled now."""

    name: str
    state: Literal["running", "paused", "stopped"]
    by: str
    since: float | Absent
    mode: Literal["progressive", "power", "predictive"]
    queue: str
    outstanding: Count
    live: Count
    talking: Count
    agents: int
    busy: int
    leads_ready: Count
    decided: Count
    why: str
    why_not: str
    risk: float
    risk_allowed: float
    answer_chance: float
    answers: Count
    abandoned: Count
    abandon_rate: float
    cap: float
    window_seconds: float


class CampaignDetailsView(CampaignView):
    """With the ledger's figures: leads by state, attempts and dispositions of today; ``next_due_at``: when the next of those
    leads may be dialled that may not be now, if there is one."""

    leads: dict[str, Count]
    next_due_at: float | None
    outcomes_today: dict[str, Count]
    dispositions_today: dict[str, Count]


class LeadRefused(ResponseBody):
    number: str
    why: str


class LeadsEntered(ResponseBody):
    entered: Count
    refused: list[LeadRefused]


class Blocked(ResponseBody):
    number: str
    campaign: str
    reason: str
    by: str
    at: float
    expires_at: float | None


class Unblocked(ResponseBody):
    number: str
    campaign: str


class Disposed(ResponseBody):
    agent: str
    code: str


class CallbackEndedView(ResponseBody):
    id: str
    cancelled: Literal[True]


class Asked(ResponseBody):
    """Accepted, and being done."""

    call: str
    request: str


class SwitchView(ResponseBody):
    """``by`` and ``since``: who turned it last, and when; absent when nobody ever did."""

    on: bool
    by: str
    since: float | Absent


class CalendarView(ResponseBody):
    """A calendar: ``open`` is what callers meet now; ``closed`` whether somebody closed it, ``by`` whom and ``since`` when."""

    name: str
    open: bool
    closed: bool
    by: str
    since: float | Absent
    opens: float | Absent
    """The next time at which it opens by its hours; absent while it is open, or when that is weeks away."""


class Health(ResponseBody):
    """``why``: what is wrong with the process itself, when it is not healthy."""

    healthy: bool
    why: list[str]


class Readiness(ResponseBody):
    """``missing``: what is not up that should be; ``notes``: what somebody should know though calls are taken."""

    ready: bool
    missing: list[str]
    notes: list[str]


class ProblemBody(BaseModel):
    """RFC 9457. ``faults`` says what is wrong with a body or a configuration."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
