"""What ``callbridge doctor`` says of endpoints for phones in the browser, and of files that stand in their way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from callbridge.cli.doctor import browser_phones
from callbridge.cli.doctor.browser_phones import _aors, _transport
from callbridge.cli.doctor.findings import Finding, Level
from callbridge.settings.instance import AmiConfig, AriConfig, PbxConfig
from callbridge.wire.asterisk_conf import parse

GOOD = {
    "webrtc": "yes",
    "use_avpf": "true",
    "media_encryption": "dtls",
    "ice_support": "true",
    "rtcp_mux": "true",
    "media_use_received_transport": "true",
    "dtls_auto_generate_cert": "Yes",
    "dtls_cert_file": "",
    "allow": "(ulaw|alaw)",
    "transport": "transport-ws",
}
"""As ARI of Asterisk 22 and 16 shows an endpoint with ``webrtc = yes``."""
AOR = {"max_contacts": "1", "remove_existing": "true", "qualify_frequency": "15"}


def said(findings: Iterator[Finding]) -> list[str]:
    return [finding.said for finding in findings]


def test_an_endpoint_as_in_the_sample_is_left_alone() -> None:
    assert said(browser_phones.judge("PJSIP/1", GOOD, {"codec_ulaw"})) == []
    assert said(_aors("PJSIP/1", [AOR])) == []
    assert said(_transport("PJSIP/1", "transport-ws", {"protocol": "ws"})) == []
    assert said(_transport("PJSIP/1", "", {})) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"use_avpf": "false"}, "use_avpf is false"),
        ({"media_encryption": "no"}, "media_encryption is no"),
        ({"ice_support": "false"}, "ice_support is false"),
        ({"rtcp_mux": "false"}, "rtcp_mux is false"),
        ({"media_use_received_transport": "false"}, "media_use_received_transport is false"),
        ({"dtls_auto_generate_cert": "No"}, "no certificate for the voice"),
        ({"allow": "(g729|gsm)"}, "browsers speak none of these"),
        ({"allow": "(opus|ulaw)"}, "opus, which no module of the PBX can transcode"),
    ],
)
def test_each_line_that_is_missing_is_named(change: dict[str, str], words: str) -> None:
    (finding,) = browser_phones.judge("PJSIP/1", GOOD | change, {"codec_ulaw"})
    assert words in finding.said
    assert finding.level is Level.FAULT
    assert finding.todo


def test_a_certificate_of_ones_own_and_opus_with_its_module_are_right_too() -> None:
    own = GOOD | {"dtls_auto_generate_cert": "No", "dtls_cert_file": "/etc/asterisk/keys/pbx.pem", "allow": "(opus|ulaw)"}
    assert said(browser_phones.judge("PJSIP/1", own, {"codec_opus_open_source"})) == []


@pytest.mark.parametrize(
    ("aor", "words"),
    [
        ({"max_contacts": "0"}, "max_contacts is 0"),
        ({"remove_existing": "false"}, "remove_existing is off"),
        ({"qualify_frequency": "0"}, "qualify_frequency is 0"),
        ({"qualify_frequency": "60"}, "qualify_frequency is 60"),
    ],
)
def test_an_aor_that_keeps_pages_out_or_does_not_ask_whether_they_sleep(aor: dict[str, str], words: str) -> None:
    (finding,) = _aors("PJSIP/1", [AOR | aor])
    assert words in finding.said


def test_calls_over_udp_do_not_reach_a_page() -> None:
    (finding,) = _transport("PJSIP/1", "transport-udp", {"protocol": "udp"})
    assert "transport-udp is udp" in finding.said


@pytest.fixture
def pbx() -> PbxConfig:
    ari = AriConfig(url="http://127.0.0.1:8088/ari", user="cb", password="x")  # type: ignore[arg-type]
    return PbxConfig(name="pbx1", ari=ari, ami=AmiConfig(user="cb", secret="x"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("match", "taken"), [("127.0.0.1", True), ("127.0.0.0/8", True), ("192.0.2.10", False), ("trunk", False)]
)
def test_a_trunk_known_by_callbridges_address_takes_the_sip_of_pages(pbx: PbxConfig, match: str, taken: bool) -> None:
    conf = parse(f"[trunk]\ntype = identify\nendpoint = trunk\nmatch = {match}\n", "pjsip.conf")
    assert len(said(browser_phones.identified(conf, pbx))) == taken


@pytest.mark.parametrize(("text", "faults"), [("icesupport=no", 1), ("icesupport=yes", 0), ("", 0)])
def test_rtp_conf_must_not_switch_ice_off(text: str, faults: int) -> None:
    assert len(said(browser_phones.rtp_conf(parse(f"[general]\n{text}\n", "rtp.conf")))) == faults


def test_sip_over_websocket_is_beside_ari(pbx: PbxConfig) -> None:
    assert pbx.sip_socket == "http://127.0.0.1:8088/ws"
