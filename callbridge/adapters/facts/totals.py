"""The totals: what all facts so far have counted, one row for each series, saved in the same write as the facts.

So a counter continues after a restart or a take-over, and agrees with the facts exactly. Rows are never changed in place: a
store may encode them during counting.

Label values come from the configuration or from closed sets; those that people may choose (reasons, targets) are cleaned
and counted: beyond MAX_LABEL_VALUES they are ``other``.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from callbridge.adapters.facts.counts import Family, Series, counts, families
from callbridge.adapters.facts.privacy import label, scrub
from callbridge.adapters.facts.series import names, series
from callbridge.core.model.facts import AnyFact
from callbridge.core.model.plan import Plan

TABLE = "totals"
MAX_LABEL_VALUES = 100
MAX_AGENTS = 500
MAX_FOUND = 50_000
OTHER = "other"
_NUMBER = re.compile(r"\+?\d{6,}")
"""What could be a phone number in something that people may choose."""


@dataclass(frozen=True, kw_only=True)
class Total:
    """One series. ``id``: the metric's name and the label values, as a JSON list."""

    id: str
    values: tuple[float, ...]
    """Of a counter its value; of a histogram how often each bucket was hit, the last one above all bounds, and the sum."""
    bounds: tuple[float, ...] = ()
    """Of the buckets: a version that draws them elsewhere counts from zero."""


class FreeValues:
    """The first ``most`` values that people may choose, beside those of the configuration; the rest are ``other``."""

    def __init__(self, most: int = MAX_LABEL_VALUES) -> None:
        self._most = most
        self._configured: set[str] = set()
        self._seen: set[str] = set()

    def __call__(self, value: str) -> str:
        value = clean(value)
        if value not in self._configured and value not in self._seen:
            if len(self._seen) >= self._most:
                return OTHER
            self._seen.add(value)
        return value

    def know(self, value: str) -> None:
        """This value had a series of its own before the restart, and keeps it."""
        if value != OTHER and value not in self._configured:
            self._seen.add(value)

    def configure(self, value: str) -> None:
        """This value is in the configuration: it always has a series of its own."""
        value = clean(value)
        self._configured.add(value)
        self._seen.discard(value)


def clean(value: str) -> str:
    """A text that people may choose, as the value of a label: without phone numbers."""
    return scrub(_NUMBER.sub("number", label(value)))


class Totals:
    """Counts facts. ``count`` returns the rows that have changed, as a step does for the rows of the world."""

    def __init__(self, *, label_agents: bool = False) -> None:
        self.families = families(label_agents=label_agents)
        self._known = frozenset(self.families)
        self._rows: dict[str, Total] = {}
        self._ids: dict[Series, str] = {}
        """The series in which something was counted."""
        self._series: dict[str, Series] = {}
        """And back."""
        self._found: dict[Series, str] = {}
        """The id for the values of a fact: cleaning them and writing an id take longer than counting."""
        self._gone: list[str] = []
        self._expected: dict[Series, None] = {}
        self._free = {
            (family, name): FreeValues(MAX_AGENTS if name == "agent" else MAX_LABEL_VALUES)
            for family in self.families
            for name in family.free
        }

    def adopt(self, plan: Plan) -> None:
        """The series that this configuration may bring exist from now on; those of the one before stay until a restart."""
        for family, values in series(plan):
            if family in self._known:
                for name, value in zip(family.labels, values, strict=True):
                    if name in family.free and name != "agent":
                        self._free[family, name].configure(value)
                self._expected[family, self.labels(family, values)] = None
        self._found.clear()  # a reason that was ``other`` may be one of the configuration now

    def restore(self, rows: Iterable[Total], plan: Plan) -> None:
        """Go on where the run before ended. What the configuration has no more, or this version cannot read, is dropped."""
        named = {(family.name, len(family.labels)): family for family in self.families}
        known = names(plan)
        for row in rows:
            name, *values = _parsed(row.id)
            family = named.get((name, len(values)))
            if family is None or not _fits(row, family) or not _configured(family, values, known):
                self._gone.append(row.id)
                continue
            for each, value in zip(family.labels, values, strict=True):
                if each in family.free:
                    self._free[family, each].know(value)
            self._rows[row.id] = row
            self._series[row.id] = family, tuple(values)
            self._ids[family, tuple(values)] = row.id

    def count(self, facts: Sequence[AnyFact]) -> dict[tuple[str, str], object | None]:
        """Count these facts. Returns the rows that changed, to be saved in the same write as the facts."""
        changed: dict[tuple[str, str], object | None] = {}
        for fact in facts:
            for family, values, amount in counts(fact):
                if family in self._known:
                    row = self._add(family, self._id(family, values), amount)
                    changed[TABLE, row.id] = row
        if self._gone and facts:
            changed |= {(TABLE, key): None for key in self._gone if key not in self._rows}
            self._gone.clear()
        return changed

    def rows(self) -> Mapping[str, Total]:
        """What was counted, for a save of everything: a copy."""
        return dict(self._rows)

    def shown(self) -> dict[Series, tuple[float, ...]]:
        """Every series that there is, at zero those in which nothing was counted yet."""
        shown = {one: nothing(one[0]) for one in self._expected}
        return shown | {one: self._rows[key].values for one, key in self._ids.items()}

    def series_of(self, row: Total) -> Series:
        """Whose row this is."""
        return self._series[row.id]

    def labels(self, family: Family, values: Sequence[str]) -> tuple[str, ...]:
        """The values as labels: printable, bounded in number, and without phone numbers where people choose them."""
        if not family.free:
            return tuple([label(value) for value in values])
        return tuple(
            self._free[family, name](value) if name in family.free else label(value)
            for name, value in zip(family.labels, values, strict=True)
        )

    def _id(self, family: Family, values: tuple[str, ...]) -> str:
        """Of the series with these values, which are as the fact has them."""
        known = self._found.get((family, values))
        if known is None:
            labels = self.labels(family, values)
            known = self._ids.get((family, labels)) or self._file(family, labels)
            if len(self._found) < MAX_FOUND:
                self._found[family, values] = known
        return known

    def _file(self, family: Family, labels: tuple[str, ...]) -> str:
        key = json.dumps([family.name, *labels], ensure_ascii=False, separators=(",", ":"))
        self._ids[family, labels], self._series[key] = key, (family, labels)
        return key

    def _add(self, family: Family, key: str, amount: float) -> Total:
        old = self._rows.get(key)
        values = _grown(family, old.values if old is not None else nothing(family), amount)
        row = self._rows[key] = Total(id=key, values=values, bounds=family.bounds)
        return row


def nothing(family: Family) -> tuple[float, ...]:
    """The values of a series in which nothing was counted yet."""
    return (0.0,) * (len(family.bounds) + 2 if family.bounds else 1)


def _grown(family: Family, values: tuple[float, ...], amount: float) -> tuple[float, ...]:
    if not family.bounds:
        return (values[0] + amount,)
    grown = [*values]
    grown[bisect_left(family.bounds, amount)] += 1.0
    grown[-1] += amount
    return tuple(grown)


def _fits(row: Total, family: Family) -> bool:
    return len(row.values) == len(nothing(family)) and row.bounds == family.bounds


def _configured(family: Family, values: Sequence[str], known: Mapping[str, Set[str]]) -> bool:
    return all(value in known.get(name, (value,)) for name, value in zip(family.labels, values, strict=True))


def _parsed(key: str) -> list[str]:
    try:
        parts = json.loads(key)
    except ValueError:
        return [""]
    return [str(part) for part in parts] if isinstance(parts, list) and parts else [""]
