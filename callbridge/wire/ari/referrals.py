"""The host to which a phone has referred its peer by REFER.

Asterisk keeps the header in a variable of the Local channel that takes the phone's place.
"""

from __future__ import annotations

import re
from ipaddress import ip_address

from callbridge.core.model.events import ReferralRead
from callbridge.core.model.orders import ReadReferral

REFER_TO, REFERRED_BY = "SIPREFERTOHDR", "SIPREFERREDBYHDR"
_HOST = re.compile(r"<?sips?:(?:[^@>]*@)?(?P<host>\[[0-9a-f:.]+\]|[^:;?>@\s]+)")


def referral_read(order: ReadReferral, refer_to: str, referred_by: str, *, at: float) -> ReferralRead:
    """By the values of both variables; empty: the channel has none."""
    host = host_of(refer_to)
    return ReferralRead(at=at, leg=order.leg, host=host, is_address=is_address(host), own=host_of(referred_by))


def host_of(uri: str) -> str:
    """The host of a SIP URI, in angle brackets or not, in lower case; empty where there is none."""
    found = _HOST.match(uri.strip().casefold())
    return found["host"].strip("[]") if found is not None else ""


def is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
