"""Would the PBX notice a phone, or a caller, that dies in a call? Asterisk's own defaults never do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from callbridge.cli.doctor.ari import AriSession
from callbridge.cli.doctor.findings import Finding, ok, unseen, warning

ABOUT = "dead phones"
MOST_PHONES_NAMED = 6


async def examine(ari: AriSession, endpoints: Collection[str]) -> AsyncIterator[Finding]:
    """``endpoints``: the agents' phones and the trunks, as ``PJSIP/1001``."""
    known: dict[str, Mapping[str, str]] = {}
    hidden = []
    for endpoint in dict.fromkeys(endpoints):
        technology, _, name = endpoint.partition("/")
        if technology.upper() != "PJSIP":
            hidden.append(endpoint)
            continue
        status, listed = await ari.get(f"/asterisk/config/dynamic/res_pjsip/endpoint/{quote(name, safe='')}")
        if status == 200 and isinstance(listed, list):
            known[endpoint] = _settings(listed)
        elif status != 404:  # one that does not exist is told with the phones
            hidden.append(endpoint)
    if hidden:
        yield unseen(ABOUT, f"whether silence ends a call at {_some(hidden)}", "rtp_timeout, or rtptimeout in sip.conf")
    for finding in judge(known):
        yield finding


def _settings(listed: Sequence[Any]) -> dict[str, str]:
    return {str(each.get("attribute")): str(each.get("value")) for each in listed if isinstance(each, dict)}


def judge(endpoints: Mapping[str, Mapping[str, str]]) -> Iterator[Finding]:
    """``endpoints``: endpoint -> its settings in pjsip.conf."""
    deaf = [name for name, settings in endpoints.items() if settings.get("rtp_timeout", "0") in ("", "0")]
    held = [name for name, settings in endpoints.items() if settings.get("timers", "yes") == "no"]
    if deaf:
        said = f"{_some(deaf)}: no rtp_timeout, so nobody notices that a phone has died in a call; its caller hears silence"
        yield warning(ABOUT, said, "pjsip.conf: rtp_timeout = 20 and more, as in dialplan/samples/pjsip.conf")
    if held:
        said = f"{_some(held)}: session timers are off, so a phone that dies while its caller is on hold is not noticed"
        yield warning(ABOUT, said, "pjsip.conf: timers = always for phones, timers = yes for trunks")
    if endpoints and not deaf and not held:
        yield ok(ABOUT, f"silence ends a call at all {len(endpoints)} endpoints of agents and trunks")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_PHONES_NAMED]) + (
        f" and {len(names) - MOST_PHONES_NAMED} more" if len(names) > MOST_PHONES_NAMED else ""
    )
