"""Request bodies: what is accepted of each, as the OpenAPI document says it, and how a body is read."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated, NoReturn, TypeVar

from aiohttp import web
from aiohttp.client_exceptions import ClientError
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from callbridge.adapters.http.problems import Problem
from callbridge.adapters.views.phrasing import in_parts
from callbridge.core.model.numbers import SPREADSHEET, plain
from callbridge.core.model.plan import ConsultQueue, Target, ToAgent, ToNumber, ToQueue
from callbridge.core.model.sentence import Sentence
from callbridge.wire.phone_numbers import PhoneNumbers

BODY_LIMIT = 16 * 1024
"""Maximum size of a request body, in bytes."""
BODY_PATIENCE = 10.0
"""Seconds within which the whole body must arrive."""
_TURNING = r"\u202a-\u202e\u2066-\u2069"
"""They turn the reading direction of what stands behind them, as of somebody else's name."""
PLAIN_TEXT = rf"^[^\x00-\x1f\x7f-\x9f\u2028\u2029{_TURNING}]*$"
LINES = rf"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029{_TURNING}]*$"
"""Text of several lines."""
MAX_NOTE = 2000
"""Characters of a note."""
_NAME = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]{1,64}$"
_NUMBER = r"^number:\+?[0-9*#]{1,32}$"
"""Characters of a number that can be dialled."""
_LONGEST_HEAD_START = 30 * 86_400.0


class Body(BaseModel):
    """An empty body: ``{}``, or no body."""

    model_config = ConfigDict(extra="forbid", strict=True)


class PhoneBody(Body):
    """An endpoint of the PBX, such as ``PJSIP/1001``, or of one of several, ``pbx2/PJSIP/1001``; never a dial string for a
    dialplan or trunk. Default: the current phone."""

    phone: str = Field(default="", max_length=145, pattern=r"^(?:(?:[^/\s]{1,64}/)?(?:PJSIP|SIP|IAX2)/[A-Za-z0-9_.+-]+)?$")


class ReasonBody(Body):
    """A not-ready reason, as configured."""

    reason: str = Field(default="", max_length=64, pattern=PLAIN_TEXT)


def dialled(number: object) -> object:
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
        return f"number:{dialled(to.removeprefix('number:'))}"
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


class ToAnyBody(TargetBody):
    """``queue:NAME``, ``agent:ID`` or ``number:DIGITS`` (an outside number)."""

    to: str = Field(pattern=f"^queue:{_NAME}|^agent:{_NAME}|{_NUMBER}", examples=["queue:support", "number:+493012345"])


class ConsultBody(ToAnyBody):
    """``queue:NAME``, ``agent:ID`` or ``number:DIGITS`` (an outside number). ``consult_queue``: when no agent of the queue is
    free, ``offer`` is refused and ``wait`` waits in the queue; without it the setting of that name decides."""

    consult_queue: ConsultQueue | None = None


class SecondsBody(Body):
    """A head start in the queue, in seconds."""

    seconds: float = Field(ge=0, le=_LONGEST_HEAD_START, allow_inf_nan=False, strict=False, examples=[600])


class SwitchBody(Body):
    on: bool


class CallbackBody(Body):
    """The number to call back and its queue. ``tier``: else looked up by number; ``agent``: only this agent; ``not_before``:
    epoch seconds, 0 for at once; a time that has passed is refused."""

    queue: str = Field(min_length=1, max_length=64, pattern=PLAIN_TEXT)
    number: Annotated[str, BeforeValidator(dialled)] = Field(pattern=r"^\+?[0-9]{1,15}$", examples=["+442079460000"])
    name: str = Field(default="", max_length=80, pattern=PLAIN_TEXT)
    tier: str = Field(default="", max_length=64, pattern=PLAIN_TEXT)
    agent: str = Field(default="", max_length=64, pattern=PLAIN_TEXT)
    not_before: float = Field(default=0.0, ge=0, le=1e11, allow_inf_nan=False, strict=False)


class CallbackTimeBody(Body):
    """``not_before``: the new time, epoch seconds; it lies ahead."""

    not_before: float = Field(gt=0, le=1e11, allow_inf_nan=False, strict=False)


class CallbackNumberBody(Body):
    """The number to call from now on."""

    number: Annotated[str, BeforeValidator(dialled)] = Field(pattern=r"^\+?[0-9]{1,15}$", examples=["+442079460000"])


class NoteBody(Body):
    """What the agent writes about the call; it may have several lines."""

    text: str = Field(min_length=1, max_length=MAX_NOTE, pattern=LINES, examples=["Wants an offer by Friday."])

    @field_validator("text")
    @classmethod
    def _says_something(cls, text: str) -> str:
        if not text.strip():
            raise PydanticCustomError("note", "is empty")
        return text.strip()


