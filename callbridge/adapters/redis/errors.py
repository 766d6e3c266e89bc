"""What Redis raises, in the store's words: it cannot be reached, does not let us in, refuses, or holds what we cannot read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import AskError, AuthenticationError, BusyLoadingError, NoPermissionError, ResponseError

from callbridge.adapters.redis.connection import TROUBLE
from callbridge.adapters.store import StoreDown, StoreRefuses, Unreadable


@contextmanager
def translated() -> Iterator[None]:
    """Raises StoreDown, StoreRefuses or Unreadable for whatever Redis raises inside."""
    try:
        yield
    except AuthenticationError as error:
        raise StoreRefuses(f"Redis does not let us in ({_said(error)}): look at user and password in redis.url") from error
    except AskError as error:
        raise StoreRefuses("Redis is a node of a cluster that has not our keys: use redis+cluster:// in redis.url") from error
    except BusyLoadingError as error:
        raise StoreDown("Redis is still loading its data") from error
    except ResponseError as error:
        if isinstance(error, NoPermissionError) or "user executing the script" in str(error):
            raise StoreRefuses(f"Redis does not permit what we need ({_said(error)}): look at the ACL of our user") from error
        kind = Unreadable if is_wrong_type(error) else StoreRefuses
        raise kind(f"Redis refuses: {_said(error)}") from error
    except TROUBLE as error:
        raise StoreDown(f"Redis cannot be reached: {type(error).__name__}: {error}") from error


def is_wrong_type(error: Exception) -> bool:
    """Is it that a key has another type than we need?"""
    return isinstance(error, ResponseError) and "WRONGTYPE" in str(error)


def _said(error: Exception) -> str:
    """Redis's own words, without the command that the client puts before them: there rows stand in clear."""
    return str(error).rpartition("pipeline caused error: ")[2]
