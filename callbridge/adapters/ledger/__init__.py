"""The campaigns' ledger: leads, attempts and the do-not-call list, in the database."""

from callbridge.adapters.ledger.block_list import BlockEntry
from callbridge.adapters.ledger.requests import LedgerNotConfigured, LedgerRequests, NoLedger, day_began
from callbridge.adapters.ledger.rules import LedgerTerms
from callbridge.adapters.ledger.service import CampaignLedger
from callbridge.adapters.ledger.store import LedgerStore
from callbridge.adapters.ledger.trial import trouble_of
from callbridge.adapters.ledger.writer import LedgerWriter

__all__ = [
    "BlockEntry",
    "CampaignLedger",
    "LedgerNotConfigured",
    "LedgerRequests",
    "LedgerStore",
    "LedgerTerms",
    "LedgerWriter",
    "NoLedger",
    "day_began",
    "trouble_of",
]
