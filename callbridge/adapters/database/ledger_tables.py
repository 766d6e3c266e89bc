"""The campaigns' tables: the ledger. Times are epoch seconds; numbers are normalised (``+442079460000``)."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, String, Table, Text, UniqueConstraint

from callbridge.adapters.database.metadata import metadata

leads = Table(
    "leads",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("campaign", String(64), nullable=False),
    Column("number", String(20), nullable=False),
    Column("name", Text, nullable=False, default=""),
    Column("zones", Text, nullable=False, default=""),
    Column("details", Text, nullable=False, default="{}"),
    Column("agent", String(64), nullable=False, default=""),
    Column("priority", Integer, nullable=False, default=0),
    Column("state", String(12), nullable=False, default="ready"),
    Column("reason", String(24), nullable=False, default=""),
    Column("due_at", Float, nullable=False, default=0.0),
    Column("attempts", Integer, nullable=False, default=0),
    Column("outcome", String(16), nullable=False, default=""),
    Column("disposition", String(64), nullable=False, default=""),
    Column("loaded_at", Float, nullable=False),
    Column("changed_at", Float, nullable=False),
    UniqueConstraint("campaign", "number"),
)
Index("leads_due", leads.c.campaign, leads.c.state, leads.c.priority.desc(), leads.c.due_at, leads.c.id)
_agents_own = leads.c.agent != ""
Index("leads_agent", leads.c.agent, leads.c.due_at, sqlite_where=_agents_own, postgresql_where=_agents_own)
"""``state``: ready (from ``due_at`` on), dialling, or done (``reason`` says why: reached, or a rule's word)."""

attempts = Table(
    "attempts",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("campaign", String(64), nullable=False),
    Column("lead", Integer, nullable=False),
    Column("number", String(20), nullable=False),
    Column("at", Float, nullable=False),
    Column("call", String(128), nullable=False, default=""),
    Column("agent", String(64), nullable=False, default=""),
    Column("outcome", String(16), nullable=False, default=""),
    Column("cause", Integer, nullable=False, default=0),
    Column("answered_at", Float),
    Column("spoken_at", Float),
    Column("connected_at", Float),
    Column("ended_at", Float),
    Column("heard", String(64), nullable=False, default=""),
    Column("late", Integer, nullable=False, default=0),
    Column("manual", Integer, nullable=False, default=0),
    Column("disposition", String(64), nullable=False, default=""),
    Index("attempts_number", "number", "at"),
    Index("attempts_campaign", "campaign", "at"),
)
"""``outcome`` is empty while it is under way. ``late``: answered, but the agent came later than allowed. ``manual``: an agent was
there first, so nobody could be left in silence."""

blocked = Table(
    "do_not_call",
    metadata,
    Column("number", String(20), primary_key=True),
    Column("campaign", String(64), primary_key=True, default=""),
    Column("reason", Text, nullable=False),
    Column("by", Text, nullable=False, default=""),
    Column("at", Float, nullable=False),
    Column("expires_at", Float),
)
"""``campaign`` is empty for all of them; ``expires_at`` for ever."""

LEDGER_TABLES = (leads, attempts, blocked)
