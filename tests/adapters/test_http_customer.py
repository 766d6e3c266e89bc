"""What agents ask about the customer of their call, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from callbridge.adapters.http import ApiToken, HttpSettings, TokenRole
from callbridge.adapters.reports.asking import HistoryNotConfigured, NoHistory
from callbridge.adapters.reports.contacts import Contact, ContactQuestion, LastContacts, Repeated
from callbridge.adapters.views.in_hand import AgentPages
from callbridge.adapters.views.scripts import Script, ScriptBranch, ScriptField, ScriptStep
from callbridge.core.model.agent import Work
from callbridge.core.model.events import CallbackChange, CallbackChangeRequested, PlanChanged
from callbridge.core.model.plan import Disposition
from tests.adapters.http_desk import Client, ToyDesk, client_of
from tests.adapters.test_http_roles import open_desk
from tests.adapters.toy_ledger import book

SETTINGS = HttpSettings(
    tokens=[
        ApiToken(name="anna", role=TokenRole.AGENT, token="anna", agent="a0"),
        ApiToken(name="boss", role=TokenRole.SUPERVISOR, token="boss"),
    ]
)


class Earlier:
    """LastContacts, or why there are none."""

    def __init__(self) -> None:
        self.asked: list[ContactQuestion] = []
        self.trouble: Exception | None = None
        self.found: LastContacts | None = None

    async def of(self, question: ContactQuestion) -> LastContacts:
        self.asked.append(question)
        if self.trouble is not None:
            raise self.trouble
        if self.found is not None:
            return self.found
        one = Contact(
            call="c1",
            at=1.0,
            direction="in",
            queue="q0",
            agent="a1",
            outcome="answered",
            talked=60.0,
            disposition="",
            note="call +442079461111",
        )
        return LastContacts((one,), Repeated(at=2.0, agent="a1", after=60.0))


@pytest.fixture
def earlier() -> Earlier:
    return Earlier()


@pytest.fixture
def desk(earlier: Earlier) -> ToyDesk:
    desk = open_desk()
    desk.earlier = earlier  # type: ignore[assignment]
    return desk


@pytest.fixture
async def client(desk: ToyDesk) -> AsyncIterator[Client]:
    async with client_of(desk, SETTINGS) as made:
        yield made


async def asked(client: Client, call: str, token: str = "anna") -> tuple[int, Any]:
    answer = await client.get(f"/api/calls/{call}/contacts", headers={"Authorization": f"Bearer {token}"})
    return answer.status, await answer.json()


def in_hand(desk: ToyDesk) -> str:
    return desk.made.agents["a0"].call


async def test_an_agent_gets_the_contacts_of_the_own_call(client: Client, desk: ToyDesk, earlier: Earlier) -> None:
    status, body = await asked(client, in_hand(desk))
    assert status == 200
    assert [(one["call"], one["live"], one["note"]) for one in body["contacts"]] == [("c1", False, "call +442079461111")]
    _, watched = await asked(client, in_hand(desk), "boss")
    assert [one["note"] for one in watched["contacts"]] == ["call +44*****111"], "only the agent who has the call"
    assert body["repeated"] == {"at": 2.0, "agent": "a1", "agent_name": "Agent 1", "after": 60.0}
    call = desk.made.calls[in_hand(desk)]
    question = earlier.asked[0]
    assert (question.number, question.call, question.queue) == (call.number, call.id, "q0")
    assert question.before == call.arrived_at


async def test_a_contact_that_goes_on_is_said_to(client: Client, desk: ToyDesk, earlier: Earlier) -> None:
    other = next(name for name in desk.made.calls if name != in_hand(desk))
    one = (await earlier.of(ContactQuestion(number="", call="", queue="", before=0.0))).contacts[0]
    earlier.found = LastContacts((replace(one, call=other, outcome=""), replace(one, outcome="")), None)
    _, body = await asked(client, in_hand(desk))
    assert [(one["outcome"], one["live"]) for one in body["contacts"]] == [("", True), ("", False)]


async def test_a_contacts_disposition_is_said_as_the_agent_read_it_of_the_campaign_first(
    client: Client, desk: ToyDesk, earlier: Earlier
) -> None:
    plan = desk.busy.world.plan
    codes = {"sold": Disposition("sold", label="Contract signed"), "no": Disposition("no")}
    spring = replace(plan.campaigns["spring"], dispositions={"sold": Disposition("sold", label="Renewed")})
    queues = {**plan.queues, "q0": replace(plan.queues["q0"], dispositions=codes)}
    desk.tell(PlanChanged(at=desk.now(), plan=replace(plan, queues=queues, campaigns={"spring": spring})))
    one = (await earlier.of(ContactQuestion(number="", call="", queue="", before=0.0))).contacts[0]
    told = [("sold", "q0", ""), ("sold", "q0", "spring"), ("no", "q0", "")]
    told += [("gone", "q0", "spring"), ("sold", "q9", "x"), ("", "q0", "")]
    rows = (replace(one, disposition=code, queue=queue, campaign=campaign) for code, queue, campaign in told)
    earlier.found = LastContacts(tuple(rows), None)
    _, body = await asked(client, in_hand(desk))
    assert [one["disposition"] for one in body["contacts"]] == ["sold", "sold", "no", "gone", "sold", ""]
    assert [one["disposition_label"] for one in body["contacts"]] == ["Contract signed", "Renewed", "no", "gone", "sold", ""]


async def test_of_others_calls_an_agent_learns_nothing(client: Client, desk: ToyDesk, earlier: Earlier) -> None:
    other = next(name for name in desk.made.calls if name != in_hand(desk))
    for call in (other, "no-such-call"):
        assert (await asked(client, call))[0] == 403
    assert earlier.asked == []
    assert (await asked(client, other, "boss"))[0] == 200
    assert (await asked(client, "no-such-call", "boss"))[0] == 404


async def test_in_wrap_up_the_contacts_of_the_last_call_are_still_there(client: Client, desk: ToyDesk) -> None:
    call = in_hand(desk)
    after = replace(desk.made.agents["a0"], work=Work.WRAP_UP, call="", wrap_call=call)
    desk.made.agents["a0"] = after
    assert (await asked(client, call))[0] == 200
    desk.made.agents["a0"] = replace(after, work=Work.IDLE)
    assert (await asked(client, call))[0] == 403


@pytest.mark.parametrize(
    ("trouble", "status"),
    [(NoHistory("the database does not answer in time"), 503), (HistoryNotConfigured("there is no history"), 501)],
)
async def test_a_history_that_is_away_is_said(
    client: Client, desk: ToyDesk, earlier: Earlier, trouble: Exception, status: int
) -> None:
    earlier.trouble = trouble
    assert (await asked(client, in_hand(desk)))[0] == status


# -- own callbacks and leads --------------------------------------------------------------------------------------------


def owed(desk: ToyDesk, agent: str, number: str) -> str:
    """The id of a callback that this agent is to make in an hour."""
    make = CallbackChange.MAKE
    due = desk.now() + 3600.0
    desk.tell(
        CallbackChangeRequested(at=desk.now(), change=make, queue="q0", number=number, agent=agent, by="crm", not_before=due)
    )
    (found,) = [one.id for one in desk.busy.world.callbacks.values() if one.number == number]
    return found


async def post(client: Client, path: str, token: str = "anna") -> tuple[int, Any]:
    answer = await client.post(f"/api/{path}", json={}, headers={"Authorization": f"Bearer {token}"})
    return answer.status, await answer.json()


async def test_an_agent_sees_and_makes_the_own_callbacks_only(client: Client, desk: ToyDesk) -> None:
    mine, others = owed(desk, "a0", "+442079460771"), owed(desk, "a1", "+442079460772")
    answer = await client.get("/api/agents/a0/own-calls", headers={"Authorization": "Bearer anna"})
    body = await answer.json()
    assert [one["id"] for one in body["callbacks"]] == [mine]
    assert "442079460771" not in str(body)
    assert (await post(client, f"agents/a0/own-calls/callbacks/{others}"))[0] == 404
    assert (await post(client, f"agents/a1/own-calls/callbacks/{others}"))[0] == 403
    assert (await post(client, f"agents/a1/own-calls/callbacks/{mine}", "boss"))[0] == 404
    assert await post(client, f"agents/a0/own-calls/callbacks/{mine}") == (200, {"agent": "a0", "id": mine})
    assert desk.busy.world.callbacks[mine].rests_until is None
    assert (await client.get("/api/agents/a1/own-calls", headers={"Authorization": "Bearer anna"})).status == 403


@pytest.mark.parametrize("lead", ["4711", "1", "x", "%00", "1%20OR%201=1", "9" * 30, "²"])
async def test_a_lead_that_is_not_the_agents_is_not_found(client: Client, desk: ToyDesk, lead: str) -> None:
    assert (await post(client, f"agents/a0/own-calls/leads/{lead}"))[0] in (400, 404)
    assert desk.carried_out == []


async def test_an_agent_calls_the_own_lead_now(client: Client, desk: ToyDesk) -> None:
    book().load("spring", [{"number": "+442079460881", "name": "Zoe", "agent": "a0", "due_at": 5.0}], 0.0)
    answer = await client.get("/api/agents/a0/own-calls", headers={"Authorization": "Bearer anna"})
    body = await answer.json()
    (lead,) = body["leads"]
    assert (lead["campaign"], lead["number"], lead["name"], body["missing"]) == ("spring", "+44*****881", "Zoe", "")
    assert (await post(client, f"agents/a0/own-calls/leads/{lead['id']}"))[0] == 200
    assert desk.carried_out == [("a0", "lead_call_now", f"lead:{lead['id']}")]


# -- the script -----------------------------------------------------------------------------------------------------------

SCRIPT = Script(
    name="renewal",
    start="greet",
    steps={
        "greet": ScriptStep(
            text="Good morning {name}, this is {agent}.",
            fields={
                "reached": ScriptField(label="Reached", kind="yes_no", required=True),
                "period": ScriptField(label="Period", kind="choice", choices=("monthly", "yearly")),
                "persons": ScriptField(label="Persons", kind="number", least=1, most=9),
                "until": ScriptField(label="Until", kind="date"),
                "note": ScriptField(label="Note", kind="text"),
            },
            branches=(ScriptBranch(when={"reached": ("no",)}, to="bye"),),
            next="bye",
        ),
        "bye": ScriptStep(text="Thank you."),
    },
)


@pytest.fixture
def scripted(desk: ToyDesk) -> ToyDesk:
    desk.shown.pages = AgentPages(scripts={"renewal": SCRIPT}, queue_scripts={"q0": "renewal"})
    return desk


async def script(client: Client, token: str = "anna") -> Any:
    answer = await client.get("/api/agents/a0/script", headers={"Authorization": f"Bearer {token}"})
    assert answer.status == 200
    return await answer.json()


async def answered(client: Client, call: str, agent: str = "a0", token: str = "anna", **body: Any) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    answer = await client.post(f"/api/agents/{agent}/script", json={"call": call, "step": "greet"} | body, headers=headers)
    return answer.status, await answer.json()


async def test_an_agent_gets_the_script_of_the_call_and_goes_on_where_it_was(client: Client, scripted: ToyDesk) -> None:
    call = in_hand(scripted)
    begun = await script(client)
    assert (begun["call"], begun["script"]["name"], begun["step"], begun["answers"]) == (call, "renewal", "greet", {})
    assert begun["known"]["name"] == "Ann"
    assert (await answered(client, call, answers={"reached": "yes", "note": "<b>hello</b>"}, to="bye"))[0] == 200
    again = await script(client)
    assert (again["step"], again["answers"]) == ("bye", {"reached": "yes", "note": "<b>hello</b>"})


async def test_without_a_script_there_is_none(client: Client, desk: ToyDesk) -> None:
    assert (await script(client))["script"] is None
    assert (await answered(client, in_hand(desk), answers={"note": "x"}))[0] == 409


@pytest.mark.parametrize(
    ("field", "answer", "problem"),
    [
        ("reached", "maybe", "must be yes or no"),
        ("period", "weekly", "must be one of: monthly, yearly"),
        ("persons", "0", "must be 1 or more"),
        ("persons", "10", "must be 9 or less"),
        ("persons", "nan", "must be a number"),
        ("persons", "1e3", "must be a number"),
        ("until", "2026-02-30", "must be a date such as 2026-11-30"),
        ("until", "20261130", "must be a date such as 2026-11-30"),
        ("note", "a\x00b", "must have at most 1000 characters, and no control characters"),
        ("note", "x" * 1001, "must have at most 1000 characters, and no control characters"),
        ("other", "x", "is not a field of the step greet"),
    ],
)
async def test_an_answer_that_does_not_fit_is_refused_by_field(
    client: Client, scripted: ToyDesk, field: str, answer: str, problem: str
) -> None:
    status, body = await answered(client, in_hand(scripted), answers={field: answer})
    (fault,) = body["faults"]
    assert (status, fault["field"], fault["problem"]) == (400, field, problem)
    assert (await script(client))["answers"] == {}


async def test_nobody_answers_for_others_or_in_another_call(client: Client, scripted: ToyDesk) -> None:
    call = in_hand(scripted)
    other = next(name for name in scripted.made.calls if name != call)
    assert (await answered(client, call, agent="a1", answers={"reached": "yes"}))[0] == 403
    assert (await answered(client, other, answers={"reached": "yes"}))[0] == 409
    assert (await answered(client, call, step="gone", answers={}))[0] == 409
    assert (await answered(client, call, to="gone", answers={}))[0] == 409
    assert (await answered(client, call, answers={"reached": 1}))[0] == 400
    assert (await script(client))["answers"] == {}
