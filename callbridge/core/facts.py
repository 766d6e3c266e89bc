"""What is worth telling: the core's words to Redis, metrics, logs, history and webhooks.

A fact is told once, when it happens, with an id that readers insert by. Numbers of people are in ``number``
fields only, so that one rule masks them. Times are epoch seconds, durations seconds.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    seq: int
    at: float
    call: str = ""
    agent: str = ""
    queue: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallArrived(Fact):
    leg: str
    entry: str
    tier: str
    number: str
    name: str
    uniqueid: str
    linkedid: str
    direction: str = "in"
    """``out``: we call the customer, to keep a promise or for a campaign."""
    promise: str = ""
    campaign: str = ""
    found_waiting: bool = False
    """Not heard arriving: found in the PBX after a restart without a saved world."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDiverted(Fact):
    """A call went to the fallback or elsewhere in the dialplan; ``reason`` says why."""

    leg: str
    entry: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitBegan(Fact):
    tier: str
    rank: float
    day: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepBegan(Fact):
    """The caller's window moved on; ``needs`` is the requirement in force from now."""

    tier: str
    step: int
    needs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferMade(Fact):
    leg: str
    tier: str
    needs: str
    waited: float
    freed_at: float | None = None
    """When a caller was waiting already: the moment that the agent became free (handover)."""
    collected: str = ""
    """A JSON object of what the caller typed and other systems said; empty when there is nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferEnded(Fact):
    leg: str
    result: str
    """``answered``, ``no_answer``, ``rejected``, ``offline`` or ``cancelled``."""
    rang_for: float
    cause: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitEnded(Fact):
    tier: str
    outcome: str
    waited: float
    """Since the call's arrival, whatever queues it has been in."""
    within_target: bool
    day: str
    to: str = ""
    """Where an overflow went: ``queue:general``, ``flow:closed``, ``dialplan:context,extension``."""
    reason: str = ""
    estimated: bool = False
    expected: float | None = None
    """The wait in this queue that was estimated when the visit began, in seconds."""
    lasted: float = 0.0
    """Seconds in this queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowBegan(Fact):
    """The caller is in a flow now; ``reason``: ``entry``, ``key``, ``flow`` (another one led here) or why a queue was left."""

    flow: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowStepped(Fact):
    """The caller came to a node. What a caller types for a value is told nowhere; a menu's key is."""

    flow: str
    node: str
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowEnded(Fact):
    """``result``: ``queue``, ``flow``, ``dialplan``, ``goodbye``, ``hung_up``, ``moved`` or ``failed``; ``to``: where it led."""

    flow: str
    node: str
    result: str
    lasted: float
    to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptFailed(Fact):
    """Something could not be played: most likely the PBX does not have it. What comes after it came at once."""

    where: str
    """``flow:welcome/ask``, or ``queue:support/greeting``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyAnswered(Fact):
    """``agent`` and ``queue`` are those of the talk that it is about."""

    survey: str
    question: str
    answer: str
    """The key that was pressed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyAlerted(Fact):
    """An answer of which somebody should hear at once."""

    survey: str
    question: str
    answer: str
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyMissed(Fact):
    """The caller would have been asked, and hung up first: somebody may ask by another way."""

    survey: str
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyEnded(Fact):
    """``result``: ``complete``, ``partial``, ``refused`` (nothing was answered) or ``skipped`` (nothing was asked: this
    number was asked a short time ago)."""

    survey: str
    result: str
    answers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VoicemailLeft(Fact):
    """A message for ``queue``: ``recording`` is the file's name among the PBX's recordings. ``lasted`` is about right when the
    caller ended it by hanging up."""

    recording: str
    lasted: float
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseMade(Fact):
    """A customer is owed a callback from now on. ``agent``: the only one who is to call, if any."""

    promise: str
    number: str
    tier: str
    rank: float
    expires_at: float
    by: str = ""
    """Who asked for it when it was not the customer."""
    recording: str = ""
    """The message in which the customer asked for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackTried(Fact):
    """The customer was called, for the ``attempt``-th time. ``result``: ``answered``, ``abandoned`` (answered, and gone
    before an agent was there), ``busy``, ``no_answer``, ``rejected``, ``invalid``, ``congestion``, ``agent_gone``,
    ``called_again`` (by another way, while we called), ``cancelled`` or ``unknown``."""

    promise: str
    attempt: int
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseEnded(Fact):
    """``outcome``: ``kept``, ``failed``, ``expired`` or ``cancelled``; ``waited``: since it was made."""

    promise: str
    outcome: str
    reason: str
    waited: float
    attempts: int
    number: str
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRepeated(Fact):
    """The caller talked to ``agent`` in ``queue`` a short time ago: what it was about was not resolved then."""

    after: float
    """Seconds since that talk began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupEnded(Fact):
    """``result``: ``found``, ``failed`` (late, refused, or not to be read)."""

    lookup: str
    result: str
    lasted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced(Fact):
    """A waiting caller was told something: ``what`` is ``greeting``, ``position``, ``periodic`` or ``busy``."""

    what: str
    position: int | None = None
    minutes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkBegan(Fact):
    """Both legs are in the bridge: a segment begins."""

    leg: str
    waited: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkEnded(Fact):
    talked: float
    held: float
    ended_by: str
    """``customer``, ``agent``, ``transfer``; ``moved``, ``taken_over`` or ``supervisor`` (somebody asked for it); ``taken``
    (somebody took the call away in the PBX), ``fault`` or ``lost`` (found gone after a reconnect)."""
    estimated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecorded(Fact):
    """The talk with ``agent`` is in ``file``, in the PBX's folder ``monitor``. ``paused``: seconds of ``lasted`` that are
    silent in it."""

    file: str
    lasted: float
    paused: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFailed(Fact):
    """Alert: the talk is not recorded - or, when ``why`` says so, goes on being recorded though it was to pause."""

    file: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTransferred(Fact):
    target: str
    attended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HandingBegan(Fact):
    """``agent`` hands the call on, or wants a word with the target first; ``way`` is ``blind``, ``consult`` or ``back``."""

    to: str
    way: str
    leg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HandingEnded(Fact):
    """``result``: ``completed``, ``returned``, ``no_answer``, ``rejected``, ``offline``, ``failed`` or ``cancelled``."""

    to: str
    way: str
    result: str
    lasted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchBegan(Fact):
    """Audit: ``by`` listens to, whispers to or barges in on ``agent``, or takes the call over."""

    by: str
    mode: str
    phone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchEnded(Fact):
    by: str
    mode: str
    phone: str
    lasted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WrapUpEnded(Fact):
    lasted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded(Fact):
    lasted: float
    outcome: str
    """The outcome of its last visit, or ``talked``."""
    segments: int
    estimated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentChanged(Fact):
    """The published state changed; ``lasted`` is the time spent in the previous one."""

    name: str
    phone: str
    state: str
    reason: str
    previous: str
    previous_reason: str
    lasted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderGaveUp(Fact):
    """An order failed in a way that changed what happened to the call."""

    order: str
    why: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceFound(Fact):
    """A snapshot differed from our books; ``kind`` says how."""

    pbx: str
    kind: str
    leg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentAlerted(Fact):
    """Somebody should look after this agent: ``kind`` is ``reason_limit`` (``reason`` has lasted its limit),
    ``offers_missed`` (``count`` offers in a row came to nothing) or ``pin_locked`` (after ``count`` wrong PINs in a row
    nobody logs in at a phone as this agent for ``limit`` seconds)."""

    kind: str
    reason: str = ""
    limit: float = 0.0
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AskRefused(Fact):
    """``agent`` or ``call`` is whom it was about; ``unknown`` when there is no such agent, call or queue."""

    ask: str
    reason: str
    by: str = ""
    unknown: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AskGranted(Fact):
    """Audit: ``by`` somebody other than the agent, or about a call, this was asked and is being done."""

    ask: str
    by: str
    to: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchChanged(Fact):
    """A switch (``bypass``) was turned."""

    switch: str
    on: bool
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityQuarantined(Fact):
    kind: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignChanged(Fact):
    """Started, paused or stopped: ``by`` somebody, or by itself (``reason``)."""

    campaign: str
    state: str
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptMade(Fact):
    """A number is being dialled."""

    campaign: str
    attempt: str
    lead: int
    number: str
    risk: float
    """The chance that nobody would be free for whoever answers, as it was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnded(Fact):
    """``outcome``: answered (when the talk begins), abandoned, busy and so on. ``delay``: seconds from the answer, or the end of
    the greeting, to the agent; ``late``: more than the campaign allows, so it counts as abandoned. ``idle``: seconds that the
    agent had been free for it."""

    campaign: str
    attempt: str
    lead: int
    number: str
    outcome: str
    cause: int = 0
    rang: float = 0.0
    delay: float = 0.0
    late: bool = False
    idle: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadDispositioned(Fact):
    campaign: str
    attempt: str
    lead: int
    code: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OptedOut(Fact):
    """Somebody is not to be called again, of one campaign or of all (``campaign`` empty), from now on."""

    campaign: str
    number: str
    reason: str
    by: str


AnyFact = (
    CallArrived
    | CallDiverted
    | VisitBegan
    | StepBegan
    | OfferMade
    | OfferEnded
    | VisitEnded
    | FlowBegan
    | FlowStepped
    | FlowEnded
    | PromptFailed
    | SurveyAnswered
    | SurveyAlerted
    | SurveyEnded
    | SurveyMissed
    | VoicemailLeft
    | PromiseMade
    | CallbackTried
    | PromiseEnded
    | CallRepeated
    | LookupEnded
    | Announced
    | TalkBegan
    | TalkEnded
    | CallRecorded
    | RecordingFailed
    | CallTransferred
    | HandingBegan
    | HandingEnded
    | WatchBegan
    | WatchEnded
    | WrapUpEnded
    | CallEnded
    | AgentChanged
    | OrderGaveUp
    | DifferenceFound
    | AgentAlerted
    | AskRefused
    | AskGranted
    | SwitchChanged
    | CampaignChanged
    | AttemptMade
    | AttemptEnded
    | LeadDispositioned
    | OptedOut
    | EntityQuarantined
)
