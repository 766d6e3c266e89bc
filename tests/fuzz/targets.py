"""What is fuzzed: for each parser of what strangers and people write, a function of bytes that raises where the parser is wrong.

A parser may refuse its input in the way that its docstring names; anything else that it raises is a fault. So is an input that
takes seconds: the fuzzer has a limit for one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pydantic import ValidationError

from callbridge.adapters.ami.link import WholeCharacters
from callbridge.adapters.facts.codec import TABLES, FutureSchema, UnreadableRow, decode_row, encode_row
from callbridge.adapters.files.tiers import BadTierFile, read_tiers
from callbridge.adapters.http import request_bodies
from callbridge.adapters.http.problems import Problem
from callbridge.adapters.ledger.lead_files import BadFile, lead_file
from callbridge.core.engine import step as core_step
from callbridge.core.model.ids import leg_id
from callbridge.core.model.orders import InspectPhone, Probe
from callbridge.core.model.skills import RequirementError, parse
from callbridge.core.model.world import World
from callbridge.observe import AmiHeard, QueuesListed
from callbridge.observe import step as observed_step
from callbridge.settings.faults import ConfigFaults
from callbridge.settings.loading import load
from callbridge.wire import ami, asterisk_conf, queue
from callbridge.wire.ari import listing, parties, referrals
from callbridge.wire.ari.events import read
from callbridge.wire.ari.shapes import Malformed
from callbridge.wire.ari.stranded import stamped, stranded
from callbridge.wire.phone_numbers import PhoneNumbers, Written
from callbridge.wire.redis_url import servers_of
from tests.observe.replay import DAY, START, new_floor
from tests.settings.conftest import RIGHT
from tests.sim.scenario import simple_plan
from tests.sim.toy import PBX

CORPUS = Path(__file__).parent / "corpus"

Target = Callable[[bytes], None]

SECONDS_AT_MOST = 5
"""For one input, beyond which it counts as a fault."""
LARGEST = 4096
"""Bytes of an input."""

LEG = leg_id(PBX, "callbridge-1")
_SCRATCH = Path(tempfile.gettempdir())
if Path("/dev/shm").is_dir():
    _SCRATCH = Path("/dev/shm")


def ari_frames(data: bytes) -> None:
    """A frame of the event socket in each line; the core takes what comes of them."""
    world = World(simple_plan(agents=2), "fuzz")
    world.now = START
    for frame in data.split(b"\n"):
        for event in read(frame, pbx=PBX, at=world.now, app="callbridge", ordered=lambda channel: channel.endswith("9")).events:
            outcome = core_step(world, event)
            assert not outcome.faults, outcome.faults
            for (table, _), row in outcome.changed.items():
                if row is not None and table in TABLES:
                    encode_row(table, row)


def ari_replies(data: bytes) -> None:
    """The body of an answer to a request, for each that is decoded; or the three lists of a snapshot, in three lines."""
    probe, inspect = Probe(leg=LEG), InspectPhone(pbx=PBX, phone="PJSIP/1001")
    for decode in (
        lambda: listing.probed(probe, 200, data, app="callbridge", prefix="callbridge", at=START),
        lambda: listing.has_replied(200, data),
        lambda: listing.is_audible(200, data),
        lambda: listing.inspected(inspect, data, at=START),
        lambda: listing.channel_name(200, data),
        lambda: listing.members(200, data),
        lambda: listing.trouble_in(500, data),
        lambda: parties.variable_of(200, data),
        lambda: stamped(data),
    ):
        with suppress(Malformed):
            decode()
    application, channels, bridges = (*data.split(b"\n", 2), b"", b"")[:3]
    with suppress(Malformed):
        lists = listing.Lists(application, channels, bridges)
        seen = listing.snapshot(
            lists, pbx=PBX, app="callbridge", prefix="callbridge", at=START, requested_at=START, last_heard_at=START
        )
        world = World(simple_plan(agents=2), "fuzz")
        world.now = START
        assert not core_step(world, seen).faults
    with suppress(Malformed):
        stranded(application, channels, bridges, app="callbridge", prefix="callbridge")


def ami_stream(data: bytes) -> None:
    """What AMI sends, in two segments: phones, hints, queues; and what the observer of app_queue makes of it."""
    messages: list[Any] = []
    protocol = WholeCharacters()
    protocol.connection_made(SimpleNamespace(close=lambda: None, abort=lambda: None))
    protocol.encoding = "utf8"
    protocol.factory = SimpleNamespace(dispatch=messages.append, connection_lost=lambda reason: None)
    protocol.data_received(data[: len(data) // 2])
    protocol.data_received(data[len(data) // 2 :])
    floor = new_floor()
    for message in messages:
        ami.device_changed(message, START)
        queue.variable(message)
        observed_step(floor, AmiHeard(at=START, day=DAY, message=message))
    ami.devices_listed(messages, START)
    queue.queue_seen(messages, pbx=PBX, queue="fallback")
    queue.being_rung_for(messages)
    observed_step(floor, QueuesListed(at=START, day=DAY, messages=messages))
    for message in messages:
        for value in message.values():
            ami.devices_of_hint(str(value))
            ami.contacts_of("PJSIP/1001", str(value))
            assert not {"\r", "\n", "\0"} & set(ami.clean_value(str(value)))
            referrals.host_of(str(value))


def configuration(data: bytes) -> None:
    """A whole file."""
    with _file(data, ".yaml") as path, suppress(ConfigFaults):
        load(path, {"A_NAME": "a value"}).plan()


def flows(data: bytes) -> None:
    """The section ``flows`` of a configuration that is right without it."""
    text = RIGHT.encode() + b"calendars:\n  office: {timezone: UTC, week: {mon-fri: '08:00-18:00'}}\nflows:\n"
    configuration(text + b"\n".join(b"  " + line for line in data.split(b"\n")))


def csv_files(data: bytes) -> None:
    """Leads, and tiers of callers."""
    with _file(data, ".csv") as path:
        with suppress(BadFile):
            leads = lead_file(path, {})
            leads.ask(PhoneNumbers("GB"))
            for _, row, _ in leads.rows():
                PhoneNumbers("GB").read(str(row.get("number")))
        with suppress(BadTierFile):
            read_tiers(path, ["standard", "diamond"], PhoneNumbers("GB"))


def skills(data: bytes) -> None:
    """A requirement: its own text means the same."""
    try:
        requirement = parse(data.decode(errors="replace"))
    except RequirementError as wrong:
        assert 0 <= wrong.position <= len(wrong.text)
        assert wrong.pointer()
        return
    if len(str(requirement)) <= 500:
        assert str(parse(str(requirement))) == str(requirement)
    assert requirement.strength(()) is None
    assert requirement.strength(tuple((skill, 5) for skill in sorted(requirement.skills()))) is not None


def http_bodies(data: bytes) -> None:
    """The body of a request, for each kind of request."""
    for kind in _BODIES:
        try:
            kind.model_validate_json(data or b"{}")
        except ValidationError as error:
            with suppress(Problem):
                request_bodies._invalid(error)


_BODIES = sorted(
    (kind for kind in vars(request_bodies).values() if isinstance(kind, type) and issubclass(kind, request_bodies.Body)),
    key=lambda kind: kind.__name__,
)


def numbers(data: bytes) -> None:
    """A phone number, as it was typed: what it is read as is read as itself."""
    text = data.decode(errors="replace")
    for region, digits in (("", Written.ANY), ("GB", Written.ANY), ("CN", Written.NATIONAL), ("US", Written.INTERNATIONAL)):
        book = PhoneNumbers(region, digits)
        number = book.canonical(text)
        assert book.canonical(number) == number or not book.read(text).exists
        book.identity(text)
        book.identity_of_row(text)
        book.refusal(text)
        book.read(text).zones("UTC")


def asterisk_files(data: bytes) -> None:
    """A configuration file of Asterisk that includes itself; and an address of Redis."""
    text, _ = asterisk_conf.decode(data)
    conf = asterisk_conf.parse(text, "queues.conf", lambda name: text if name == "queues.conf" else None)
    for section in conf.sections:
        assert all(section.last(entry.key) is not None for entry in section.entries)
    with suppress(ValueError):
        servers_of(text)


def saved_rows(data: bytes) -> None:
    """A row of the saved world: what is read is written and read as the same."""
    for table in TABLES:
        with suppress(UnreadableRow, FutureSchema):
            row = decode_row(table, data)
            assert decode_row(table, encode_row(table, row)) == row


@contextmanager
def _file(data: bytes, suffix: str) -> Iterator[Path]:
    with tempfile.NamedTemporaryFile(dir=_SCRATCH, prefix="fuzz", suffix=suffix) as file:
        file.write(data)
        file.flush()
        yield Path(file.name)


TARGETS: dict[str, Target] = {
    target.__name__.replace("_", "-"): target
    for target in (
        ari_frames,
        ari_replies,
        ami_stream,
        configuration,
        flows,
        csv_files,
        skills,
        http_bodies,
        numbers,
        asterisk_files,
        saved_rows,
    )
}
