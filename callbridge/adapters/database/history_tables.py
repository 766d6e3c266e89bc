"""The history's tables. Times are epoch seconds, durations seconds.

A visit, an offer, a segment and a transfer are named by their call and their number there (the ``seq`` of the fact with which
they began). What has not ended has no ``ended_at``. ``person`` is the caller's identity by which calls of the same person are
found: the number, or a keyed hash of it where numbers are not kept; ``number`` is what may be shown.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Float,
    Index,
    Integer,
    String,
    Table,
    Text,
    false,
    literal_column,
    or_,
)

from callbridge.adapters.database.metadata import metadata

_NAME = String(128)

cursors = Table(
    "history_cursors",
    metadata,
    Column("reader", String(64), primary_key=True),
    Column("token", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("at", Float, nullable=False),
)
"""How far each writer has come: up to which fact everything is in the tables. Written in the transaction that writes the rows."""

calls = Table(
    "calls",
    metadata,
    Column("call", _NAME, primary_key=True),
    Column("source", String(16), nullable=False, server_default="callbridge"),
    Column("direction", String(8), nullable=False, server_default="in"),
    Column("pbx", _NAME),
    Column("uniqueid", _NAME),
    Column("linkedid", _NAME),
    Column("entry", _NAME),
    Column("tier", _NAME),
    Column("person", _NAME),
    Column("number", _NAME),
    Column("name", Text),
    Column("callback", _NAME),
    Column("campaign", _NAME),
    Column("arrived_at", Float),
    Column("ended_at", Float),
    Column("lasted", Float),
    Column("outcome", String(32)),
    Column("segments", Integer),
    Column("repeated_after", Float),
    Column("repeated_agent", _NAME),
    Column("repeated_queue", _NAME),
    Column("diverted_to", Text),
    Column("diverted_reason", Text),
    Column("estimated", Boolean, nullable=False, server_default=false()),
    Index("calls_arrived", "arrived_at"),
    Index("calls_person", "person", "arrived_at"),
)
"""``repeated_*``: the same person had talked to that agent in that queue so many seconds before (the first-call resolution).
``estimated``: its end was not heard. A call that was diverted on arrival (``outcome``) is named by its leg."""

visits = Table(
    "visits",
    metadata,
    Column("call", _NAME, primary_key=True),
    Column("visit", BigInteger, primary_key=True),
    Column("queue", _NAME),
    Column("tier", _NAME),
    Column("consulted_by", _NAME),
    Column("began_at", Float),
    Column("ended_at", Float),
    Column("outcome", String(16)),
    Column("waited", Float),
    Column("lasted", Float),
    Column("within_target", Boolean),
    Column("expected", Float),
    Column("went_to", Text),
    Column("reason", Text),
    Column("estimated", Boolean, nullable=False, server_default=false()),
    Column("entered_at_position", Integer),
    Column("left_at_position", Integer),
    Index("visits_began", "began_at", "queue"),
)
"""``waited``: since the caller came into the first queue; ``lasted``: in this one. ``expected``: the wait that was estimated.
``consulted_by``: it began as this agent's consult of the queue. ``entered_at_position``, ``left_at_position``: the place in the
order of service when it began and when it ended, 1 for the next to be served; none where it is not known."""

offers = Table(
    "offers",
    metadata,
    Column("call", _NAME, primary_key=True),
    Column("offer", BigInteger, primary_key=True),
    Column("visit", BigInteger),
    Column("queue", _NAME),
    Column("tier", _NAME),
    Column("agent", _NAME),
    Column("needs", Text),
    Column("began_at", Float),
    Column("ended_at", Float),
    Column("waited", Float),
    Column("rang_for", Float),
    Column("result", String(16)),
    Column("cause", Integer),
    Column("trouble", String(32)),
    Index("offers_began", "began_at", "agent"),
)

segments = Table(
    "segments",
    metadata,
    Column("call", _NAME, primary_key=True),
    Column("segment", BigInteger, primary_key=True),
    Column("visit", BigInteger),
    Column("offer", BigInteger),
    Column("transfer", BigInteger),
    Column("queue", _NAME),
    Column("agent", _NAME),
    Column("kind", String(16), nullable=False, server_default="talk"),
    Column("began_at", Float),
    Column("ended_at", Float),
    Column("waited", Float),
    Column("talked", Float),
    Column("hold", Float),
    Column("ended_by", String(16)),
    Column("wrap_up", Float),
    Column("wrapped_up_at", Float),
    Column("disposition", String(64)),
    Column("estimated", Boolean, nullable=False, server_default=false()),
    Index("segments_began", "began_at", "agent"),
    Index("segments_agent", "agent", "began_at"),
)
"""One agent's share of a call. ``kind``: ``talk``, or ``conference`` for the third party's share. ``hold`` is part of ``talked``.
``ended_by`` ``short``: the phone hung up at once, so it is no segment of any figure. ``disposition``: the last code set."""

call_notes = Table(
    "call_notes",
    metadata,
    Column("fact", String(48), primary_key=True),
    Column("call", _NAME),
    Column("segment", BigInteger),
    Column("queue", _NAME),
    Column("agent", _NAME),
    Column("at", Float),
    Column("text", Text),
    Index("call_notes_call", "call"),
    Index("call_notes_at", "at"),
)
"""What agents wrote about calls; a call may have several."""

transfers = Table(
    "transfers",
    metadata,
    Column("call", _NAME, primary_key=True),
    Column("transfer", BigInteger, primary_key=True),
    Column("agent", _NAME),
    Column("queue", _NAME),
    Column("kind", String(16)),
    Column("target", Text),
    Column("party", String(16)),
    Column("began_at", Float),
    Column("ended_at", Float),
    Column("result", String(16)),
    Index("transfers_began", "began_at"),
)
"""``kind``: ``blind``, ``consult``, ``back``; of one that the phone made itself ``phone``, or ``phone_attended``."""

agent_states = Table(
    "agent_states",
    metadata,
    Column("agent", _NAME, primary_key=True),
    Column("fact", _NAME, primary_key=True),
    Column("state", String(16)),
    Column("reason", Text),
    Column("phone", Text),
    Column("began_at", Float),
    Column("ended_at", Float),
    Index("agent_states_time", "began_at", "ended_at"),
    Index("agent_states_agent", "agent", "began_at"),
)
"""Published states, one after the other without a gap. ``fact``: the one with which it ended, or ``now`` for the present
one, which has no ``ended_at``."""

flow_steps = Table(
    "flow_steps",
    metadata,
    Column("fact", String(48), primary_key=True),
    Column("call", _NAME),
    Column("flow", _NAME),
    Column("kind", String(8)),
    Column("node", _NAME),
    Column("key", String(8)),
    Column("at", Float),
    Column("result", String(16)),
    Column("lasted", Float),
    Column("went_to", Text),
    Column("reason", Text),
    Index("flow_steps_at", "at", "flow"),
    Index("flow_steps_call", "call"),
)
"""``kind``: ``began``, ``node`` or ``ended``."""

survey_answers = Table(
    "survey_answers",
    metadata,
    Column("fact", String(48), primary_key=True),
    Column("call", _NAME),
    Column("segment", BigInteger),
    Column("survey", _NAME),
    Column("queue", _NAME),
    Column("agent", _NAME),
    Column("question", _NAME),
    Column("answer", String(8)),
    Column("at", Float),
    Index("survey_answers_at", "at", "survey"),
    Index("survey_answers_call", "call"),
)

surveys = Table(
    "surveys",
    metadata,
    Column("fact", String(48), primary_key=True),
    Column("call", _NAME),
    Column("segment", BigInteger),
    Column("survey", _NAME),
    Column("queue", _NAME),
    Column("agent", _NAME),
    Column("result", String(16)),
    Column("answers", Integer),
    Column("at", Float),
    Index("surveys_at", "at", "survey"),
    Index("surveys_call", "call"),
)
"""How often each survey was asked, and how that ended; ``missed``: the caller hung up before it."""

script_answers = Table(
    "script_answers",
    metadata,
    Column("call", _NAME, primary_key=True),
    Column("script", _NAME, primary_key=True),
    Column("field", _NAME, primary_key=True),
    Column("step", _NAME),
    Column("queue", _NAME),
    Column("agent", _NAME),
    Column("answer", Text),
    Column("at", Float),
    Index("script_answers_at", "at", "script"),
)
"""What an agent answered last in each field of a call's script; empty: taken back."""

