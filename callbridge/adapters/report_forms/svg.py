"""Plots as SVG, which a page holds itself: bars over intervals and heat maps. Colours are the page's."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape

WIDE = 960
_HIGH, _TOP, _BOTTOM, _LEFT = 150, 12, 24, 64
_LABEL = 7.2
"""Width of a character of a label."""

ValueWriter = Callable[[float], str]


def bars(labels: Sequence[str], values: Sequence[float], written: ValueWriter, time: bool = False) -> Iterator[str]:
    """``time``: the values are seconds, whose steps are those of a clock."""
    top = _round_up(max(*values, 1e-9), time)
    step = (WIDE - _LEFT) / len(values)
    gap = 1.0 if step > 3 else 0.0
    yield f'<svg viewBox="0 0 {WIDE} {_HIGH + _TOP + _BOTTOM}" role="img">'
    for part in (0.0, 0.5, 1.0):
        y = _TOP + _HIGH * (1 - part)
        yield f'<line class="grid" x1="{_LEFT}" x2="{WIDE}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="axis" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(written(top * part))}</text>'
    for at, (label, value) in enumerate(zip(labels, values, strict=True)):
        high = _HIGH * value / top
        x, y, wide = _LEFT + at * step + gap / 2, _TOP + _HIGH - high, min(step - gap, 48)
        x += (step - gap - wide) / 2
        title = f"<title>{escape(label)}: {escape(written(value))}</title>"
        yield f'<rect class="bar" x="{x:.2f}" y="{y:.2f}" width="{wide:.2f}" height="{high:.2f}">{title}</rect>'
    yield from _x_labels(labels, step)
    yield "</svg>"


def _x_labels(labels: Sequence[str], step: float) -> Iterator[str]:
    """As many as do not touch each other. A date that all have is left out: it stands above."""
    dates = {label.partition(" ")[0] for label in labels}
    texts = [label.partition(" ")[2] or label for label in labels] if len(dates) == 1 else list(labels)
    wide = max(len(text) for text in texts) * _LABEL + 12
    last = -wide
    for at, text in enumerate(texts):
        x = _LEFT + (at + 0.5) * step
        if x - last >= wide and x + wide / 2 - 6 <= WIDE:
            last = x
            yield f'<text class="axis" x="{x:.1f}" y="{_TOP + _HIGH + 17}" text-anchor="middle">{escape(text)}</text>'


def heatmap(
    rows: Sequence[str], columns: Sequence[str], values: Mapping[tuple[str, str], float], written: ValueWriter
) -> Iterator[str]:
    """The more, the darker; the value stands in each cell where there is room."""
    wide, high = (WIDE - _LEFT) / len(columns), 26
    top = max(*values.values(), 1e-9)
    yield f'<svg viewBox="0 0 {WIDE} {high * len(rows) + _BOTTOM}" role="img">'
    every = max(1, math.ceil((max(len(column) for column in columns) * _LABEL + 4) / wide))
    for at, column in enumerate(columns):
        if at % every == 0:
            yield f'<text class="axis" x="{_LEFT + (at + 0.5) * wide:.1f}" y="15" text-anchor="middle">{escape(column)}</text>'
    for down, row in enumerate(rows):
        y = _BOTTOM + down * high
        yield f'<text class="axis" x="{_LEFT - 8}" y="{y + 17}" text-anchor="end">{escape(row)}</text>'
        for across, column in enumerate(columns):
            value = values.get((row, column))
            shade = 0.0 if value is None else max(0.0, value / top)
            text = "" if value is None else written(value)
            x = _LEFT + across * wide
            title = f"<title>{escape(row)} {escape(column)}: {escape(text or '-')}</title>"
            yield (
                f'<rect class="heat" x="{x + 1:.1f}" y="{y + 1}" width="{wide - 2:.1f}" height="{high - 2}" '
                f'style="--shade:{shade:.3f}">{title}</rect>'
            )
            if text and len(text) * 6 < wide - 2:
                kind = "cell strong" if shade > 0.55 else "cell"
                yield f'<text class="{kind}" x="{x + wide / 2:.1f}" y="{y + 17}" text-anchor="middle">{escape(text)}</text>'
    yield "</svg>"


def _round_up(value: float, time: bool) -> float:
    """The end of the axis, a number that people count in."""
    if time:
        for step in (60, 300, 600, 1800, 3600, 7200, 14_400, 36_000):
            if value <= step:
                return float(step)
        return math.ceil(value / 36_000) * 36_000.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 5, 10) if value <= step * power * (1 + 1e-9))
