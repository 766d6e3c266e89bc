"""One number, one spelling: the cases of real sites, and every way to write a number in thirty regions."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from callbridge.core.model.numbers import NO_NUMBER, SPREADSHEET
from callbridge.wire.phone_numbers import (
    IMPOSSIBLE,
    LETTERS,
    NO_REGION,
    ONE_OR_TWO,
    ONLY_AN_EXTENSION,
    PREMIUM,
    TWO_NUMBERS,
    WITH_EXTENSION,
    NumberKind,
    PhoneNumbers,
    Written,
    first_of,
)
from tests.examples import examples

CASES = Path(__file__).parents[1] / "cases" / "numbers.csv"
REGIONS = (
    *("US", "CA", "GB", "IE", "FR", "DE", "AT", "CH", "IT", "ES", "PT", "NL", "BE", "DK", "NO", "SE", "FI", "PL", "CZ", "HU"),
    *("RU", "UA", "TR", "CN", "JP", "KR", "IN", "AU", "BR", "ZA"),
)
ABROAD = {"US": "011", "CA": "011", "RU": "8~10", "AU": "0011", "JP": "010", "KR": "001"}
"""What is dialled before a country code, where it is not ``00``."""
TYPES = (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE)


def zeros(region: str) -> str:
    """``00``, which trunks send everywhere; but it may be the beginning of what people dial there before a country code."""
    return ABROAD[region] if ABROAD.get(region, "").startswith("00") else "00"


def cases() -> list[tuple[str, str, str]]:
    with CASES.open(encoding="utf-8", newline="") as file:
        return [(row["written"], row["region"], row["e164"]) for row in csv.DictReader(file)]


@pytest.mark.parametrize(("written", "region", "e164"), cases())
def test_a_case_of_a_real_site_is_read_as_its_people_mean_it(written: str, region: str, e164: str) -> None:
    assert PhoneNumbers(region).canonical(written) == e164


@pytest.mark.parametrize(
    ("written", "region", "fault"),
    [
        ("020 7946 0001 / 07700 900123", "GB", TWO_NUMBERS),
        ("020 7946 0002; 07700 900124", "GB", TWO_NUMBERS),
        ("020 7946 0002 or 07700 900124", "GB", TWO_NUMBERS),
        ("+442079460002+447700900124", "GB", TWO_NUMBERS),
        ("020 7946 0002\n020 7946 0003", "GB", TWO_NUMBERS),
        ("020 7946 0003 ext 12", "GB", WITH_EXTENSION.format(extension="12")),
        ("020 7946 0003 x12", "GB", WITH_EXTENSION.format(extension="12")),
        ("tel:+442079460003;ext=12", "GB", WITH_EXTENSION.format(extension="12")),
        ("8 (495) 123-45-67 доб. 8", "RU", WITH_EXTENSION.format(extension="8")),
        ("030 1234567/68", "DE", ONE_OR_TWO),
        ("1-800-FLOWERS", "US", LETTERS),
        ("O2079460001", "GB", LETTERS),
        ("anonymous", "GB", NO_NUMBER),
        ("", "GB", NO_NUMBER),
        ("+", "GB", NO_NUMBER),
        ("030123456.0", "DE", SPREADSHEET),
        ("+4420794600011234567", "GB", IMPOSSIBLE),
        ("0207946", "GB", IMPOSSIBLE),
        ("1001", "GB", ONLY_AN_EXTENSION),
        ("30777", "DE", ONLY_AN_EXTENSION),
        ("020 7946 0001", "", NO_REGION),
        ("x" * 10_000, "GB", NO_NUMBER),
    ],
)
def test_what_is_no_single_number_says_why(written: str, region: str, fault: str) -> None:
    found = PhoneNumbers(region).read(written)
    assert (found.e164, found.fault, found.refusal) == ("", fault, "" if fault == ONLY_AN_EXTENSION else fault)


@pytest.mark.parametrize(
    ("written", "region", "e164"),
    [
        ("030/123456", "DE", "+4930123456"),
        ("+49 (0)30 / 123 456", "DE", "+4930123456"),
        ("+39 (0)6 1234 5678", "IT", "+390612345678"),
        ("4930777", "GB", "+4930777"),
        ("4930777", "DE", "+4930777"),
        ("4930777", "", "+4930777"),
        ("5511987654321", "GB", "+5511987654321"),
        ("84951234567", "RU", "+74951234567"),
        ("13802345678", "CN", "+8613802345678"),
        ("0044 20 7946 0001", "US", "+442079460001"),
        ("011 44 20 7946 0001", "US", "+442079460001"),
        ("0114 496 0001", "GB", "+441144960001"),
        ("+44 7700 900123", "GB", "+447700900123"),
        ("447700900123", "GB", "+447700900123"),
        ("7700900123", "GB", "+447700900123"),
    ],
)
def test_a_number_is_what_its_digits_can_only_be(written: str, region: str, e164: str) -> None:
    assert PhoneNumbers(region).canonical(written) == e164


def test_digits_without_a_prefix_may_be_said_to_be_the_one_or_the_other() -> None:
    assert PhoneNumbers("DE").read("5511987654321").open
    assert PhoneNumbers("DE", Written.INTERNATIONAL).canonical("5511987654321") == "+5511987654321"
    assert PhoneNumbers("DE", Written.NATIONAL).canonical("5511987654321") == "+495511987654321"
    assert not PhoneNumbers("GB").read("5511987654321").open, "no British number has so many digits"
    assert PhoneNumbers("DE", Written.INTERNATIONAL).canonical("030 123456") == "+4930123456"


def test_premium_numbers_are_numbers_that_nobody_calls() -> None:
    found = PhoneNumbers("GB").read("0909 879 0000")
    assert (found.e164, found.kind, found.refusal) == ("+449098790000", NumberKind.PREMIUM_RATE, PREMIUM)


def test_what_is_no_number_is_compared_as_written() -> None:
    numbers = PhoneNumbers("GB")
    assert [numbers.identity(text) for text in ("1001", "10-01", "+4412", "004412", "anonymous", "1 or 2")] == [
        "1001", "1001", "+4412", "+4412", "", "",
    ]  # fmt: skip


def test_the_first_of_several_numbers_can_be_had() -> None:
    assert [first_of(text) for text in ("020 7946 0001 / 07700 900123", "030/123456")] == ["020 7946 0001 ", "030/123456"]


def test_what_a_number_says_by_itself() -> None:
    found = PhoneNumbers("GB").read("07400 123456")
    assert (found.e164, found.region, found.kind, found.exists) == ("+447400123456", "GB", NumberKind.MOBILE, True)
    assert "Europe/London" in found.zones("UTC")
    assert {"America/New_York", "America/Los_Angeles"} <= set(PhoneNumbers("US").read("800 253 0000").zones("UTC"))
    assert PhoneNumbers("GB").read("07700 900123").exists is False, "set aside for films, given to nobody"


@st.composite
def number(draw: st.DrawFn) -> tuple[str, phonenumbers.PhoneNumber]:
    """A number that exists, and a region."""
    region = draw(st.sampled_from(REGIONS))
    example = phonenumbers.example_number_for_type(region, draw(st.sampled_from(TYPES)))
    assert example is not None
    ending = draw(st.integers(min_value=0, max_value=9999))
    varied = phonenumbers.PhoneNumber(
        country_code=example.country_code,
        national_number=(example.national_number or 0) // 10_000 * 10_000 + ending,
        italian_leading_zero=example.italian_leading_zero,
    )
    return region, varied if phonenumbers.is_valid_number(varied) else example


def spellings(region: str, known: phonenumbers.PhoneNumber) -> dict[str, str]:
    """How people and trunks write it at home."""
    e164 = phonenumbers.format_number(known, PhoneNumberFormat.E164)
    shown = phonenumbers.format_number(known, PhoneNumberFormat.INTERNATIONAL)
    national = phonenumbers.format_number(known, PhoneNumberFormat.NATIONAL)
    code, _, rest = shown.partition(" ")
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    assert metadata is not None
    written = {
        "E.164": e164,
        "international": shown,
        "without +": e164[1:],
        "00": zeros(region) + e164[1:],
        "as dialled abroad": ABROAD.get(region, "00") + shown[1:],
        "national": national,
        "digits of national": "".join(filter(str.isdigit, national)),
        "significant": phonenumbers.national_significant_number(known),
        "URI": "tel:" + shown.replace(" ", "-"),
        "invisible": "\u202a" + shown.replace(" ", "\u200b\u00a0") + "\u202c",
        "wide": shown.translate({ord(str(digit)): chr(0xFF10 + digit) for digit in range(10)} | {ord("+"): "\uff0b"}),
        "Arabic": shown.translate({ord(str(digit)): chr(0x0660 + digit) for digit in range(10)}),
        "Persian": national.translate({ord(str(digit)): chr(0x06F0 + digit) for digit in range(10)}),
        "dots": shown.replace(" ", "."),
        "dashes": national.replace(" ", "-"),
        "brackets": f"{code} ({rest.replace(' ', ') ', 1)}" if " " in rest else shown,
        "quoted": f" '{shown}' ",
    }
    if metadata.national_prefix == "0":
        written["(0)"] = f"{code} (0){rest}"
    return written


@given(number())
def test_every_spelling_of_a_number_is_one_identity(known: tuple[str, phonenumbers.PhoneNumber]) -> None:
    region, parsed = known
    e164 = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    numbers = PhoneNumbers(region)
    found = {name: numbers.identity(text) for name, text in spellings(region, parsed).items()}
    assert found == dict.fromkeys(found, e164)
    assert {numbers.identity_of_row(text) for text in spellings(region, parsed).values()} == {e164}


@given(number(), st.sampled_from(REGIONS))
def test_a_number_of_another_country_is_the_same_everywhere(known: tuple[str, phonenumbers.PhoneNumber], here: str) -> None:
    e164 = phonenumbers.format_number(known[1], PhoneNumberFormat.E164)
    shown = phonenumbers.format_number(known[1], PhoneNumberFormat.INTERNATIONAL)
    numbers = PhoneNumbers(here)
    found = {
        numbers.identity(text)
        for text in (e164, shown, zeros(here) + e164[1:], ABROAD.get(here, "00") + shown[1:], f"tel:{e164}")
    }
    assert found == {e164}


@given(st.text(max_size=40), st.sampled_from(("", *REGIONS)))
def test_anything_is_read_the_same_way_twice_and_only_numbers_come_out(text: str, region: str) -> None:
    numbers = PhoneNumbers(region)
    found = numbers.read(text)
    assert bool(found.e164) is not bool(found.fault)
    assert numbers.canonical(found.e164) == found.e164
    assert set(numbers.identity(text)) <= set("+0123456789")


@given(st.from_regex(r"\+[1-9][0-9]{5,14}", fullmatch=True))
def test_international_numbers_are_what_they_would_have_been_parsed_to(text: str) -> None:
    """Most are taken without being parsed."""
    assert PhoneNumbers("GB").canonical(text) == PhoneNumbers("GB").read(text).e164


@given(
    st.from_regex(r"0?[1-9][0-9]{4,14}", fullmatch=True),
    st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)),
    st.sampled_from(Written),
)
@settings(max_examples=examples(1000, fast=60))
def test_digits_are_what_they_would_have_been_parsed_to(text: str, region: str, digits: Written) -> None:
    """With and without a trunk prefix, in every country that there is."""
    numbers = PhoneNumbers(region, digits)
    assert numbers.canonical(text) == numbers.read(text).e164


def test_an_arrival_costs_next_to_nothing() -> None:
    """A hundred calls a second from a few thousand customers."""
    numbers = PhoneNumbers("GB")
    callers = [f"020794{n:05d}" for n in range(2000)] * 50
    start = time.process_time()
    for caller in callers:
        numbers.identity(caller)
    each = (time.process_time() - start) / len(callers)
    assert each < 50e-6, f"{each * 1e6:.1f} us each"
