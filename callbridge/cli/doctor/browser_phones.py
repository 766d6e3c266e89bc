"""Phones in the browser: has the PBX what WebRTC needs, and are their endpoints made for it?"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from urllib.parse import urlsplit

import aiohttp

from callbridge.cli.doctor import endpoints
from callbridge.cli.doctor.ari import AriSession
from callbridge.cli.doctor.findings import Finding, fault, ok, unseen, warning
from callbridge.settings.instance import PbxConfig
from callbridge.settings.models import Settings
from callbridge.settings.values import endpoint_of
from callbridge.wire.asterisk_conf import Conf

ABOUT = "browser phones"
WEBRTC_MODULES: Mapping[str, str] = {
    "res_pjsip_transport_websocket": "SIP of phones in the browser",
    "res_srtp": "voice of phones in the browser is encrypted",
    "res_crypto": "certificates for the voice of phones in the browser",
}
SAMPLE = "as in dialplan/samples/pjsip-browser.conf"
SPOKEN = frozenset({"opus", "ulaw", "alaw", "g722"})
"""Codecs that browsers have and Asterisk knows."""
WEBRTC: Mapping[str, frozenset[str]] = {
    "use_avpf": frozenset({"true", "yes"}),
    "media_encryption": frozenset({"dtls"}),
    "ice_support": frozenset({"true", "yes"}),
    "rtcp_mux": frozenset({"true", "yes"}),
    "media_use_received_transport": frozenset({"true", "yes"}),
}
"""What ``webrtc = yes`` sets."""
LONGEST_QUALIFY = 30
"""Seconds between two OPTIONS beyond which calls to a page that is asleep go unanswered for long."""


def phones_of(settings: Settings, pbx: PbxConfig) -> dict[str, str]:
    """Endpoint of this PBX -> whose phone in the browser it is, and where that is configured."""
    agents = (
        (one.browser_phone.phone or one.first_phone, f"agents.{name}")
        for name, one in settings.agents.items()
        if one.browser_phone is not None
    )
    users = ((one.browser_phone.phone, f"users.{name}") for name, one in settings.users.items() if one.browser_phone is not None)
    here = len(settings.pbx) == 1
    return {endpoint_of(phone): whose for phone, whose in (*agents, *users) if here or phone.startswith(f"{pbx.name}/")}


async def examine(ari: AriSession, phones: Mapping[str, str], pbx: PbxConfig, running: Collection[str]) -> AsyncIterator[Finding]:
    """``phones``: as from ``phones_of``; ``running``: the PBX's modules."""
    found = await endpoints.read(ari, list(phones))
    gone = [name for name in phones if name not in found.settings and name not in found.hidden]
    for name in gone:
        yield fault(ABOUT, f"{name} of {phones[name]}.browser_phone is not an endpoint of the PBX", f"create it, {SAMPLE}")
    if found.hidden:
        yield unseen(ABOUT, f"ARI does not show the settings of {', '.join(found.hidden)}")
    troubled = bool(gone or found.hidden)
    for name, settings in found.settings.items():
        aors = [await endpoints.read_object(ari, "aor", aor.strip()) for aor in settings.get("aors", "").split(",")]
        named = settings.get("transport", "")
        transport = await endpoints.read_object(ari, "transport", named) if named else {}
        for finding in (*judge(name, settings, running), *_transport(name, named, transport), *_aors(name, aors)):
            troubled = True
            yield finding
    async for finding in _reachable(pbx):
        yield finding
    if phones and not troubled:
        yield ok(ABOUT, f"all {len(phones)} endpoints are made for WebRTC")


def judge(name: str, settings: Mapping[str, str], running: Collection[str]) -> Iterator[Finding]:
    """``settings``: of the endpoint."""
    wrong = [key for key, right in WEBRTC.items() if settings.get(key, "").lower() not in right]
    if wrong:
        said = f"{name}: no WebRTC: {', '.join(f'{key} is {settings.get(key) or chr(34) * 2}' for key in wrong)}"
        yield fault(ABOUT, said, f"pjsip.conf: webrtc = yes, {SAMPLE}")
    if settings.get("dtls_auto_generate_cert", "").lower() not in ("yes", "true") and not settings.get("dtls_cert_file"):
        said = f"{name}: there is no certificate for the voice, so no call would be heard"
        yield fault(ABOUT, said, "pjsip.conf: dtls_auto_generate_cert = yes (webrtc = yes sets it)")
    codecs = re.findall(r"[A-Za-z0-9]+", settings.get("allow", ""))
    if not SPOKEN & set(codecs):
        yield fault(ABOUT, f"{name}: allow = {','.join(codecs)}: browsers speak none of these", "pjsip.conf: allow = ulaw,alaw")
    elif "opus" in codecs and not any(module.startswith("codec_opus") for module in running):
        said = f"{name}: allow has opus, which no module of the PBX can transcode: callers who speak another codec hear silence"
        yield fault(ABOUT, said, "load codec_opus, or pjsip.conf: allow = ulaw,alaw")


