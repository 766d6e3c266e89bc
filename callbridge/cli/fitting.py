"""Text that is too long for its place ends behind a word, not within one. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.text import Text

_WORD_END = re.compile(r"(?<=\w)(?=\W|_|$)")
MORE = "…"


def fit(text: str, width: int) -> str:
    """``text`` in at most ``width`` columns: whole words and an ellipsis. Only a first word that is too long is cut within."""
    if cell_len(text) <= width:
        return text
    ends = [found.start() for found in _WORD_END.finditer(text) if cell_len(text[: found.start()]) + 1 <= width]
    return text[: ends[-1]] + MORE if ends else set_cell_size(text, max(0, width - 1)) + MORE if width > 0 else ""


def fit_list(items: Sequence[str], width: int) -> str:
    """As many of the items as there is room for, and how many more there are."""
    for number in range(len(items), 0, -1):
        left = len(items) - number
        text = "; ".join(items[:number]) + (f"; and {left} more" if left else "")
        if cell_len(text) <= width:
            return text
    rest = f"; and {len(items) - 1} more" if len(items) > 1 else ""
    return fit(items[0], width - len(rest)) + rest if items and cell_len(rest) < width else fit("; ".join(items), width)


def fit_columns(
    head: Sequence[str], rows: Sequence[list[Text]], width: int, shrink: Sequence[tuple[int, int]], floors: Sequence[int]
) -> list[int]:
    """Shorten the cells of a table, one column between the others, until its rows fit. ``shrink``: column and least width, in the
    order in which room is taken; with the least width 0 a column goes altogether. ``floors``: the width that each takes in any
    case. Returns the columns that stay."""
    widths = [max([cell_len(name), floors[at], *(row[at].cell_len for row in rows)]) for at, name in enumerate(head)]
    gone: set[int] = set()
    for at, least in shrink:
        over = sum(widths[at] + 1 for at in range(len(widths)) if at not in gone) - 1 - width
        if over <= 0:
            break
        if least == 0:
            gone.add(at)
            continue
        widths[at] = max(min(least, widths[at]), cell_len(head[at]), floors[at], widths[at] - over)
        for row in rows:
            row[at].plain = fit(row[at].plain, widths[at])
    return [at for at in range(len(head)) if at not in gone]
