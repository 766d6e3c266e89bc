"""Small plots of characters: bars over intervals, and shades of a heat map. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.cells import cell_len

HEIGHT = 4
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_SHADES = " ░▒▓█"
_WIDEST = 6


def bars(title: str, values: Sequence[float], labels: Sequence[str], width: int) -> Iterator[str]:
    """Lines: the title, bars, and the first and the last label. There are no more values than the width has columns."""
    wide = max(1, min(_WIDEST, width // len(values)))
    top = max(*values, 1e-9)
    levels = [_level(value / top, 8 * HEIGHT) for value in values]
    yield title
    for line in reversed(range(HEIGHT)):
        drawn = (_EIGHTHS[min(8, max(0, level - 8 * line))] for level in levels)
        yield "".join(one * max(1, wide - 1) + " " * (wide > 1) for one in drawn).rstrip()
    room = len(values) * wide - cell_len(labels[0]) - cell_len(labels[-1])
    yield f"{labels[0]}{' ' * max(1, room)}{labels[-1]}"


def heatmap(title: str, rows: Sequence[str], columns: Sequence[str], known: Mapping[tuple[str, str], float]) -> Iterator[str]:
    """Lines: the title, the columns' labels, and a row of shades for each row's label."""
    top = max(*known.values(), 1e-9)
    margin = max(cell_len(row) for row in rows) + 1
    yield title
    yield " " * margin + "".join(f"{column[:2]:<3}" for column in columns).rstrip()
    for row in rows:
        shades = (_SHADES[_level(known.get((row, column), 0.0) / top, 4)] * 2 + " " for column in columns)
        yield row + " " * (margin - cell_len(row)) + "".join(shades).rstrip()


def _level(part: float, levels: int) -> int:
    """What is there at all is seen."""
    return 0 if part <= 0 else max(1, min(levels, round(part * levels)))