voice_quality = Table(
    "voice_quality",
    metadata,
    Column("fact", String(48), primary_key=True),
    Column("call", _NAME),
    Column("queue", _NAME),
    Column("agent", _NAME),
    Column("at", Float),
    Column("codec", String(32)),
    Column("received", BigInteger),
    Column("lost", BigInteger),
    Column("mos", Float),
    Column("worst_mos", Float),
    Column("jitter", Float),
    Column("rtt", Float),
    Column("loss_sent", Float),
    Index("voice_quality_at", "at", "agent"),
    Index("voice_quality_call", "call"),
)
"""How an agent's share of a call sounded at a phone in the browser, reported at its end (``at``). ``received``, ``lost``: packets
of the caller's voice; ``mos``: mean opinion score, ``worst_mos``: of the worst two seconds; ``jitter``, ``rtt``: mean."""

recordings = Table(
    "recordings",
    metadata,
    Column("fact", String(48), primary_key=True),
    Column("call", _NAME),
    Column("segment", BigInteger),
    Column("queue", _NAME),
    Column("agent", _NAME),
    Column("kind", String(16)),
    Column("file", Text),
    Column("at", Float),
    Column("lasted", Float),
    Column("paused", Float),
    Column("failure", Text),
    Column("deleted_at", Float),
    Column("failure_parts", Text),
    Index("recordings_at", "at"),
    Index("recordings_call", "call"),
)
"""``kind``: ``talk`` or ``voicemail``. ``at``: the end. ``failure``: why there is none, or less than there should be,
in ``failure_parts`` as a template and its values (``database.sentence_parts``).
``deleted_at``: when the file was deleted, because it was old enough."""

