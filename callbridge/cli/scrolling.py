"""What of the wallboard is on the screen: the board that fits it, or everything in full, page by page.

board --page down--> page 1 --page down--> page 2 ...; page up leads back, home to the board;
    l hides agents who are logged out, or shows them again
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from rich.console import Console, Group, RenderableType
from rich.segment import SegmentLines
from rich.text import Text

from callbridge.cli.board import Known, frame
from callbridge.cli.keyboard import HOME, PAGE_DOWN, PAGE_UP

_HEAD = 2
"""Lines that stay on top: time and links, alerts."""


@dataclass(slots=True)
class Scroll:
    """``page``: 0 is the board, later ones show everything. ``logged_out``: whether agents who are logged out are shown."""

    page: int = 0
    logged_out: bool = True

    def press(self, key: str) -> None:
        match key:
            case _ if key == PAGE_DOWN:
                self.page += 1
            case _ if key == PAGE_UP:
                self.page = max(0, self.page - 1)
            case _ if key == HOME:
                self.page = 0
            case "l":
                self.logged_out = not self.logged_out

    def shown(self, console: Console, known: Known, at: float, height: int | None) -> RenderableType:
        """The screen as it is at ``at``; without ``height`` everything."""
        if not self.logged_out:
            known = replace(known, agents=[row for row in known.agents if row.get("state") != "logged_out"])
        if self.page == 0 or height is None:
            return frame(known, at, console.width, height)
        lines = console.render_lines(frame(known, at, console.width, None), pad=False)
        room, below = max(1, height - _HEAD - 1), lines[_HEAD:]
        self.page = min(self.page, max(1, -(-len(below) // room)))
        first = (self.page - 1) * room
        last = min(first + room, len(below))
        foot = Text(f"lines {first + 1} to {last} of {len(below)}", style="dim", no_wrap=True, overflow="ellipsis")
        return Group(SegmentLines([*lines[:_HEAD], *below[first:last]], new_lines=True), foot)
