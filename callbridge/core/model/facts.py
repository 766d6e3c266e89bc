"""Facts: what the core publishes to Redis, metrics, logs, history and webhooks.

A fact is emitted once, when it happens, with an ID by which readers insert it. A visit, an offer, a segment and a transfer have
as their number the ``seq`` of the fact with which they began (``VisitBegan``, ``OfferMade``, ``TalkBegan``, ``TransferStarted``);
what is told of them later carries it, 0 where it is not known. The type of each text field says whose data it
holds (``personal``): masking follows from it everywhere. Times are epoch seconds, durations seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from callbridge.core.model.call import DiversionReason
from callbridge.core.model.personal import Content, FreeText, PersonalNumber, PersonName, Plain, RowKey, SurveyAnswers, TargetText


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    seq: int
    at: float
    call: Plain = ""
    agent: Plain = ""
    queue: Plain = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallArrived(Fact):
    leg: Plain
    entry: Plain
    tier: Plain
    number: PersonalNumber
    name: PersonName
    uniqueid: Plain
    linkedid: Plain
    direction: Plain = "in"
    """``out``: we call the customer, to keep a promise or for a campaign."""
    callback: Plain = ""
    campaign: Plain = ""
    found_waiting: bool = False
    """Its arrival was missed: found in the PBX after a restart without a saved world."""
    source: Plain = "callbridge"
    """``app_queue``: a call in one of the PBX's own queues, only observed; ``fallback``: a call in the fallback queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAdopted(Fact):
    """A conversation without a row was found in the PBX: it continues, and is neither offered nor answered again.
    ``leg`` is the customer's; ``agent`` is empty when the other party is outside or unknown."""

    leg: Plain
    entry: Plain
    tier: Plain
    number: PersonalNumber
    name: PersonName
    arrived_at: float
    began_at: float
    """When the two were put together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerChanged(Fact):
    """A transfer by the caller's own phone, such as a receptionist's, has put somebody else in the caller's place. ``agent``: who
    talks with the caller (``talking``), or whose phone rings."""

    leg: Plain
    number: PersonalNumber
    name: PersonName
    tier: Plain
    phone: FreeText
    """Which transferred the call here."""
    talking: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerInaudible(Fact):
    """No audio came from a waiting caller for ``lasted`` seconds after the answer, and the caller was offered to nobody. It ended
    by audio (``heard``), with the queue's ``wait_for_audio`` (``timed_out``), by a hang-up (``hung_up``), or because the PBX gave
    up: the answer was never acknowledged, or a request not answered (``lost``)."""

    lasted: float
    outcome: Plain


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDiverted(Fact):
    """A call was sent to the fallback or elsewhere in the dialplan; ``reason`` says why."""

    leg: Plain
    entry: FreeText
    reason: Annotated[DiversionReason, Content.PLAIN]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRefused(Fact):
    """A caller was hung up because a limit was reached: before the answer, unless a flow had answered. ``full``: ``pbx``,
    ``entry`` or ``queue``, of which ``most`` callers may be there at a time, or ``load`` of a PBX that responded too slowly;
    ``response``: ``busy`` or ``congestion``."""

    leg: Plain
    entry: FreeText
    full: Plain
    most: int
    response: Plain


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitBegan(Fact):
    tier: Plain
    rank: float
    day: Plain
    consulted_by: Plain = ""
    """The agent who has the caller and consults this queue: the wait counts from here, and the visit ends ``answered`` when an
    agent of the queue answers. It becomes the caller's if the transfer is completed before that."""
    position: int = 0
    """Position in line; 1 is served next, 0: unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepBegan(Fact):
    """The caller's window moved on; ``needs`` is the requirement in force from now."""

    tier: Plain
    step: int
    needs: Plain


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferMade(Fact):
    leg: Plain
    tier: Plain
    needs: Plain
    waited: float
    visit: int = 0
    """0 for a call that we made: no queue counts it."""
    freed_at: float | None = None
    """When a caller was waiting already: the moment that the agent became free (handover)."""
    collected: SurveyAnswers = ""
    """A JSON object with what the caller typed and the answers of lookups; empty when there is nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferEnded(Fact):
    leg: Plain
    result: Plain
    """``answered``, ``no_answer``, ``rejected``, ``offline``, ``unavailable``, ``misconfigured`` or ``cancelled``."""
    rang_for: float
    offer: int = 0
    visit: int = 0
    cause: int = 0
    trouble: Plain = ""
    """What is wrong with the phone, where that is known: ``silent`` (no answer of any kind to the INVITE), ``dnd``,
    ``no_common_codec``, ``no_media``, ``authentication`` or ``unknown_endpoint``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitEnded(Fact):
    tier: Plain
    outcome: Plain
    waited: float
    """Seconds since the call arrived, across all its queues; after a conversation, since it entered a queue again; of a visit
    that began as a consult, since the consult began."""
    within_target: bool
    """Answered or abandoned within the target; the service level counts only the answered."""
    day: Plain
    to: TargetText = ""
    """Where an overflow went: ``queue:general``, ``flow:closed``, ``dialplan:context,extension``."""
    reason: FreeText = ""
    estimated: bool = False
    expected: float | None = None
    """The wait in this queue that was estimated when the visit began, in seconds."""
    lasted: float = 0.0
    """Seconds in this queue."""
    visit: int = 0
    position: int = 0
    """Position in line at the end of the visit. 0: unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowBegan(Fact):
    """The caller is in a flow now; ``reason``: ``entry``, ``key``, ``flow`` (another one led here) or why a queue was left."""

    flow: Plain
    reason: FreeText


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowStepped(Fact):
    """The caller reached a node. What a caller types for a value is never published; the key of a menu is."""

    flow: Plain
    node: Plain
    key: Plain = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowEnded(Fact):
    """``result``: ``queue``, ``flow``, ``dialplan``, ``goodbye``, ``hung_up``, ``moved`` or ``failed``; ``to``: where it led."""

    flow: Plain
    node: Plain
    result: Plain
    lasted: float
    to: TargetText = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptFailed(Fact):
    """A prompt could not be played, most likely because the sound file is missing. The call continued at once."""

    where: Plain
    """``flow:welcome/ask``, or ``queue:support/greeting``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyAnswered(Fact):
    """``agent`` and ``queue`` are those of the talk that it is about."""

    survey: Plain
    question: Plain
    answer: Plain
    """The key that was pressed."""
    segment: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyAlerted(Fact):
    """An answer that needs immediate attention."""

    survey: Plain
    question: Plain
    answer: Plain
    number: PersonalNumber
    segment: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyMissed(Fact):
    """The caller would have been asked, but hung up first: the survey may be sent in another way."""

    survey: Plain
    number: PersonalNumber


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyEnded(Fact):
    """``result``: ``complete``, ``partial``, ``refused`` (declined, or hung up before the first answer), ``no_answer`` (silent to
    the end) or ``skipped`` (nothing was asked: this number was asked a short time ago)."""

    survey: Plain
    result: Plain
    answers: int
    segment: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VoicemailLeft(Fact):
    """A message for ``queue``: ``recording`` is the file's name among the PBX's recordings. ``lasted`` is about right when the
    caller ended it by hanging up."""

    recording: Plain
    lasted: float
    number: PersonalNumber


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackRequested(Fact):
    """A callback was requested. ``agent``: the only agent who is to call, if any."""

    callback: Plain
    number: PersonalNumber
    tier: Plain
    rank: float
    expires_at: float
    by: Plain = ""
    """Who requested it, if not the customer."""
    recording: Plain = ""
    """The voicemail in which the customer requested it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackRefused(Fact):
    """The caller asked for a callback in a flow and was refused; ``reason`` says why. ``recording``: the voicemail in which
    it was requested."""

    number: PersonalNumber
    reason: FreeText
    template: Plain = ""
    values: FreeText = ""
    """As of RequestRefused."""
    recording: Plain = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackTried(Fact):
    """The customer was called, for the ``attempt``-th time. ``result``: ``answered``, ``abandoned`` (answered, and gone
    before an agent was there), ``busy``, ``no_answer``, ``rejected``, ``invalid``, ``congestion``, ``agent_gone``,
    ``called_again`` (by another way, while we called), ``cancelled`` or ``unknown``."""

    callback: Plain
    attempt: int
    result: Plain


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackEnded(Fact):
    """``outcome``: ``kept``, ``failed``, ``expired`` or ``cancelled``; ``waited``: since it was made."""

    callback: Plain
    outcome: Plain
    reason: FreeText
    waited: float
    attempts: int
    number: PersonalNumber
    by: Plain = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackChanged(Fact):
    """``by`` set another time or number, which hold from now on. ``due``: it is not made before; 0: it stands in line."""

    callback: Plain
    number: PersonalNumber
    due: float
    expires_at: float
    by: Plain


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackMoved(Fact):
    """The callback has moved to ``queue``, because ``previous_queue`` is no longer configured."""

    callback: Plain
    previous_queue: Plain


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRenamed(Fact):
    """Everything published about ``previous_queue`` so far belongs to ``queue``: visits, callbacks, talks and today's figures."""

    previous_queue: Plain
    callers: int
    callbacks: int
    talks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRepeated(Fact):
    """The caller talked to ``agent`` in ``queue`` a short time ago: the matter was not resolved then."""

    after: float
    """Seconds since that talk began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupEnded(Fact):
    """``result``: ``found``, ``failed`` (late, refused, or not to be read)."""

    lookup: Plain
    result: Plain
    lasted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced(Fact):
    """An announcement was played to a waiting caller: ``what`` is ``greeting``, ``position``, ``periodic``, ``busy`` or
    ``connection_lost``."""

    what: Plain
    position: int | None = None
    minutes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkBegan(Fact):
    """Both legs are in the bridge: a segment begins."""

    leg: Plain
    waited: float
    visit: int = 0
    """The visit in which the caller waited for it; 0 after a transfer, and of a call that we made."""
    offer: int = 0
    transfer: int = 0
    """The transfer by which the call came to this agent."""
    estimated: bool = False
    """It began while the link to the PBX was down, now at the latest: the talk is longer, and the wait shorter, than reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkEnded(Fact):
    talked: float
    hold_seconds: float
    ended_by: Plain
    """``customer``, ``agent``, ``transfer``; ``short`` (the agent's phone hung up at once: no answer, and no talk);
    ``caller_lost`` (the caller's side never acknowledged the answer, or answers no request any more);
    ``moved``, ``taken_over`` or ``supervisor`` (somebody asked for it); ``taken`` (somebody took the call away in the PBX),
    ``fault`` or ``lost`` (the phone died, or was found gone after a reconnect)."""
    segment: int = 0
    estimated: bool = False
    direction: Plain = "in"
    """Direction of its call: ``out`` if callbridge made it (``CallArrived``); it then counts in no queue's figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecorded(Fact):
    """The talk with ``agent`` is in ``file``, in the PBX's folder ``monitor``. ``paused``: seconds of ``lasted`` that are
    silent in it."""

    file: Plain
    lasted: float
    paused: float
    segment: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFailed(Fact):
    """Alert: the conversation is not recorded - or, if ``why`` says so, is still recorded although it was to be paused."""

    file: Plain
    why: FreeText
    template: Plain = ""
    values: FreeText = ""
    """Of ``why``, as those of the reason of RequestRefused."""
    segment: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTransferred(Fact):
    target: TargetText
    """``agent:1001``, ``queue:sales``, ``number:+4420...``; of a transfer made on the phone what it dialled:
    ``extension@context``."""
    attended: bool
    party: Plain = "agent"
    """Who gave it away: ``agent``, ``customer`` (the caller's phone: the agent talks to the target from then on), or ``outside``
    (somebody to whom it had been transferred before)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferStarted(Fact):
    """``agent`` transfers the call, or consults the target first; ``kind`` is ``blind``, ``consult`` or ``back``."""

    to: TargetText
    kind: Plain
    leg: Plain


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferEnded(Fact):
    """``result``: ``completed``, ``returned``, ``conference`` (left after all three had talked), ``nobody_free`` (in the queue
    that was consulted), ``no_answer``, ``rejected``, ``offline``, ``unavailable``, ``misconfigured``, ``failed`` or
    ``cancelled``."""

    to: TargetText
    kind: Plain
    result: Plain
    lasted: float
    transfer: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConferenceBegan(Fact):
    """The caller joins ``by``, whose call it is, and the target of the consult: ``agent``, if it is one, whose segment has this
    fact's ``seq`` as its number."""

    to: TargetText
    by: Plain


@dataclass(frozen=True, slots=True, kw_only=True)
class ConferenceEnded(Fact):
    """``talked``: the seconds for which the third one, ``agent`` if it is one, talked with the caller in it. An agent's share is
    a segment of the call. Talk that goes on without ``by`` is told by TalkBegan and TalkEnded and not part of it."""

    to: TargetText
    by: Plain
    talked: float
    segment: int = 0
    direction: Plain = "in"


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisionStarted(Fact):
    """Audit: ``by`` listens to, whispers to or barges in on ``agent``, or takes the call over."""

    by: Plain
    mode: Plain
    phone: FreeText


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisionEnded(Fact):
    by: Plain
    mode: Plain
    phone: FreeText
    lasted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WrapUpEnded(Fact):
    """The wrap-up after ``segment`` of ``call``."""

    lasted: float
    segment: int = 0
    direction: Plain = "in"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded(Fact):
    lasted: float
    outcome: Plain
    """The outcome of its last visit (``VisitOutcome``) or, of a flow that came later, ``voicemail``, ``callback``, ``flow`` (its
    end), ``left_flow`` (hung up in it). Of a call that we made and in which nobody talked: how dialling ended
    (``dial_result``: ``busy``, ``machine``, ``abandoned``, ...). Empty where there was none of these, such as after a diversion
    on arrival."""
    segments: int
    estimated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentChanged(Fact):
    """The published state changed; ``lasted`` is the time spent in the previous one."""

    name: Plain
    phone: FreeText
    state: Plain
    reason: FreeText
    previous: Plain
    previous_reason: FreeText
    lasted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderGivenUp(Fact):
    """An order failed in a way that changed what happened to the call."""

    order: Plain
    why: FreeText
    detail: FreeText


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceFound(Fact):
    """A snapshot differed from the world; ``kind`` says how."""

    pbx: Plain
    kind: Plain
    leg: Plain


AGENT_ALERTS = ("reason_limit", "offers_missed", "phone_lost", "phone_silent", "phone_misconfigured", "device_dead", "pin_locked")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationReplaced(Fact):
    """Another client opened our application on a PBX: until we took it back, no events came and no orders were sent."""

    pbx: Plain


@dataclass(frozen=True, slots=True, kw_only=True)
class TieLineFailed(Fact):
    """The PBX ``to`` does not reply to calls over the tie line from ``pbx``: for ``lasts`` seconds callers on ``pbx`` are not
    offered to agents whose phones are all there. Emitted again when the line is tried and still fails."""

    pbx: Plain
    to: Plain
    lasts: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentAlerted(Fact):
    """Somebody should look after this agent: ``kind`` is ``reason_limit`` (``reason`` has lasted its limit),
    ``offers_missed`` (``count`` offers in a row came to nothing), ``phone_lost`` (the phone died in a call, or while its line
    was nailed up), ``phone_silent`` (the phone does not reply to an INVITE), ``phone_misconfigured`` (for the ``reason`` the
    phone cannot be called), ``device_dead`` (one of several devices has not reacted to ``count`` calls in a row) or
    ``pin_locked`` (after ``count`` wrong PINs nobody logs in at the phone ``device`` for ``limit`` seconds; without ``device``:
    as this agent at other phones than the agent's own)."""

    kind: Plain
    reason: FreeText = ""
    limit: float = 0.0
    count: int = 0
    device: FreeText = ""
    """Which of the agent's devices, if it has several: what was dialled. ``pin_locked``: the phone at which PINs were tried; its
    ``agent`` is whose was tried last, or empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRefused(Fact):
    """``agent`` or ``call`` is whom it was about, ``to`` the target of a request about a call; ``unknown`` when there is no such
    agent, call or queue."""

    request: Plain
    to: TargetText = ""
    reason: FreeText
    template: Plain = ""
    values: FreeText = ""
    """The reason in parts, for screens in other languages: a template with ``{name}`` for each of the values, which are a JSON
    object of texts, words (``{"word": key}``) and sentences within the sentence; both empty where nothing was filled in."""
    by: Plain = ""
    unknown: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestGranted(Fact):
    """Audit: a request by somebody other than the agent, or about a call, is being carried out."""

    request: Plain
    by: Plain
    to: TargetText = ""
    reason: FreeText = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchChanged(Fact):
    """A switch (``bypass``) was turned."""

    switch: Plain
    on: bool
    by: Plain


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureMade(Fact):
    """``by`` closed the ``target`` (``calendar:office``, ``queue:support``, ``entry:sales``) from ``begins`` until ``ends``,
    epoch seconds."""

    closure: Plain
    target: Plain
    begins: float
    ends: float
    reason: FreeText
    by: Plain


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureEnded(Fact):
    """``outcome``: ``over``, its time has passed; or ``reopened`` by somebody before that."""

    closure: Plain
    target: Plain
    outcome: Plain
    by: Plain = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigReloaded(Fact):
    """Audit: ``by`` reloaded the configuration. ``details``: a JSON list of what has changed, objects with ``key`` and, as
    texts and without secrets, ``old`` and ``new`` (null: not there)."""

    by: Plain
    forced: bool
    details: FreeText


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiLoggedIn(Fact):
    """Audit: ``by`` used a token of the HTTP interface from the address ``origin`` for the first time in 24 hours. ``agent``:
    whose token it is, if it is one agent's."""

    by: Plain
    role: Plain
    origin: Plain


@dataclass(frozen=True, slots=True, kw_only=True)
class CallScored(Fact):
    """``by`` has scored the recording of an agent's share of a call, by a form. ``score`` is ``non_fatal_accuracy`` (0 to 1;
    None: nothing applied), or 0 with a failed fatal criterion; ``fatal_accuracy`` 1 or 0. ``failed``: the fatal criteria that
    were not met, joined by commas. ``calibrates``: a second opinion, ``rescored``: after a dispute. ``change`` numbers the
    scores."""

    review: int
    change: int
    recording: Plain
    sample: Plain
    form: Plain
    form_version: Plain
    by: Plain
    fatal_accuracy: float
    score: float | None = None
    non_fatal_accuracy: float | None = None
    failed: Plain = ""
    calibrates: bool = False
    rescored: bool = False
    callback: Plain = ""
    """The campaign that is to call the customer back, because a fatal criterion failed."""
    callback_outcome: FreeText = ""
    """``entered``, or why the customer did not become a lead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallQuality(Fact):
    """How an agent's share of a call sounded at a phone in the browser, as ``QualityMeasured`` says."""

    codec: Plain
    received: int
    lost: int
    mos: float
    worst_mos: float
    jitter: float | None = None
    rtt: float | None = None
    loss_sent: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityQuarantined(Fact):
    kind: Plain
    id: RowKey


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignChanged(Fact):
    """Started, paused or stopped: by ``by``, or automatically (``reason``)."""

    campaign: Plain
    state: Plain
    by: Plain
    reason: FreeText = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptMade(Fact):
    """A number is being dialled."""

    campaign: Plain
    attempt: Plain
    lead: int
    number: PersonalNumber
    risk: float
    """The expected probability that no agent is free for the person who answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnded(Fact):
    """``outcome``: answered (when the talk begins), abandoned, busy and so on. ``delay``: seconds from the answer, or the end of
    the greeting, to the agent; ``late``: more than the campaign allows, so it counts as abandoned. ``idle``: seconds that the
    agent had been free for it."""

    campaign: Plain
    attempt: Plain
    lead: int
    number: PersonalNumber
    outcome: Plain
    cause: int = 0
    rang: float = 0.0
    delay: float = 0.0
    late: bool = False
    idle: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DispositionSet(Fact):
    """Of a campaign's lead, by one of the campaign's codes; or, without ``campaign``, of a conversation by one of its queue's.
    A later one replaces it."""

    code: Plain
    by: Plain
    campaign: Plain = ""
    attempt: Plain = ""
    lead: int = 0
    segment: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CallNoted(Fact):
    """The agent wrote this about the conversation; a call may have several notes."""

    segment: int
    text: FreeText
    by: Plain


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptAnswered(Fact):
    """An agent has filled in a field of a script, or changed it; an empty ``answer`` took it back."""

    script: Plain
    step: Plain
    field: Plain
    answer: FreeText
    by: Plain


@dataclass(frozen=True, slots=True, kw_only=True)
class OptedOut(Fact):
    """A number must not be called again, by one campaign or by all (``campaign`` empty)."""

    campaign: Plain
    number: PersonalNumber
    reason: FreeText
    by: Plain


AnyFact = (
    CallArrived
    | CallAdopted
    | CallerChanged
    | CallerInaudible
    | CallDiverted
    | CallRefused
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
    | CallbackRequested
    | CallbackRefused
    | CallbackTried
    | CallbackEnded
    | CallbackChanged
    | CallbackMoved
    | QueueRenamed
    | CallRepeated
    | LookupEnded
    | Announced
    | TalkBegan
    | TalkEnded
    | CallRecorded
    | RecordingFailed
    | CallTransferred
    | TransferStarted
    | TransferEnded
    | ConferenceBegan
    | ConferenceEnded
    | SupervisionStarted
    | SupervisionEnded
    | WrapUpEnded
    | CallEnded
    | AgentChanged
    | OrderGivenUp
    | DifferenceFound
    | ApplicationReplaced
    | TieLineFailed
    | AgentAlerted
    | RequestRefused
    | RequestGranted
    | SwitchChanged
    | ClosureMade
    | ClosureEnded
    | CampaignChanged
    | AttemptMade
    | AttemptEnded
    | DispositionSet
    | CallNoted
    | ScriptAnswered
    | OptedOut
    | ConfigReloaded
    | ApiLoggedIn
    | CallScored
    | CallQuality
    | EntityQuarantined
)
