"""What stands for a number in names of Redis keys: a keyed hash.

There are few phone numbers, so the number of a hash without a key is found by trying all of them. The key is not in Redis.
"""

from __future__ import annotations

import hashlib
import hmac

_LENGTH = 32
"""Characters: 128 bits, too many for two numbers to share one."""


def keyed(number: str, key: bytes) -> str:
    return hmac.new(key, _bytes(number), hashlib.sha256).hexdigest()[:_LENGTH]


def unkeyed(number: str) -> str:
    """As it was written down before there was a key: such rows are read until their time is over."""
    return hashlib.sha256(_bytes(number)).hexdigest()[:_LENGTH]


def _bytes(number: str) -> bytes:
    return number.encode(errors="replace")
