"""Single keys from the terminal, without Enter; where standard input is no terminal there are none."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

PAGE_DOWN, PAGE_UP, HOME = "page down", "page up", "home"
_SEQUENCES: Mapping[bytes, str] = {
    b"\x1b[6~": PAGE_DOWN,
    b" ": PAGE_DOWN,
    b"\x1b[5~": PAGE_UP,
    b"b": PAGE_UP,
    b"\x1b[H": HOME,
    b"\x1b[1~": HOME,
    b"\x1bOH": HOME,
}


class Keyboard:
    """``with Keyboard() as keys: keys.pressed(0.5)``. The terminal is left as it was."""

    def __init__(self) -> None:
        self._saved: list[Any] | None = None

    def __enter__(self) -> Self:
        try:
            if sys.stdin.isatty():
                self._saved = termios.tcgetattr(sys.stdin)
                tty.setcbreak(sys.stdin)  # Ctrl-C stays Ctrl-C
        except (termios.error, ValueError, OSError):
            self._saved = None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._saved is not None:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._saved)

    @property
    def there(self) -> bool:
        return self._saved is not None

    def pressed(self, seconds: float) -> str:
        """The key that was pressed, by name or as itself; empty if there was none in this time."""
        if not self.there or not select.select([sys.stdin], [], [], seconds)[0]:
            return ""
        data = os.read(sys.stdin.fileno(), 16)
        return _SEQUENCES.get(data, data.decode(errors="replace"))
