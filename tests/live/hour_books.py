"""The books of the compressed hour: what the wire says of each call, joined with what the facts say of it.

Rule of this file: calls are joined one by one, by the customer's number and the call's id on the agents' phones; whatever is
not the same within TOLERANCE is a difference, in words.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.lab.crowding import Crowding
from tests.lab.sip import CallRecord, PhoneRecord
from tests.live.hour_floor import AWAY_FOR, LINES, RING_FOR, SHORT, SKILLS, TARGET, tier_of
from tests.live.hour_run import Breaks, Deeds, Fact

TOLERANCE = 0.2
"""Seconds, on a machine of one's own; see ``Crowding``."""
LINGER = 0.3
"""Seconds for which a phone that has transferred its caller stays."""
LOOKS = 5.0
"""Seconds between two looks at the fallback queue."""
REFERS = LINES["refers"][1]


@dataclass(slots=True)
class Told:
    """What the facts say of one call."""

    arrived: Fact
    visits: list[Fact] = field(default_factory=list)
    visit_ends: list[Fact] = field(default_factory=list)
    talks: list[Fact] = field(default_factory=list)
    talk_ends: list[Fact] = field(default_factory=list)
    offers: list[Fact] = field(default_factory=list)
    offer_ends: list[Fact] = field(default_factory=list)
    ends: list[Fact] = field(default_factory=list)

    def add(self, fact: Fact) -> None:
        name = _LISTS.get(fact["event"])
        if name is not None:
            getattr(self, name).append(fact)


_LISTS: dict[str, str] = {
    "visit_began": "visits",
    "visit_ended": "visit_ends",
    "talk_began": "talks",
    "talk_ended": "talk_ends",
    "offer_made": "offers",
    "offer_ended": "offer_ends",
    "call_ended": "ends",
}


def told_of(facts: Iterable[Fact]) -> dict[str, Told]:
    """By call."""
    calls: dict[str, Told] = {}
    for fact in facts:
        if fact["event"] == "call_arrived":
            assert fact["call"] not in calls, f"{fact['call']} arrived twice"
            calls[fact["call"]] = Told(fact)
        elif fact["call"] in calls:
            calls[fact["call"]].add(fact)
    return calls


