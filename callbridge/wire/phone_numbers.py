"""Phone numbers: one spelling for each, E.164 (``+442079460000``), however people, files and trunks write it.

Every part of callbridge that compares numbers does so by ``PhoneNumbers``. What is dialled stays as it was written: a trunk may
want it that way.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass, replace
from enum import StrEnum

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberFormat, PhoneNumberType, timezone

from callbridge.core.model.numbers import NO_NUMBER, SPREADSHEET, is_of_spreadsheet, plain

TWO_NUMBERS = "two numbers: give each a row of its own"
WITH_EXTENSION = "a number with an extension ({extension}): give the number alone"
ONE_OR_TWO = "two numbers, or one with an extension: give one number alone"
LETTERS = "a number with letters in it"
ONLY_AN_EXTENSION = "an extension, not a phone number"
IMPOSSIBLE = "a phone number that cannot exist"
PREMIUM = "a premium-rate number"
NO_REGION = "not a phone number without its country code: no region is configured"

LONGEST_EXTENSION = 6
"""Digits without a trunk prefix, where numbers have one. So long are extensions, and the numbers of a town among themselves."""
LEAST_DIGITS = 7
"""Of a number that stands beside another one; area codes are shorter."""
_LONGEST_TEXT = 100
_KEPT = 5_000
"""Numbers as they were read; half a kilobyte each. A call reads its number several times within seconds."""
UNKNOWN_ZONE = "Etc/Unknown"

_FIRST_DIGIT = re.compile(r"\+?[0-9]")
_PLAIN = re.compile(r"\+?[0-9]+")
_INTERNATIONAL = re.compile(r"\+[1-9][0-9]{6,14}")
_NATIONAL = re.compile(r"(?:0[1-9]|[1-9][0-9])[0-9]{5,13}")
_SEPARATORS = str.maketrans("", "", " \t\u00a0\u2009\u202f-\u2010\u2011\u2012\u2013\u2014\u2212.()[]/\u2044~'\"_")
_QUOTES = " \t\r\n'\"="
_EXTENSION = re.compile(
    r"(?P<number>.*?\d.*?)[\s,;./-]*"
    r"(?:extension|ext|extn|durchwahl|dw|poste|interno|int|доб|вн|分机|转|內線|内線|x|#)[\s.:=#-]*(?P<extension>\d{1,7})",
    re.IGNORECASE | re.DOTALL,
)
_BETWEEN_NUMBERS = re.compile(r"[/;,|&\r\n]|(?<=\d)\s*\+|\s(?:or|and|oder|und|ou|et|o|y|e|или|и|或|和)\s", re.IGNORECASE)
_LAST_DIGITS = re.compile(r"(?P<number>.*\d)\s*[/;,|&]\s*(?P<rest>\d{1,4})", re.DOTALL)


class Written(StrEnum):
    """How digits are meant that have neither a ``+`` nor a prefix."""

    ANY = ""
    """As what they can be; in doubt as national."""
    NATIONAL = "national"
    INTERNATIONAL = "international"


class NumberKind(StrEnum):
    FIXED_LINE = "fixed_line"
    MOBILE = "mobile"
    FIXED_LINE_OR_MOBILE = "fixed_line_or_mobile"
    TOLL_FREE = "toll_free"
    PREMIUM_RATE = "premium_rate"
    SHARED_COST = "shared_cost"
    VOIP = "voip"
    PERSONAL = "personal"
    PAGER = "pager"
    COMPANY = "company"
    VOICEMAIL = "voicemail"
    UNKNOWN = "unknown"
    """A number that no numbering plan we know has given out, though it has the length of one."""
    EXTENSION = "extension"
    NONE = "none"
    """No number."""


_KINDS = {
    PhoneNumberType.FIXED_LINE: NumberKind.FIXED_LINE,
    PhoneNumberType.MOBILE: NumberKind.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE: NumberKind.FIXED_LINE_OR_MOBILE,
    PhoneNumberType.TOLL_FREE: NumberKind.TOLL_FREE,
    PhoneNumberType.PREMIUM_RATE: NumberKind.PREMIUM_RATE,
    PhoneNumberType.SHARED_COST: NumberKind.SHARED_COST,
    PhoneNumberType.VOIP: NumberKind.VOIP,
    PhoneNumberType.PERSONAL_NUMBER: NumberKind.PERSONAL,
    PhoneNumberType.PAGER: NumberKind.PAGER,
    PhoneNumberType.UAN: NumberKind.COMPANY,
    PhoneNumberType.VOICEMAIL: NumberKind.VOICEMAIL,
}


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """``e164`` is empty for what is no number, and ``fault`` says why; ``region``: where it is from (``GB``)."""

    written: str
    e164: str = ""
    region: str = ""
    kind: NumberKind = NumberKind.NONE
    fault: str = ""
    lacks_plus: bool = False
    """Digits without any prefix that are a number with a ``+`` before them."""
    open: bool = False
    """They would be another number without it."""

    @property
    def exists(self) -> bool:
        """Has it been given out, by the numbering plans that we know?"""
        return bool(self.e164) and self.kind is not NumberKind.UNKNOWN

    @property
    def refusal(self) -> str:
        """Why nobody is called at it; empty when somebody may be. Extensions are for the patterns of what may be dialled."""
        if self.kind is NumberKind.EXTENSION:
            return ""
        return PREMIUM if self.kind is NumberKind.PREMIUM_RATE else self.fault

    def zones(self, otherwise: str) -> tuple[str, ...]:
        """Where the person may be: all places count, so that nobody is called at night. ``otherwise``: when it says nothing."""
        return _zones(self.e164) or (otherwise,)


@dataclass(frozen=True, slots=True)
class PhoneNumbers:
    """How numbers are read. ``region``: whose national numbers they are (``GB``); empty: national numbers are not known."""

    region: str = ""
    digits: Written = Written.ANY

    def read(self, text: str) -> PhoneNumber:
        """Everything that a number says by itself."""
        return _read(text, self.region, self.digits)

    def canonical(self, text: str) -> str:
        """``+442079460000`` for all spellings of it; empty for what is no number."""
        return _at_once(text, self.region, self.digits) or _read(text, self.region, self.digits).e164

    def identity(self, text: str) -> str:
        """What is compared: the canonical number; of what is none but has digits only, such as an extension, those. Empty for
        what could be anything (``anonymous``, two numbers)."""
        if at_once := _at_once(text, self.region, self.digits):
            return at_once
        found = _read(text, self.region, self.digits)
        return found.e164 or _as_written(found)

    def identity_of_row(self, text: str) -> str:
        """The same for the rows of large files, which would push everything else out of the cache."""
        if at_once := _at_once(text, self.region, self.digits):
            return at_once
        found = _read.__wrapped__(text, self.region, self.digits)
        return found.e164 or _as_written(found)

    def ambiguity(self, text: str) -> str:
        """Why it is not clear what should be dialled, whatever the region; empty for one number, and for what is none."""
        fault = self.read(text).fault
        return "" if fault in (NO_NUMBER, NO_REGION, ONLY_AN_EXTENSION, IMPOSSIBLE) else fault

    def refusal(self, text: str) -> str:
        """Why nobody is called at what is written so; empty when somebody may be."""
        return self.read(text).refusal


def first_of(text: str) -> str:
    """The first of several numbers in one value; the value itself when it has one."""
    return next((part for part in _BETWEEN_NUMBERS.split(text) if _digits(part) >= LEAST_DIGITS), text)


@functools.lru_cache(maxsize=_KEPT)
def _read(text: str, region: str, digits: Written) -> PhoneNumber:
    number, fault = _cleaned(text)
    if fault:
        return PhoneNumber(text, fault=fault)
    if number.startswith("+"):
        return _found(text, _parsed(number), IMPOSSIBLE)
    if number.startswith("00"):
        return _found(text, _after_prefix(number, region), IMPOSSIBLE)
    if not region:
        return _without_region(text, number, digits)
    return _in_region(text, number, region, digits)


def _cleaned(text: str) -> tuple[str, str]:
    """The digits, perhaps a ``+`` before them; or why these are none."""
    if len(text) > _LONGEST_TEXT:
        return "", NO_NUMBER
    if _PLAIN.fullmatch(text):
        return text, ""
    text = "".join(str(unicodedata.decimal(char, char)) for char in text)  # Arabic, Devanagari, ... digits
    if is_of_spreadsheet(text):
        return "", SPREADSHEET
    number = unicodedata.normalize("NFKC", text)
    number = "".join(char for char in number if unicodedata.category(char) not in ("Cf", "Cc") or char in "\t\r\n").strip(_QUOTES)
    if number[:4].lower() == "tel:":
        number = number[4:]
    if extension := _EXTENSION.fullmatch(number):
        if _digits(extension["number"]) >= 5:
            return "", WITH_EXTENSION.format(extension=extension["extension"])
        return "", NO_NUMBER
    if sum(_digits(part) >= LEAST_DIGITS for part in _BETWEEN_NUMBERS.split(number)) > 1:
        return "", TWO_NUMBERS
    rest = _LAST_DIGITS.fullmatch(number)
    if rest and _digits(rest["number"]) >= LEAST_DIGITS:
        return "", ONE_OR_TWO
    bare = number.translate(_SEPARATORS)
    if _PLAIN.fullmatch(bare):
        return bare, ""
    digits = _digits(bare)
    return "", LETTERS if digits >= 4 and digits < sum(char.isalnum() for char in bare) else NO_NUMBER


def _digits(text: str) -> int:
    return sum(char.isdigit() for char in text)


def _parsed(number: str, region: str | None = None) -> phonenumbers.PhoneNumber | None:
    """The number, if there can be one of that length."""
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    return parsed if _is_possible(parsed) else None


def _is_possible(number: phonenumbers.PhoneNumber) -> bool:
    """Is it as long as numbers there are? One that is so only with the trunk prefix in it is too short."""
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return False
    country = _country(str(number.country_code)) if number.italian_leading_zero else None
    return country is None or country[1] is None or country[1].match("0") is None or phonenumbers.is_valid_number(number)


def _after_prefix(number: str, region: str) -> phonenumbers.PhoneNumber | None:
    """``00`` is the prefix of international calls for most people, and for trunks also where people dial another one; some dial
    more before the country code (``0011``)."""
    plus = _parsed("+" + number[2:])
    there = _parsed(number, region) if region and _prefix(region).match(number) else None
    own = plus is not None and plus.country_code == (phonenumbers.country_code_for_region(region) if region else 0)
    return _likelier(there, plus, own=own)


@functools.cache
def _prefix(region: str) -> re.Pattern[str]:
    """What is dialled before the country code (``00``, ``011``)."""
    metadata = PhoneMetadata.metadata_for_region(region)
    return re.compile((metadata.international_prefix if metadata is not None else None) or "00")


@functools.cache
def _has_trunk_prefix(region: str) -> bool:
    metadata = PhoneMetadata.metadata_for_region(region)
    return metadata is not None and bool(metadata.national_prefix)


def _without_region(text: str, number: str, digits: Written) -> PhoneNumber:
    """Nothing says what is national: it may be international without its ``+``."""
    found = _parsed("+" + number) if number[0] != "0" and digits is not Written.NATIONAL else None
    if found is not None and (digits is Written.INTERNATIONAL or phonenumbers.is_valid_number(found)):
        return _found(text, found, IMPOSSIBLE)
    if len(number) <= LONGEST_EXTENSION and number[0] != "0":
        return PhoneNumber(text, kind=NumberKind.EXTENSION, fault=ONLY_AN_EXTENSION)
    return PhoneNumber(text, fault=NO_REGION)


def _in_region(text: str, number: str, region: str, digits: Written) -> PhoneNumber:
    if (prefix := _prefix(region).match(number)) and len(number) > prefix.end() + LEAST_DIGITS:
        away = _parsed(number, region)
        if away is not None and phonenumbers.is_valid_number(away) and not _is_home(number, region):
            return _found(text, away, IMPOSSIBLE)
    code = str(phonenumbers.country_code_for_region(region))
    home = _home(number, region, code)
    trunk_prefix = number[0] == "0" or digits is not Written.INTERNATIONAL
    if home is not None and phonenumbers.national_significant_number(home) != number and trunk_prefix:
        return _found(text, home, IMPOSSIBLE)
    if len(number) <= LONGEST_EXTENSION and (_has_trunk_prefix(region) or not _valid(home)):
        return PhoneNumber(text, kind=NumberKind.EXTENSION, fault=ONLY_AN_EXTENSION)
    away = _parsed("+" + number) if number[0] != "0" else None
    if digits is Written.NATIONAL:
        return _found(text, home, IMPOSSIBLE)
    if digits is Written.INTERNATIONAL:
        return _found(text, away, IMPOSSIBLE)
    found = _found(text, _likelier(home, away, own=number.startswith(code)), IMPOSSIBLE)
    return replace(found, lacks_plus=_valid(away), open=_valid(home) and _valid(away))


def _home(number: str, region: str, code: str) -> phonenumbers.PhoneNumber | None:
    """Read as a number of the region; never as one that has the country code already."""
    try:
        parsed = phonenumbers.parse(number, region, keep_raw_input=True)
    except phonenumbers.NumberParseException:
        return None
    if parsed.country_code_source != phonenumbers.CountryCodeSource.FROM_DEFAULT_COUNTRY:
        return _parsed(f"+{code}{number}")
    return parsed if _is_possible(parsed) else None


def _is_home(number: str, region: str) -> bool:
    """Is it a number of the region, though it begins as international ones are dialled there? Russia's free numbers, which begin
    like calls to Japan (8 10 81), are rarer than those."""
    home = _home(number, region, str(phonenumbers.country_code_for_region(region)))
    return home is not None and _valid(home) and phonenumbers.number_type(home) != PhoneNumberType.TOLL_FREE


def _likelier(
    home: phonenumbers.PhoneNumber | None, away: phonenumbers.PhoneNumber | None, *, own: bool
) -> phonenumbers.PhoneNumber | None:
    """Of two readings the one that exists. ``own``: with a ``+`` it would be of the region, too, and few trunks leave out the
    trunk prefix, but many the ``+``."""
    for known in (_valid, bool):
        if known(away) and (own or not known(home)):
            return away
        if known(home):
            return home
    return None


def _valid(number: phonenumbers.PhoneNumber | None) -> bool:
    return number is not None and phonenumbers.is_valid_number(number)


def _found(text: str, number: phonenumbers.PhoneNumber | None, otherwise: str) -> PhoneNumber:
    if number is None:
        return PhoneNumber(text, fault=otherwise)
    return PhoneNumber(
        text,
        phonenumbers.format_number(number, PhoneNumberFormat.E164),
        phonenumbers.region_code_for_number(number) or "",
        _KINDS.get(phonenumbers.number_type(number), NumberKind.UNKNOWN),
    )


def _as_written(found: PhoneNumber) -> str:
    """The digits of what is no number that we can read: an extension, or a short number of the network."""
    if found.fault not in (ONLY_AN_EXTENSION, IMPOSSIBLE, NO_REGION):
        return ""
    digits = plain(found.written) or plain(_cleaned(found.written)[0])
    return "+" + digits[2:] if digits.startswith("00") and len(digits) > 2 else digits


@functools.cache
def _country(code: str) -> tuple[frozenset[int], re.Pattern[str] | None] | None:
    """Of a country code: how long its numbers are, and what of their beginning parsing may change."""
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code))
    if regions is None:
        return None
    metadata = PhoneMetadata.metadata_for_region_or_calling_code(int(code), regions[0])
    if metadata is None or metadata.general_desc is None:
        return None
    prefix = metadata.national_prefix_for_parsing
    return frozenset(metadata.general_desc.possible_length), re.compile(prefix) if prefix else None


def _at_once(text: str, region: str, digits: Written) -> str:
    """What parsing would make of the most usual spellings; empty for others. Half a million rows cannot be parsed one by one."""
    if _INTERNATIONAL.fullmatch(text):
        return text if _is_canonical(text) else ""
    if not region or not _NATIONAL.fullmatch(text) or _prefix(region).match(text):
        return ""
    code, surely, perhaps, prefix, zero_first = _home_plan(region)
    trunk = prefix.match(text) if prefix is not None else None
    if text[0] == "0":
        only_zero = zero_first and trunk is not None and trunk.end() == 1 and not any(trunk.groups())
        return code + text[1:] if only_zero and len(text) - 1 in surely else ""
    no_other = trunk is None and len(text) not in perhaps and digits is not Written.NATIONAL
    return "+" + text if no_other and _is_canonical("+" + text) else ""


@functools.cache
def _home_plan(region: str) -> tuple[str, frozenset[int], frozenset[int], re.Pattern[str] | None, bool]:
    """The country code; how long numbers are, of the region and of the country that its code stands for first: by both, and by
    either; what parsing takes away before them; and whether that is a 0, with which no number begins."""
    metadata = PhoneMetadata.metadata_for_region(region)
    country = _country(str(metadata.country_code)) if metadata is not None else None
    if metadata is None or metadata.general_desc is None or country is None:
        return "", frozenset(), frozenset(), None, False
    own, prefix = frozenset(metadata.general_desc.possible_length), metadata.national_prefix_for_parsing
    begins_with_zero = re.match(r"[(?:\[]*0", metadata.general_desc.national_number_pattern or "0")
    zero_first = metadata.national_prefix == "0" and not begins_with_zero
    return f"+{metadata.country_code}", own & country[0], own | country[0], re.compile(prefix) if prefix else None, zero_first


def _is_canonical(number: str) -> bool:
    """Is this international number as parsing would leave it?"""
    for end in (2, 3, 4):
        country = _country(number[1:end])
        if country is not None:
            lengths, prefix = country
            return len(number) - end in lengths and (prefix is None or prefix.match(number[end:]) is None)
    return False


@functools.lru_cache(maxsize=50_000)
def _zones(number: str) -> tuple[str, ...]:
    found = timezone.time_zones_for_number(phonenumbers.parse(number)) if number else ()
    return tuple(zone for zone in found if zone != UNKNOWN_ZONE)[:40]


def is_region(region: str) -> bool:
    """Is this the code of a country with phone numbers (ISO 3166)?"""
    return region in phonenumbers.SUPPORTED_REGIONS
