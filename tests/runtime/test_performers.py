"""Every kind of order has one performer, and a kind without one is found before anything is ordered."""

from __future__ import annotations

from typing import get_args

import pytest

from callbridge.core.model.ids import leg_id
from callbridge.core.model.orders import Answer, HangUp, LookUp, OfLedger, OfPbx, OfRecording, Order, StartMusic
from callbridge.runtime import Performers

LEG = leg_id("pbx", "ann")


async def test_each_order_goes_to_the_performer_of_its_kind() -> None:
    performers, done = Performers(), list[tuple[str, Order]]()

    async def answer(order: Answer) -> None:
        done.append(("answer", order))

    async def other(order: HangUp | StartMusic) -> None:
        done.append(("other", order))

    performers.register(answer, Answer)
    performers.register(other, HangUp, StartMusic)
    await performers.perform(HangUp(leg=LEG))
    await performers.perform(Answer(leg=LEG))
    assert done == [("other", HangUp(leg=LEG)), ("answer", Answer(leg=LEG))]


async def nobody(order: Order) -> None:
    raise AssertionError(order)


def test_an_order_that_nobody_performs_is_an_error_at_the_start() -> None:
    performers = Performers()
    performers.register(nobody, *get_args(OfPbx), *get_args(OfRecording), *get_args(OfLedger))
    with pytest.raises(RuntimeError, match="nobody performs LookUp"):
        performers.check()
    performers.register(nobody, LookUp)
    performers.check()


def test_a_kind_has_one_performer() -> None:
    performers = Performers()
    performers.register(nobody, HangUp)
    with pytest.raises(ValueError, match="HangUp has a performer already"):
        performers.register(nobody, Answer, HangUp)
