"""The small values of the configuration: durations, names, numbers to places. Errors are in plain words."""

from __future__ import annotations

import ipaddress
import re
import zoneinfo
from typing import Annotated, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, InstanceOf

from callbridge.core.model import skills
from callbridge.core.model.flow import KEYS, is_pattern
from callbridge.core.model.numbers import SPREADSHEET, is_of_spreadsheet
from callbridge.settings.durations import seconds
from callbridge.settings.faults import did_you_mean
from callbridge.settings.spelling import Unit, text
from callbridge.wire.redis_url import servers_of

T = TypeVar("T")

_NAME = re.compile(r"\w[\w.@+-]*")
_ENTRY_NAME = re.compile(r"[A-Za-z0-9]-*[A-Za-z0-9][A-Za-z0-9-]*")
LONGEST_ARI_NAME = 32
_ARI_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.]*")
_PHONE = re.compile(r"[A-Za-z][A-Za-z0-9]*/[^\s,&/|]+")
_DOMAIN = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*")
_MEDIA = re.compile(r"(?:(?:sound|recording|number|digits|characters|tone):)?[\w./#*-]+(?:;[\w=]+)?")
_FLOW_MEDIA = re.compile(r"(?:(?:sound|recording|number|digits|characters|tone):)?(?:[\w./#*-]|{\w+})+(?:;[\w=]+)?")
_PLACE = re.compile(r"([\w.-]+)\s*,\s*([\w.*#+-]+)")

ANYBODY = skills.Requirement(skills.AllOf(()))
"""Stands in for a requirement that could not be read, so that the rest can still be checked. Fits everyone."""


def _positive(value: float) -> float:
    if value <= 0:
        raise ValueError("must be longer than 0 s")
    return value