class DispositionBody(Body):
    """The disposition: one of the codes of the campaign, or of the queue, or its digit. ``call_back_at``: when to call the
    customer of a campaign again, in epoch seconds; with ``own``, only by this agent."""

    code: str = Field(min_length=1, max_length=64, pattern=PLAIN_TEXT)
    call_back_at: float | None = Field(default=None, ge=0, le=1e11, allow_inf_nan=False, strict=False)
    own: bool = False


class LeadsBody(Body):
    """Leads with the columns of a lead file: number, name, timezone, agent, priority, due, and details for the agent."""

    leads: list[dict[str, str]] = Field(min_length=1, max_length=500)


class BlockBody(Body):
    """A number to add to the do-not-call list, for one campaign or for all."""

    number: Annotated[str, BeforeValidator(dialled)] = Field(pattern=r"^\+?[0-9]{1,15}$", examples=["+442079460000"])
    campaign: str = Field(default="", max_length=64, pattern=PLAIN_TEXT)
    reason: str = Field(default="asked", min_length=1, max_length=200, pattern=PLAIN_TEXT)
    expires_at: float | None = Field(default=None, ge=0, le=1e11, allow_inf_nan=False, strict=False)


class UnblockBody(Body):
    """A number to remove from the do-not-call list: the entry of one campaign, or the one for all."""

    number: Annotated[str, BeforeValidator(dialled)] = Field(pattern=r"^\+?[0-9]{1,15}$", examples=["+442079460000"])
    campaign: str = Field(default="", max_length=64, pattern=PLAIN_TEXT)


class ClosedBody(Body):
    closed: bool


class ClosureBody(Body):
    """``target``: what is closed. ``begins`` and ``ends``: epoch seconds; without ``begins`` at once."""

    target: str = Field(max_length=80, pattern=r"^(calendar|queue|entry):[^\x00-\x1f\x7f]{1,64}$", examples=["calendar:office"])
    begins: float | None = Field(default=None, ge=0, le=1e11, allow_inf_nan=False, strict=False)
    ends: float = Field(gt=0, le=1e11, allow_inf_nan=False, strict=False)
    reason: str = Field(default="", max_length=200, pattern=PLAIN_TEXT, examples=["staff meeting"])


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
        {"field": ".".join(map(str, fault["loc"])), "problem": (why := _problem(fault))} | in_parts(why)
        for fault in error.errors(include_input=False)
    ]
    raise Problem(400, "the request body is invalid", faults=faults) from None


_FORMS = {
    "number": Sentence("expected a phone number such as +442079460000"),
    "phone": Sentence("expected a phone such as PJSIP/1001, or with several PBXs pbx2/PJSIP/1001"),
    "to": Sentence("expected a target such as queue:support, agent:1001 or number:+493012345, as far as it makes sense here"),
}
"""A readable description of the expected value, in place of the regular expression."""


_WORDS = {
    "missing": Sentence("is missing"),
    "extra_forbidden": Sentence("is not a field of this request"),
    "json_invalid": Sentence("not valid JSON"),
    "model_type": Sentence("expected an object"),
    "model_attributes_type": Sentence("expected an object"),
    "dict_type": Sentence("expected an object"),
    "list_type": Sentence("expected a list"),
    "string_type": Sentence("expected text"),
    "string_pattern_mismatch": Sentence("must not contain control characters"),
    "string_too_short": Sentence("is empty"),
    "string_too_long": Sentence("is longer than {max_length} characters"),
    "string_unicode": Sentence("is not valid text"),
    "float_type": Sentence("expected a number"),
    "float_parsing": Sentence("expected a number"),
    "finite_number": Sentence("expected a number"),
    "int_type": Sentence("expected a whole number"),
    "int_parsing": Sentence("expected a whole number"),
    "int_from_float": Sentence("expected a whole number"),
    "bool_type": Sentence("expected true or false"),
    "enum": Sentence("must be {expected}"),
    "literal_error": Sentence("must be {expected}"),
    "too_short": Sentence("needs at least {min_length}"),
    "too_long": Sentence("has more than {max_length}"),
    "greater_than": Sentence("must be more than {gt}"),
    "greater_than_equal": Sentence("must be {ge} or more"),
    "less_than": Sentence("must be less than {lt}"),
    "less_than_equal": Sentence("must be {le} or less"),
}
"""By the validator's kind of error: its own sentences and patterns are for nobody who calls this."""


def _problem(fault: ErrorDetails) -> Sentence:
    field, kind = str(fault["loc"][-1]) if fault["loc"] else "", fault["type"]
    if kind == "string_pattern_mismatch" and field in _FORMS:
        return _FORMS[field]
    if kind in _WORDS:
        limits = {
            name: f"{value:.15g}" if isinstance(value, float) else str(value) for name, value in fault.get("ctx", {}).items()
        }
        return Sentence(_WORDS[kind], **limits) if "{" in _WORDS[kind] else _WORDS[kind]
    return Sentence(fault["msg"].removeprefix("Value error, "))
