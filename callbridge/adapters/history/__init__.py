"""The history: every call, visit, offer, segment and agent's state in the database, made from facts, each exactly once."""

from callbridge.adapters.history.lost import Survivors
from callbridge.adapters.history.people import People
from callbridge.adapters.history.reader import HistoryReader
from callbridge.adapters.history.retention import Retention
from callbridge.adapters.history.store import HistoryStore

__all__ = ["HistoryReader", "HistoryStore", "People", "Retention", "Survivors"]
