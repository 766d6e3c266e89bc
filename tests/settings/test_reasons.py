"""Which reasons for being not ready the pages offer."""

from __future__ import annotations

import pytest

from callbridge.service.accounts import accounts
from tests.settings.conftest import Write, right


@pytest.mark.parametrize(
    ("reasons", "offered"),
    [
        ("{}", ()),
        ("{lunch: , break: {digit: 2}}", ("lunch", "break")),
        ("{lunch: , rona: {limit: 10m}, fault: , dnd: }", ("lunch",)),
        ("{rona: {digit: 7}, lunch: }", ("rona", "lunch")),
    ],
)
def test_pages_offer_what_people_may_choose(write: Write, reasons: str, offered: tuple[str, ...]) -> None:
    assert accounts(right(write(("skills: [", f"reasons: {reasons}\nskills: [")))).reasons == offered
