"""Customers in whose call a fatal criterion failed become leads of a campaign, which calls them back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import closing

from callbridge.adapters.facts.privacy import scrub
from callbridge.adapters.ledger.leads import ALREADY_LOADED, LeadReader, enter_rows
from callbridge.adapters.ledger.store import LedgerStore
from callbridge.adapters.quality.store import ENTERED, OwedCallback
from callbridge.core.model.numbers import AS_WRITTEN
from callbridge.settings.models import Settings

LEAD_ENTERED_WITHIN = 10.0
_REVIEW = "review"
"""The detail of a lead by which it is known as that of a review: who enters it once more finds it."""


class FatalCallbacks:
    """``settings`` are asked each time. Blocks: it is called in a thread or by a command."""

    def __init__(self, settings: Callable[[], Settings], wall: Callable[[], float] = time.time) -> None:
        self._settings, self._wall = settings, wall

    def __call__(self, owed: OwedCallback) -> str:
        settings = self._settings()
        if owed.campaign not in settings.campaigns:
            return "the campaign is no longer in the configuration"
        if settings.history.numbers == "hashed":
            return "the history keeps no numbers (history.numbers: hashed)"
        if not AS_WRITTEN.identity(owed.number):
            return "the number is withheld or not known"
        if settings.database is None:
            return "there is no section 'database:'"
        with closing(LedgerStore(settings.database.url.get_secret_value(), LEAD_ENTERED_WITHIN)) as store:
            return self._entered(store, settings, owed)

    def _entered(self, store: LedgerStore, settings: Settings, owed: OwedCallback) -> str:
        reader = LeadReader(
            numbers=settings.numbers_of(owed.campaign),
            zone=settings.instance.timezone,
            calendar=settings.plan().campaigns[owed.campaign].limits.calendar,
        )
        row = {"number": owed.number, "name": owed.name, _REVIEW: str(owed.review), "reviewed_call": owed.call}
        loaded = enter_rows(store, owed.campaign, [(1, row, "")], reader, now=self._wall(), never=settings.do_not_call)
        if loaded.entered:
            return ENTERED
        why = loaded.refused[0][2]
        if why == ALREADY_LOADED and self._is_ours(store, reader, owed):
            return ENTERED
        return scrub(why)

    def _is_ours(self, store: LedgerStore, reader: LeadReader, owed: OwedCallback) -> bool:
        number = reader.lead({"number": owed.number})["number"]
        details = store.details_of(owed.campaign, number)
        return details is not None and json.loads(details).get(_REVIEW) == str(owed.review)
