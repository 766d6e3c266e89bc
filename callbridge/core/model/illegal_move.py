"""The error of every state machine of ours: its table does not allow the move."""

from __future__ import annotations


class IllegalMove(RuntimeError):
    """Our own bug: a move that the table does not allow."""
