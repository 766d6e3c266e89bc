"""The campaign of a simulated day: its leads in a real ledger, people who start, pause and stop it, and what must hold of it.

The ledger outlives every death, like the disk that it stands for; its answers do not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

from callbridge.adapters.ledger import BlockEntry, LedgerTerms
from callbridge.core.model.attempt import OUTCOMES, Running
from callbridge.core.model.dial_rules import Frequency
from callbridge.core.model.events import AnyEvent, CampaignRecalled, CampaignRequested, DispositionRequested, NumberBlocked
from callbridge.core.model.facts import AnyFact, AttemptEnded, AttemptMade
from callbridge.core.model.orders import OfLedger, Order, Ring
from callbridge.core.model.plan import CampaignPlan
from callbridge.core.model.world import World
from tests.core.ledger import ToyLedger
from tests.sim.agenda import Agenda
from tests.sim.watch import must

CODES = ("sold", "later", "never", "nobody", "nonsense")


def number(index: int) -> str:
    return f"+44713{index:05d}"


class Dialler:
    def __init__(self, plan: CampaignPlan, leads: int, agenda: Agenda, rng: Random, hear: Callable[[AnyEvent], None]) -> None:
        self.name = plan.name
        self.leads = leads
        self.agenda = agenda
        self.rng = rng
        self.hear = hear
        self.ledger = ToyLedger(lambda: agenda.now)
        self.terms = {plan.name: LedgerTerms(plan.limits, Frequency(per_day=99, gap=0.0), again={"later": 5.0})}
        self.ledger.adopt(self.terms)
        self.ledger.store.load(plan.name, [{"number": number(index)} for index in range(leads)], agenda.now)
        self.rung: Counter[str] = Counter()
        """Leg -> how often its phone was made to ring."""
        self.told: Counter[str] = Counter()
        """Attempt -> how often it was said to have been made."""
        self._life = 0

    # -- the house ------------------------------------------------------------------------------------------------

    def wake(self, world: World) -> None:
        """What a process does with the ledger before it hears anything."""
        self._life += 1
        self.ledger.store.sweep(frozenset(world.attempts), self.terms, self.agenda.now)
        hours = tuple(self.ledger.store.window(self.name, 0.0))
        self.hear(CampaignRecalled(at=self.agenda.now, campaign=self.name, hours=hours))

    def die(self) -> None:
        self._life += 1
        self.ledger.forget()

    def sort(self, orders: list[Order]) -> list[Order]:
        """Orders of the ledger go to it, the others come back."""
        others: list[Order] = []
        for order in orders:
            if isinstance(order, OfLedger):
                self.ledger.obey(order, self._soon)
            else:
                others.append(order)
        return others

    def _soon(self, event: Callable[[float], AnyEvent], _: float) -> None:
        life = self._life

        def tell() -> None:
            if life == self._life:
                self.hear(event(self.agenda.now))

        self.agenda.after(self.rng.choice([0.002, 0.02, 0.3]), tell)

    # -- the day --------------------------------------------------------------------------------------------------

    def ask(self, to: Running) -> None:
        self.hear(CampaignRequested(at=self.agenda.now, campaign=self.name, to=to, by="sue"))

    def set_disposition(self, agent: str) -> None:
        at = self.rng.choice([None, None, self.agenda.now + 3.0])
        code = self.rng.choice(CODES)
        self.hear(DispositionRequested(at=self.agenda.now, agent=agent, code=code, call_back_at=at, own=self.rng.random() < 0.5))

    def block(self) -> None:
        who, scope = number(self.rng.randrange(self.leads)), self.rng.choice(["", self.name])
        self.ledger.store.block([BlockEntry(who, scope, "asked", "sue", self.agenda.now)])
        self.hear(NumberBlocked(at=self.agenda.now, number=who, campaign=scope))

    def lose_the_database(self) -> None:
        """Away for some seconds; what is ordered meanwhile waits."""
        self.ledger.silent = True
        self.agenda.after(self.rng.uniform(0.2, 4.0), lambda: self.ledger.speak(self._soon))

    # -- what must hold -------------------------------------------------------------------------------------------

    def after_step(self, orders: list[Order], facts: list[AnyFact]) -> None:
        for order in orders:
            if isinstance(order, Ring) and order.role == "customer" and "cb-attempt." in order.leg:
                self.rung[order.leg] += 1
                must(self.rung[order.leg] == 1, "one attempt rang twice:", order)
        for fact in facts:
            if isinstance(fact, AttemptMade):
                self.told[fact.attempt] += 1
                must(self.told[fact.attempt] == 1, "an attempt was made twice:", fact)
            elif isinstance(fact, AttemptEnded):
                must(fact.outcome in OUTCOMES, "no outcome:", fact)

    def at_the_end(self, world: World) -> None:
        """Every attempt is in the ledger with what became of it, and nobody was called without one."""
        must(not len(world.attempts), "attempts left in the books:", world.attempts.values())
        must(not len(world.blocks), "numbers that nobody wrote down:", world.blocks.values())
        rows = {row["id"]: row for row in self.ledger.store.attempts(self.name, 0.0, 4e9)}
        open_ones = [row for row in rows.values() if not row["outcome"]]
        must(not open_ones, "attempts without an outcome:", open_ones)
        unknown = [made for made in self.told if made not in rows]
        must(not unknown, "called, and not in the ledger:", unknown)
        states = self.ledger.store.count(self.name)
        must(sum(states.values()) == self.leads and "dialling" not in states, "leads lost:", states)