@dataclass(slots=True)
class Books:
    """``rung``: by call what the agents' phones saw, in the order of the answers."""

    callers: Sequence[CallRecord]
    rung: Mapping[str, list[PhoneRecord]]
    calls: Mapping[str, Told]
    deeds: Deeds
    breaks: Breaks
    crowding: Crowding
    gaps: list[float] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)

    def differences(self) -> Iterator[str]:
        by_number: dict[str, tuple[list[CallRecord], list[Told]]] = defaultdict(lambda: ([], []))
        for caller in self.callers:
            by_number[caller.number][0].append(caller)
        for one in self.calls.values():
            if one.arrived["direction"] == "in":
                by_number[one.arrived["number"]][1].append(one)
        for number, (callers, told) in by_number.items():
            yield from self._of_customer(number, callers, told)

    def _of_customer(self, number: str, callers: list[CallRecord], told: list[Told]) -> Iterator[str]:
        """Of all calls of a customer, one after the other."""
        came = sorted(callers, key=lambda caller: caller.started_at)
        unseen = [caller for caller in came if self._came_and_left_unseen(caller)][: max(0, len(came) - len(told))]
        self.unseen += [number for _ in unseen]
        came = [caller for caller in came if caller not in unseen]
        if len(came) != len(told):
            dialled = ", ".join(one.dialled for one in callers)
            yield f"{number} to {dialled}: {len(told)} calls in the facts, {len(came)} on the wire"
            return
        for caller, one in zip(came, sorted(told, key=lambda one: one.arrived["at"]), strict=True):
            for what in self._of_call(caller, one):
                yield f"{number} to {caller.dialled} ({one.arrived['call']}): {what}"

    def summary(self) -> str:
        gaps = sorted(map(abs, self.gaps))
        middle, most = gaps[len(gaps) // 2], gaps[len(gaps) * 99 // 100]
        return (
            f"{len(self.callers)} callers, {len(gaps)} times compared: median gap {middle:.3f} s, 99 % within {most:.3f} s,"
            f" largest {gaps[-1]:.3f} s; {len(self.unseen)} came and left while callbridge was down"
            f" ({', '.join(f'{ended - began:.1f} s' for began, ended in self.breaks.down)})"
        )

    def saw_everything(self, facts: Sequence[Fact]) -> None:
        """The hour had all that it is about."""
        outcomes = Counter(one["outcome"] for one in facts if one["event"] == "visit_ended")
        assert outcomes.keys() == {"answered", "abandoned", "short_abandoned", "overflowed", "failed"}
        results = Counter(one["result"] for one in facts if one["event"] == "offer_ended")
        assert results.keys() >= {"answered", "no_answer", "rejected"}
        kinds = Counter(one["event"] for one in facts)
        for kind in (
            "call_transferred",
            "transfer_ended",
            "callback_ended",
            "survey_answered",
            "attempt_ended",
            "call_diverted",
            "flow_ended",
        ):
            assert kinds[kind], kind
        assert len(self.breaks.down) == 2

    def _came_and_left_unseen(self, caller: CallRecord) -> bool:
        """In the dialplan's fallback while callbridge was down, or before it looked there again: in no figure, as the documents
        say."""
        ended, heard_late = caller.ended_at, self.crowding.at(caller.started_at)
        return ended is not None and any(
            began - self._slack(began) <= caller.started_at + heard_late and ended <= back + LOOKS + self._slack(back)
            for began, back in self.breaks.down
        )

    def _of_call(self, caller: CallRecord, told: Told) -> Iterator[str]:
        if told.arrived["tier"] != tier_of(caller.number):
            yield f"tier {told.arrived['tier']}"
        if len(told.ends) != 1:
            yield f"ended {len(told.ends)} times"
        elif caller.ended_at is None:
            yield "the caller's phone saw no end"
        elif caller.dialled not in ("nobody", "back"):  # those leave callbridge and stay in the PBX
            yield from self._apart("the call's end", told.ends[0], told.ends[0]["at"], caller.ended_at)
        yield from self._apart("the arrival", told.arrived, told.arrived["at"], caller.started_at)
        heard = self._heard(caller, told)
        yield from self._talks(told, heard)
        yield from self._visits(caller, told, heard)
        for began, ended in ((told.visits, told.visit_ends), (told.offers, told.offer_ends), (told.talks, told.talk_ends)):
            if len(began) != len(ended):
                yield f"{len(began)} x {began[0]['event'] if began else 'nothing'}, {len(ended)} ends"

    # -- talks

    def _heard(self, caller: CallRecord, told: Told) -> list[PhoneRecord]:
        """The phones that answered and had the caller: all that answered, but for those that are excused."""
        answered = [one for one in self.rung.get(told.arrived["call"], ()) if one.outcome == "answered"]
        if any(act == "return" for act, _ in self.deeds.acts.get(told.arrived["call"], [])):
            answered = [one for one in answered if one.phone == answered[0].phone]  # the colleague had the agent only
        return [one for one in answered if self._has_talk(one, told) or not self._is_excused(one, caller)]

    def _has_talk(self, phone: PhoneRecord, told: Told) -> bool:
        assert phone.answered_at is not None
        near = self._slack(phone.answered_at)
        return any(
            one["agent"] == phone.phone and abs(one["at"] - phone.answered_at) <= near + self._estimate(one) for one in told.talks
        )

    def _is_excused(self, phone: PhoneRecord, caller: CallRecord) -> bool:
        """It answered while callbridge was down, and the offer was made again; or the caller's hang-up crossed the answer; or the
        agent hung up while the machine was too crowded for a bridge."""
        assert phone.answered_at is not None
        if phone.ended_at is not None and phone.ended_by == "phone":
            waited = self.crowding.at(phone.answered_at, phone.ended_at)
            if phone.ended_at - phone.answered_at <= waited:
                return True
        slack = self._slack(phone.answered_at)
        crossed = caller.ended_by == "caller" and caller.ended_at is not None and caller.ended_at - phone.answered_at <= slack
        return crossed or self.breaks.during(phone.answered_at, slack)

    def _talks(self, told: Told, heard: Sequence[PhoneRecord]) -> Iterator[str]:
        acts = self.deeds.acts.get(told.arrived["call"], [])
        if [one["agent"] for one in told.talks] != [one.phone for one in heard]:
            yield f"talks with {[one['agent'] for one in told.talks]}, answered by {[one.phone for one in heard]}, {acts}"
            return
        completed = next((at for act, at in acts if act == "complete"), None)
        for place, (began, ended, phone) in enumerate(zip(told.talks, told.talk_ends, heard, strict=False), 1):
            first, last = phone.answered_at, phone.ended_at
            assert first is not None
            if completed is not None and place == 2:
                first = completed
            if last is None:
                yield f"talk {place}: the phone saw no end"
                continue
            if ended["ended_by"] == "transfer" and phone.ended_by == "phone":
                last -= LINGER
            yield from self._apart(f"talk {place} began", began, began["at"], first)
            yield from self._apart(f"talk {place} ended", ended, ended["at"], last)
            yield from self._apart(f"talk {place} lasted", ended, ended["talked"], last - first, since=first)

    # -- visits

    def _visits(self, caller: CallRecord, told: Told, heard: Sequence[PhoneRecord]) -> Iterator[str]:
        outcomes = [(one["queue"], one["outcome"]) for one in told.visit_ends]
        expected = list(self._expected(caller, told, heard))
        if outcomes != expected:
            acts = [(act, round(at, 3)) for act, at in self.deeds.acts.get(told.arrived["call"], [])]
            yield f"visits {outcomes}, by the wire {expected}, {acts}, ended at {[one['at'] for one in told.visit_ends]}"
            return
        talked_until = caller.started_at
        phones = iter(heard)
        for place, one in enumerate(told.visit_ends):
            if place and self._came_back(told):
                talked_until = told.visits[place]["at"]  # until then the caller was between two agents
            counts = one["outcome"] in ("answered", "abandoned") and one["waited"] <= TARGET
            if (one["tier"], one["within_target"]) != (tier_of(caller.number), counts):
                yield f"visit of tier {one['tier']}, within target {one['within_target']} after {one['waited']:.3f} s"
            since, until = talked_until, caller.ended_at
            if one["outcome"] == "answered":
                phone = next(phones)
                until, talked_until = phone.answered_at, self._gave_away(phone)
            if one["outcome"] in ("answered", "abandoned", "short_abandoned") and until is not None:
                yield from self._apart(f"wait in {one['queue']}", one, one["waited"], until - since, since=since)

    def _gave_away(self, phone: PhoneRecord) -> float:
        """When the caller came back into a queue, if the agent at this phone gave the call to one."""
        assert phone.ended_at is not None
        return phone.ended_at - (LINGER if phone.phone in REFERS and phone.ended_by == "phone" else 0.0)

    def _expected(self, caller: CallRecord, told: Told, heard: Sequence[PhoneRecord]) -> Iterator[tuple[str, str]]:
        """The visits and their outcomes, by the wire and what supervisors did."""
        call, queue = told.arrived["call"], caller.dialled
        if queue == "back" and caller.ended_by == "caller":
            # The key was pressed while callbridge was down; or it was heard, and the caller did not wait for the goodbye.
            heard_key = [one["outcome"] for one in told.visit_ends] == ["overflowed"]
            yield queue, "overflowed" if heard_key else self._gave_up(caller, told)
            return
        if queue in ("away", "nobody") and self._left_first(caller, told):
            yield queue, self._gave_up(caller, told)
            return
        if queue in ("away", "nobody", "back"):
            yield queue, "overflowed"
            if queue != "away":
                return
            queue = "support"
        if call in self.deeds.cut:
            yield queue, "failed"
        elif not heard:
            yield queue, self._gave_up(caller, told)
        else:
            yield queue, "answered"
            asked = "transfer queue:sales" in [act for act, _ in self.deeds.acts.get(call, [])]
            if self._came_back(told):
                yield queue, "answered" if len(heard) > 1 else self._gave_up(caller, told)
            elif asked or any(one.phone in REFERS and one.ended_by == "phone" for one in heard):
                yield "sales", "answered" if any(one.phone in SKILLS["sales"] for one in heard) else self._gave_up(caller, told)

    def _left_first(self, caller: CallRecord, told: Told) -> bool:
        """The caller hung up before the overflow was due: just taken out of the fallback after callbridge had been down, or while
        it was down. On the edge, what callbridge says counts."""
        ended = caller.ended_at
        if caller.ended_by != "caller" or ended is None or not told.visits or not told.visit_ends:
            return False
        if told.visit_ends[0]["outcome"] == "overflowed":
            return False
        due, slack = told.visits[0]["at"] + AWAY_FOR, self._slack(ended)
        return any(
            began - slack <= due <= back + LOOKS + AWAY_FOR + slack and ended <= max(due, back) + slack
            for began, back in self.breaks.down
        )

    def _came_back(self, told: Told) -> bool:
        """callbridge went down while the call was on its way from one agent to another, and the caller is in the queue again.
        On the edge, what callbridge says counts."""
        acts = self.deeds.acts.get(told.arrived["call"], [])
        given = [at for act, at in acts if act.startswith("transfer agent:")]
        down = any(0.0 <= began - at <= RING_FOR + self._slack(at) for at in given for began, _ in self.breaks.down)
        return down and [one["queue"] for one in told.visits[1:]] == [told.visits[0]["queue"]]

    def _gave_up(self, caller: CallRecord, told: Told) -> str:
        """The wait that counts is callbridge's, where it is on the edge; how far it may be from the wire is asked elsewhere."""
        waited = told.visit_ends[-1]["waited"] if told.visit_ends else 0.0
        return "short_abandoned" if waited < SHORT else "abandoned"

    # -- times

    def _apart(self, what: str, fact: Fact, found: float, wire: float, since: float | None = None) -> Iterator[str]:
        """``since``: when a duration began."""
        gap = found - wire
        self.gaps.append(gap)
        allowed = self._slack(fact["at"]) + self._estimate(fact) + (0.0 if since is None else self.crowding.at(since))
        if abs(gap) > allowed:
            flag = ", estimated" if fact.get("estimated") else ""
            yield f"{what}: {gap:+.3f} s from the wire{flag}, allowed {allowed:.3f}"

    def _slack(self, moment: float) -> float:
        return TOLERANCE + self.crowding.at(moment)

    def _estimate(self, fact: Fact) -> float:
        """A time that is marked as estimated lies in an outage, and is wrong by no more than that lasted."""
        return self.breaks.longest() if fact.get("estimated") else 0.0
