"""Does the PBX detect a phone or caller that disappears during a call? With Asterisk's defaults it does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from callbridge.cli.doctor.endpoints import Endpoints
from callbridge.cli.doctor.findings import Finding, ok, unseen, warning

_ABOUT = "dead phones"
MAX_PHONES_NAMED = 6


def examine(endpoints: Endpoints) -> Iterator[Finding]:
    """``endpoints``: the agents' phones and the trunks. A missing one is reported by the check of the phones."""
    if endpoints.hidden:
        said = f"cannot see whether lost media ends calls at {_some(endpoints.hidden)}"
        yield unseen(_ABOUT, said, "check rtp_timeout, or rtptimeout in sip.conf")
    yield from judge(endpoints.settings)


def judge(endpoints: Mapping[str, Mapping[str, str]]) -> Iterator[Finding]:
    """``endpoints``: endpoint -> its settings in pjsip.conf."""
    deaf = [name for name, settings in endpoints.items() if settings.get("rtp_timeout", "0") in ("", "0")]
    held = [name for name, settings in endpoints.items() if settings.get("timers", "yes") == "no"]
    if deaf:
        said = f"{_some(deaf)}: no rtp_timeout: a phone that fails during a call is not detected, and its caller hears silence"
        yield warning(_ABOUT, said, "pjsip.conf: rtp_timeout = 20 or more, as in dialplan/samples/pjsip.conf")
    if held:
        said = f"{_some(held)}: session timers are off: a phone that fails while its caller is on hold is not detected"
        yield warning(_ABOUT, said, "pjsip.conf: timers = always for phones, timers = yes for trunks")
    if endpoints and not deaf and not held:
        yield ok(_ABOUT, f"lost media ends calls at all {len(endpoints)} endpoints of agents and trunks")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:MAX_PHONES_NAMED]) + (
        f" and {len(names) - MAX_PHONES_NAMED} more" if len(names) > MAX_PHONES_NAMED else ""
    )