callbacks = Table(
    "callbacks",
    metadata,
    Column("callback", _NAME, primary_key=True),
    Column("call", _NAME),
    Column("queue", _NAME),
    Column("tier", _NAME),
    Column("agent", _NAME),
    Column("person", _NAME),
    Column("number", _NAME),
    Column("requested_at", Float),
    Column("expires_at", Float),
    Column("ended_at", Float),
    Column("outcome", String(16)),
    Column("reason", Text),
    Column("waited", Float),
    Column("attempts", Integer),
    Column("requested_by", Text),
    Column("ended_by", Text),
    Index("callbacks_requested", "requested_at"),
    Index("callbacks_person", "person", "requested_at"),
)

callback_attempts = Table(
    "callback_attempts",
    metadata,
    Column("callback", _NAME, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("queue", _NAME),
    Column("at", Float),
    Column("result", String(16)),
)

changes = Table(
    "changes",
    metadata,
    Column("fact", String(48), primary_key=True),
    Column("at", Float),
    Column("kind", String(32)),
    Column("by", Text),
    Column("request", _NAME),
    Column("granted", Boolean),
    Column("agent", _NAME),
    Column("call", _NAME),
    Column("queue", _NAME),
    Column("campaign", _NAME),
    Column("target", Text),
    Column("reason", Text),
    Column("role", String(16)),
    Column("origin", Text),
    Column("details", Text),
    Column("reason_parts", Text),
    Column("lasted", Float),
    Index("changes_at", "at"),
    Index("changes_call", "call"),
)
"""Who requested what, and the result: requests, switches, campaigns, refused callbacks, renamed queues, opt-outs,
reloads, log-ins to the API, erased persons, scores of recordings. ``role``, ``origin``: of the token that was used, and the
address that it was used from. ``details``: a JSON list, of a score an object. ``reason_parts``: the reason of a refusal as a
template and its values (``database.sentence_parts``). ``lasted``: seconds, of the end of a supervision."""

legal_holds = Table(
    "legal_holds",
    metadata,
    Column("person", _NAME, primary_key=True),
    Column("number", _NAME),
    Column("held_at", Float, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
)
"""Persons whose data is deleted neither by age nor on request until the hold is released."""

OPEN_TABLES = (calls, visits, offers, segments, transfers)
"""Tables whose rows end: an index finds those that have not."""
for _table in OPEN_TABLES:
    _open = _table.c.ended_at.is_(None)
    Index(f"{_table.name}_open", _table.c.call, sqlite_where=_open, postgresql_where=_open)
_present = agent_states.c.ended_at.is_(None)
Index("agent_states_open", agent_states.c.agent, sqlite_where=_present, postgresql_where=_present)

LONG = 31 * 86_400.0
"""Seconds beyond which a wait, a talk or a state is long: an index of its own finds those, so that a search for what passed
in a period need not look at all that began before it."""


def is_long(table: Table) -> ColumnElement[bool]:
    """Written out, not as a parameter: so a database knows that the index on the long ones serves."""
    return table.c.ended_at - table.c.began_at > literal_column(repr(LONG), Float)


def is_blank(column: ColumnElement[str]) -> ColumnElement[bool]:
    """Not ``coalesce(column, '') = ''``: PostgreSQL has no statistics of what a function returns, and expects one row in 200.
    So it read all calls that there ever were and looked up the visits of each."""
    return or_(column.is_(None), column == "")


LONG_TABLES = (visits, segments, agent_states)
for _table in LONG_TABLES:
    Index(f"{_table.name}_long", _table.c.ended_at, sqlite_where=is_long(_table), postgresql_where=is_long(_table))

HISTORY_TABLES = (
    cursors,
    calls,
    visits,
    offers,
    segments,
    transfers,
    agent_states,
    flow_steps,
    survey_answers,
    surveys,
    script_answers,
    call_notes,
    voice_quality,
    recordings,
    callbacks,
    callback_attempts,
    changes,
    legal_holds,
)
