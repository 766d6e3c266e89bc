"""``callbridge password``: asks for a password twice, or reads one line, and prints the hash for ``users:``."""

from __future__ import annotations

import getpass
import secrets
import sys

from callbridge.wire.passwords import hashed

SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 200
"""Characters of a password."""


def password() -> int:
    """Returns the exit code."""
    try:
        said = _asked() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    except EOFError:
        said = ""
    if not SHORTEST_PASSWORD <= len(said) <= LONGEST_PASSWORD:
        allowed = f"{SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters"
        print(f"callbridge: a password must have {allowed}, not {len(said)}", file=sys.stderr)
        return 1
    print(hashed(said, secrets.token_bytes(16)))
    return 0


def _asked() -> str:
    """Raises EOFError when it is not written twice in the same way."""
    while True:
        said = getpass.getpass("Password: ")
        if said == getpass.getpass("Again: "):
            return said
        print("The two are not the same.", file=sys.stderr)
