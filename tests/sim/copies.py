"""A world of its own, made from another one: a step that is only tried out is taken there.

By pickle, which is several times as fast as ``copy.deepcopy``. Frozen values never change: they are the same in both worlds.
"""

from __future__ import annotations

import io
import pickle
from types import FunctionType, MethodType
from typing import Any

from callbridge.core.model.world import World

_shared: dict[int, object] = {}
"""By ``id``: what both worlds refer to, while one is copied."""


def another(world: World) -> World:
    """A copy with the same plan and the same rows."""
    file = io.BytesIO()
    try:
        _Writer(file, pickle.HIGHEST_PROTOCOL).dump(world)
        copied: World = pickle.loads(file.getbuffer())
        return copied
    finally:
        _shared.clear()


class _Writer(pickle.Pickler):
    def reducer_override(self, one: Any) -> Any:
        kind = type(one)
        if kind is MethodType:
            return _bound, (one.__func__, one.__self__)
        # A planted function has no name by which a pickle could find it again.
        if _is_frozen(kind) or (kind is FunctionType and one not in (_taken, _bound)):
            _shared[id(one)] = one
            return _taken, (id(one),)
        return NotImplemented


def _is_frozen(kind: type) -> bool:
    """Is it a dataclass whose values never change?"""
    parameters = getattr(kind, "__dataclass_params__", None)
    return parameters is not None and bool(parameters.frozen)


def _taken(key: int) -> object:
    return _shared[key]


def _bound(function: FunctionType, to: object) -> MethodType:
    return MethodType(function, to)
