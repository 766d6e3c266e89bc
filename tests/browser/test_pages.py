"""The screens in a real Chromium, with a stand-in for the server: what each page shows, does and never does."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from callbridge.adapters.views.reload_report import reload_report, report_in_parts, texts_in_parts
from callbridge.core.model.plan import ToQueue
from callbridge.core.model.sentence import Sentence
from callbridge.core.reload.plan_diff import difference
from callbridge.settings.faults import Fault
from tests.browser.conftest import Open
from tests.browser.stand_in import DIST, HOSTILE, Row, StandIn, agent, call, own_part, queue
from tests.browser.stand_in_history import CALL
from tests.core.story import Story, plan
from tests.core.story import queue as queue_plan

pytestmark = [pytest.mark.live, pytest.mark.browser, pytest.mark.timeout(90), pytest.mark.asyncio(loop_scope="module")]

LONG = True
AXE = DIST.parent / "node_modules" / "axe-core" / "axe.min.js"
PAGES = {"login": ("/", ""), "agent": ("/agent", "1001"), "supervisor": ("/supervisor", "boss"), "wall": ("/wall/floor", "")}
PAGES |= {
    "reports": ("/reports", "boss"),
    "calls": ("/calls", "boss"),
    "call": (f"/calls/{CALL}", "boss"),
    "quality": ("/quality", "boss"),
}
READY = {"login": "form", "agent": ".statebar", "supervisor": "table", "wall": ".board"}
READY |= {"reports": "form", "calls": "form", "call": ".marks", "quality": "table"}


async def shown(opened: Open, server: StandIn, name: str, **more: Any) -> Page:
    path, user = PAGES[name]
    server.sign_in(user)
    page = await opened(server.url + path, **more)
    await page.locator(READY[name]).first.wait_for()
    return page


async def until_asked(server: StandIn, *paths: str) -> list[Any]:
    """The bodies of these writes, in order; none other may have come."""
    for _ in range(200):
        if len(server.asked) >= len(paths):
            break
        await asyncio.sleep(0.05)
    assert [path for path, _ in server.asked] == list(paths)
    return [body for _, body in server.asked]


# -- the way in ---------------------------------------------------------------------------------------------------------------


async def test_log_in_by_keyboard_alone_refusals_and_out_again(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "login")
    await page.keyboard.type("1001")  # the first field has the focus
    await page.keyboard.press("Tab")
    await page.keyboard.type("wrong")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_have_text(
        "This user and password do not fit. Too many wrong attempts lock a log-in for 5 minutes."
    )
    await page.keyboard.type("4711")  # the wrong one is selected
    await page.keyboard.press("Enter")
    await expect(page.locator(".statebar")).to_contain_text("Talking")
    assert page.url == f"{server.url}/agent"
    await page.get_by_role("button", name="Sign out").click()
    await page.get_by_label("Password or PIN").wait_for()  # the agent's page, still there for a moment, has forms of its own
    await page.goto(f"{server.url}/agent")
    await expect(page.get_by_label("Password or PIN")).to_be_visible()


async def test_a_supervisor_begins_on_another_page_and_an_agent_cannot_open_it(opened: Open, server: StandIn) -> None:
    server.sign_in("boss")
    page = await opened(server.url)
    await page.locator("table").first.wait_for()
    assert page.url == f"{server.url}/supervisor"
    server.sign_in("1001")
    await page.goto(f"{server.url}/supervisor")
    await page.locator(".statebar").wait_for()
    assert page.url == f"{server.url}/agent"


async def test_a_session_that_ended_leads_to_the_log_in(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "agent")
    server.sign_in("")
    await server.stop()
    await server.start()
    await expect(page.get_by_label("Password or PIN")).to_be_visible()
    await expect(page.get_by_role("alert")).to_have_text("Your log-in has ended.")


@pytest.mark.parametrize(
    ("locale", "button", "said"),
    [
        ("en-GB", "End wrap-up", "Your log-in has ended, and the last action was not carried out."),
        ("zh-CN", "结束话后处理", "您的登录已失效，上一个操作未执行。"),
    ],
)
async def test_an_action_after_the_session_ended_says_that_it_was_not_carried_out(
    opened: Open, server: StandIn, locale: str, button: str, said: str
) -> None:
    page = await shown(opened, server, "supervisor", locale=locale)
    server.sign_in("")
    server.answers["agents/1004/end-wrap-up"] = (401, {"detail": "log in first"})
    await page.get_by_role("row", name=re.compile("Aisha Khan")).get_by_role("button", name=button).click()
    await expect(page.get_by_role("alert")).to_have_text(said)
    await page.get_by_role("textbox").first.fill("boss")
    await page.locator("[type=password]").fill("wrong")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_have_count(1)
    await expect(page.get_by_role("alert")).not_to_have_text(said)
    await page.locator("[type=password]").fill("4711")
    await page.keyboard.press("Enter")
    await page.locator("table").first.wait_for()
    await page.get_by_role("banner").get_by_role("button").last.click()  # signs out
    await page.locator("[type=password]").wait_for()
    await expect(page.get_by_role("alert")).to_have_count(0)


# -- wallboard ----------------------------------------------------------------------------------------------------------------


async def test_the_wall_follows_ticks_and_grades(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "wall")
    board = page.get_by_role("region", name="support")
    before = await board.locator(".longest_wait dd").inner_text()
    await expect(board.locator(".longest_wait dd")).not_to_have_text(before)  # with no message from the server
    await expect(board.locator(".service_level dd")).to_contain_text("target missed")
    server.change({"queues": {"support": queue("support", server.now, waiting=7, oldest=99.0, level=0.9)}})
    await expect(board.locator(".waiting dd")).to_have_text("7")
    await expect(board.locator(".service_level dd .graded")).to_have_class(re.compile("met"))
    server.change({"queues": {"support": None}})
    await expect(board).to_have_count(0)


async def test_a_wall_says_loudly_that_its_server_is_silent_and_recovers(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "wall")
    await page.clock.install()
    await page.reload()
    await page.locator(".board").first.wait_for()
    server.beating = False
    await asyncio.sleep(1.2)  # the last beat is over
    await expect(page.get_by_role("alert")).to_have_count(0)
    await page.clock.run_for(27_000)
    await expect(page.get_by_role("alert")).to_contain_text("These figures are old")
    await expect(page.locator(".board").first).to_be_visible()
    server.beating = True
    await page.clock.run_for(12_000)
    await expect(page.get_by_role("alert")).to_have_count(0)


async def test_pages_come_back_after_a_restart_with_what_changed_meanwhile(opened: Open, server: StandIn) -> None:
    wall, floor = await shown(opened, server, "wall"), await shown(opened, server, "supervisor")
    await server.stop()
    for page in (wall, floor):
        await expect(page.get_by_role("alert")).to_contain_text("These figures are old")
    server.change({"queues": {"support": queue("support", server.now, waiting=42)}})
    await server.start()
    await expect(wall.get_by_role("region", name="support").locator(".waiting dd")).to_have_text("42")
    await expect(floor.locator("tr", has_text="support").first).to_contain_text("42")
    for page in (wall, floor):
        await expect(page.get_by_role("alert")).to_have_count(0)


async def test_a_revoked_link_shows_nothing(opened: Open, server: StandIn) -> None:
    page = await opened(f"{server.url}/wall/floor?key=revoked")
    await expect(page.get_by_role("alert")).to_contain_text("no longer valid")
    await expect(page.locator(".board")).to_have_count(0)


async def test_a_wall_keeps_no_memory_of_ten_thousand_changes(opened: Open, server: StandIn) -> None:
    """Eight hours of a change every three seconds, at once."""
    page = await shown(opened, server, "wall")
    devtools = await page.context.new_cdp_session(page)

    async def heap() -> float:
        await devtools.send("HeapProfiler.collectGarbage")
        return float((await devtools.send("Runtime.getHeapUsage"))["usedSize"])

    async def change(first: int, last: int) -> None:
        for number in range(first, last):
            server.change({"queues": {"support": queue("support", server.now, waiting=number, oldest=number % 90)}})
            if number % 100 == 99:
                await asyncio.sleep(0.02)
        await expect(page.get_by_role("region", name="support").locator(".waiting dd")).to_have_text(str(last - 1))

    await change(0, 1000)
    before = await heap()
    await change(1000, 10_000)
    assert await heap() - before < 500_000


# -- agent --------------------------------------------------------------------------------------------------------------------


async def test_an_agents_call_and_what_can_be_done_with_it(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "agent")
    card = page.get_by_role("region", name="Call", exact=True)
    for text in ("+442079460101", "Amelia Hart", "4711 0815", "Premium", "gold", "support"):
        await expect(card).to_contain_text(text)
    await page.keyboard.press("Alt+KeyT")
    await page.keyboard.type("jonas")
    await expect(page.locator(".targets li")).to_have_count(1)
    await expect(page.locator(".targets li")).to_contain_text("Ready")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await card.get_by_role("button", name="Consult").click()
    await page.keyboard.type("+44 (20) 7946-0000")
    await page.keyboard.press("Enter")
    await card.get_by_role("button", name="Pause recording").click()
    paths = ("transfer", "consult", "pause-recording")
    bodies = await until_asked(server, *(f"calls/cb-call-1/{verb}" for verb in paths))
    assert bodies == [{"to": "agent:1002"}, {"to": "number:+442079460000"}, {}]


async def test_escape_empties_the_search_for_a_target_then_closes_it_and_it_opens_again(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "agent")
    dialog = page.get_by_role("dialog")
    for _ in range(2):
        await page.keyboard.press("Alt+KeyT")
        field = dialog.get_by_label("Agent, queue or number")
        await expect(field).to_be_focused()  # no hand is as fast as this: what is typed before goes nowhere
        await page.keyboard.type("jonas")
        await expect(page.locator(".targets li")).to_have_count(1)
        await page.keyboard.press("Escape")
        await expect(field).to_have_value("")
        await expect(page.locator(".targets li").nth(1)).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(dialog).to_have_count(0)
    assert server.asked == []


async def test_a_refused_target_is_forgotten_with_the_search_for_it(opened: Open, server: StandIn) -> None:
    server.answers["calls/cb-call-1/transfer"] = (409, {"detail": "calls may not be transferred to this number"})
    page = await shown(opened, server, "agent")
    for forget in ("Escape", "Backspace"):
        await page.keyboard.press("Alt+KeyT")
        dialog = page.get_by_role("dialog")
        await expect(dialog.get_by_label("Agent, queue or number")).to_be_focused()
        await page.keyboard.type("999")
        await page.keyboard.press("Enter")
        await expect(dialog.get_by_role("alert")).to_have_text("calls may not be transferred to this number")
        await page.keyboard.press(forget)
        await expect(dialog.get_by_role("alert")).to_have_count(0)
        if forget == "Backspace":  # Escape is meant for the dialog: with the next keys the agent may write a note
            await dialog.get_by_role("button", name="Close").click()
        await expect(dialog).to_have_count(0)


async def test_a_caller_who_is_back_from_a_transfer_is_marked(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "agent")
    card = page.get_by_role("region", name="Call", exact=True)
    own = server.parts["me"]["me"]
    assert own is not None

    def change(transfer: str, failed: str = "", to: str = "") -> None:
        changed = {"transfer": transfer, "transfer_failed": failed, "transfer_failed_to": to}
        server.change({"me": {"me": own | {"call": own["call"] | changed}}})

    change("returning")
    await expect(card).to_contain_text("nobody took it: back to the agent")
    change("", "no_answer", "agent:1002")
    await expect(card).to_contain_text("Agent Jonas Weber (1002): no answer; the caller is back")
    await page.reload()
    await expect(card).to_contain_text("Agent Jonas Weber (1002): no answer; the caller is back")
    change("consulting")
    await expect(card).to_contain_text("consulting")
    await expect(card.get_by_text("the caller is back")).to_have_count(0)
    change("", "rejected", "number:+442079460999")
    await expect(card).to_contain_text("Number +442079460999: rejected; the caller is back")
    change("")
    await expect(card.get_by_role("button", name="Hold", exact=True)).to_be_visible()
    await expect(card.get_by_text("the caller is back")).to_have_count(0)


async def test_a_call_on_hold_by_key_with_the_time_running(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "agent")
    card = page.get_by_role("region", name="Call", exact=True)
    await page.keyboard.press("Alt+KeyH")
    await until_asked(server, "calls/cb-call-1/hold")
    own = server.parts["me"]["me"]
    assert own is not None
    own = own | {"call": own["call"] | {"held_since": server.now - 65.0, "held_by": "request"}}
    server.change({"me": {"me": own}})
    await expect(card.locator(".held dd")).to_have_text(re.compile(r"^1:0\d$"))
    await expect(card.get_by_role("button", name="Hold", exact=True)).to_have_count(0)
    await card.get_by_role("button", name="Unhold").click()
    await until_asked(server, "calls/cb-call-1/hold", "calls/cb-call-1/unhold")
    server.change({"me": {"me": own | {"call": own["call"] | {"held_by": "phone"}}}})
    await expect(card.get_by_role("button", name="Unhold")).to_have_count(0)


async def test_notes_are_saved_by_key_and_before_the_wrap_up_ends(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "agent")
    card = page.get_by_role("region", name="Call", exact=True)
    await page.keyboard.press("Alt+KeyO")
    await page.keyboard.type("<b>wants</b> an offer")
    await page.keyboard.press("Control+Enter")
    await expect(card.get_by_role("list", name="Saved notes")).to_have_text("<b>wants</b> an offer")
    await expect(card.get_by_role("textbox", name="Notes")).to_have_value("")
    ended = server.parts["calls"]["cb-call-1"]
    after = agent("Maria Lopez", server.now, "wrap_up", id="1001", queue="support", until=server.now + 3600.0)
    server.change({"me": {"me": own_part(server.now, after, ended)}})
    await expect(page.locator(".left")).to_contain_text("59:5")
    await expect(card).to_contain_text("Amelia Hart")
    # Nothing of a call that goes on.
    await expect(card.locator("dt")).to_have_text(["Queue", "Tier", "Account", "Contract", "Town"])
    await expect(card.get_by_role("list", name="Saved notes")).to_have_text("<b>wants</b> an offer")  # of the same call
    await card.get_by_role("textbox", name="Notes").fill("by Friday")
    await page.get_by_role("button", name="Ready", exact=True).click()
    note, ready = "agents/1001/note", "agents/1001/ready"
    first, second, _ = await until_asked(server, note, note, ready)
    assert (first, second) == ({"text": "<b>wants</b> an offer"}, {"text": "by Friday"})
    soon = after | {"until": server.now + 3.5}
    await card.get_by_role("textbox", name="Notes").fill("and call him")
    server.change({"me": {"me": own_part(server.now, soon, ended)}})
    assert (await until_asked(server, note, note, ready, note))[-1] == {"text": "and call him"}


async def test_a_disposition_of_the_list_with_the_next_call(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "agent", timezone_id="UTC")
    own = server.parts["me"]["me"]
    assert own is not None
    server.change({"me": {"me": own | {"call": own["call"] | {"campaign": "spring"}}}})
    server.answers["agents/1001/disposition"] = (409, {"detail": "this is not a call of a campaign"})
    await expect(page.get_by_role("button", name="Disposition")).to_be_visible()
    await page.keyboard.press("Alt+KeyI")
    await page.get_by_role("radio", name="Call again").check()
    await page.get_by_label("Call again at").fill("2027-01-04T09:30")
    await page.get_by_label("by me").check()
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_role("alert")).to_have_text("this is not a call of a campaign")
    (body,) = await until_asked(server, "agents/1001/disposition")
    assert body == {"code": "later", "call_back_at": 1_799_055_000, "own": True}


async def test_the_list_of_shortcuts_has_only_those_that_do_something_now(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "agent")
    listed, now = page.locator(".shortcuts dt"), server.now
    call_keys = [f"Alt + {letter}" for letter in "RNTCHPSO"] + ["Ctrl + Enter", "Alt + I"]
    await page.get_by_text("Keyboard shortcuts").click()
    await expect(listed).to_have_text(call_keys)
    for width in (1280, 900, 360):
        await page.set_viewport_size({"width": width, "height": 900})
        one_line = "all => all.every(one => one.firstElementChild.offsetTop === one.lastElementChild.offsetTop)"
        assert await listed.evaluate_all(one_line), width
    wrap_up = agent("Maria Lopez", now, "wrap_up", id="1001", queue="support")
    server.change({"me": {"me": own_part(now, wrap_up, server.parts["calls"]["cb-call-1"])}})
    await expect(listed).to_have_text(["Alt + R", "Alt + N", "Alt + W", "Alt + O", "Ctrl + Enter", "Alt + I"])
    server.change({"me": {"me": own_part(now, agent("Maria Lopez", now, "ready", id="1001"), None)}})
    await expect(listed).to_have_text(["Alt + N"])
    server.change({"me": {"me": own_part(now, agent("Maria Lopez", now, "logged_out", id="1001"), None)}})
    await expect(listed).to_have_text(["Alt + R"])
    for key in "NWTIO":
        await page.keyboard.press(f"Alt+Key{key}")
    await page.keyboard.press("Alt+KeyR")
    await until_asked(server, "agents/1001/login")


async def test_a_dialog_stops_the_shortcuts_and_ends_with_its_call(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "agent")
    now, ready = server.now, agent("Maria Lopez", server.now, "ready", id="1001")
    for key in ("Alt+KeyT", "Alt+KeyI"):
        talks = server.parts["me"]["me"]
        await page.keyboard.press(key)
        await expect(page.get_by_role("dialog")).to_be_visible()
        await page.keyboard.press("Alt+KeyH")
        server.change({"me": {"me": own_part(now, ready, None)}})
        await expect(page.get_by_role("dialog")).to_have_count(0)
        server.change({"me": {"me": talks}})
        await expect(page.get_by_role("button", name="Transfer")).to_be_visible()
        await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.keyboard.press("Alt+KeyH")
    await until_asked(server, "calls/cb-call-1/hold")


async def test_an_agents_states_with_reasons_and_a_refusal_in_the_servers_words(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "agent")
    server.answers["agents/1001/logout"] = (409, {"detail": "not while a call is being transferred"})
    await page.keyboard.press("Alt+KeyN")
    await page.keyboard.press("l")  # lunch, by its first letter
    await page.keyboard.press("Enter")
    own = server.parts["me"]["me"]
    assert own is not None
    server.change({"me": {"me": own | {"agent": own["agent"] | {"next_state": "not_ready", "next_reason": "lunch"}}}})
    await expect(page.locator(".statebar .now")).to_contain_text("then: Not ready · lunch")
    await page.keyboard.press("Alt+KeyR")
    await page.get_by_role("button", name="Log out").click()
    bodies = await until_asked(server, *(f"agents/1001/{verb}" for verb in ("not-ready", "ready", "logout")))
    server.change({"me": {"me": own}})
    await expect(page.locator(".statebar .now")).not_to_contain_text("then:")
    assert bodies[0] == {"reason": "lunch"}
    await expect(page.get_by_role("status")).to_have_text("not while a call is being transferred")


async def test_a_call_that_comes_is_in_the_title_and_a_withheld_number_is_not_shown(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "agent")
    now = server.now
    idle = agent("Maria Lopez", now, "ready", id="1001")
    server.change({"me": {"me": own_part(now, idle, None)}})
    await expect(page.get_by_text("No call", exact=True)).to_be_visible()
    await expect(page).to_have_title("Ready – callbridge")
    rings = agent("Maria Lopez", now, "ringing", id="1001", queue="sales", call="cb-call-9")
    comes = own_part(now, rings, call("cb-call-9", now, "offered", "sales", "+4930123"))
    comes["call"] |= {"withheld": True, "name": ""}
    server.change({"me": {"me": comes}})
    await expect(page).to_have_title("☎ Ringing · sales – callbridge")
    await expect(page.locator(".call .number")).to_have_text("Withheld number")
    assert "+4930123" not in await page.content()
    await expect(page.locator(".call button")).to_have_count(0)  # nothing can be transferred yet


# -- supervisor ---------------------------------------------------------------------------------------------------------------


async def test_a_supervisor_acts_on_callers_agents_calls_and_callbacks(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "supervisor")
    waiter = page.get_by_role("row", name=re.compile("460203"))
    await waiter.get_by_role("button", name="Move").click()
    await page.get_by_role("dialog").get_by_label("Queue").select_option("sales")
    await page.get_by_role("dialog").get_by_label("Queue").press("Enter")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await waiter.get_by_role("button", name="Give to agent").click()
    await page.get_by_role("dialog").get_by_role("button", name="Give to agent").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.get_by_role("row", name=re.compile("Aisha Khan")).get_by_role("button", name="End wrap-up").click()
    await page.get_by_role("row", name=re.compile("Jonas Weber")).get_by_role("button", name="Not ready").click()
    await page.get_by_role("dialog").get_by_label("Reason").select_option("training")
    await page.get_by_role("dialog").get_by_label("Reason").press("Enter")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.get_by_role("row", name=re.compile("460101")).get_by_role("button", name="Listen").click()
    await page.get_by_label("At this phone").fill("PJSIP/1013")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.get_by_role("button", name="Reschedule").click()
    await page.get_by_role("dialog").get_by_label("Not before").fill("2030-01-02T15:30")
    await page.get_by_role("dialog").get_by_role("button", name="Save").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.get_by_role("button", name="Change number").click()
    await page.get_by_role("dialog").get_by_label("Number").fill("+44 20 7946 0199")
    await page.get_by_role("dialog").get_by_role("button", name="Save").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.get_by_role("region", name="Callbacks").get_by_role("button", name="Call now").click()
    await page.get_by_role("button", name="Cancel callback").click()
    await page.get_by_role("dialog").get_by_role("button", name="Cancel callback").click()
    await page.get_by_role("button", name="Pause", exact=True).click()
    bodies = await until_asked(
        server,
        "calls/cb-call-3/move",
        "calls/cb-call-3/pull",
        "agents/1004/end-wrap-up",
        "agents/1002/not-ready",
        "calls/cb-call-1/listen",
        "callbacks/cb-callback-1/reschedule",
        "callbacks/cb-callback-1/number",
        "callbacks/cb-callback-1/call-now",
        "callbacks/cb-callback-1/cancel",
        "campaigns/renewals/pause",
    )
    at = await page.evaluate("() => new Date('2030-01-02T15:30').getTime() / 1000")
    changes = [{"not_before": at}, {"number": "+44 20 7946 0199"}, {}, {}]
    assert bodies == [
        {"to": "queue:sales"},
        {"to": "agent:1002"},
        {},
        {"reason": "training"},
        {"phone": "PJSIP/1013"},
        *changes,
        {},
    ]


async def test_whom_a_campaign_calls_is_told_from_those_who_wait(opened: Open, server: StandIn) -> None:
    placed = {"campaign": "renewals", "callback": "", "agent": "", "agent_name": ""}
    called = call("cb-call-20", server.now, "dialling", "support", "+442079460220", waited=300.0, **placed, reached=False)
    there = call("cb-call-21", server.now, "waiting", "support", "+442079460221", waited=8.0, **placed, reached=True)
    rows = [one | {"position": 1, "needs": "", "steps": 1, "answer_within": 20.0} for one in (called, there)]
    server.answers["waiting"] = (200, {"now": server.now, "waiting": rows, "total": 2, "totals": {"support": 2}, "alerts": []})
    page = await shown(opened, server, "supervisor")
    waiting = page.get_by_role("region", name="Waiting callers").get_by_role("row")
    row = waiting.filter(has_text="460220")
    await expect(row).to_contain_text("being called by campaign renewals")
    await expect(row.locator(".graded")).to_have_count(0)
    await expect(row.get_by_role("button")).to_have_text(["Explain"])
    row = waiting.filter(has_text="460221")
    await expect(row).to_contain_text("answered a call of campaign renewals")
    await expect(row.locator(".graded")).to_have_count(1)
    await expect(row.get_by_role("button")).to_have_text(["Explain"])


async def test_calls_and_callbacks_name_their_agents(opened: Open, server: StandIn) -> None:
    del server.parts["agents"]["1005"]  # as for a supervisor of another team
    page = await shown(opened, server, "supervisor")
    calls = page.get_by_role("region", name="Calls", exact=True).get_by_role("row")
    await expect(calls.filter(has_text="460102")).to_contain_text("Tom Baker (1005)")
    await expect(page.get_by_role("region", name="Callbacks").get_by_role("row").last).to_contain_text("Maria Lopez (1001)")
    await expect(page.get_by_role("region", name="Callbacks").get_by_role("row").last).to_contain_text("Ella Fox")


async def test_who_supervises_a_call_is_shown_and_only_the_own_supervision_can_be_ended(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "supervisor")
    row = page.get_by_role("region", name="Calls", exact=True).get_by_role("row").filter(has_text="460101")
    end = row.get_by_role("button", name="End supervision")
    await expect(row.get_by_role("button", name="Listen")).to_be_visible()
    await expect(end).to_have_count(0)
    call = server.parts["calls"]["cb-call-1"] or {}
    other = {"by": "mia", "name": "Mia Kern", "mode": "whisper", "connected": True, "since": 1.0}
    server.change({"calls": {"cb-call-1": call | {"supervisors": [other]}}})
    await expect(row).to_contain_text("Mia Kern (mia) whispers")
    await expect(end).to_have_count(0)
    own = {"by": "boss", "name": "", "mode": "listen", "connected": False, "since": 2.0}
    server.change({"calls": {"cb-call-1": call | {"supervisors": [other, own]}}})
    await expect(row).to_contain_text("boss: the phone rings")
    server.change({"calls": {"cb-call-1": call | {"supervisors": [other, own | {"connected": True}]}}})
    await expect(row).to_contain_text("boss listens")
    await end.click()
    await until_asked(server, "calls/cb-call-1/release")
    server.change({"calls": {"cb-call-1": call | {"supervisors": []}}})
    await expect(row).not_to_contain_text("listens")
    await expect(end).to_have_count(0)


async def test_the_phone_of_a_supervisor_is_remembered_and_a_wrong_one_refused_in_plain_words(
    opened: Open, server: StandIn
) -> None:
    page = await shown(opened, server, "supervisor")
    dialog, field = page.get_by_role("dialog"), page.get_by_label("At this phone")
    listen = page.get_by_role("row", name=re.compile("460101")).get_by_role("button", name="Listen")
    fault = {"field": "phone", "problem": "expected a phone such as PJSIP/1001"}
    server.answers["calls/cb-call-1/listen"] = (400, {"detail": "the request body is invalid", "faults": [fault]})
    await listen.click()
    await expect(field).to_have_value("")
    await expect(field).to_have_attribute("placeholder", "such as PJSIP/1001")
    await field.fill("1013")
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_role("alert")).to_have_text("phone: expected a phone such as PJSIP/1001")
    del server.answers["calls/cb-call-1/listen"]
    await field.fill("PJSIP/1013 ")
    await page.keyboard.press("Enter")
    await expect(dialog).to_have_count(0)
    await page.reload()
    await listen.click()
    await expect(field).to_have_value("PJSIP/1013")
    bodies = await until_asked(server, "calls/cb-call-1/listen", "calls/cb-call-1/listen")
    assert bodies == [{"phone": "1013"}, {"phone": "PJSIP/1013"}]


async def test_a_new_callback_is_for_a_queue_that_offers_them_and_a_refusal_is_shown(opened: Open, server: StandIn) -> None:
    server.answers["callbacks"] = (409, {"detail": "the time has passed: choose a later one"})
    page = await shown(opened, server, "supervisor")
    button, dialog = page.get_by_role("button", name="New callback"), page.get_by_role("dialog")
    await button.click()
    await expect(dialog.get_by_label("Queue").get_by_role("option")).to_have_text(["sales", "support"])  # "general" offers none
    await dialog.get_by_label("Number").fill("+44 20 7946 0199")
    await dialog.get_by_label("Not before").fill("2020-01-02T10:00")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog.get_by_role("alert")).to_have_text("the time has passed: choose a later one")
    await page.keyboard.press("Escape")
    server.answers["callbacks/queues"] = (200, [])
    await button.click()
    await expect(dialog).to_contain_text("No queue of yours offers callbacks.")


async def test_a_supervisor_closes_a_queue_for_a_time_and_reopens_it(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "supervisor")
    site = page.get_by_role("region", name="Opening hours and configuration")
    await expect(site).to_contain_text("Queue support")
    await expect(site).to_contain_text("closed now · staff meeting · Maria Kern (maria)")
    await site.get_by_role("button", name="Reopen: Queue support").click()
    await site.get_by_role("button", name="Close for a time").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("What").select_option("queue:support")
    await dialog.get_by_label("Until").fill("2030-01-02T15:30")
    await dialog.get_by_label("Why").fill("<b>party</b>")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_have_count(0)
    bodies = await until_asked(server, "closures/cb-closure-1/reopen", "closures")
    ends = await page.evaluate("() => new Date('2030-01-02T15:30').getTime() / 1000")
    assert bodies == [{}, {"target": "queue:support", "ends": ends, "reason": "<b>party</b>"}]


async def test_a_calendar_says_why_it_is_closed_and_is_closed_after_a_confirmation(opened: Open, server: StandIn) -> None:
    calendar = {"open": False, "closed": False, "by": "", "since": "", "opens": server.now + 7 * 86_400}
    open_now = calendar | {"open": True, "opens": ""}
    by_hand = calendar | {"closed": True, "by": "maria", "since": server.now, "opens": ""}
    rows = [
        open_now | {"name": "day"},
        calendar | {"name": "holiday"},
        calendar | {"name": "night"},
        by_hand | {"name": "office"},
    ]
    server.answers["hours"] = (200, rows)
    closure = {"id": "cb-closure-1", "target": "calendar:holiday", "begins": server.now, "ends": server.now + 3600.0}
    server.answers["closures"] = (200, [closure | {"closed": True, "reason": "", "by": "zoe", "made_at": server.now}])
    page = await shown(opened, server, "supervisor")
    site, dialog = page.get_by_role("region", name="Opening hours and configuration"), page.get_by_role("dialog")
    for said in (
        r"day: open",
        r"holiday: closed · for a time \(zoe\) · opens \d",
        r"office: closed · by hand \(Maria Kern \(maria\)\)",
    ):
        await expect(site.get_by_text(re.compile(f"^{said}"))).to_be_visible()
    await expect(site.get_by_text(re.compile(r"^night: closed · by its opening hours · opens \d.*\d:\d\d$"))).to_be_visible()
    row = site.get_by_role("listitem").filter(has_text="day: open")
    await row.get_by_role("button", name="Close now").click()
    await expect(dialog).to_contain_text("callers are treated as outside opening hours")
    await dialog.get_by_role("button", name="Cancel").click()
    await row.get_by_role("button", name="Close now").click()
    await dialog.get_by_role("button", name="Close now").click()
    await expect(dialog).to_have_count(0)
    await site.get_by_role("button", name="Back to opening hours").click()
    assert await until_asked(server, "hours/day", "hours/office") == [{"closed": True}, {"closed": False}]


async def test_a_supervisor_of_a_team_is_offered_only_what_the_team_may_close(opened: Open, server: StandIn) -> None:
    server.users["boss"] |= {"role": "supervisor", "teams": ["front"]}
    server.answers["closures/targets"] = (200, [])
    row = {"begins": server.now, "ends": server.now + 3600.0, "closed": True, "reason": "", "by": "zoe", "made_at": server.now}
    targets = ("calendar:office", "queue:support")
    server.answers["closures"] = (200, [row | {"id": name, "target": name} for name in targets])
    page = await shown(opened, server, "supervisor")
    site = page.get_by_role("region", name="Opening hours and configuration")
    await expect(site.get_by_role("button", name="Reopen")).to_have_count(1)
    await expect(site.get_by_role("button", name="Reopen: Queue support")).to_be_visible()
    await expect(site.get_by_role("button", name="Close now")).to_have_count(0)
    await site.get_by_role("button", name="Close for a time").click()
    await expect(page.get_by_role("dialog")).to_contain_text("none of your team's queues depends on a calendar")
    await expect(page.get_by_role("dialog").get_by_role("textbox")).to_have_count(0)


async def test_an_explanation_is_one_click_away_and_escape_gives_the_focus_back(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "supervisor")
    button = page.get_by_role("row", name=re.compile("460204")).get_by_role("button", name="Explain")
    await button.click()
    await expect(page.get_by_role("dialog")).to_contain_text("Jonas Weber (1002) lacks support >= 2")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(button).to_be_focused()


async def test_a_reload_shows_its_difference_first_or_every_fault(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "supervisor")
    change: Row = {"kind": "queue", "name": "support", "change": "changed", "renamed_from": "", "settings": ["target"]}
    change |= {
        "callers": ["cb-call-3", "cb-call-4"],
        "callbacks": [],
        "talks": [],
        "attempts": [],
        "note": "they keep their place",
        "note_parts": {},
    }
    report: Row = {"reloaded": False, "dry_run": True, "forced": False, "refused": [], "warnings": []}
    report |= {"campaigns_stopped": [], "refused_parts": [], "warnings_parts": []}
    keys = [{"key": "queues.support.target", "old": "80/20", "new": None}]
    keys += [{"key": "log.level", "old": None, "new": "<b>debug</b>"}]
    server.answers["reload"] = (200, report | {"changes": [change], "keys": keys})
    await page.get_by_role("button", name="Reload configuration").click()
    await expect(page.get_by_role("dialog")).to_contain_text("they keep their place")
    await expect(page.get_by_role("dialog")).to_contain_text("callers: 2")
    await expect(page.get_by_role("row", name="queues.support.target 80/20 –")).to_be_visible()
    await expect(page.get_by_role("row", name="log.level – <b>debug</b>")).to_be_visible()
    await page.get_by_role("button", name="Apply").click()
    assert await until_asked(server, "reload", "reload") == [{"dry_run": True}, {"force": False}]
    faults = ["queues.yaml:3: no such skill: 'suport'", "agents.yaml:9: no such phone"]
    server.answers["reload"] = (409, {"detail": "the configuration was refused", "faults": faults, "faults_parts": [{}, {}]})
    await page.get_by_role("button", name="Reload configuration").click()
    for fault in faults:
        await expect(page.get_by_role("dialog")).to_contain_text(fault)
    await expect(page.get_by_role("button", name="Apply")).to_have_count(0)


async def test_a_reload_is_told_in_chinese_and_the_faults_of_the_files_are_introduced(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "supervisor", locale="zh-CN")
    story = Story(replace(plan([queue_plan("support"), queue_plan("sales")], []), entries={"support": ToQueue("support")}))
    story.caller("ann")
    story.caller("ben")
    new = replace(story.world.plan, queues={"sales": queue_plan("sales")}, entries={"support": ToQueue("sales")})
    found = difference(story.world, new)
    doubt = Fault("cb.yaml", 7, 1, "calendars.office", Sentence("is never open"), Sentence("add {setting}", setting="week:"))
    report = reload_report(found, dry_run=True, force=False, warnings=[doubt.in_parts])
    server.answers["reload"] = (200, report_in_parts(report))
    await page.get_by_role("button", name="重新加载配置").click()
    dialog = page.get_by_role("dialog")
    note = "来电者转到队列 sales"
    refused = (
        f"队列 support 已不在配置中，但还有 2 个等待的来电：请在替代它的队列中设置 renamed_from: support，或强制加载（{note}）"
    )
    await expect(dialog.locator(".problem")).to_have_text(refused)
    await expect(dialog.get_by_role("row", name="队列 support 移除")).to_contain_text(f"来电者：2 · {note}")
    await dialog.get_by_text("配置警告：2 条").click()
    warnings = [
        "没有已签入的坐席可以服务队列 sales（2 个在等待）",
        "文件 cb.yaml 第 7 行：calendars.office：从不开放（提示：添加 week:）",
    ]
    await expect(dialog.locator("ul li")).to_have_text(warnings)
    fault = Fault(
        "cb.yaml", 12, 3, "queues.support", "no such skill: 'suport'", picture="skills: suport\n        ^ here"
    ).in_parts
    body = {"detail": "the configuration was refused; the old one stays in force", "faults": [fault]}
    server.answers["reload"] = (409, body | {"faults_parts": texts_in_parts([fault])})
    await dialog.get_by_role("button", name="仍然应用").click()
    await expect(dialog.get_by_role("alert")).to_have_text("新配置被拒绝；旧配置继续有效")
    await expect(dialog).to_contain_text("配置文件中的错误以英文说明")
    await expect(dialog.locator("ol li")).to_contain_text("文件 cb.yaml 第 12 行：queues.support：no such skill: 'suport'")


async def test_a_queue_that_is_chosen_limits_the_tables(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "supervisor")
    waiting = page.get_by_role("region", name="Waiting callers")
    await expect(waiting.locator("tbody tr")).to_have_count(5)
    await page.get_by_role("button", name="sales").click()
    await expect(waiting.locator("tbody tr")).to_have_count(1)
    await page.get_by_role("button", name="Show all queues").click()
    await expect(waiting.locator("tbody tr")).to_have_count(5)


# -- every page ---------------------------------------------------------------------------------------------------------------


async def test_an_explanation_has_the_servers_numbers_and_indents_what_belongs_to_a_caller(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "supervisor")
    await page.get_by_role("row", name=re.compile("460204")).get_by_role("button", name="Explain").click()
    lines = page.get_by_role("dialog").get_by_role("listitem")
    await expect(lines.nth(2)).to_contain_text("Jonas Weber (1002)")
    assert await lines.evaluate_all("all => all.map(one => getComputedStyle(one.parentElement).listStyleType)") == ["none"] * 3
    left = "all => all.map(one => parseFloat(getComputedStyle(one).paddingInlineStart) > 0)"
    assert await lines.evaluate_all(left) == [False, False, True]


async def test_an_explanation_speaks_chinese_and_what_has_no_translation_stays_english(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "supervisor", locale="zh-CN")
    await page.get_by_role("row", name=re.compile("460204")).get_by_role("button", name="说明").click()
    lines = page.get_by_role("dialog").locator("li")
    await expect(lines.nth(2)).to_have_text("空闲但不符合：Jonas Weber (1002) 缺少 support >= 2（现为 1）")
    await expect(lines.nth(2)).to_have_class("inner")
    await expect(lines.first).to_contain_text("the caller needs support >= 2")


async def test_whatever_a_caller_calls_himself_is_text(opened: Open, server: StandIn) -> None:
    now = server.now
    bad = {"queue": HOSTILE, "reason": HOSTILE, "phone": HOSTILE}
    server.parts["queues"] = {HOSTILE: queue(HOSTILE, now, waiting=1, oldest=3.0)}
    server.parts["agents"] = {"1001": agent(HOSTILE, now, "talking", id="1001", call="cb-call-1") | bad}
    hostile = call("cb-call-1", now, "talking", HOSTILE, HOSTILE, tier=HOSTILE, agent="1001")
    server.parts["calls"] = {"cb-call-1": hostile, "cb-call-2": hostile | {"id": "cb-call-2", "state": "waiting"}}
    server.parts["callbacks"]["cb-callback-1"] = (server.parts["callbacks"]["cb-callback-1"] or {}) | {"number": HOSTILE}
    server.parts["alerts"] = {"1": dict.fromkeys(("code", "text", "queue", "agent", "severity"), HOSTILE) | {"since": ""}}
    server.parts["me"] = {"me": own_part(now, server.parts["agents"]["1001"] or {}, hostile)}
    server.parts["me"]["me"]["call"] |= {"name": HOSTILE, "details": [dict.fromkeys(("name", "label", "value"), HOSTILE)]}  # type: ignore[index]
    server.layout |= {"title": HOSTILE, "message": HOSTILE}
    for name in ("agent", "supervisor", "wall"):
        page = await shown(opened, server, name)
        await expect(page.get_by_text(HOSTILE).first).to_be_visible()
        assert await page.locator("main img, main script").count() == 0
        assert await page.evaluate("document.title") != "hit"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
async def test_axe_finds_nothing(opened: Open, server: StandIn, name: str, theme: str) -> None:
    page = await shown(opened, server, name, color_scheme=theme, reduced_motion="reduce")
    assert await axe(page) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing_in_dialogs_and_warnings(opened: Open, server: StandIn, theme: str) -> None:
    page = await shown(opened, server, "supervisor", color_scheme=theme, reduced_motion="reduce")
    for row, button in (("460203", "Move"), ("460203", "Hang up"), ("460101", "Listen"), ("460204", "Explain")):
        await page.get_by_role("row", name=re.compile(row)).get_by_role("button", name=button).click()
        assert await axe(page) == []
        await page.keyboard.press("Escape")
    agent_page = await shown(opened, server, "agent", color_scheme=theme, reduced_motion="reduce")
    await agent_page.keyboard.press("Alt+KeyT")
    assert await axe(agent_page) == []
    await server.stop()
    await expect(agent_page.get_by_role("alert")).to_be_attached()
    assert await axe(agent_page) == []


async def axe(page: Page) -> list[str]:
    """What axe calls wrong, in one line each, of any weight."""
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    found: list[str] = await page.evaluate(
        """async () => (await axe.run()).violations.map(
            (one) => `${one.impact}: ${one.id}: ${one.nodes.map((node) => node.html).slice(0, 3).join(" ")}`)"""
    )
    return found


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
@pytest.mark.parametrize("name", PAGES)
async def test_no_page_is_wider_than_its_screen(opened: Open, server: StandIn, name: str, locale: str) -> None:
    page = await shown(opened, server, name, locale=locale)
    assert await page.evaluate("document.documentElement.lang") == locale[:2]
    for width, height in ((360, 780), (768, 1024), (1920, 1080)):
        await page.set_viewport_size({"width": width, "height": height})
        # A wall works out its layout after it was resized.
        await page.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=width)


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
@pytest.mark.parametrize("name", ["agent", "supervisor", "calls", "call", "quality"])
async def test_tables_fit_half_a_screen(opened: Open, server: StandIn, name: str, locale: str) -> None:
    page = await shown(opened, server, name, locale=locale, viewport={"width": 900, "height": 3000})
    if name in ("agent", "calls"):
        await page.locator("tbody tr").last.wait_for()
    wider = "all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => `${one.ariaLabel}: ${one.scrollWidth}`)"
    assert await page.locator(".scroll").evaluate_all(wider) == []


async def test_a_wall_whose_layout_cannot_be_read_at_once_shows_it_soon(opened: Open, server: StandIn) -> None:
    """Chromium ends all requests when a network of the machine comes or goes; and the server may be busy once."""
    failures = ["busy", "abort", "abort"]

    async def fail(route: Route) -> None:
        match failures.pop() if failures else "":
            case "abort":
                await route.abort("failed")
            case "busy":
                await route.fulfill(status=503)
            case _:
                await route.continue_()

    page = await opened("about:blank")
    await page.route("**/api/walls/floor", fail)
    await page.goto(server.url + "/wall/floor")
    await page.locator(".board").first.wait_for()
    assert not failures


async def test_figures_of_a_wall_are_large_and_stay_inside_their_board(opened: Open, server: StandIn) -> None:
    """Of a television of 68 cm a thirty-second is 2 cm, which is read from six metres."""
    now = server.now
    for boards in (1, 2, 3, 4, 5, 6, 8, 9):
        rows = [queue(f"queue {n}", now, waiting=14, oldest=4000.0, level=1.0) for n in range(boards)]
        server.parts["queues"] = {row["name"]: row for row in rows}
        page = await shown(opened, server, "wall", viewport={"width": 1920, "height": 1080})
        heights = await page.locator(".board dd").evaluate_all(
            "all => all.map((one) => parseFloat(getComputedStyle(one).fontSize))"
        )
        assert min(heights) >= 1080 / 32, boards
        spill = await page.locator(".board").evaluate_all("all => all.map((one) => one.scrollWidth - one.clientWidth)")
        assert max(spill) <= 0, boards
        assert await page.evaluate("document.documentElement.scrollHeight") <= 1080, boards


async def test_language_and_theme_are_switched_at_once_and_kept(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "supervisor", color_scheme="light")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = await page.evaluate(paper)
    await page.get_by_label("Theme").select_option("dark")
    assert await page.evaluate(paper) != light
    await page.get_by_label("Language").select_option("zh")
    await expect(page.get_by_role("heading", name="等待的来电者")).to_be_visible()
    await page.reload()
    await expect(page.get_by_role("heading", name="等待的来电者")).to_be_visible()
    assert await page.evaluate(paper) != light


async def test_everything_is_reached_by_tab_and_the_focus_is_seen(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "agent")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.textContent") == "Skip to the content"
    reached = set()
    for _ in range(40):
        await page.keyboard.press("Tab")
        seen = (
            "parseFloat(getComputedStyle(document.activeElement).outlineWidth) >= 2 || document.activeElement === document.body"
        )
        assert await page.evaluate(seen)
        reached.add(await page.evaluate("document.activeElement.textContent.trim()"))
    buttons = await page.locator("button").all_inner_texts()
    assert [one for one in buttons if one.strip() not in reached] == []
