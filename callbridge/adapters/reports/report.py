"""What a report is: columns with their definitions, and rows. Every form (table, CSV, XLSX, HTML, JSON, HTTP) is made of this."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from callbridge.adapters.reports.intervals import By, Interval, intervals
from callbridge.adapters.reports.terms import ReportTerms


class ValueKind(StrEnum):
    """How a value is written. A ``moment`` is epoch seconds, ``seconds`` a duration, a ``share`` is 0 to 1; money is in the
    currency of the configuration. ``fields``: named values, an object in JSON and one line everywhere else."""

    TEXT = "text"
    COUNT = "count"
    DECIMAL = "decimal"
    SECONDS = "seconds"
    SHARE = "share"
    MOMENT = "moment"
    MONEY = "money"
    FIELDS = "fields"


TEXTS = (ValueKind.TEXT, ValueKind.FIELDS)
"""Kinds whose values are read as text."""


class FigureFamily(StrEnum):
    """Where figures count: ``cohort`` in the interval in which what they belong to began, ``clipped`` where the seconds pass.
    ``rows``: no figures, a row for each thing that happened in the period."""

    COHORT = "cohort"
    CLIPPED = "clipped"
    ROWS = "rows"


class Chart(StrEnum):
    """What is drawn of a report where there is room: ``bars`` of a column over the intervals, all rows of one added up; or a
    ``heatmap`` of a column, with the first column from top to bottom and the second from left to right."""

    NONE = "none"
    BARS = "bars"
    HEATMAP = "heatmap"


@dataclass(frozen=True, slots=True)
class ReportColumn:
    """``name`` is stable, for programs; ``heading`` is short, for a terminal. ``definition``: the formula or meaning, printed
    beside the figures. ``brief``: a narrow table has it, too; the others are shown where there is room."""

    name: str
    kind: ValueKind
    heading: str
    definition: str = ""
    brief: bool = True


FieldValue = str | int | float


class FieldsText(str):
    """A value of the kind ``fields``: itself the line that people and spreadsheets read; ``fields`` has the same by name."""

    __slots__ = ("fields",)
    fields: Mapping[str, FieldValue]

    def __new__(cls, line: str, fields: Mapping[str, FieldValue]) -> Self:
        made = super().__new__(cls, line)
        made.fields = fields
        return made


ReportValue = str | int | float | None
"""None: no value, because the divisor is zero or the value is unknown."""


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """What is asked for. Empty names: all. ``person``: the identity of a caller, as it is kept in the history. ``least_score``,
    ``most_score``: of the mean of a call's ratings. ``together``: one row for all names instead of one for each.
    ``masked``: numbers and names as others may see them. ``limit``: only so many rows, 0 for all, after the first ``offset``;
    ``newest``: the last ones first, in a report that is ``paged``."""

    begin: float
    end: float
    now: float
    zone: ZoneInfo
    by: By = By.WHOLE
    queues: frozenset[str] = frozenset()
    tiers: frozenset[str] = frozenset()
    entries: frozenset[str] = frozenset()
    agents: frozenset[str] = frozenset()
    campaigns: frozenset[str] = frozenset()
    person: str = ""
    outcome: str = ""
    call: str = ""
    together: bool = False
    masked: bool = False
    newest: bool = False
    limit: int = 0
    offset: int = 0
    least_score: float | None = None
    most_score: float | None = None
    terms: ReportTerms = field(default_factory=ReportTerms)

    def pieces(self) -> list[Interval]:
        """The period's intervals. Raises BadPeriod."""
        return intervals(self.begin, self.end, self.by, self.zone)


@dataclass(slots=True)
class Report:
    """``rows`` may be read once only: a long report is read from the database while it is written. ``charted``: the columns
    that are drawn."""

    name: str
    family: FigureFamily
    columns: tuple[ReportColumn, ...]
    rows: Iterable[tuple[ReportValue, ...]]
    chart: Chart = Chart.NONE
    charted: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)


ReportMaker = Callable[[Engine, ReportQuery], Report]
"""Makes a report. Raises SQLAlchemyError and BadPeriod."""
