"""Logs: one JSON object a line, and one line for each state change, derived from facts.

The message is the fact's type, never a sentence with values in it. Customers' numbers and names stand under ``pii.``
keys and are masked unless asked for plainly. Everything outside ASCII is escaped, so no value, whoever chose it,
can begin a line, colour a terminal or break a collector.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

from callbridge.adapters.codec import fact_data, fact_type
from callbridge.adapters.privacy import masked, personal
from callbridge.core.facts import AnyFact, DifferenceFound, EntityQuarantined, OrderGaveUp

_WARNINGS = (OrderGaveUp, DifferenceFound)
_ERRORS = (EntityQuarantined,)


_TIME = structlog.processors.TimeStamper(fmt="iso", utc=True, key="time")
_JSON = structlog.processors.JSONRenderer(ensure_ascii=True, default=str)


def configure(*, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send all logs, ours and the libraries', to ``stream`` (stderr) as JSON from ``level`` on."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        _TIME,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _harmless,
            _JSON,
        ],
    )
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def _harmless(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """DEL is the one control character that JSON in ASCII lets pass."""
    for key, value in event.items():
        if isinstance(value, str) and "\x7f" in value:
            event[key] = value.replace("\x7f", "\ufffd")
    return event


class FactLog:
    """The one observer that logs what the world does, to ``stream`` (stderr).

    It writes by itself: the standard library's way costs three times as much, and there may be a thousand facts a second.
    """

    def __init__(self, *, level: str = "INFO", stream: TextIO | None = None, mask: bool = True) -> None:
        self._mask = mask
        self._log: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
            structlog.WriteLogger(stream if stream is not None else sys.stderr),
            wrapper_class=structlog.make_filtering_bound_logger(level),
            processors=[structlog.stdlib.add_log_level, _TIME, _harmless, _JSON],
        ).bind(logger="callbridge.facts")

    def on_facts(self, facts: Iterable[AnyFact], *, inbox_depth: int = 0, event_age: float = 0.0) -> None:
        """One line for each fact. ``event_age``: seconds from the newest event's birth to its step."""
        for fact in facts:
            self._log.log(
                _level(fact),
                fact_type(fact),
                **self._fields(fact),
                inbox_depth=inbox_depth,
                event_age=round(event_age, 4),
            )

    def _fields(self, fact: AnyFact) -> dict[str, Any]:
        fields: dict[str, Any] = {"seq": fact.seq, "at": fact.at, **fact_data(fact)}
        if fact.call:
            fields["call"] = fact.call
        for name, value in personal(fact):
            del fields[name]
            fields[f"pii.{name}"] = masked(name, value) if self._mask else value
        return {name: value for name, value in fields.items() if value != ""}


def _level(fact: AnyFact) -> int:
    if isinstance(fact, _ERRORS):
        return logging.ERROR
    return logging.WARNING if isinstance(fact, _WARNINGS) else logging.INFO
