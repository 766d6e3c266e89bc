"""What the pacer decides, and that it learns: on floors made by hand, and in short simulated shifts."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbridge.core.pacing.budget import ANSWERS_KEPT_FOR, Budget, Counts, Rules
from callbridge.core.pacing.learned import Answers, Lifetimes
from callbridge.core.pacing.pacer import Pacer, PacerInput
from tests.examples import cases
from tests.sim.pacers import Adaptive, Ours, Power, Progressive, Ratio
from tests.sim.shift import Floor, Shift

AGES = st.lists(st.floats(0, 2000), max_size=30)


def learned(people: float = 0.2, talk: float = 120.0) -> Pacer:
    """A pacer that has seen some thousand dials and talks."""
    rng, pacer = Random(7), Pacer()
    for _ in range(2000):
        pacer.talked(rng.expovariate(1 / talk))
        pacer.wrapped_up(rng.expovariate(1 / 20))
        pacer.dial_ended(rng.uniform(5, 20) if rng.random() < people else 22.0, person=False)
    for _ in range(400):
        person = rng.random() < people
        pacer.dial_ended(rng.uniform(5, 20) if person else 22.0, person=person)
    return pacer


def test_nobody_at_work_nobody_called() -> None:
    decision = learned().decide(0.0, PacerInput(0, [], [], []))
    assert (decision.dials, decision.why) == (0, "nobody")


def test_one_free_agent_is_always_worth_one_dial() -> None:
    decision = Pacer(Rules(window=86400.0, hard=True)).decide(0.0, PacerInput(1, [], [], []))
    assert decision.dials >= 1


def test_more_free_agents_more_dials_and_dials_that_are_out_count() -> None:
    few, many = (learned().decide(0.0, PacerInput(free, [], [], [])).dials for free in (5, 20))
    after = learned().decide(0.0, PacerInput(20, [], [], [3.0] * 40)).dials
    assert few < many
    assert after < many


def test_agents_who_will_be_free_soon_are_dialled_for() -> None:
    pacer = Pacer()
    for _ in range(300):
        pacer.talked(60.0)
        pacer.wrapped_up(5.0)
        pacer.dial_ended(10.0, person=True)
    soon = pacer.decide(0.0, PacerInput(0, [58.0] * 20, [], []))
    later = pacer.decide(1.0, PacerInput(0, [5.0] * 20, [], []))
    assert soon.dials > 0
    assert later.dials == 0


def test_a_hard_guard_stops_over_dialling_until_the_window_bears_it_again() -> None:
    pacer = learned()
    pacer.rules = pacer.budget.rules = Rules(window=86400.0, hard=True)
    for second in range(100):
        pacer.answered(float(second), abandoned=second % 20 == 0, risk=0.03)
    over = pacer.decide(200.0, PacerInput(10, [], [], []))
    assert (over.dials, over.why) == (10, "progressive")
    for second in range(200):
        pacer.answered(200.0 + second, abandoned=False, risk=0.03)
    assert pacer.decide(400.0, PacerInput(10, [], [], [])).dials > 10


def test_the_reason_is_data() -> None:
    decision = learned().decide(0.0, PacerInput(10, [30.0] * 10, [5.0], [4.0] * 8))
    assert decision.why == "predicted"
    assert 0.0 < decision.risk <= decision.theta
    assert 0.05 < decision.answer_chance < 0.5


def test_the_budget_brings_the_rate_back_to_the_aim() -> None:
    under, over = Budget(Rules()), Budget(Rules())
    for each in range(1000):
        under.answered(float(each), abandoned=each % 100 == 0, risk=0.01)
        over.answered(float(each), abandoned=each % 25 == 0, risk=0.04)
    assert under.theta(1000.0) > 0.028 > over.theta(1000.0)
    assert (under.counts(1000.0).rate, over.counts(1000.0).rate) == (0.01, 0.04)


def test_the_budget_forgets_what_is_older_than_its_window() -> None:
    budget = Budget(Rules(window=3600.0))
    budget.answered(0.0, abandoned=True, risk=0.0)
    budget.answered(8000.0, abandoned=False, risk=0.0)
    assert budget.counts(8000.0) == Counts(1, 0)


def test_silence_empties_the_window() -> None:
    """Nobody answers for three days: the next person is the only one in the window, and none may be abandoned."""
    budget = Budget(Rules(window=86400.0, hard=True))
    for second in range(1000):
        budget.answered(float(second), abandoned=second < 5, risk=0.0)
    assert budget.bears_one_more(1000.0)
    assert budget.theta(1000.0, 10) > 0.1
    later = 1000.0 + 3 * 86400.0
    assert budget.counts(later) == Counts(0, 0)
    assert not budget.bears_one_more(later)
    assert budget.theta(later, 10) < 0.001
    assert not budget.is_over(later)


def test_what_the_ledger_recalls_leaves_the_window_as_time_passes() -> None:
    budget = Budget(Rules(window=86400.0, hard=True))
    budget.recall([(0.0, 1000, 4)])
    assert (budget.counts(86400.0), budget.bears_one_more(86400.0)) == (Counts(1000, 4), True)
    assert (budget.counts(86401.0), budget.bears_one_more(86401.0)) == (Counts(4, 4), False), (
        "of a part of an hour only the worst"
    )
    assert budget.is_over(86401.0)
    assert budget.counts(2 * 86400.0) == Counts(0, 0)


def test_a_machine_that_counted_as_a_person_is_taken_out_where_it_was_counted() -> None:
    budget = Budget(Rules(window=3600.0))
    budget.answered(0.0, abandoned=False, risk=0.0)
    budget.answered(100.0, abandoned=True, risk=0.0)
    budget.correct(110.0, -1, 0)
    assert budget.counts(120.0) == Counts(1, 1), "the abandoned call was another one's"
    budget.correct(50.0, 1, 1)
    assert (budget.counts(3650.0), budget.counts(3651.0)) == (Counts(2, 2), Counts(2, 2))


@pytest.mark.parametrize("window", cases([3600.0, 86400.0, ANSWERS_KEPT_FOR], fast=1))
@pytest.mark.parametrize("every", cases([900, 300], fast=1))
def test_the_buckets_stay_few(window: float, every: int) -> None:
    budget = Budget(Rules(window=window))
    for quarter in range(35 * 96):
        for second in range(0, 900, 61 if quarter > 34 * 96 else every):
            budget.answered(quarter * 900.0 + second, abandoned=False, risk=0.0)
    assert len(budget.buckets) < 1600
    assert budget.buckets[0].begin >= (35 * 86400.0 - ANSWERS_KEPT_FOR) - 7200.0


@given(
    st.sampled_from([3600.0, 86400.0, ANSWERS_KEPT_FOR]),
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.0002, 0.01, 0.017, 0.3, 0.99, 1.0, 3.0]), st.integers(1, 200), st.integers(0, 3)),
        max_size=30,
    ),
)
def test_an_abandoned_call_that_the_guard_bears_never_breaks_the_cap(window: float, bursts: list[tuple[float, int, int]]) -> None:
    """Against a list of every answer: bursts of people after silences, who are abandoned whenever the guard allows it."""
    rules = Rules(window=window, hard=True)
    budget, now, answers = Budget(rules), 0.0, list[tuple[float, bool]]()

    def truth() -> tuple[int, int]:
        within = [gone for at, gone in answers if at >= now - window]
        return len(within), sum(within)

    for silence, people, greed in bursts:
        now += silence * window
        for person in range(people):
            now += 0.25
            if greed and person % greed == 0 and budget.bears_one_more(now):
                answers.append((now, True))
                count, gone = truth()
                assert gone <= rules.cap * count, "whenever somebody is abandoned, the exact share keeps the cap"
            else:
                answers.append((now, False))
            budget.answered(now, abandoned=answers[-1][1], risk=0.0)
        count, gone = truth()
        counts = budget.counts(now)
        assert counts.abandoned >= gone
        assert counts.answers - counts.abandoned <= count - gone, "at any time the share is never taken for lower than it is"


def test_durations_are_learned() -> None:
    law = Lifetimes()
    for _ in range(500):
        law.end(100.0)
    law.rebuild()
    assert law.over_within(50, 20) < 0.05
    assert law.over_within(95, 20) > 0.5


def test_fast_failures_do_not_flatter_a_fresh_start() -> None:
    """Counting ends, the first seconds would say that nobody ever answers."""
    answers = Answers()
    for _ in range(30):
        answers.ended(3.0, person=False)
    assert answers.level([3.0] * 170) > 0.7


@pytest.mark.parametrize(("before", "after"), [(0.15, 0.45), (0.45, 0.15)])
def test_a_jump_of_the_answer_rate_is_noticed_within_minutes(before: float, after: float) -> None:
    rng, answers = Random(3), Answers()
    for share, dials in ((before, 3000), (after, 250)):
        for _ in range(dials):
            person = rng.random() < share
            answers.ended(rng.uniform(6, 16) if person else 22.0, person=person)
        if share == before:
            answers.rebuild(())
    assert answers.level(()) / (after / before) == pytest.approx(1.0, rel=0.4)


@given(st.integers(0, 30), AGES, AGES, AGES, st.integers(0, 3))
def test_whatever_is_seen_the_decision_is_sane(
    free: int, talking: list[float], wrapping: list[float], dials: list[float], hard: int
) -> None:
    pacer = Pacer(Rules(window=86400.0, hard=bool(hard)))
    decision = pacer.decide(0.0, PacerInput(free, talking, wrapping, dials))
    agents = free + len(talking) + len(wrapping)
    assert 0 <= decision.dials <= 4 * agents + 8
    assert decision.dials >= max(0, free - len(dials)) * bool(agents)
    assert 0.0 <= decision.risk <= 1.0


@pytest.mark.slow
def test_a_shift_is_the_same_for_the_same_seed_and_busier_than_a_rivals() -> None:
    floor = Floor(agents=10, length=5400.0)
    once, again = (Shift(floor, Ours(), 5).run() for _ in range(2))
    assert (once.answered, once.abandoned, once.busy) == (again.answered, again.abandoned, again.busy)
    plain = Shift(floor, Progressive(), 5).run()
    assert plain.abandoned == 0
    assert once.utilisation > plain.utilisation + 0.08
    assert once.abandon_rate < 0.06


@pytest.mark.slow
@pytest.mark.parametrize("rival", [Power(1.6), Ratio(1.3), Adaptive()])
def test_rivals_run(rival: Power | Ratio | Adaptive) -> None:
    tally = Shift(Floor(agents=10, length=3600.0), rival, 1).run()
    assert 0.4 < tally.utilisation < 1.0


@pytest.mark.slow
def test_the_simulator_draws_what_it_says() -> None:
    """An infinite floor: nobody waits, so all that is left are the laws."""
    floor = Floor(agents=400, length=5400.0, warm_up=0.0, people=0.25)
    tally = Shift(floor, Progressive(), 2).run()
    answered_in_time = 0.25 * 0.95  # some rings last longer than the time-out
    assert tally.answered / tally.dials == pytest.approx(answered_in_time, rel=0.06)
    assert tally.busy / tally.answered == pytest.approx(140.0, rel=0.08)
