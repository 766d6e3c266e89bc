"""Which adapter carries out which type of order. Every type has exactly one performer before the first order is sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, get_args

from callbridge.core.model.orders import Order


class NobodyPerforms(RuntimeError):
    """A bug of ours: the core may give an order that no adapter carries out."""


class Performers:
    """The runtime uses ``perform``; the rest is for the service, which builds it."""

    def __init__(self) -> None:
        self._by_kind: dict[type, Callable[[Any], Awaitable[None]]] = {}

    def register(self, perform: Callable[[Any], Awaitable[None]], *kinds: type) -> None:
        """``perform`` carries out one order of these kinds, or raises OrderTrouble."""
        for kind in kinds:
            if kind in self._by_kind:
                raise ValueError(f"{kind.__name__} has a performer already")
            self._by_kind[kind] = perform

    def check(self) -> None:
        """Raises NobodyPerforms."""
        missing = [kind.__name__ for kind in get_args(Order) if kind not in self._by_kind]
        if missing:
            raise NobodyPerforms(f"nobody performs {', '.join(missing)}")

    async def perform(self, order: Order) -> None:
        """Raises OrderTrouble."""
        await self._by_kind[type(order)](order)
