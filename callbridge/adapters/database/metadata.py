"""What all tables of the database have in common."""

from __future__ import annotations

from sqlalchemy import MetaData

metadata = MetaData()
"""Every table of ours: ``ledger_tables``, ``history_tables``."""
