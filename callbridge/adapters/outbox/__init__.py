"""The outbox: facts on their way to whatever is made from them. A reader is handed them in order, at least once."""

from callbridge.adapters.outbox.feed import Cursor, Feed, Outbox
from callbridge.adapters.outbox.memory import MemoryOutbox
from callbridge.adapters.outbox.readers import OutboxReader, OutboxReaders, ReaderObserver

__all__ = ["Cursor", "Feed", "MemoryOutbox", "Outbox", "OutboxReader", "OutboxReaders", "ReaderObserver"]
