"""Who is at the end of Local channels, and whose number it is, asked of a PBX that answers for its variables only."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from callbridge.adapters.ari.http import Reply
from callbridge.adapters.ari.orders import AriOrders
from callbridge.adapters.pbx_link import OrderRefused
from callbridge.core.model.events import AnyEvent, CallerIdentified, PartyFound
from callbridge.core.model.ids import LegId
from callbridge.core.model.numbers import WITHHELD, Withheld
from callbridge.core.model.orders import FindParty, IdentifyCaller
from callbridge.wire.ari import Request
from tests.adapters.waiting import HANGS

ONE, TWO = "Local/1007@phones-00000001", "Local/1009@phones-00000002"
NAMES = {"caller": "PJSIP/trunk-00000001", "one-1": f"{ONE};1", "one-2": f"{ONE};2", "two-1": f"{TWO};1", "two-2": f"{TWO};2"}
NAMES |= {"bob": "PJSIP/1007-00000002", "cid": "PJSIP/1009-00000003"}
OURS = ("caller", "one-1")


class Asterisk:
    """``bridges``: of channels, by id. ``left``: BRIDGEPEER of channels whose peer has gone."""

    def __init__(self, *bridges: tuple[str, ...], left: dict[str, str] | None = None, odd: bool = False) -> None:
        self.variables = {
            NAMES[one]: {"BRIDGEPEER": ",".join(NAMES[other] for other in inside if other != one)}
            for inside in bridges
            for one in inside
            if len(inside) > 1
        }
        for one, peer in (left or {}).items():
            self.variables[NAMES[one]] = {"BRIDGEPEER": NAMES[peer]}
        self.odd = odd
        self.set: list[tuple[str, str, str]] = []
        self.asked: list[str] = []
        self.told: list[AnyEvent] = []

    async def write(self, request: Request) -> Reply:
        self.asked.append(request.path)
        path = urlsplit(request.path)
        _, _, channel, *rest = path.path.split("/")
        channel = unquote(channel)
        if request.method == "POST":
            asked = parse_qs(path.query, keep_blank_values=True)
            self.set.append((channel, asked["variable"][0], asked["value"][0]))
            return Reply(204, b"")
        if not rest:
            return (
                Reply(200, json.dumps({"id": channel, "name": NAMES[channel]}).encode()) if channel in NAMES else Reply(404, b"")
            )
        value = self.variables.get(channel, {}).get(parse_qs(path.query)["variable"][0])
        if self.odd:
            return Reply(200, b"[]")
        return Reply(404, b"{}") if value is None else Reply(200, json.dumps({"value": value}).encode())

    def knows(self, one: str, **variables: str) -> Asterisk:
        """The channel's number (``num``), name, presentations and header."""
        known = self.variables.setdefault(NAMES[one], {})
        names = {"privacy": "PJSIP_HEADER(read,Privacy)", "kept": "CALLBRIDGE_WITHHELD"}
        names |= {each: f"CALLERID({each.replace('_', '-')})" for each in ("num", "name", "num_pres", "name_pres")}
        known |= {names[each]: value for each, value in variables.items()}
        return self

    async def caller(self, leg: str = "caller") -> CallerIdentified:
        await self._carry_out(IdentifyCaller(leg=LegId(f"a/{leg}")))
        (found,) = self.told
        assert isinstance(found, CallerIdentified)
        assert (found.at, found.leg) == (3.0, LegId(f"a/{leg}"))
        return found

    async def party(self, leg: str = "one-1") -> str:
        await self._carry_out(FindParty(leg=LegId(f"a/{leg}")))
        (found,) = self.told
        assert isinstance(found, PartyFound)
        assert (found.at, found.leg) == (3.0, LegId(f"a/{leg}"))
        return found.phone

    async def _carry_out(self, order: FindParty | IdentifyCaller) -> None:
        orders = AriOrders(
            app="app",
            prefix="cb",
            bridge_type="mixing",
            request_timeout=HANGS,
            write=self.write,
            post=self.told.append,
            now=lambda: 3.0,
        )
        await orders.carry_out(order)


