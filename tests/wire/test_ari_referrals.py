"""The host to which a phone has referred its peer, from the two variables that Asterisk 16 and 22 set on the Local channel."""

import pytest

from callbridge.core.model.ids import LegId
from callbridge.core.model.orders import ReadReferral
from callbridge.wire.ari import referral_read, requests

ORDER = ReadReferral(leg=LegId("a/one-1"))


@pytest.mark.parametrize(
    ("refer_to", "host", "is_address"),
    [
        ("sip:800@evil.example", "evil.example", False),
        ("<sip:800@Evil.Example:5070;transport=tcp>", "evil.example", False),
        ("sip:*45;phone-context=x@pbx.example?Replaces=1%40x", "pbx.example", False),
        ("sips:800@192.0.2.7:5061", "192.0.2.7", True),
        ("sip:800@[2001:DB8::1]:5060", "2001:db8::1", True),
        ("sip:pbx.example", "pbx.example", False),
        ("tel:+4930123", "", False),
        ("", "", False),
    ],
)
def test_the_host_of_a_uri(refer_to: str, host: str, is_address: bool) -> None:
    found = referral_read(ORDER, refer_to, "<sip:1008@PBX.example>", at=1.0)
    assert (found.host, found.is_address, found.own) == (host, is_address, "pbx.example")


def test_both_variables_are_read() -> None:
    made = requests(ORDER, app="cb", bridge_type="mixing")
    assert [request.path.partition("?")[2] for request in made] == ["variable=SIPREFERTOHDR", "variable=SIPREFERREDBYHDR"]
