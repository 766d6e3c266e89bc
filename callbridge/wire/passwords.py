"""Passwords as they are kept: salted scrypt (RFC 7914) in one line, with its costs: ``scrypt:15:8:3:SALT:KEY``.

Computing one takes a quarter of a second and 32 MB, which is the point: who has the configuration cannot try many.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass, field

LOG_N, R, P = 15, 8, 3
_MOST_MEMORY = 128 * 1024 * 1024
_SHAPE = re.compile(r"scrypt:([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2}):([A-Za-z0-9_-]{8,64}):([A-Za-z0-9_-]{16,128})")


class BadPasswordHash(ValueError):
    """It cannot be read; the message does not quote it."""


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """``log_n``, ``r`` and ``p``: the costs of scrypt, n as a power of two."""

    salt: bytes
    key: bytes = field(repr=False)
    log_n: int = LOG_N
    r: int = R
    p: int = P

    def matches(self, password: str) -> bool:
        """Takes as long whatever the password is. Blocks, without holding the interpreter."""
        return hmac.compare_digest(_derived(password, self), self.key)

    def __str__(self) -> str:
        return f"scrypt:{self.log_n}:{self.r}:{self.p}:{_text(self.salt)}:{_text(self.key)}"


def hashed(password: str, salt: bytes) -> PasswordHash:
    """As it is kept. ``salt``: 16 random bytes."""
    empty = PasswordHash(salt, bytes(32))
    return PasswordHash(salt, _derived(password, empty))


def read_hash(text: str) -> PasswordHash:
    """Raises BadPasswordHash."""
    found = _SHAPE.fullmatch(text)
    if found is None:
        raise BadPasswordHash("is not a password hash: `callbridge password` makes one")
    log_n, r, p = (int(found[number]) for number in (1, 2, 3))
    if not 10 <= log_n <= 20 or not r or not p or 128 * r * (2**log_n + p) > _MOST_MEMORY or p > 16:
        raise BadPasswordHash("has costs that cannot be computed here: make a new one with `callbridge password`")
    try:
        return PasswordHash(_bytes(found[4]), _bytes(found[5]), log_n, r, p)
    except (binascii.Error, ValueError):
        raise BadPasswordHash("is damaged: make a new one with `callbridge password`") from None


def _derived(password: str, made: PasswordHash) -> bytes:
    said = password.encode(errors="surrogatepass")
    return hashlib.scrypt(said, salt=made.salt, n=2**made.log_n, r=made.r, p=made.p, maxmem=2 * _MOST_MEMORY, dklen=len(made.key))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
