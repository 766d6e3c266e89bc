"""The timeline of a call as a Chinese page shows it: filled by the page's own code, from whatever can happen to a call."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest

import callbridge
from callbridge.adapters.facts.codec import fact_type
from callbridge.adapters.views.phrasing import PHONE_FAULTS, ExplainedLine
from callbridge.adapters.views.timeline import _SENTENCES, in_words
from callbridge.adapters.views.timelines import plain_fact
from callbridge.core.model import facts
from callbridge.core.model.attempt import OUTCOMES
from callbridge.core.model.call import DiversionReason, OfferResult, SupervisionMode, TransferKind, VisitOutcome
from callbridge.core.model.callback import TRY_RESULTS
from callbridge.core.model.events import CallRequest, Why
from callbridge.core.model.facts import AnyFact
from callbridge.core.model.numbers import WITHHELD
from callbridge.core.model.plan import AgentOrder, RefusalReason
from callbridge.core.model.sentence import Sentence, Unknown, Word, packed, unpacked
from tests.core.story import agent, one_queue, plan, queue, routing

EXPLANATION = Path(callbridge.__file__).parent / "web/src/pure/explanation.js"
PLAN = plan(
    [
        queue("support", routing(("support >= 1", None))),
        queue("vip", routing(("support >= 1", None)), pick=AgentOrder.HIGHEST_LEVEL),
    ],
    [agent("ann"), agent("bob")],
)
NAMES = (
    *("Ann (ann)", "Bob (bob)", "1007", "*****", "ops", "PJSIP/desk", "4711@out", "context,extension", "support >= 1"),
    *("support", "vip", "standard", "gold", "spring", "sorry/menu", "sorry", "cb-cb-1", "cb-1.wav", "nps", "helpful"),
    *("greeting", "crm", "renewal", "period", "yearly", "quality", "manners", "sold", "wants a manual", "long wait"),
    *("Hangup", "500 busy", "refused by the disk", "already requested"),
)
"""What people, phones, files and the configuration are called, and what people wrote."""
TERMS = ("PBX", "callbridge", "INVITE", "ACK", "SIP", "SDP", "MOS", "allow=")
NO_QUEUE = Unknown("no such queue: {queue}", queue="vip")
TARGETS = (
    *("queue:vip", "agent:1007", "number:*****", "phone:PJSIP/desk", "flow:sorry"),
    *("dialplan:context,extension", "callback:vip"),
)


def made(kind: type[AnyFact], /, **values: object) -> AnyFact:
    """A fact with these values, and some others where it needs them."""
    others = {"str": "", "Plain": "", "FreeText": "", "TargetText": "", "float": 12.5, "int": 2, "bool": False}
    usual = {"seq": 1, "at": 5.0, "call": "c1", "agent": "ann", "queue": "support", "tier": "standard", "by": "ops"}
    found: dict[str, Any] = {}
    for field in fields(kind):
        if field.name in values or field.name in usual:
            found[field.name] = values.get(field.name, usual.get(field.name))
        elif field.default is MISSING:
            found[field.name] = others.get(str(field.type), "")
    fact: AnyFact = kind(**found)
    return fact


def each(kind: type[AnyFact], field: str, values: Iterable[object], /, **others: object) -> list[AnyFact]:
    return [made(kind, **{field: value}, **others) for value in values]


def arrivals() -> Iterator[AnyFact]:
    yield from each(facts.CallArrived, "number", ("*****", WITHHELD, ""), entry="support", found_waiting=True)
    yield from each(facts.CallArrived, "tier", ("standard", "gold"), entry="support")
    yield from each(facts.CallArrived, "number", ("*****", ""), direction="out", callback="cb-cb-1")
    yield from each(facts.CallArrived, "number", ("*****", ""), direction="out", campaign="spring")
    yield from each(facts.CallAdopted, "agent", ("ann", ""))
    yield from each(facts.CallerChanged, "number", ("*****", WITHHELD, ""), phone="PJSIP/desk")
    yield made(facts.CallerChanged, phone="")
    yield from each(facts.CallerInaudible, "outcome", ("heard", "timed_out", "hung_up", "lost"))
    yield from each(facts.CallDiverted, "reason", DiversionReason)
    for response in RefusalReason:
        yield from each(facts.CallRefused, "full", ("pbx", "entry", "queue", "load"), entry="support", response=response)
    yield made(facts.CallRepeated, after=90.0)


def visits() -> Iterator[AnyFact]:
    yield from each(facts.VisitBegan, "rank", (1.0, 99.0))
    yield from each(facts.VisitBegan, "rank", (1.0, 99.0), consulted_by="bob")
    yield from each(facts.StepBegan, "needs", ("", "support >= 1", "agent 1007"))
    yield from each(facts.Announced, "what", ("callback", "greeting", "periodic", "busy", "connection_lost"))
    yield from each(facts.Announced, "minutes", (None, 3), what="position", position=2)
    reasons = {
        VisitOutcome.OVERFLOWED: ("waited", "moved", "key", "queue_removed", "nobody_free", "overflow", "long_wait"),
        VisitOutcome.FAILED: (
            *("queue_removed", "flow_removed", "bridge", "taken_away", "hung_up", "answer", "fault", "lost", "key", ""),
        ),
    }
    for outcome in VisitOutcome:
        yield from each(facts.VisitEnded, "reason", reasons.get(outcome, ("",)), outcome=outcome, to="queue:vip", estimated=True)
    yield made(facts.VisitEnded, outcome="answered", within_target=True)
    yield from each(facts.VisitEnded, "to", (*TARGETS, "goodbye", "fallback"), outcome="overflowed", reason="key")


def offers() -> Iterator[AnyFact]:
    for queue_name in ("support", "vip"):
        needs = ("", "support >= 1", "agent 1007", "pulled by ops")
        yield from each(facts.OfferMade, "needs", needs, queue=queue_name, freed_at=3.0)
    yield from each(facts.OfferEnded, "result", OfferResult, cause=21)
    yield from each(facts.OfferEnded, "trouble", ("silent", "dnd", *PHONE_FAULTS), result="misconfigured")
    yield made(facts.AgentChanged, state="connecting")
    yield from each(
        facts.CallEnded, "outcome", (*VisitOutcome, *OUTCOMES, *TRY_RESULTS, "voicemail", "callback", "flow", "left_flow")
    )
    yield from each(facts.CallEnded, "outcome", ("", "refused", "unsent"))


def requests() -> Iterator[AnyFact]:
    yield from each(facts.RequestGranted, "request", CallRequest)
    yield from each(facts.RequestGranted, "to", TARGETS, request="move", by="")
    yield from each(facts.RequestRefused, "to", TARGETS, request="transfer", reason=NO_QUEUE)
    yield from each(facts.RequestRefused, "request", (*CallRequest, "script_answer"), reason=NO_QUEUE)
    yield from each(facts.OrderGivenUp, "why", (*Why, "failed"), order="Hangup", detail="500 busy")


def talks() -> Iterator[AnyFact]:
    yield from each(facts.TalkBegan, "agent", ("ann", ""), estimated=True)
    ended = (
        "customer",
        "caller_lost",
        "agent",
        "transfer",
        "moved",
        "taken_over",
        "supervisor",
        "taken",
        "fault",
        "lost",
        "short",
    )
    yield from each(facts.TalkEnded, "ended_by", ended, hold_seconds=4.0, estimated=True)
    yield made(facts.WrapUpEnded)
    yield made(facts.CallRecorded, file="cb-1.wav")
    yield made(facts.RecordingFailed, file="cb-1.wav", why="refused by the disk")
    what = Sentence("not recorded until now")
    for why in Why:
        sentence = Sentence("{what}: {cause}", what=what, cause=Word(f"not_executed.{why}"))
        yield made(facts.RecordingFailed, file="cb-1.wav", why=sentence, **packed(sentence))
    for party in ("agent", "customer", "outside"):
        yield from each(facts.CallTransferred, "target", (*TARGETS, "4711@out", ""), party=party, attended=party == "agent")
    yield from each(facts.TransferStarted, "kind", TransferKind, to="agent:1007")
    results = ("completed", "nobody_free", "returned", "conference", "failed", *OfferResult)
    yield from each(facts.TransferEnded, "result", [one for one in results if one != "answered"], to="queue:vip")
    yield made(facts.ConferenceBegan, to="agent:1007", by="bob")
    yield made(facts.ConferenceEnded, to="number:*****", by="bob")
    yield from each(facts.SupervisionStarted, "mode", SupervisionMode, phone="PJSIP/desk")
    yield from each(facts.SupervisionEnded, "mode", SupervisionMode, phone="PJSIP/desk", by="")


def flows() -> Iterator[AnyFact]:
    reasons = ("survey", "entry", "key", "flow", "queue_removed", "full", "abandoned", "waited", "moved", "overflow", "long_wait")
    yield from each(facts.FlowBegan, "reason", reasons, flow="sorry")
    yield from each(facts.FlowStepped, "key", ("", "1"), flow="sorry", node="menu")
    yield from each(facts.FlowEnded, "to", TARGETS, flow="sorry", result="queue")
    yield from each(facts.FlowEnded, "result", ("hung_up", "goodbye", "moved", "failed"), flow="sorry")
    yield from each(facts.PromptFailed, "where", ("flow:sorry/menu", "queue:support/greeting"))
    yield from (made(kind, survey="nps", question="helpful", answer="2") for kind in (facts.SurveyAnswered, facts.SurveyAlerted))
    yield made(facts.SurveyMissed, survey="nps")
    yield from each(
        facts.SurveyEnded, "result", ("complete", "partial", "refused", "no_answer", "skipped"), survey="nps", answers=1
    )
    yield from each(facts.LookupEnded, "result", ("found", "failed"), lookup="crm")
    yield made(facts.VoicemailLeft, recording="cb-1.wav")


def services() -> Iterator[AnyFact]:
    yield from each(facts.CallbackRequested, "agent", ("", "ann"), callback="cb-cb-1")
    yield made(facts.CallbackRefused, reason=Sentence("too many callbacks are open"))
    yield from each(facts.CallbackTried, "result", TRY_RESULTS, attempt=2)
    reasons = ("", "do_not_call", "fault", *TRY_RESULTS)
    for outcome in ("kept", "failed", "expired", "cancelled"):
        yield from each(facts.CallbackEnded, "reason", reasons, outcome=outcome)
    yield made(facts.AttemptMade, lead=7, risk=0.034)
    yield from each(facts.AttemptEnded, "outcome", OUTCOMES, late=True, delay=2.5)
    yield made(facts.DispositionSet, code="sold")
    yield made(facts.CallNoted, text="wants a manual")
    yield from each(facts.ScriptAnswered, "answer", ("yearly", ""), script="renewal", field="period")
    yield made(facts.CallQuality, received=90, lost=10, mos=4.2, worst_mos=3.1)
    for score, failed, outcome in ((None, "", ""), (0.0, "manners,greeting", "entered"), (0.875, "manners", "already requested")):
        values = {"score": score, "failed": failed, "callback": "spring" if failed else "", "callback_outcome": outcome}
        yield from each(facts.CallScored, "agent", ("ann", ""), form="quality", rescored=bool(failed), **values)


STORY = [*arrivals(), *visits(), *offers(), *requests(), *talks(), *flows(), *services()]


def on_a_page(lines: list[ExplainedLine], language: str) -> list[str]:
    """As the page shows them, by its own code."""
    node = shutil.which("node")
    if node is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("node is missing: run `make setup`")
    script = f"""
        import {{ readFileSync }} from "node:fs";
        import {{ explained }} from {json.dumps(EXPLANATION.as_uri())};
        const lines = JSON.parse(readFileSync(0, "utf8"));
        console.log(JSON.stringify(lines.map((line) => explained({json.dumps(language)}, line))));
    """
    given = json.dumps([line.plain() for line in lines])
    ran = subprocess.run([node, "--input-type=module", "--eval", script], input=given, capture_output=True, text=True, check=True)
    said: list[str] = json.loads(ran.stdout)
    return said


def test_every_sentence_is_told_here() -> None:
    told = {fact_type(fact) for fact in STORY}
    assert set(_SENTENCES) - told == {"entity_quarantined"}  # which belongs to no call
    assert told - set(_SENTENCES) == {"agent_changed"}


def test_whatever_happens_to_a_call_is_chinese_on_a_chinese_page() -> None:
    lines = in_words(map(plain_fact, STORY), PLAN)
    assert len(lines) == len(STORY)
    names = re.compile("|".join(map(re.escape, sorted((*NAMES, *TERMS), key=len, reverse=True))))
    said = on_a_page(lines, "zh")
    assert [text for text in said if re.search(r"[A-Za-z{}]|undefined", names.sub("", text))] == []
    assert all(re.search(r"[\u4e00-\u9fff]", text) for text in said)


def test_an_english_page_shows_the_servers_own_sentences() -> None:
    lines = in_words(map(plain_fact, STORY), PLAN)
    assert on_a_page(lines, "en") == [line.text for line in lines]


def test_an_ordinary_call_reads_well_in_chinese() -> None:
    story = one_queue(agent("bob"))
    customer, _ = story.talk()
    story.wait(42)
    story.gone(customer)
    lines = in_words(map(plain_fact, (fact for fact in story.told if fact.call)), story.world.plan)
    assert on_a_page(lines, "zh") == [
        "来电到达，入口 support，号码 *****；客户等级 standard（号码不在任何等级名单中）",
        "在队列 support 中等待；排序用的应接时间为到达后 20 秒",
        "第 1 步：可分配给具备 support >= 1 的坐席",
        "等待 0 秒后分配给 Bob (bob)：符合 support >= 1；在符合的空闲坐席中空闲最久；0 秒前空闲",
        "Bob (bob)：0 秒后接听",
        "队列 support：0 秒后接听，在目标之内",
        "已接通 Bob (bob)",
        "与 Bob (bob) 的通话结束，历时 42 秒：来电者挂机",
        "来电结束，历时 42 秒：已接听，与坐席通话 1 次",
    ]


def test_a_refusal_is_chinese_and_from_an_archive_of_older_versions_unless_something_was_filled_in() -> None:
    story = [made(facts.CallbackRefused, reason=Sentence("too many callbacks are open"))]
    story += each(facts.RequestRefused, "reason", (NO_QUEUE, Sentence("no such queue")), request="move")
    live = [plain_fact(fact) for fact in story]
    kept = json.loads(json.dumps(live))
    expected = [
        "请求队列 support 的回拨，被拒绝：未完成的回拨过多",
        "ops 请求：移到其他队列；被拒绝：没有此队列：vip",
        "ops 请求：移到其他队列；被拒绝：没有此队列",
    ]
    assert on_a_page(in_words(live, PLAN), "zh") == expected
    expected[1] = "ops 请求：移到其他队列；被拒绝：no such queue: vip"
    assert on_a_page(in_words(kept, PLAN), "zh") == expected
    assert [line.text for line in in_words(kept, PLAN)] == [line.text for line in in_words(live, PLAN)]


BUSY = Sentence("{agent} cannot take the call now: {state}", agent="Ann {state} (ann)", state=Word("state.wrap_up"))
UNREADABLE = Sentence("'{number}': {fault}", number="+44 20 7946 0000", fault=Sentence("a number with letters in it"))


@pytest.mark.parametrize("mask", [True, False])
@pytest.mark.parametrize("reason", [NO_QUEUE, BUSY, UNREADABLE, Sentence("no such queue"), Sentence("{this} {is} one")])
def test_a_refusal_is_the_same_from_the_archive(reason: Sentence, mask: bool) -> None:
    refused = made(facts.RequestRefused, request="move", reason=reason, **packed(reason))
    live = [plain_fact(refused, mask=mask)]
    kept = json.loads(json.dumps(live))
    (line,) = in_words(kept, PLAN)
    assert [line] == in_words(live, PLAN)
    assert on_a_page([line], "zh") == on_a_page(in_words(live, PLAN), "zh")
    assert ("7946" in json.dumps(kept)) == (reason is UNREADABLE and not mask)


def test_a_refusal_with_a_masked_number_is_chinese_from_the_archive() -> None:
    refused = made(facts.RequestRefused, request="move", reason=str(UNREADABLE), **packed(UNREADABLE))
    (line,) = in_words([plain_fact(refused)], PLAN)
    assert on_a_page([line], "zh") == ["ops 请求：移到其他队列；被拒绝：“+44*****000”：号码中含有字母"]


@pytest.mark.parametrize(
    ("template", "values"),
    [
        ("{a}", ""),
        ("{a}", "[]"),
        ("{a}", "{"),
        ("{a}", '{"a": "no such queue: sales"}'),
        ("{a.__class__}", '{"a": "x"}'),
        ("{b}", '{"a": "x"}'),
        ("{", '{"a": "x"}'),
        ("{a}", '{"a": {"template": "{b}", "values": 7}}'),
        ("{a}", "[" * 100_000),
    ],
)
def test_parts_that_do_not_make_the_sentence_are_not_used(template: str, values: str) -> None:
    text = unpacked("no such queue: vip", template, values)
    assert (text, text.template, text.values) == ("no such queue: vip", "no such queue: vip", {})


def test_what_people_wrote_is_shown_as_it_is() -> None:
    note = made(facts.CallNoted, text="<b>{by}</b> {0} %s")
    assert on_a_page(in_words([plain_fact(note)], PLAN), "zh") == ["ops 的备注：<b>{by}</b> {0} %s"]
