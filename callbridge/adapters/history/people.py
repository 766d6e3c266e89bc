"""What the history keeps of a caller: an identity by which the calls of one person are found, and what may be shown."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from callbridge.adapters.facts.privacy import mask
from callbridge.core.model.numbers import AS_WRITTEN

_HASH_LENGTH = 32
"""Characters of the hash: 128 bits, too many for two people to share one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """``key``: the secret of the hashes. Without one numbers are kept as they are; with one only a hash of them and what
    masking leaves, and names are not kept."""

    key: bytes = b""

    def identity(self, number: str) -> str:
        """What stands for this number in ``person``; empty for what is no number (``withheld``, ``anonymous``), because such
        callers are not one person. Without the key nobody finds the number from it, not even by trying all of them."""
        if not AS_WRITTEN.identity(number):
            return ""
        if not self.key:
            return number
        return "#" + hmac.new(self.key, number.encode(), hashlib.sha256).hexdigest()[:_HASH_LENGTH]

    def shown(self, number: str) -> str:
        return mask(number) if self.key else number

    def name(self, name: str) -> str:
        return "" if self.key else name
