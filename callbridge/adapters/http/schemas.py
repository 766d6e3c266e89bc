"""Request and response bodies: the schemas that the OpenAPI document is generated from."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated, Any, Literal, NoReturn, TypeVar

from aiohttp import web
from aiohttp.client_exceptions import ClientError
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from callbridge.adapters.http.problems import Problem
from callbridge.core.model.numbers import SPREADSHEET, plain
from callbridge.core.model.plan import Target, ToAgent, ToNumber, ToQueue
from callbridge.wire.phone_numbers import PhoneNumbers

BODY_LIMIT = 16 * 1024
"""Maximum size of a request body, in bytes."""
BODY_PATIENCE = 10.0
"""Seconds within which the whole body must arrive."""
_PLAIN_TEXT = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
_NAME = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]{1,64}$"
_NUMBER = r"^number:\+?[0-9*#]{1,32}$"
"""Characters of a number that can be dialled."""
_LONGEST_HEAD_START = 30 * 86_400.0


# -- asked ----------------------------------------------------------------------------------------------------------


class Body(BaseModel):
    """An empty body: ``{}``, or no body."""

    model_config = ConfigDict(extra="forbid", strict=True)


class PhoneBody(Body):
    """An endpoint of the PBX, such as ``PJSIP/1001``, never a dial string for a dialplan or trunk. Default: the current phone."""

    phone: str = Field(default="", max_length=80, pattern=r"^(?:(?:PJSIP|SIP|IAX2)/[A-Za-z0-9_.+-]+)?$")


class ReasonBody(Body):
    """A not-ready reason, as configured."""

    reason: str = Field(default="", max_length=64, pattern=_PLAIN_TEXT)


def _dialled(number: object) -> object:
    """As it is dialled: people write numbers with spaces. One from a spreadsheet, two in one value, or one with an extension is
    refused by name: nothing is guessed."""
    if isinstance(number, float):
        raise PydanticCustomError("spreadsheet", SPREADSHEET)
    if not isinstance(number, str):
        return number
    if ambiguity := PhoneNumbers().ambiguity(number):
        raise PydanticCustomError("phone_number", ambiguity)
    return plain(number) or number


def _target(to: object) -> object:
    if isinstance(to, str) and to.startswith("number:") and not re.fullmatch(_NUMBER, to):
        return f"number:{_dialled(to.removeprefix('number:'))}"
    return to


class TargetBody(Body):
    """The target; subclasses restrict its kind."""

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
    """``agent:ID`` or ``number:DIGITS`` (an outside number)."""

    to: str = Field(pattern=f"^agent:{_NAME}|{_NUMBER}", examples=["agent:1001", "number:+493012345"])


class ToAnyBody(TargetBody):
    """``queue:NAME``, ``agent:ID`` or ``number:DIGITS`` (an outside number)."""

    to: str = Field(pattern=f"^queue:{_NAME}|^agent:{_NAME}|{_NUMBER}", examples=["queue:support", "number:+493012345"])


class SecondsBody(Body):
    """A head start in the queue, in seconds."""

    seconds: float = Field(ge=0, le=_LONGEST_HEAD_START, allow_inf_nan=False, strict=False, examples=[600])


class SwitchBody(Body):
    on: bool


class CallbackBody(Body):
    """The number to call back and its queue. ``tier``: else looked up by number; ``agent``: only this agent; ``not_before``:
    epoch seconds."""

    queue: str = Field(min_length=1, max_length=64, pattern=_PLAIN_TEXT)
    number: Annotated[str, BeforeValidator(_dialled)] = Field(pattern=r"^\+?[0-9]{1,15}$", examples=["+442079460000"])
    name: str = Field(default="", max_length=80, pattern=_PLAIN_TEXT)
    tier: str = Field(default="", max_length=64, pattern=_PLAIN_TEXT)
    agent: str = Field(default="", max_length=64, pattern=_PLAIN_TEXT)
    not_before: float = Field(default=0.0, ge=0, le=1e11, allow_inf_nan=False, strict=False)


class DispositionBody(Body):
    """The disposition: one of the campaign's codes, or its digit. ``call_back_at``: when to call the customer again, in epoch
    seconds; with ``own``, only by this agent."""

    code: str = Field(min_length=1, max_length=64, pattern=_PLAIN_TEXT)
    call_back_at: float | None = Field(default=None, ge=0, le=1e11, allow_inf_nan=False, strict=False)
    own: bool = False


class LeadsBody(Body):
    """Leads with the columns of a lead file: number, name, timezone, agent, priority, due, and details for the agent."""

    leads: list[dict[str, str]] = Field(min_length=1, max_length=500)


class BlockBody(Body):
    """A number to add to the do-not-call list, for one campaign or for all."""

    number: Annotated[str, BeforeValidator(_dialled)] = Field(pattern=r"^\+?[0-9]{1,15}$", examples=["+442079460000"])
    campaign: str = Field(default="", max_length=64, pattern=_PLAIN_TEXT)
    reason: str = Field(default="asked", min_length=1, max_length=200, pattern=_PLAIN_TEXT)
    expires_at: float | None = Field(default=None, ge=0, le=1e11, allow_inf_nan=False, strict=False)


class UnblockBody(Body):
    """A number to remove from the do-not-call list: the entry of one campaign, or the one for all."""

    number: Annotated[str, BeforeValidator(_dialled)] = Field(pattern=r"^\+?[0-9]{1,15}$", examples=["+442079460000"])
    campaign: str = Field(default="", max_length=64, pattern=_PLAIN_TEXT)


class ClosedBody(Body):
    closed: bool


Some = TypeVar("Some", bound=Body)


async def body_of(request: web.Request, kind: type[Some]) -> Some:
    """Read and validate the request's body. Raises Problem when it is late, incomplete or invalid."""
    try:
        async with asyncio.timeout(BODY_PATIENCE):
            data = await request.read()
    except TimeoutError:
        raise Problem(408, "the request body did not arrive in time") from None
    except (ConnectionError, ClientError, web.RequestPayloadError):
        raise Problem(400, "the request body is incomplete") from None
    try:
        return kind.model_validate_json(data or b"{}")
    except ValidationError as error:
        _invalid(error)


