"""AMI text: nothing can be injected, and states become events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbridge.core.model.events import DeviceChanged, DevicesListed
from callbridge.wire.ami import clean_action, clean_value, device_changed, devices_listed, devices_of_hint, phone_of


@given(st.text())
def test_a_value_stays_one_line_that_can_be_encoded(value: str) -> None:
    cleaned = clean_value(value)
    cleaned.encode()
    assert not set("\r\n\0") & set(cleaned)


def test_asynchronous_is_always_said() -> None:
    assert clean_action("Ping", {})["Async"] == "false"
    assert clean_action("Originate", {})["Async"] == "true"
    assert clean_action("Originate", {"Async": "false"})["Async"] == "false"


def test_a_line_longer_than_asterisk_reads_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        clean_action("Setvar", {"Value": "ä" * 600})


@pytest.mark.parametrize(
    ("device", "phone"),
    [
        ("PJSIP/1001", "PJSIP/1001"),
        ("pjsip/1001", "PJSIP/1001"),
        ("PJSIP/1001/sip:1001@10.0.0.5", "PJSIP/1001"),
        ("Custom:DND", None),
        ("Queue:sales_avail", None),
        ("Local/7@x", None),
        ("PJSIP/", None),
        ("", None),
    ],
)
def test_the_phone_of_a_device(device: str, phone: str | None) -> None:
    assert phone_of(device) == phone


def test_states_become_events() -> None:
    said = {"Device": "PJSIP/1001", "State": "INUSE"}
    assert device_changed(said, 4.0) == DeviceChanged(at=4.0, phone="PJSIP/1001", state="INUSE")
    assert device_changed({"Device": "PJSIP/1001", "State": "WEIRD"}, 4.0) is None
    listed = devices_listed([{"Response": "Success"}, said, {"Event": "DeviceStateListComplete"}], 4.0)
    assert listed == DevicesListed(at=4.0, states={"PJSIP/1001": "INUSE"})


@pytest.mark.parametrize(
    ("hint", "devices"),
    [
        ("PJSIP/1001&Custom:DND1001,CustomPresence:1001", ("PJSIP/1001", "Custom:DND1001")),
        ("pjsip/1001 & SCCP/7&Local/x@y&Custom:Busy", ("PJSIP/1001", "SCCP/7")),
        ("PJSIP/1001&PJSIP/1001", ("PJSIP/1001",)),
        (",CustomPresence:1001", ()),
        ("", ()),
    ],
)
def test_the_devices_of_a_hint(hint: str, devices: tuple[str, ...]) -> None:
    assert devices_of_hint(hint) == devices
