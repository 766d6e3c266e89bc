"""Who is at the end of Local channels, asked of a PBX that knows nothing but its bridges."""

import json
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from callbridge.adapters.ari.http import Reply
from callbridge.adapters.ari.orders import AriOrders
from callbridge.adapters.pbx_link import OrderRefused
from callbridge.core.model.events import AnyEvent, PartyFound
from callbridge.core.model.ids import LegId
from callbridge.core.model.orders import FindParty
from callbridge.wire.ari import Request

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
        self.asked: list[str] = []
        self.told: list[AnyEvent] = []

    async def write(self, request: Request) -> Reply:
        self.asked.append(request.path)
        path = urlsplit(request.path)
        _, _, channel, *rest = path.path.split("/")
        channel = unquote(channel)
        if not rest:
            return (
                Reply(200, json.dumps({"id": channel, "name": NAMES[channel]}).encode()) if channel in NAMES else Reply(404, b"")
            )
        value = self.variables.get(channel, {}).get(parse_qs(path.query)["variable"][0])
        if self.odd:
            return Reply(200, b"[]")
        return Reply(404, b"{}") if value is None else Reply(200, json.dumps({"value": value}).encode())

    async def party(self, leg: str = "one-1") -> str:
        orders = AriOrders(
            app="app",
            prefix="cb",
            bridge_type="mixing",
            request_timeout=1.0,
            write=self.write,
            post=self.told.append,
            now=lambda: 3.0,
        )
        await orders.carry_out(FindParty(leg=LegId(f"a/{leg}")))
        (found,) = self.told
        assert isinstance(found, PartyFound)
        assert (found.at, found.leg) == (3.0, LegId(f"a/{leg}"))
        return found.phone


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
