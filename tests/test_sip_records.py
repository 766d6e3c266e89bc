"""The records of the lab's phones are complete, whenever SIPp's logs are read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.lab import scripts
from tests.lab.pbx import Pbx
from tests.lab.records import Tail
from tests.lab.sip import Phone

WIRE = "2026-11-30\t17:00:00.000000\t1796059200.0\tR\tone@lab\tCSeq: 1 INVITE\tINVITE sip:1001@127.0.0.3:5060 SIP/2.0\n"
MARK = f"{scripts.INVITE_MARK}one@lab\n"
HEADERS = "INVITE sip:1001@127.0.0.3:5060 SIP/2.0\nFrom: <sip:4930100@127.0.0.1>\n\n"


@pytest.fixture
def phone(tmp_path: Path) -> Phone:
    return Phone(cast(Pbx, SimpleNamespace(folder=tmp_path, address=lambda name: ("127.0.0.3", 5060))), "1001")


@pytest.mark.parametrize("first", ["wire", "logged"])
def test_an_invite_that_comes_while_the_logs_are_read_has_its_headers(
    phone: Phone, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    tail = phone._wire if first == "wire" else phone._logged

    def read_just_before_sipp_writes() -> Iterator[str]:
        yield from list(Tail.lines(tail))
        if not phone._wire.path.exists():
            phone._wire.path.write_text(WIRE)
            phone._logged.path.write_text(MARK + HEADERS)

    monkeypatch.setattr(tail, "lines", read_just_before_sipp_writes)
    phone.records()
    assert [record.caller_number for record in phone.records()] == ["4930100"]


@pytest.mark.parametrize("written", [MARK, MARK + HEADERS[:60]], ids=["mark", "half"])
def test_an_invite_is_complete_though_its_log_was_read_in_the_middle(phone: Phone, written: str) -> None:
    phone._wire.path.write_text(WIRE)
    phone._logged.path.write_text(written)
    assert [record.caller_number for record in phone.records()] == [""]
    phone._logged.path.write_text(MARK + HEADERS)
    assert [record.caller_number for record in phone.records()] == ["4930100"]
