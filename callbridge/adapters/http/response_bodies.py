"""Response bodies, as the OpenAPI document describes them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=0)]
Absent = Literal[""]
TransferState = Literal["", "ringing", "consulting", "conference", "returning"]
RecordingState = Literal["", "on", "paused"]
HeldBy = Literal["", "request", "phone"]


class ResponseBody(BaseModel):
    """Absent values are the empty string; times are epoch seconds."""

    model_config = ConfigDict(extra="forbid")


class QueueView(ResponseBody):
    """A queue's current state, and the results of today's visits. ``sl``: service level, 0 to 1, and ``sl_target`` what it is to
    be; ``answer_within``: the longest target time of its tiers. Queues that are only observed have no targets."""

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
    waiting_today: Count
    offered: Count
    answered: Count
    abandoned: Count
    short_abandoned: Count
    overflowed: Count
    failed: Count
    sl: float | Absent
    answer_within: float | Absent
    sl_target: float | Absent
    updated_at: float
    seq: int


class AgentView(ResponseBody):
    """An agent's current state. ``queue`` and ``call``: those of the current call; in wrap-up, the queue of the last call.
    ``until``: when wrap-up ends, or the reason for being not ready is over its limit. ``next_state``: ``not_ready`` or
    ``logged_out`` where that was requested for the end of the talk or wrap-up, with ``next_reason``; else empty."""

    id: str
    name: str
    state: str
    reason: str
    since: float
    until: float | Absent
    next_state: str
    next_reason: str
    queue: str
    call: str
    phone: str
    device: str
    updated_at: float
    seq: int


class SupervisorView(ResponseBody):
    """Who supervises a call: ``by`` is an agent's id, or the name of a user or token, ``name`` the one that people know, empty
    where there is none. ``connected``: false while the supervisor's phone rings; ``since``: of that, or of the connection."""

    by: str
    name: str
    mode: Literal["listen", "whisper", "barge", "take_over"]
    connected: bool
    since: float


class CallView(ResponseBody):
    """A call. ``queue`` and ``agent`` are the ones handling it now, ``agent_name`` is that agent's, empty where it is not known;
    ``step``: the current step of its queue, from 0; ``transfer``: how far a transfer is; ``transfer_failed``: the result of the
    last one if it failed, ``transfer_failed_to`` its target; ``recording``: whether the conversation is recorded now;
    ``held_since``: on hold since then, ``held_by`` a request or the agent's phone; ``supervisors``: absent in what an agent gets,
    and on a standby."""

    id: str
    state: str
    queue: str
    tier: str
    number: str
    arrived_at: float
    step: int | Absent
    agent: str
    agent_name: str
    transfer: TransferState
    transfer_failed: str
    transfer_failed_to: str
    recording: RecordingState
    held_since: float | Absent
    held_by: HeldBy
    updated_at: float
    seq: int
    supervisors: list[SupervisorView] | None = None


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
    agent_name: str | None = None
    transfer: TransferState | None = None
    transfer_failed: str | None = None
    transfer_failed_to: str | None = None
    recording: RecordingState | None = None
    held_since: float | Absent | None = None
    held_by: HeldBy | None = None
    updated_at: float | None = None
    seq: int | None = None
    supervisors: list[SupervisorView] | None = None
    timeline: list[FactView]


class ExplanationLine(BaseModel):
    """One sentence of an explanation. ``code`` names its kind; ``at`` is when it happened. ``key`` and ``values`` say the same
    for other languages than the English of ``text``; a line of a timeline about a kind of fact that callbridge does not know has
    none."""

    model_config = ConfigDict(extra="allow")

    code: str
    text: str


class Explanation(BaseModel):
    """The view's fields, and ``lines`` that explain them; for a call also its ``timeline``."""

    model_config = ConfigDict(extra="allow")

    lines: list[ExplanationLine]


class WaitingView(ResponseBody):
    """The first ``limit`` callers of every queue in the order in which they are served; ``total`` and ``totals`` (by queue)
    count all of them. Whom a ``campaign`` or a ``callback`` calls is in line like them, for an agent will be needed; until the
    call is answered nobody waits on the line, and ``reached`` is false. No figure of the queue counts them. A standby does not
    know these three."""

    now: float
    bypass: bool
    waiting: list[dict[str, Any]]
    total: int
    totals: dict[str, int]
    alerts: list[str]
    """What needs attention now: queues whose callers fit nobody who is ready; agents with a not-ready reason over its limit,
    offers missed in a row, or a locked PIN."""


class CallbackView(ResponseBody):
    """An open callback. ``name``: the customer's, as it was entered with the callback or came with the call; empty where there is
    none. ``state``: ``standing`` in line, ``resting`` until ``due``, or ``active``."""

    id: str
    queue: str
    number: str
    name: str
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


class ReportColumnView(ResponseBody):
    """``kind``: what its values are; ``seconds`` is a duration, a ``share`` is 0 to 1, a ``moment`` is epoch seconds, ``fields``
    are an object of named values.
    ``heading``: in the language that was asked for, and so is ``definition``."""

    name: str
    kind: Literal["text", "count", "decimal", "seconds", "share", "moment", "money", "fields"]
    heading: str
    definition: str


class ReportView(ResponseBody):
    """A report that can be asked for. ``options``: parameters beside the period. ``charted``: the columns that are plotted
    first. ``title``, ``summary``: in the language that was asked for. Columns that are named after what the history holds, as are
    reasons, come on top."""

    name: str
    title: str
    summary: str
    options: list[str]
    charted: list[str]
    columns: list[ReportColumnView]


class CampaignView(ResponseBody):
    """The present state of a campaign. ``decided``: dials of the last decision, and ``why``; ``why_not``: why nobody is dialled
    now, as text, with its template and values in ``why_not_parts``; ``risk``: the probability that the last dial finds no
    free agent, at most ``risk_allowed``; ``abandon_rate``: of the ``answers`` in the window; ``leads_ready``: leads that may
    be dialled now."""

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
    why_not_parts: dict[str, Any]
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


class NoteView(ResponseBody):
    agent: str
    text: str


class DispositionView(ResponseBody):
    agent: str
    code: str


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
    """``missing``: what is not ready; ``notes``: conditions to be aware of even though calls are accepted; ``leader``: where
    the instance that leads is reached, when this one is a standby."""

    ready: bool
    missing: list[str]
    notes: list[str]
    role: Literal["leader", "standby", "starting"]
    leader: str


class SteppedDown(ResponseBody):
    """``leader``: where the instance that leads now is reached; empty when none had taken over within a second."""

    leader: str


class ProblemBody(BaseModel):
    """A problem according to RFC 9457. ``faults`` lists the errors of a body or a configuration. A ``detail`` with values in it
    has them apart, too: ``template`` with ``{name}`` for each of the ``values``: a screen can say it in another language."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    template: str | None = None
    values: dict[str, Any] | None = None
