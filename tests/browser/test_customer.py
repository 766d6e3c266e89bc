"""What an agent's page knows of the customer, in a real Chromium: CRM, last contacts, the script, own callbacks and leads."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Open
from tests.browser.stand_in import HOSTILE, StandIn
from tests.browser.test_pages import axe, shown, until_asked

pytestmark = [pytest.mark.live, pytest.mark.browser, pytest.mark.timeout(90), pytest.mark.asyncio(loop_scope="module")]

DAY = 86_400.0


def script(said: str = "") -> dict[str, Any]:
    def field(name: str, kind: str, *choices: str, required: bool = False) -> dict[str, Any]:
        about = {"name": name, "label": said or name.capitalize(), "kind": kind, "choices": list(choices)}
        return about | {"required": required, "least": "", "most": ""}

    greet: dict[str, Any] = {"text": f"Good morning {{name}}, this is {{agent}}. {said}", "next": "offer", "branches": []}
    greet["fields"] = [field("interested", "yes_no", required=True), field("note", "text")]
    greet["branches"] = [{"when": {"interested": ["no"]}, "to": "thanks"}]
    offer: dict[str, Any] = {
        "text": "From when, {name}?",
        "fields": [field("period", "choice", "monthly", said or "yearly")],
        "next": "thanks",
    }
    offer["fields"] += [field("starts", "date"), field("persons", "number")]
    thanks: dict[str, Any] = {"text": "So {period}, from {starts}. Thank you.", "fields": [], "next": "", "branches": []}
    steps = {"greet": greet, "offer": offer | {"branches": []}, "thanks": thanks}
    known = {"name": said or "Amelia Hart", "agent": "Maria Lopez", "number": ""}
    made = {"name": "renewal", "start": "greet", "steps": steps}
    return {"call": "cb-call-1", "script": made, "known": known, "answers": {}, "step": "greet"}


def known(server: StandIn, said: str = "") -> None:
    """Everything that the page can know. ``said``: in the place of every text."""
    now = server.now
    rows = [
        ("support", "1002", "answered", "", 312.0),
        ("sales", "", "abandoned", "", 0.0),
        ("support", "1001", "answered", "sold", 95.0),
        ("support", "1002", "", "", 20.0),
        ("support", "1002", "", "", 0.0),
    ]
    contacts = []
    for number, (queue, agent, outcome, code, talked) in enumerate(rows, 1):
        one = {"call": f"c{number}", "at": now - number * DAY, "direction": "out" if code else "in", "talked": talked}
        one |= {
            "queue": said or queue,
            "agent": said or agent,
            "agent_name": said or {"1002": "Jonas Weber"}.get(agent, ""),
            "outcome": said or outcome,
            "live": not outcome and talked > 0,
            "disposition": said or code,
            "disposition_label": said or {"sold": "Contract signed"}.get(code, code),
            "note": said,
        }
        contacts.append(one)
    repeated = {"at": now - DAY / 2, "agent": said or "1002", "agent_name": said or "Jonas Weber", "after": 7260.0}
    callback = {"id": "cb-callback-7", "queue": said or "support", "number": said or "+44*****203", "due": now + 3600.0}
    callback |= {"name": said or "Ella Fox"}
    lead = {"id": 17, "campaign": said or "renewals", "number": said or "+44*****881", "name": said or "Zoe Winter"}
    server.answers |= {
        "calls/cb-call-1/contacts": (200, {"contacts": contacts, "repeated": repeated}),
        "agents/1001/script": (200, script(said)),
        "agents/1001/own-calls": (
            200,
            {
                "callbacks": [callback | {"state": "resting"}],
                "leads": [lead | {"due_at": now + 5400.0, "attempts": 1, "disposition": said or "later"}],
                "missing": "",
            },
        ),
    }
    server.parts["me"]["me"]["call"] |= {"script": "renewal"}  # type: ignore[index]


def goes_to(server: StandIn, step: str, **answers: str) -> None:
    """What the server answers from now on."""
    view = copy.deepcopy(server.answers["agents/1001/script"][1])
    view["answers"] |= answers
    server.answers["agents/1001/script"] = (200, view | {"step": step})


async def test_the_last_contacts_and_who_calls_again(opened: Open, server: StandIn) -> None:
    known(server)
    page = await shown(opened, server, "agent")
    contacts = page.get_by_role("region", name="Last contacts")
    await expect(contacts).to_contain_text("Called again: talked to Jonas Weber (1002) 2 h 1 min ago")
    await expect(contacts.locator("tbody tr")).to_have_count(5)
    await expect(contacts.locator("tbody tr").nth(0)).to_contain_text("Jonas Weber (1002)")
    await expect(contacts.locator("tbody tr").nth(2)).to_contain_text("answered · Contract signed")
    await expect(contacts.locator("tbody tr").nth(1)).to_contain_text("gave up")
    await expect(contacts.locator("tbody tr").nth(3)).to_contain_text("in progress")
    await expect(contacts.locator("tbody tr").nth(4)).to_contain_text("no outcome")


@pytest.mark.parametrize(("status", "says"), [(503, 1), (501, 0)])
async def test_a_history_that_is_away_is_said_and_none_is_not(opened: Open, server: StandIn, status: int, says: int) -> None:
    known(server)
    server.answers["calls/cb-call-1/contacts"] = (status, {"detail": "the database does not answer in time"})
    page = await shown(opened, server, "agent")
    await expect(page.get_by_text("Good morning Amelia Hart")).to_be_visible()
    await expect(page.get_by_text("The last contacts cannot be read now.")).to_have_count(says)


async def test_the_customers_record_is_opened_once_for_a_call(opened: Open, server: StandIn) -> None:
    url = f"{server.url}/crm?phone=%2B442079460101&name=%3Cimg%3E"
    server.parts["me"]["me"]["call"] |= {"crm": {"url": url, "open": "on_answer"}}  # type: ignore[index]
    page = await shown(opened, server, "agent")
    link = page.get_by_role("link", name="Open the customer's record")
    await expect(link).to_have_attribute("href", url)
    await expect(link).to_have_attribute("rel", "noopener noreferrer")
    await expect(link).to_have_attribute("target", "_blank")
    while len(page.context.pages) < 2:
        await page.wait_for_timeout(50)
    tab = page.context.pages[1]
    await tab.wait_for_url(url)
    assert await tab.evaluate("window.opener") is None
    await page.reload()
    await expect(link).to_be_visible()
    await page.wait_for_timeout(500)
    assert len(page.context.pages) == 2


async def test_by_hand_nothing_is_opened(opened: Open, server: StandIn) -> None:
    server.parts["me"]["me"]["call"] |= {"crm": {"url": f"{server.url}/crm", "open": "by_hand"}}  # type: ignore[index]
    page = await shown(opened, server, "agent")
    await expect(page.get_by_role("link", name="Open the customer's record")).to_be_visible()
    await page.wait_for_timeout(500)
    assert len(page.context.pages) == 1


async def test_a_script_is_followed_and_every_answer_saved_when_its_field_is_left(opened: Open, server: StandIn) -> None:
    known(server)
    page = await shown(opened, server, "agent")
    part = page.get_by_role("region", name="Script")
    await expect(part).to_contain_text("Good morning Amelia Hart, this is Maria Lopez.")
    await expect(part.get_by_role("button", name="Next")).to_be_disabled()
    goes_to(server, "greet", note="is at work")
    await part.get_by_label("Note").fill("is at work")
    await part.get_by_label("Note").press("Tab")
    await until_asked(server, *["agents/1001/script"] * 1)
    goes_to(server, "greet", interested="yes")
    await part.get_by_label("Interested *").select_option("yes")
    await until_asked(server, *["agents/1001/script"] * 2)
    goes_to(server, "offer")
    await part.get_by_role("button", name="Next").click()
    await expect(part).to_contain_text("From when, Amelia Hart?")
    bodies = await until_asked(server, *["agents/1001/script"] * 3)
    about = {"call": "cb-call-1", "step": "greet"}
    assert bodies == [
        about | {"answers": {"note": "is at work"}, "to": ""},
        about | {"answers": {"interested": "yes"}, "to": ""},
        about | {"answers": {}, "to": "offer"},
    ]
    await page.reload()
    await expect(part).to_contain_text("From when, Amelia Hart?")
    await expect(part.get_by_role("button", name="Back")).to_be_visible()


async def test_an_answer_that_does_not_fit_is_said_in_the_servers_words(opened: Open, server: StandIn) -> None:
    known(server)
    goes_to(server, "offer", interested="yes")
    page = await shown(opened, server, "agent")
    part = page.get_by_role("region", name="Script")
    await expect(part).to_contain_text("From when")
    fault = {"detail": "these answers do not fit", "faults": [{"field": "persons", "problem": "must be a number"}]}
    server.answers["agents/1001/script"] = (400, fault)
    await part.get_by_label("Persons").fill("many")
    await part.get_by_label("Persons").press("Tab")
    await expect(part.get_by_role("alert")).to_have_text("persons: must be a number")


async def test_own_callbacks_and_leads_are_called_now(opened: Open, server: StandIn) -> None:
    known(server)
    page = await shown(opened, server, "agent")
    own = page.get_by_role("region", name="My callbacks and leads")
    await expect(own.locator("li")).to_have_count(2)
    await expect(own).to_contain_text("Zoe Winter")
    for button in await own.get_by_role("button", name="Call now").all():
        await button.click()
    await expect(page.get_by_text("Your next call, as soon as you are ready.")).to_be_visible()
    await until_asked(server, "agents/1001/own-calls/callbacks/cb-callback-7", "agents/1001/own-calls/leads/17")


async def test_whatever_others_wrote_is_text(opened: Open, server: StandIn) -> None:
    known(server, HOSTILE)
    page = await shown(opened, server, "agent")
    for region in ("Last contacts", "Script", "My callbacks and leads"):
        await expect(page.get_by_role("region", name=region)).to_contain_text(HOSTILE)
    assert await page.locator("main img, main script").count() == 0
    assert await page.evaluate("document.title") != "hit"


@pytest.mark.parametrize(
    "more", [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"viewport": {"width": 390, "height": 844}}]
)
async def test_axe_finds_nothing_and_nothing_is_too_wide(opened: Open, server: StandIn, more: dict[str, Any]) -> None:
    known(server)
    page = await shown(opened, server, "agent", reduced_motion="reduce", **more)
    await expect(page.get_by_role("region", name="Script")).to_be_visible()
    assert await axe(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