def _invalid(error: ValidationError) -> NoReturn:
    faults = [
        {"field": ".".join(map(str, fault["loc"])), "problem": _problem(fault)} for fault in error.errors(include_input=False)
    ]
    raise Problem(400, "the request body is invalid", faults=faults) from None


_FORMS = {
    "number": "expected a phone number such as +442079460000",
    "phone": "expected an endpoint such as PJSIP/1001",
    "to": "expected a target such as queue:support, agent:1001 or number:+493012345, as far as it makes sense here",
}
"""A readable description of the expected value, in place of the regular expression."""


def _problem(fault: ErrorDetails) -> str:
    field = str(fault["loc"][-1]) if fault["loc"] else ""
    return _FORMS.get(field, fault["msg"]) if fault["type"] == "string_pattern_mismatch" else fault["msg"]


# -- answered -------------------------------------------------------------------------------------------------------

Count = Annotated[int, Field(ge=0)]
Absent = Literal[""]


class ResponseBody(BaseModel):
    """Absent values are the empty string; times are epoch seconds."""

    model_config = ConfigDict(extra="forbid")


class QueueView(ResponseBody):
    """A queue's current state, and the results of today's visits. ``sl``: service level, 0 to 1."""

    name: str
    waiting: Count
    oldest_arrived_at: float | Absent
    agents_logged_in: Count
    agents_ready: Count
    agents_ringing: Count
    agents_connecting: Count
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
    """An agent's current state. ``queue`` and ``call``: those of the current call; in wrap-up, the queue of the last call."""

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
    """A call. ``queue`` and ``agent`` are the ones handling it now; ``step``: the current step of its queue, from 0."""

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
    """A fact; its further fields depend on its ``type``."""

    model_config = ConfigDict(extra="allow")

    seq: int
    at: float
    type: str
    call: str
    agent: str
    queue: str


class CallTimeline(ResponseBody):
    """A call with its timeline, oldest first. For a call that ended some time ago only ``id`` and ``timeline`` are available."""

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
    """The view's fields, and ``lines`` that explain them; for a call also its ``timeline``."""

    model_config = ConfigDict(extra="allow")

    lines: list[ExplanationLine]


class WaitingView(ResponseBody):
    """The first ``limit`` callers of every queue in the order in which they are served; ``total`` and ``totals`` (by queue)
    count all of them."""

    now: float
    bypass: bool
    waiting: list[dict[str, Any]]
    total: int
    totals: dict[str, int]
    alerts: list[str]
    """What needs attention now: queues whose callers fit nobody who is ready; agents with a not-ready reason over its limit,
    offers missed in a row, or a locked PIN."""


class CallbackView(ResponseBody):
    """An open callback. ``state``: ``standing`` in line, ``resting`` until ``due``, or ``active``."""

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
    """The present state of a campaign. ``decided``: dials of the last decision, and ``why``; ``why_not``: why nobody is dialled
    now, as text; ``risk``: the probability that the last dial finds no free agent, at most ``risk_allowed``; ``abandon_rate``:
    of the ``answers`` in the window; ``leads_ready``: leads that may be dialled now."""

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
    """With the ledger's figures: leads by state, today's attempts and dispositions; ``next_due_at``: when the next lead that is
    not ready yet may be dialled, if there is one."""

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


class DispositionView(ResponseBody):
    agent: str
    code: str


class CallbackEndedView(ResponseBody):
    id: str
    cancelled: Literal[True]


class RequestAccepted(ResponseBody):
    """Accepted; it is being carried out."""

    call: str
    request: str


class SwitchView(ResponseBody):
    """``by`` and ``since``: who set it last, and when; absent if it was never set."""

    on: bool
    by: str
    since: float | Absent


class CalendarView(ResponseBody):
    """A calendar. ``open``: whether it is open; ``closed``: whether it was closed manually, ``by`` whom and ``since`` when."""

    name: str
    open: bool
    closed: bool
    by: str
    since: float | Absent
    opens: float | Absent
    """The next opening time; absent while it is open, or if that is weeks away."""


class Health(ResponseBody):
    """``why``: the problem, when the process is not healthy."""

    healthy: bool
    why: list[str]


class Readiness(ResponseBody):
    """``missing``: what is not ready; ``notes``: conditions to be aware of even though calls are accepted."""

    ready: bool
    missing: list[str]
    notes: list[str]


class ProblemBody(BaseModel):
    """A problem according to RFC 9457. ``faults`` lists the errors of a body or a configuration."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
