"""The attempt's table: every stage with every move, and no other way from stage to stage."""

from __future__ import annotations

import itertools

import pytest

from callbridge.core.entities import attempts
from callbridge.core.model.attempt import ATTEMPT_TRANSITIONS, Attempt, AttemptMove, AttemptStage, Lead, after
from callbridge.core.model.illegal_move import IllegalMove
from tests.core.story import one_queue

PAIRS = list(itertools.product(AttemptStage, AttemptMove))


def an_attempt(stage: AttemptStage = AttemptStage.RESERVING) -> Attempt:
    return Attempt(id="cb-attempt.spring-t-1", campaign="spring", lead=Lead(id=1, number="+442079460000"), stage=stage)


@pytest.mark.parametrize(("stage", "move"), PAIRS, ids=[f"{stage}-{move}" for stage, move in PAIRS])
def test_a_move_leads_where_the_table_says_or_is_refused(stage: AttemptStage, move: AttemptMove) -> None:
    def reached() -> AttemptStage | None:
        try:
            return after(stage, move)
        except IllegalMove as error:
            assert stage in str(error) and move in str(error)
            return None

    assert reached() == ATTEMPT_TRANSITIONS[stage].get(move)


def test_every_stage_is_in_the_table() -> None:
    assert set(ATTEMPT_TRANSITIONS) == set(AttemptStage)


def test_every_stage_can_be_reached_from_reserving_and_can_close() -> None:
    def reach(start: AttemptStage) -> set[AttemptStage]:
        found, todo = {start}, [start]
        while todo:
            new = set(ATTEMPT_TRANSITIONS[todo.pop()].values()) - found
            found |= new
            todo += new
        return found

    assert reach(AttemptStage.RESERVING) == set(AttemptStage)
    assert all(AttemptStage.CLOSING in reach(stage) for stage in AttemptStage)


def test_nothing_leads_back_to_dialling_nor_out_of_closing() -> None:
    """One attempt is dialled at most once."""
    into = [(stage, move) for stage, move in PAIRS if ATTEMPT_TRANSITIONS[stage].get(move) is AttemptStage.DIALLING]
    assert into == [(AttemptStage.RESERVING, AttemptMove.DIAL)]
    assert ATTEMPT_TRANSITIONS[AttemptStage.CLOSING] == {}


def test_a_move_that_is_refused_leaves_the_attempt_as_it_was() -> None:
    world = one_queue().world
    attempt = an_attempt(AttemptStage.TALKED)
    world.attempts.put(attempt.id, attempt)
    with pytest.raises(IllegalMove, match="an attempt that is talked cannot dial"):
        attempts.move(world, attempt, AttemptMove.DIAL, dialled_at=world.now)
    assert world.attempts[attempt.id] == attempt


def test_nobody_changes_a_stage_past_the_table() -> None:
    world = one_queue().world
    attempt = an_attempt()
    world.attempts.put(attempt.id, attempt)
    with pytest.raises(IllegalMove, match="became live without a move"):
        attempts.put(world, attempt, stage=AttemptStage.LIVE)  # type: ignore[call-arg]  # mypy finds it, too
    assert world.attempts[attempt.id] == attempt
