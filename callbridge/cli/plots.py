"""Small plots of characters: bars over intervals, and shades of a heat map. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping

from rich.cells import cell_len

HEIGHT = 4
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_SHADES = " ░▒▓█"
_WIDEST = 6


def bars(title: str, most: str, values: Mapping[str, float], width: int) -> Iterator[str]:
    """Lines: the title with the greatest value (``most``), bars, and the first and the last label. Where there are more intervals
    than room, neighbours are added up, and it says so."""
    together = math.ceil(len(values) / width)
    heights = list(values.values())
    sums = [sum(heights[at : at + together]) for at in range(0, len(heights), together)]
    wide = max(1, min(_WIDEST, width // len(sums)))
    top = max(*sums, 1e-9)
    levels = [_level(value / top, 8 * HEIGHT) for value in sums]
    said = f", {together} intervals together" if together > 1 else f", at most {most}"
    yield f"{title}{said}"
    for line in reversed(range(HEIGHT)):
        drawn = (_EIGHTHS[min(8, max(0, level - 8 * line))] for level in levels)
        yield "".join(one * max(1, wide - 1) + " " * (wide > 1) for one in drawn).rstrip()
    labels = list(values)
    room = len(sums) * wide - cell_len(labels[0]) - cell_len(labels[-1])
    yield f"{labels[0]}{' ' * max(1, room)}{labels[-1]}"


def heatmap(title: str, most: str, cells: Collection[tuple[str, str]], known: Mapping[tuple[str, str], float]) -> Iterator[str]:
    """Lines: the title, the columns' labels, and a row of shades for each row's label. ``cells``: (row, column), in order."""
    rows, columns = list(dict.fromkeys(row for row, _ in cells)), list(dict.fromkeys(column for _, column in cells))
    top = max(*known.values(), 1e-9)
    margin = max(cell_len(row) for row in rows) + 1
    yield f"{title}, at most {most}"
    yield " " * margin + "".join(f"{column[:2]:<3}" for column in columns).rstrip()
    for row in rows:
        shades = (_SHADES[_level(known.get((row, column), 0.0) / top, 4)] * 2 + " " for column in columns)
        yield row + " " * (margin - cell_len(row)) + "".join(shades).rstrip()


def _level(part: float, levels: int) -> int:
    """What is there at all is seen."""
    return 0 if part <= 0 else max(1, min(levels, round(part * levels)))