def _transport(name: str, named: str, transport: Mapping[str, str] | None) -> Iterator[Finding]:
    protocol = (transport or {}).get("protocol", "")
    if named and transport is not None and protocol not in ("ws", "wss"):
        said = f"{name}: transport = {named} is {protocol}: OPTIONS and calls do not reach a page, which is behind a WebSocket"
        yield fault(ABOUT, said, f"pjsip.conf: transport = transport-ws with protocol = ws, {SAMPLE}")


def _aors(name: str, aors: Sequence[Mapping[str, str] | None]) -> Iterator[Finding]:
    known = [aor for aor in aors if aor is not None]
    most = sum(int(aor.get("max_contacts") or 0) for aor in known)
    if known and most < 1:
        yield fault(ABOUT, f"{name}: max_contacts is 0: the page cannot register", f"pjsip.conf: max_contacts = 1, {SAMPLE}")
    if any(aor.get("max_contacts") == "1" and aor.get("remove_existing", "").lower() in ("no", "false") for aor in known):
        said = f"{name}: remove_existing is off: a page that was reloaded cannot register until its former contact has expired"
        yield fault(ABOUT, said, "pjsip.conf: remove_existing = yes")
    asked = [int(aor.get("qualify_frequency") or 0) for aor in known]
    if any(not 0 < every <= LONGEST_QUALIFY for every in asked):
        said = f"{name}: qualify_frequency is {max(asked)}: calls are offered to a page that is asleep, and go unanswered"
        yield warning(ABOUT, said, "pjsip.conf: qualify_frequency = 15")


async def _reachable(pbx: PbxConfig) -> AsyncIterator[Finding]:
    """As callbridge itself connects for each page."""
    url = pbx.sip_socket
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
            session.ws_connect(url, protocols=("sip",)) as socket,
        ):
            if socket.protocol == "sip":
                yield ok(ABOUT, f"the PBX takes SIP over WebSocket at {url}")
                return
            why = "it speaks no SIP"
    except (aiohttp.ClientError, OSError, TimeoutError) as trouble:
        why = str(trouble) or "no answer"
    todo = "http.conf: enabled = yes; modules.conf: load = res_http_websocket.so and res_pjsip_transport_websocket.so"
    yield fault(ABOUT, f"no SIP over WebSocket at {url}: {why}", todo)


# -- what only files show ---------------------------------------------------------------------------------------------


def rtp_conf(conf: Conf) -> Iterator[Finding]:
    if (conf.value("general", "icesupport") or "yes").lower() in ("no", "false", "0", "off"):
        said = "icesupport is off: audio of browser phones cannot be established"
        yield fault("rtp.conf", said, "[general] icesupport = yes; it is offered to endpoints with ice_support only")


def identified(pjsip: Conf, pbx: PbxConfig) -> Iterator[Finding]:
    """SIP of the pages comes from callbridge's own address: a trunk that is known by this address would get it."""
    host = urlsplit(pbx.ari.url).hostname or ""
    try:
        ours = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        return
    if not ours.is_loopback:
        return  # from which address we come is not known
    for section in pjsip.sections:
        if section.last("type") != "identify":
            continue
        for match in re.split(r"[,\s]+", ",".join(entry.value for entry in section.all("match"))):
            if _is_in(ours, match):
                said = (
                    f"the identify section [{section.name}] matches {ours}: it gets the SIP of phones in the browser as its own"
                )
                yield fault(
                    ABOUT, said, "pjsip.conf [global]: endpoint_identifier_order = username,ip, or another address in match"
                )


def _is_in(address: ipaddress.IPv4Address | ipaddress.IPv6Address, network: str) -> bool:
    try:
        return address in ipaddress.ip_network(network.strip(), strict=False)
    except ValueError:
        return False