@pytest.mark.parametrize(
    ("pbx", "phone"),
    [
        (Asterisk(OURS, ("one-2", "bob")), "PJSIP/1007"),
        (Asterisk(OURS, ("one-2", "two-1"), ("two-2", "cid")), "PJSIP/1009"),
        (Asterisk(OURS), ""),
        (Asterisk(OURS, ("one-2",)), ""),
        (Asterisk(OURS, ("one-2", "bob", "cid")), ""),
        (Asterisk(OURS, ("one-2", "one-1")), ""),
        (Asterisk(OURS, left={"one-2": "bob"}), ""),
        (Asterisk(OURS, ("bob", "cid"), left={"one-2": "bob"}), ""),
    ],
    ids=["phone", "again", "rings", "alone", "conference", "loop", "gone", "elsewhere"],
)
async def test_the_party_at_the_other_half_of_a_local_channel(pbx: Asterisk, phone: str) -> None:
    assert await pbx.party() == phone


async def test_a_channel_that_is_gone_or_no_half_has_no_party() -> None:
    assert await Asterisk(OURS).party("vanished") == ""
    assert await Asterisk(OURS).party("caller") == ""


@pytest.mark.parametrize(
    ("bridges", "requests"),
    [((OURS, ("one-2", "bob")), 3), ((OURS, ("one-2", "two-1"), ("two-2", "cid")), 5), ((OURS, ("one-2", "one-1")), 11)],
    ids=["phone", "again", "loop"],
)
async def test_the_requests_are_few_and_list_nothing(bridges: tuple[tuple[str, ...], ...], requests: int) -> None:
    pbx = Asterisk(*bridges)
    await pbx.party()
    assert len(pbx.asked) == requests
    assert not {"/channels", "/bridges"} & set(pbx.asked)


async def test_an_unreadable_variable_is_a_refusal() -> None:
    with pytest.raises(OrderRefused, match="invalid answer"):
        await Asterisk(OURS, odd=True).party()


async def test_a_caller_is_known_by_the_channel_s_variables() -> None:
    pbx = Asterisk(OURS).knows("caller", num="4930777", name="Erika", num_pres="allowed_not_screened", name_pres="allowed")
    found = await pbx.caller()
    assert (found.found, found.number, found.name, found.withheld) == (True, "4930777", "Erika", None)
    assert pbx.set == []
    assert len(pbx.asked) == 7


async def test_the_caller_behind_a_local_channel_is_known_by_its_own_channel() -> None:
    pbx = Asterisk(OURS, ("one-2", "bob")).knows("bob", num="4930777", name="Erika").knows("one-1", num="1002")
    assert (await pbx.caller("one-1")).number == "4930777"
    assert len(pbx.asked) == 9


@pytest.mark.parametrize("leg", ["vanished", "one-1"])
async def test_nobody_is_found_where_nobody_is(leg: str) -> None:
    found = await Asterisk(OURS).caller(leg)
    assert (found.found, found.number, found.withheld) == (False, "", None)


@pytest.mark.parametrize(
    "said",
    [
        {"num_pres": "prohib"},
        {"num_pres": "prohib_passed_screen", "name_pres": "allowed"},
        {"num_pres": "allowed", "privacy": "id"},
        {"num_pres": "allowed", "privacy": "User;ID"},
        {"num_pres": "prohib", "num": WITHHELD, "kept": "+4930777"},
    ],
)
async def test_a_withheld_number_is_taken_off_the_leg(said: dict[str, str]) -> None:
    pbx = Asterisk(OURS).knows("caller", **({"num": "+4930777", "name": "Erika"} | said))
    found = await pbx.caller()
    assert (found.number, found.name, found.withheld) == (WITHHELD, WITHHELD, Withheld("+4930777"))
    assert pbx.set == [
        ("caller", "CALLBRIDGE_WITHHELD", "+4930777"),
        ("caller", "CALLERID(num-pres)", "prohib"),
        ("caller", "CALLERID(name-pres)", "prohib"),
        ("caller", "CALLERID(num)", WITHHELD),
        ("caller", "CALLERID(name)", WITHHELD),
    ]


async def test_behind_a_local_channel_it_is_taken_off_the_leg_that_is_ours() -> None:
    pbx = Asterisk(OURS, ("one-2", "bob")).knows("bob", num="4930777", num_pres="prohib")
    assert (await pbx.caller("one-1")).withheld == Withheld("4930777")
    assert {channel for channel, _, _ in pbx.set} == {"one-1"}


async def test_a_name_may_be_withheld_alone_and_other_privacy_is_none() -> None:
    pbx = Asterisk(OURS).knows("caller", num="4930777", name="Erika", name_pres="prohib", privacy="none")
    found = await pbx.caller()
    assert (found.number, found.name, found.withheld) == ("4930777", WITHHELD, None)
