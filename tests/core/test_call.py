"""The call's table: every phase with every move."""

from __future__ import annotations

import itertools

import pytest

from callbridge.core.model.call import CALL_TRANSITIONS, Move, Phase, Segment, after
from callbridge.core.model.ids import LegId
from callbridge.core.model.illegal_move import IllegalMove

PAIRS = list(itertools.product(Phase, Move))


@pytest.mark.parametrize(("phase", "move"), PAIRS, ids=[f"{phase}-{move}" for phase, move in PAIRS])
def test_a_move_leads_where_the_table_says_or_is_refused(phase: Phase, move: Move) -> None:
    def reached() -> Phase | None:
        try:
            return after(phase, move)
        except IllegalMove as error:
            assert phase in str(error) and move in str(error)
            return None

    assert reached() == CALL_TRANSITIONS[phase].get(move)


def test_every_phase_is_in_the_table() -> None:
    assert set(CALL_TRANSITIONS) == set(Phase)


def test_every_phase_can_be_reached_from_waiting_and_can_end() -> None:
    def reach(start: Phase) -> set[Phase]:
        found, todo = {start}, [start]
        while todo:
            new = set(CALL_TRANSITIONS[todo.pop()].values()) - found
            found |= new
            todo += new
        return found

    assert reach(Phase.WAITING) == set(Phase)
    assert all(Phase.ENDING in reach(phase) for phase in Phase)


def test_nothing_leads_out_of_ending() -> None:
    assert CALL_TRANSITIONS[Phase.ENDING] == {}


def test_hold_is_counted_up_to_the_moment_asked_for() -> None:
    segment = Segment(agent="bob", leg=LegId("pbx/bob"), queue="support", began_at=10.0, hold_seconds=4.0, held_since=20.0)
    assert segment.held_until(23.0) == 7.0
