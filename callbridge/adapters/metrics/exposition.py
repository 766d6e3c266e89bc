"""The text in which Prometheus reads the totals: each series' lines are made once for each value that they show.

With fifty queues there are thousands of series, of which a few change between two scrapes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import accumulate

from callbridge.adapters.facts.counts import Family, Series

Values = tuple[float, ...]


class Exposition:
    """``text`` may run in a thread, one at a time; what it is given must not change meanwhile."""

    def __init__(self, prefix: str, families: Iterable[Family]) -> None:
        self._prefix = prefix
        self._families = tuple(families)
        self._made: dict[Series, tuple[Values, str]] = {}

    def text(self, shown: Mapping[Series, Values]) -> str:
        """All metrics with all series."""
        of_family: dict[Family, list[str]] = {family: [] for family in self._families}
        for series, values in shown.items():
            made = self._made.get(series)
            if made is None or made[0] != values:
                made = self._made[series] = values, self._lines(series, values)
            of_family[series[0]].append(made[1])
        return "".join(part for family in self._families for part in (self._head(family), *of_family[family]))

    def _head(self, family: Family) -> str:
        name = self._prefix + family.name + ("" if family.bounds else "_total")
        return f"# HELP {name} {family.text}\n# TYPE {name} {'histogram' if family.bounds else 'counter'}\n"

    def _lines(self, series: Series, values: Values) -> str:
        family, labels = series
        name = self._prefix + family.name
        given = [f'{key}="{_escaped(value)}"' for key, value in zip(family.labels, labels, strict=True)]
        braced = "{" + ",".join(given) + "}" if given else ""
        if not family.bounds:
            return f"{name}_total{braced} {values[0]!r}\n"
        *hits, total = values
        below = list(accumulate(hits))
        bounds = [*(repr(float(bound)) for bound in family.bounds), "+Inf"]
        buckets = [",".join([*given, f'le="{bound}"']) for bound in bounds]
        lines = [f"{name}_bucket{{{bucket}}} {count!r}" for bucket, count in zip(buckets, below, strict=True)]
        return "\n".join([*lines, f"{name}_count{braced} {below[-1]!r}", f"{name}_sum{braced} {total!r}", ""])


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
