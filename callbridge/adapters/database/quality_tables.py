"""The quality's tables: which recordings were drawn for review, who reviewed them, and with what marks. Times are epoch seconds.

Nothing of them is made from facts: they are written by reviews, and keep what they need of a recording that is deleted.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, String, Table, Text, UniqueConstraint, false

from callbridge.adapters.database.metadata import metadata

_NAME = String(128)

quality_samples = Table(
    "quality_samples",
    metadata,
    Column("sample", String(64), primary_key=True),
    Column("recording", String(48), primary_key=True),
    Column("period", String(16), nullable=False),
    Column("place", Integer, nullable=False),
    Column("form", String(64), nullable=False),
    Column("call", _NAME, nullable=False),
    Column("segment", BigInteger, nullable=False, server_default="0"),
    Column("agent", _NAME, nullable=False),
    Column("queue", _NAME, nullable=False, server_default=""),
    Column("campaign", _NAME, nullable=False, server_default=""),
    Column("file", Text, nullable=False),
    Column("recorded_at", Float, nullable=False),
    Column("drawn_at", Float, nullable=False),
    Column("taken_by", _NAME, nullable=False, server_default=""),
    Index("quality_samples_period", "sample", "period", "place"),
)
"""``recording``: the ``fact`` of the history's row. ``place``: the order of the review within the period. ``taken_by``: the
reviewer who has it for this sample."""

quality_scores = Table(
    "quality_scores",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sample", String(64), nullable=False),
    Column("recording", String(48), nullable=False),
    Column("reviewer", _NAME, nullable=False),
    Column("call", _NAME, nullable=False),
    Column("agent", _NAME, nullable=False),
    Column("queue", _NAME, nullable=False, server_default=""),
    Column("campaign", _NAME, nullable=False, server_default=""),
    Column("recorded_at", Float, nullable=False),
    Column("calibrates", Boolean, nullable=False, server_default=false()),
    Column("form", String(64), nullable=False),
    Column("form_version", String(16), nullable=False, server_default=""),
    Column("assigned_at", Float, nullable=False),
    Column("scored_at", Float),
    Column("points", Float),
    Column("failed", Integer),
    Column("score", Float),
    Column("comment", Text, nullable=False, server_default=""),
    Column("disputed_at", Float),
    Column("disputed_by", _NAME),
    Column("dispute", Text),
    Column("settled_at", Float),
    Column("change", BigInteger),
    Column("callback", String(64)),
    Column("callback_outcome", Text),
    UniqueConstraint("reviewer", "recording"),
    Index("quality_scores_change", "change", unique=True),
    Index("quality_scores_recorded", "recorded_at", "agent"),
    Index("quality_scores_recording", "recording"),
)
"""One review, from when the recording was given to the reviewer; no recording is given twice to the same. ``points``: 0 to 1, of
the criteria that are not fatal; ``failed``: how many fatal ones were not met. ``calibrates``: somebody else has reviewed it for
the sample. A dispute is settled when it is scored again. ``change``: grows with every score that is written, whichever row it is
in, so that who reads them in this order misses none; none: scored by a version that did not number them. ``callback``: the
campaign that is to call the customer back, because a fatal criterion failed; ``callback_outcome``: ``entered``, or why not; none:
not done yet."""

quality_marks = Table(
    "quality_marks",
    metadata,
    Column("score", Integer, primary_key=True, autoincrement=False),
    Column("criterion", String(64), primary_key=True),
    Column("section", String(64), nullable=False),
    Column("fatal", Boolean, nullable=False),
    Column("mark", Float),
    Column("most", Float, nullable=False),
    Column("comment", Text, nullable=False, server_default=""),
    Column("heard_at", Float),
)
"""``mark``: points given of ``most``, of a fatal criterion 1 or 0; none: it did not apply. ``heard_at``: seconds into the
recording."""

QUALITY_TABLES = (quality_samples, quality_scores, quality_marks)
