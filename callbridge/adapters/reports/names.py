"""The names that a report can be narrowed to: those of the configuration, and those that the history knows from former ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Column, Engine, select

from callbridge.adapters.database.history_tables import agent_states, calls, visits
from callbridge.adapters.reports.report import ReportQuery
from callbridge.core.model.attempt import OUTCOMES
from callbridge.core.model.call import VisitOutcome
from callbridge.core.model.callback import TRY_RESULTS
from callbridge.core.model.sentence import Unknown, Word
from callbridge.wire.reports import ReportOption

_SHOWN = 20
_KEPT: Mapping[ReportOption, tuple[Column[str], Column[float]]] = {
    ReportOption.QUEUE: (visits.c.queue, visits.c.began_at),
    ReportOption.TIER: (visits.c.tier, visits.c.began_at),
    ReportOption.ENTRY: (calls.c.entry, calls.c.arrived_at),
    ReportOption.CAMPAIGN: (calls.c.campaign, calls.c.arrived_at),
    ReportOption.AGENT: (agent_states.c.agent, agent_states.c.began_at),
    ReportOption.OUTCOME: (calls.c.outcome, calls.c.arrived_at),
}
_ELSEWHERE = {"voicemail", "callback", "flow", "left_flow", "diverted", "refused", "lost", "unsent"}
CALL_OUTCOMES = frozenset({*VisitOutcome, *OUTCOMES, *TRY_RESULTS, *_ELSEWHERE})
"""How calls end, with or without a visit: also those of a version that wrote others are found, where the period has them."""


class UnknownName(ValueError):
    """No such queue, agent, outcome, ...; the message lists the known ones."""


def check_names(engine: Engine, query: ReportQuery, configured: Mapping[ReportOption, Collection[str]]) -> None:
    """Raises UnknownName for a name, or an outcome of calls, that neither the configuration nor the history of the period knows,
    and SQLAlchemyError."""
    wanted = {
        ReportOption.QUEUE: query.queues,
        ReportOption.TIER: query.tiers,
        ReportOption.ENTRY: query.entries,
        ReportOption.AGENT: query.agents,
        ReportOption.CAMPAIGN: query.campaigns,
        ReportOption.OUTCOME: {query.outcome} - {""},
    }
    for option, names in wanted.items():
        known = CALL_OUTCOMES if option is ReportOption.OUTCOME else configured.get(option, ())
        if all(name in known for name in names):
            continue
        there = {*known, *_kept(engine, option, query)}
        for name in sorted({*names} - there):
            raise UnknownName(_unknown(option, name, there))


def _kept(engine: Engine, option: ReportOption, query: ReportQuery) -> set[str]:
    name, at = _KEPT[option]
    with engine.connect() as link:
        found = link.execute(select(name).where(at >= query.begin, at < query.end).distinct())
        return {one for one in found.scalars() if one}


def _unknown(option: ReportOption, name: str, there: Collection[str]) -> Unknown:
    what = Word(f"option.{option}")
    if not there:
        return Unknown("no such {option}: '{name}' (known: none)", option=what, name=name)
    known = ", ".join(sorted(there)[:_SHOWN])
    if len(there) > _SHOWN:
        more = len(there) - _SHOWN
        return Unknown(
            "no such {option}: '{name}' (known: {known} and {more} more)", option=what, name=name, known=known, more=more
        )
    return Unknown("no such {option}: '{name}' (known: {known})", option=what, name=name, known=known)
