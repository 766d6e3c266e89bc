"""What the guard of conversations after a start takes for one, and when it is over."""

from __future__ import annotations

from random import Random

import pytest

from callbridge.core.model.ids import LegId
from callbridge.core.model.orders import HangUp
from tests.sim.agenda import Agenda
from tests.sim.parts import Channel, Kind
from tests.sim.together import Together
from tests.sim.toy import ToyPbx
from tests.sim.watch import Broken

ANN, BOB, CID = LegId("pbx/ann"), LegId("pbx/bob"), LegId("pbx/cid")


def _consult() -> tuple[ToyPbx, Together]:
    """Bob and Cid talk; Ann, for whom both were rung, hears music. A start has found them."""
    toy = ToyPbx(Agenda(1_000_000.0), Random(1), lambda _: None)
    toy.channels[ANN] = Channel(id=ANN, name="PJSIP/trunk-1", kind=Kind.CUSTOMER, created_at=1_000_000.0, up=True)
    for leg in (BOB, CID):
        toy.channels[leg] = Channel(
            id=leg, name=f"PJSIP/{leg}-1", kind=Kind.AGENT, created_at=1_000_000.0, up=True, bridge="b", caller=ANN
        )
    toy.bridges["b"] = [BOB, CID]
    together = Together(toy)
    together.begin()
    assert together.guarded == 1
    return toy, together


def test_a_consult_must_not_be_cut_while_the_customer_waits_for_its_end() -> None:
    toy, _ = _consult()
    with pytest.raises(Broken, match="a start cut a conversation"):
        toy.perform(HangUp(leg=CID))


def test_a_consult_ends_with_the_customer_who_has_hung_up() -> None:
    toy, _ = _consult()
    del toy.channels[ANN]
    assert toy.perform(HangUp(leg=CID)).status == 204