def _text(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _written(value: object) -> object:
    return "" if value is None else _text(value)


def _name(value: str) -> str:
    if not _NAME.fullmatch(value) or len(value) > 64:
        raise ValueError(f"{value!r:.70} cannot be a name: use letters and digits of any language and _ . @ + - (at most 64)")
    return value


def _entry_name(value: str) -> str:
    """What ``dialplan/callbridge.conf`` can reach: single letters mean something there, and dashes do not count."""
    if not _ENTRY_NAME.fullmatch(value) or len(value) > 64:
        raise ValueError(
            f"{value!r:.70} cannot be an entry: the dialplan needs two or more of A-Z, a-z, 0-9 and dash (at most 64)"
        )
    return value


def _ari_name(value: str) -> str:
    if not _ARI_NAME.fullmatch(value) or len(value) > LONGEST_ARI_NAME:
        raise ValueError(f"expected letters, digits, _ and . (at most {LONGEST_ARI_NAME}), not {value!r:.60}")
    return value


def _pbx_name(value: str) -> str:
    if "/" in value:
        raise ValueError(f"{value!r:.60} contains a '/', which separates the PBX from the channel in ids")
    return _name(value)


def _hint(value: str) -> str:
    if not re.fullmatch(r"[^\s@,&]{1,79}@[^\s@,&]{1,79}", value):
        raise ValueError(f"expected an extension and its context such as 1001@ext-local, not {value!r:.70}")
    return value


def _phone(value: str) -> str:
    if not _PHONE.fullmatch(value):
        raise ValueError(f"expected one endpoint such as PJSIP/1001, not {value!r:.60}")
    technology, _, resource = value.partition("/")
    if "@" in resource and technology.upper() in ("PJSIP", "SIP"):
        raise ValueError(f"{value!r:.60} is a number behind {resource.partition('@')[2]!r}, not an endpoint such as PJSIP/1001")
    return f"{technology.upper()}/{resource}"  # as Asterisk spells its devices


def _phone_of_pbx(value: str) -> str:
    """An endpoint, perhaps with the name of its PBX before it."""
    first, _, rest = value.partition("/")
    return f"{_pbx_name(first)}/{_phone(rest)}" if "/" in rest else _phone(value)


def _phone_pattern(value: str) -> str:
    """An endpoint, or some: of other technologies than PJSIP an address is one, too, so that a pattern would allow any host."""
    phone = _phone(value)
    if not phone.startswith("PJSIP/") and re.search(r"[*?]", phone):
        raise ValueError(f"{value!r:.60} may allow any host: list each such phone, as `*` and `?` are for PJSIP endpoints")
    return phone


def _domain(value: str) -> str:
    """A host as a phone's REFER names it, without scheme, user and port."""
    host = value.strip("[]").casefold()
    is_name = _DOMAIN.fullmatch(host) and not re.fullmatch("[0-9.]+", host)
    if value != "*" and not is_name and not _is_address(host):
        raise ValueError(
            f"""expected a host such as pbx.example.com or 192.0.2.10 (no sip:, no port), or "*", not {value!r:.70}"""
        )
    return host


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _media(value: str) -> str:
    """ARI's media: one or more, separated by commas; a bare name is a sound."""
    parts = [part.strip() for part in value.split(",")]
    if not all(_MEDIA.fullmatch(part) for part in parts):
        raise ValueError(f"expected a sound such as agent-loginok, or several separated by commas, not {value!r:.60}")
    return ",".join(part if ":" in part else f"sound:{part}" for part in parts)


def _flow_media(value: str) -> str:
    """As media, with ``{names}`` of values in it."""
    parts = [part.strip() for part in value.split(",")]
    if value and not all(_FLOW_MEDIA.fullmatch(part) for part in parts):
        raise ValueError(
            f"expected a sound such as welcome, or several separated by commas, such as digits:{{number}}, not {value!r:.60}"
        )
    return ",".join(part if ":" in part else f"sound:{part}" for part in parts) if value else ""


def _key(value: str) -> str:
    if len(value) != 1 or value not in KEYS:
        raise ValueError(f"expected one key: 0 to 9, * or #, not {value!r:.20}")
    return value


def as_typed(value: str) -> str:
    """A number that no spreadsheet has changed."""
    if is_of_spreadsheet(value):
        raise ValueError(f"{value!r:.40} is {SPREADSHEET}")
    return value


def _own_number(value: str) -> str:
    if not re.fullmatch(r"\+?[0-9]{1,15}", value):
        raise ValueError(f"expected a phone number such as +442079460000, not {value!r:.40}")
    return value


def _region(value: str) -> str:
    if not re.fullmatch("[A-Za-z]{2}", value):
        raise ValueError(f"expected a region such as GB or CN (ISO 3166), not {value!r:.40}")
    return value.upper()


def _pattern(value: str) -> str:
    if not is_pattern(value):
        raise ValueError(
            f"expected a pattern: X any digit, Z 1-9, N 2-9, [1-5], and . at the end for one or more digits; not {value!r:.40}"
        )
    return value


def _value_name(value: str) -> str:
    if not re.fullmatch("[a-z][a-z0-9_]{0,31}", value) or value in RESERVED_VALUES:
        raise ValueError(
            f"{value!r:.40} cannot name a value: use a-z, 0-9 and _ (at most 32), but none of {', '.join(RESERVED_VALUES)}"
        )
    return value


def _display(value: str) -> str:
    odd = [name for name in re.findall(r"{([^{}]*)}", value) if name not in ("tier", "queue", "name", "number")]
    if odd or value.count("{name}") > 1:
        raise ValueError(f"expected text with any of {{tier}}, {{queue}}, {{number}} and at most one {{name}}, not {value!r:.60}")
    return value


def _place(value: str) -> str:
    if not _PLACE.fullmatch(value):
        raise ValueError(f'expected "context,extension", not {value!r:.60}')
    return value


def _dial_string(value: str) -> str:
    if value.count("{number}") != 1 or not re.fullmatch(r"[A-Za-z0-9]+/[^\s,&|;]+", value.replace("{number}", "0")):
        raise ValueError(
            f'expected a dial string of Asterisk, such as "Local/{{number}}@callbridge-outside/n", not {value!r:.60}'
        )
    return value


def _tie(value: str) -> str:
    """How the phone of another PBX is dialled."""
    tried = value.replace("{pbx}", "b").replace("{phone}", "0")
    if value.count("{phone}") != 1 or not re.fullmatch(r"[A-Za-z0-9]+/[^\s,&|;{}]+", tried):
        raise ValueError(f'expected a dial string of Asterisk, such as "PJSIP/{{phone}}@tie-{{pbx}}", not {value!r:.60}')
    return value


def endpoint_of(phone: str) -> str:
    """The endpoint of an agent's phone, without the name of its PBX."""
    rest = phone.partition("/")[2]
    return rest if "/" in rest else phone


def split_place(value: str) -> tuple[str, str]:
    """Context and extension of a checked ``context,extension``."""
    context, _, extension = value.partition(",")
    return context.strip(), extension.strip()


def _digit(value: str) -> str:
    if not re.fullmatch("[0-9]", value):
        raise ValueError(f"expected one of the keys 0 to 9, not {value!r:.20}")
    return value


def _language(value: str) -> str:
    if not re.fullmatch("[A-Za-z0-9_-]{1,32}", value):
        raise ValueError(f"expected a language as Asterisk names it, such as en or de, not {value!r:.40}")
    return value


def _requirement(value: object) -> skills.Requirement:
    if isinstance(value, skills.Requirement):
        return value
    if not isinstance(value, str):
        raise ValueError('expected a requirement such as "support >= 3 and english"')
    return skills.parse(re.sub(r"\s", " ", value))


def _zone(value: str) -> str:
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        if re.fullmatch("[A-Z]{3,5}", value):
            raise ValueError(
                f"{value!r} is an abbreviation, which knows no summer time: expected a place such as Europe/Berlin"
            ) from None
        hint = did_you_mean(value, zoneinfo.available_timezones())
        known = f"; {hint.removesuffix('?')}?" if hint.startswith("did") else ""
        raise ValueError(f"no such time zone: {value!r:.60}{known}") from None
    return value


_PORTS = {"http": "8088", "https": "8443/calls"}


def _url(*schemes: str, whole: bool = False) -> AfterValidator:
    def check(value: str) -> str:
        example = f"{schemes[0]}://127.0.0.1:{_PORTS[schemes[0]]}"
        try:
            parts = urlsplit(value)
            good = parts.scheme in schemes and bool(parts.hostname or (parts.scheme == "unix" and parts.path))
            good = good and parts.port != 0
        except ValueError:
            good = False
        if not good or any(char.isspace() for char in value):
            raise ValueError(f"expected a URL such as {example}")  # the value may hold a password: not quoted
        return value if whole else value.rstrip("/")

    return AfterValidator(check)


def _redis_url(value: str) -> str:
    try:
        if any(char.isspace() for char in value):
            raise ValueError
        servers_of(value)
    except ValueError:  # not quoted: the value may hold a password
        raise ValueError("expected a URL such as redis://127.0.0.1:6379/0") from None
    return value.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def filled(value: tuple[T, ...]) -> tuple[T, ...]:
    """Checked after the items, so that faulty items do not make the list look empty."""
    if not value:
        raise ValueError("is an empty list")
    return value


def or_off(value: object) -> object:
    """``no`` removes what the defaults set."""
    return None if isinstance(value, str) and value.casefold() in ("no", "off", "false") else value


def listed(value: object) -> object:
    """A single name is read as a list of one."""
    return [value] if isinstance(value, str | int) and not isinstance(value, bool) else value


RESERVED_VALUES = ("caller", "entry", "tier", "call", "language", "position", "minutes")
"""Names that have a meaning already."""

_LETTERS = r"^[\p{L}\p{N}_][\p{L}\p{N}_.@+-]*$"
_DURATION = text("duration", r"^\s*([0-9]+(\.[0-9]+)?\s*(ms|s|m|h|d)\s*)+$|^\s*[0-9]+(\.[0-9]+)?\s*$", "20s")

Text = Annotated[str, BeforeValidator(_text), Field(min_length=1)]
WrittenText = Annotated[str, BeforeValidator(_written)]
"""As written, perhaps empty: a rule reports what is wrong with it, along with all others."""
Duration = Annotated[float, BeforeValidator(seconds), _DURATION]
Lasting = Annotated[float, BeforeValidator(seconds), AfterValidator(_positive), _DURATION]
Name = Annotated[str, BeforeValidator(_text), AfterValidator(_name), text("name", _LETTERS)]
EntryName = Annotated[str, BeforeValidator(_text), AfterValidator(_entry_name), text("name", "^[A-Za-z0-9-]{2,64}$")]
AriName = Annotated[str, AfterValidator(_ari_name), text("name", "^[A-Za-z0-9][A-Za-z0-9_.]{0,31}$", "callbridge")]
PbxName = Annotated[str, BeforeValidator(_text), AfterValidator(_pbx_name), text("name", _LETTERS, "pbx1")]
PhoneName = Annotated[str, AfterValidator(_phone), text("endpoint", r"^[A-Za-z][A-Za-z0-9]*/[^\s,&/|]+$", "PJSIP/1001")]
AgentPhone = Annotated[
    str,
    AfterValidator(_phone_of_pbx),
    text("endpoint", r"^([^\s,&/|]+/)?[A-Za-z][A-Za-z0-9]*/[^\s,&/|]+$", "PJSIP/1001"),
]
PhonePattern = Annotated[str, AfterValidator(_phone_pattern), text("endpoint", r"^[A-Za-z][A-Za-z0-9]*/[^\s,&/|]+$", "PJSIP/2*")]
Domain = Annotated[str, BeforeValidator(_text), AfterValidator(_domain), text("host", r"^(\*|[\w.:\[\]-]+)$", "pbx.example.com")]
Hint = Annotated[str, BeforeValidator(_text), AfterValidator(_hint), text("hint", r"^[^\s@,&]+@[^\s@,&]+$", "1001@ext-local")]
Media = Annotated[str, AfterValidator(_media), text("sound", example="agent-loginok")]
FlowMedia = Annotated[str, AfterValidator(_flow_media), text("sound", example="callbridge/welcome")]
PhoneKey = Annotated[str, BeforeValidator(_text), AfterValidator(_key), text("key", "^[0-9*#]$", "1")]
Pattern = Annotated[str, BeforeValidator(_text), AfterValidator(_pattern), text("pattern", example="NXXXXX")]
OwnNumber = Annotated[
    str,
    BeforeValidator(_text),
    AfterValidator(as_typed),
    AfterValidator(_own_number),
    text("phone number", r"^\+?[0-9]{1,15}$", "+442079460000"),
]
ValueName = Annotated[str, AfterValidator(_value_name), text("name", "^[a-z][a-z0-9_]{0,31}$", "customer")]
Display = Annotated[str, AfterValidator(_display)]
Digit = Annotated[str, BeforeValidator(_text), AfterValidator(_digit), text("digit", "^[0-9]$", "1")]
LanguageCode = Annotated[str, AfterValidator(_language), text("language", "^[A-Za-z0-9_-]{1,32}$", "en")]
DialplanPlace = Annotated[
    str, AfterValidator(_place), text("context,extension", r"^[\w.-]+\s*,\s*[\w.*#+-]+$", "callbridge-fallback,support")
]
DialString = Annotated[
    str, BeforeValidator(_text), AfterValidator(_dial_string), text("dial string", r"^[^\s,&|;]+$", "PJSIP/{number}@trunk")
]
Tie = Annotated[
    str, BeforeValidator(_text), AfterValidator(_tie), text("dial string", r"^[^\s,&|;]+$", "PJSIP/{phone}@tie-{pbx}")
]
Extension = Annotated[str, BeforeValidator(_text), Field(pattern=r"^[0-9]{1,10}$"), text("digits", "^[0-9]{1,10}$", "800")]
Keys = Annotated[str, Field(pattern=r"^[*#][0-9*#]{1,4}$"), text("feature code", "^[*#][0-9*#]{1,4}$", "*1")]
Region = Annotated[str, AfterValidator(_region), text("region", "^[A-Za-z]{2}$", "GB")]
WithoutPlus = Literal["international", "national"]
Zone = Annotated[str, AfterValidator(_zone), text("time zone", example="Europe/London")]
HttpUrl = Annotated[str, _url("http", "https"), text("URL", "^https?://", "http://127.0.0.1:8088/ari")]
WholeUrl = Annotated[str, _url("https", "http", whole=True), text("URL", "^https?://", "https://crm.example/callers/{caller}")]
"""A URL whose every character counts, a slash at its end too."""
RedisUrl = Annotated[
    str, AfterValidator(_redis_url), text("URL", r"^(rediss?(\+(sentinel|cluster))?|unix)://", "redis://127.0.0.1:6379/0")
]
SkillLevel = Annotated[int, Field(ge=1, le=5), Unit("level")]
Port = Annotated[int, Field(ge=1, le=65535)]
SkillRequirement = Annotated[
    InstanceOf[skills.Requirement], BeforeValidator(_requirement), text("skill requirement", example="support >= 3 and english")
]
