"""The pages about the past: reports, the search of calls with its player, and quality."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Open
from tests.browser.stand_in import HOSTILE, StandIn
from tests.browser.stand_in_history import Row, call_report, calls_report, queues_report, recordings, scored
from tests.browser.test_pages import shown, until_asked

pytestmark = [pytest.mark.live, pytest.mark.browser, pytest.mark.timeout(90), pytest.mark.asyncio(loop_scope="module")]

PERIOD = "label:has-text('Period') > select:not([name])"
DETAILS = {
    "Entered the queue": "expected wait 3:18",
    "Note": "Wants a copy of the bill, by mail",
    "End of the transfer": "result back to the caller",
    "Talk ended": "ended by the customer",
}


async def test_a_report_is_chosen_plotted_tabled_and_taken_along(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "reports")
    await expect(page.locator("select[name=report] option")).to_have_text(["Queues", "Agents"])
    await page.get_by_label("Intervals").select_option("1h")
    await page.locator("input[name=queue]").fill("support,sales")
    await page.get_by_role("button", name="Show").click()
    await expect(page.locator(".scroll tbody tr")).to_have_count(24)
    await expect(page.get_by_role("img", name="Queues: offered").locator("canvas")).to_be_visible()
    await expect(page.locator(".scroll tbody tr").first).to_contain_text("70%")
    await page.get_by_label("Plot").select_option("service level")
    await expect(page.get_by_role("img", name="Queues: service level")).to_be_visible()
    for form in ("CSV", "XLSX"):
        address = await page.get_by_role("link", name=form).get_attribute("href")
        assert address is not None
        assert f"by=1h&queue=support%2Csales&format={form.lower()}&language=en" in address
    await page.get_by_text("Definitions").click()
    await expect(page.get_by_text("average speed of answer")).to_be_visible()
    await page.emulate_media(media="print")
    await expect(page.locator("nav")).to_be_hidden()
    await expect(page.locator(".scroll tbody tr").first).to_be_visible()


async def test_a_report_is_in_its_address_for_reload_back_and_colleagues(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "reports")
    chosen, days, rows = page.locator("select[name=report]"), page.get_by_label("From"), page.locator(".report .scroll tbody tr")
    await expect(page.locator(PERIOD)).to_have_value("today")
    await expect(rows).to_have_count(0)
    await days.fill("2025-01-15")
    await expect(page.locator(PERIOD)).to_have_value("")
    await page.get_by_label("Intervals").select_option("1h")
    await page.locator("input[name=queue]").fill("support, sales")
    await page.get_by_label("All names in one row").check()
    await page.get_by_role("button", name="Show").click()
    await page.wait_for_url(
        re.compile(r"/reports\?report=queues&from=2025-01-15&to=[\d-]+&by=1h&queue=support%2Csales&together=true$")
    )
    await expect(rows).to_have_count(24)
    await page.reload()
    await expect(rows).to_have_count(24)
    await chosen.select_option("agents")
    await expect(rows).to_have_count(0)  # those of another report
    await page.locator(PERIOD).select_option("yesterday")
    await page.locator("input[name=agent]").fill("Maria Lopez")
    await page.get_by_role("button", name="Show").click()
    await page.wait_for_url(re.compile(r"report=agents&.*&agent=1001$"))
    await expect(rows).to_have_count(1)
    colleague = await opened(page.url)
    await expect(colleague.locator("input[name=agent]")).to_have_value("Maria Lopez (1001)")
    await expect(colleague.locator(PERIOD)).to_have_value("yesterday")
    await expect(colleague.locator(".report .scroll tbody tr")).to_have_count(1)
    await page.go_back()
    await expect(rows).to_have_count(24)
    await expect(chosen).to_have_value("queues")
    await expect(days).to_have_value("2025-01-15")
    await expect(page.get_by_label("Intervals")).to_have_value("1h")
    await expect(page.locator("input[name=queue]")).to_have_value("support, sales")
    await expect(page.get_by_label("All names in one row")).to_be_checked()
    await page.get_by_role("link", name="Reports").click()
    await expect(rows).to_have_count(0)
    await expect(page.locator(PERIOD)).to_have_value("today")
    await expect(page.locator("input[name=queue]")).to_have_value("")


@pytest.mark.parametrize("path", ["reports?report=queues", "calls?"])
async def test_whatever_an_address_holds_is_text(opened: Open, server: StandIn, path: str) -> None:
    hostile = quote(HOSTILE)
    names = ("from", "to", "by", "queue", "agent", "tier", "outcome", "number", "score", "together", "page", "__proto__")
    server.sign_in("boss")
    server.answers["reports/calls"] = server.answers["reports/queues"] = (400, {"detail": f"no date '{HOSTILE}'"})
    page = await opened(f"{server.url}/{path}{''.join(f'&{name}={hostile}' for name in names)}")
    await expect(page.get_by_role("alert")).to_have_text(f"no date '{HOSTILE}'")
    await expect(page.locator("input[name=queue]")).to_have_value(HOSTILE)
    await expect(page.get_by_label("From")).to_have_value("")
    await page.goto(f"{server.url}/reports?report={hostile}")
    await expect(page.get_by_role("alert")).to_have_text(f"There is no report {HOSTILE} here.")
    await page.get_by_role("button", name="Show").click()
    await expect(page.get_by_role("alert")).to_have_text(f"no date '{HOSTILE}'")
    assert await page.locator("main img, main script").count() == 0


async def test_reports_speak_chinese(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "reports", locale="zh-CN")
    await page.get_by_role("button", name="显示").click()
    await expect(page.get_by_role("columnheader", name="服务水平")).to_be_visible()
    await expect(page.get_by_role("img", name="队列报表：呼入量")).to_be_visible()


async def test_a_page_without_its_database_says_so(opened: Open, server: StandIn) -> None:
    server.answers["reports"] = (503, {"detail": "the history cannot be read: the database is away"})
    page = await opened(f"{server.url}/reports")
    server.sign_in("boss")
    await page.reload()
    await expect(page.get_by_role("alert")).to_have_text("the history cannot be read: the database is away")
    server.answers["reports/calls"] = (501, {"detail": "there is no history: add the section 'database:' to the configuration"})
    await page.get_by_role("link", name="Calls").click()
    await page.get_by_role("button", name="Search").click()
    await expect(page.get_by_role("alert")).to_contain_text("add the section 'database:'")


async def test_what_the_server_refuses_is_said_in_chinese_on_a_chinese_page(opened: Open, server: StandIn) -> None:
    server.answers["reports"] = (
        503,
        {
            "detail": "the history cannot be read: no space left",
            "template": "the history cannot be read: {cause}",
            "values": {"cause": "no space left"},
        },
    )
    page = await opened(f"{server.url}/reports", locale="zh-CN")
    server.sign_in("boss")
    await page.reload()
    await expect(page.get_by_role("alert")).to_have_text("无法读取历史记录：no space left")
    server.answers["reports/calls"] = (501, {"detail": "there is no history: add the section 'database:' to the configuration"})
    await page.get_by_role("link", name="通话记录").click()
    await page.get_by_role("button", name="搜索").click()
    await expect(page.get_by_role("alert")).to_contain_text("没有历史记录：请在配置中设置 database: 一节")


async def test_calls_are_searched_turned_over_and_found_again_after_a_look_at_one(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "calls")
    await expect(page.locator("tbody tr")).to_have_count(50)  # the newest, before anybody has asked
    await page.get_by_label("Outcome").select_option("answered")
    await page.get_by_role("button", name="Search").click()
    await expect(page.locator("tbody tr")).to_have_count(50)
    await page.get_by_role("button", name="Older").click()
    await expect(page.locator("tbody tr")).to_have_count(10)
    await expect(page.get_by_role("button", name="Older")).to_be_disabled()
    await page.locator("tbody a").first.click()
    await expect(page.get_by_text("Offered to an agent").first).to_be_visible()
    line = page.get_by_role("region", name="Call", exact=True).get_by_role("listitem")
    for what, said in DETAILS.items():
        await expect(line.filter(has_text=what)).to_contain_text(said)
    await page.get_by_role("button", name="Back to the search").click()
    await expect(page.locator("tbody tr")).to_have_count(10)
    await expect(page.get_by_text("Page 2")).to_be_visible()
    await expect(page.get_by_label("Outcome")).to_have_value("answered")


async def test_a_search_is_in_its_address_for_reload_back_and_colleagues(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "calls")
    number, rows = page.get_by_label("Number", exact=True), page.locator("tbody tr")
    await expect(rows).to_have_count(50)
    await number.fill("+4420794603")
    await page.get_by_label("From").fill("2026-11-01")
    await page.get_by_role("button", name="Search").click()
    await page.wait_for_url(re.compile(r"/calls\?from=2026-11-01&to=[\d-]+&number=%2B4420794603$"))
    await page.get_by_role("button", name="Older").click()
    await expect(rows).to_have_count(10)
    await number.fill("+442079460307")
    await page.keyboard.press("Enter")
    await expect(rows).to_have_count(1)
    await page.reload()
    await expect(rows).to_have_count(1)
    await expect(number).to_have_value("+442079460307")
    await page.go_back()
    await expect(rows).to_have_count(10)
    await expect(page.get_by_text("Page 2")).to_be_visible()
    await expect(number).to_have_value("+4420794603")
    await expect(page.get_by_label("From")).to_have_value("2026-11-01")
    colleague = await opened(page.url)
    await expect(colleague.locator("tbody tr")).to_have_count(10)
    await page.get_by_role("link", name="Calls").click()
    await expect(number).to_have_value("")
    await expect(rows).to_have_count(50)


async def test_agents_have_their_names_and_are_chosen_by_them(opened: Open, server: StandIn) -> None:
    del server.parts["agents"]["1002"]  # of another team: named as on the live pages, and not suggested
    page = await shown(opened, server, "calls")
    await expect(page.locator("tbody tr").first).to_contain_text("Maria Lopez (1001)")
    agents = page.locator("input[name=agent]")
    assert "Maria Lopez (1001)" in await page.locator("#names-agent option").evaluate_all("all => all.map((one) => one.value)")
    await agents.fill("maria lopez, 1999")
    await page.get_by_role("button", name="Search").click()
    await page.wait_for_url(re.compile(r"agent=1001%2C1999"))
    await expect(agents).to_have_value("Maria Lopez (1001), 1999")
    await page.reload()
    await expect(agents).to_have_value("Maria Lopez (1001), 1999")
    await page.locator("tbody a").first.click()
    story = page.get_by_role("region", name="Call", exact=True)
    await expect(story).to_contain_text("Talk began · support · Maria Lopez (1001)")
    await expect(story).to_contain_text("to Agent Jonas Weber (1002)")
    await expect(page.locator("article h3").first).to_contain_text("support · Maria Lopez (1001)")
    await page.get_by_role("link", name="Quality").click()
    await expect(page.get_by_role("row", name="Review 19")).to_contain_text("Maria Lopez (1001)")
    await expect(page.get_by_role("row", name="Review 17")).to_contain_text("Eve Stone (eve)")
    await page.get_by_role("button", name="Review 18").click()
    await expect(page.get_by_role("heading", name="Review 18")).to_contain_text("Maria Lopez (1001) · support")
    await page.get_by_role("link", name="Reports").click()
    await page.locator("select[name=report]").select_option("agents")
    await page.get_by_role("button", name="Show").click()
    await expect(page.locator(".report .scroll tbody")).to_contain_text("Maria Lopez (1001)")


@pytest.mark.parametrize(("path", "report"), [("reports?report=agents&", "agents"), ("calls?", "calls")])
async def test_names_in_an_address_are_found_and_what_is_none_is_said(
    opened: Open, server: StandIn, path: str, report: str
) -> None:
    server.answers[f"reports/{report}"] = (404, {"detail": "no such agent: 'nobody' (known: 1001)"})
    server.sign_in("boss")
    page = await opened(f"{server.url}/calls")
    async with page.expect_request(lambda one: f"/api/reports/{report}?" in one.url and "agent=" in one.url) as request:
        await page.goto(f"{server.url}/{path}agent=maria%20lopez,nobody&outcome=beamed_up")
    asked = parse_qs(urlsplit((await request.value).url).query)
    assert asked["agent"] == ["1001,nobody"], "and nothing is asked for before the names are known"
    await expect(page.get_by_role("alert")).to_have_text("no such agent: 'nobody' (known: 1001)")
    if report == "calls":
        assert asked["outcome"] == ["beamed_up"]
        await expect(page.get_by_label("Outcome")).to_have_value("")
        assert "beamed_up" not in await page.get_by_label("Outcome").inner_text()


async def test_agents_of_whom_nothing_is_known_are_ids(opened: Open, server: StandIn) -> None:
    server.answers["names"] = (200, {"agents": {}, "users": {}})
    page = await shown(opened, server, "call")
    await expect(page.get_by_role("region", name="Call", exact=True)).to_contain_text("Talk began · support · 1001")
    server.answers["names"] = (503, {"detail": "no callbridge leads"})
    await page.reload()
    await expect(page.get_by_role("region", name="Call", exact=True)).to_contain_text("to Agent 1002")


async def test_a_recording_goes_to_the_moment_of_a_line_and_follows_what_is_heard(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "call")
    marks = page.locator(".marks button")
    await expect(marks.first).to_have_text(re.compile("0:00 Talk began"))
    await marks.filter(has_text=re.compile("0:10\\s*Transfer")).click()
    await page.wait_for_function("() => document.querySelector('audio').currentTime > 10.2")
    await expect(page.locator(".marks [aria-current]")).to_contain_text("Transfer")
    await expect(page.get_by_text("the disk was full")).to_be_visible()
    await page.get_by_role("button", name="Explain").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Jonas Weber (1002) lacks support >= 2 (has 1)")


async def test_a_recording_that_cannot_be_played_says_why(opened: Open, server: StandIn) -> None:
    server.answers["recordings/1-cb-rec-1"] = (404, {"detail": "the file of the recording is gone"})
    page = await shown(opened, server, "call")
    await page.locator(".marks button").first.click()
    await expect(page.get_by_role("alert")).to_have_text("the file of the recording is gone")


async def test_a_site_without_reviews_says_so_and_gives_nobody_advice_on_its_configuration(opened: Open, server: StandIn) -> None:
    server.answers["quality/reviews"] = server.answers["quality/samples"] = (501, {"detail": "add the sections"})
    server.sign_in("boss")
    page = await opened(f"{server.url}/quality")
    await expect(page.get_by_text("Calls are not reviewed here.")).to_be_visible()
    await expect(page.get_by_text("add the sections")).to_have_count(0)


async def test_before_anything_was_drawn_the_page_says_what_will_be_there_and_when(opened: Open, server: StandIn) -> None:
    server.answers["quality/reviews"] = server.answers["quality/samples"] = (200, [])
    server.sign_in("boss")
    page = await opened(f"{server.url}/quality")
    await expect(page.get_by_text("at the earliest ten minutes after the end of its day, week or month")).to_be_visible()
    server.sign_in("1001")
    await page.reload()
    await expect(page.get_by_text("Your scores stand here as soon as a recording of yours has been reviewed.")).to_be_visible()
    await expect(page.get_by_text("ten minutes")).to_have_count(0)


async def test_a_recording_is_drawn_heard_marked_and_scored(opened: Open, server: StandIn) -> None:
    page = await shown(opened, server, "quality")
    await page.get_by_role("button", name="Next recording").click()
    form = page.get_by_role("region", name="Review", exact=True)
    await expect(form.get_by_role("button", name="Submit the score")).to_be_disabled()
    greeting = form.get_by_role("group", name=re.compile("Greets"))
    await greeting.get_by_label("4", exact=True).check()
    await greeting.get_by_placeholder("Remark").fill("friendly")
    await page.evaluate("() => { const audio = document.querySelector('audio'); audio.currentTime = 7; audio.play(); }")
    await page.wait_for_function(
        "() => { const audio = document.querySelector('audio'); return audio.currentTime > 7.5 && (audio.pause(), true); }"
    )
    await greeting.get_by_role("button", name="Mark this moment").click()
    await form.get_by_role("group", name=re.compile("Offers")).get_by_label("Does not apply").check()
    await expect(form).to_contain_text("1 criterion without a mark")
    await form.get_by_role("group", name=re.compile("Identifies")).get_by_label("Not met").check()
    await form.get_by_label("Comment on the whole").fill("short")
    await form.get_by_role("button", name="Submit the score").click()
    drawn, body = await until_asked(server, "quality/next", "quality/reviews/19/score")
    assert drawn == {"sample": "team", "calibrate": False}
    assert body["marks"] == {"greeting": 4, "offer": "na", "identified": "fail"}
    assert (body["remarks"], body["comment"]) == ({"greeting": "friendly"}, "short")
    assert body["heard_at"] == {"greeting": pytest.approx(7.7, abs=0.8)}
    await expect(form).to_have_count(0)


async def test_an_agent_reads_the_own_scores_and_disputes_one(opened: Open, server: StandIn) -> None:
    server.sign_in("1001")
    server.answers["quality/reviews"] = (200, [scored(18, server.now)])
    page = await opened(f"{server.url}/quality")
    await page.get_by_role("button", name="Review 18").click()
    await expect(page.get_by_role("region", name="Review", exact=True)).to_contain_text("4 / 5")
    assert await page.locator("audio").count() == 0  # recordings are not for agents
    await page.get_by_role("button", name="Dispute").click()
    await page.get_by_label("Why the score is not right").fill("the caller had been identified before")
    await page.get_by_role("dialog").get_by_role("button", name="Dispute").click()
    assert await until_asked(server, "quality/reviews/18/dispute") == [{"reason": "the caller had been identified before"}]
    await expect(page.get_by_role("link", name="Calls")).to_have_count(0)


async def test_whatever_the_history_holds_is_text(opened: Open, server: StandIn) -> None:
    def bad(row: Row) -> Row:
        return {name: worse(value) if name not in ("call", "id", "state") else value for name, value in row.items()}

    def worse(value: Any) -> Any:
        if isinstance(value, dict):
            return bad(value)
        return HOSTILE if isinstance(value, str) and value else value

    now = server.now
    server.parts["agents"]["1001"]["name"] = HOSTILE  # type: ignore[index]
    server.answers["reports/queues"] = (200, [{**bad(row), HOSTILE: 1} for row in queues_report({}, now)])
    server.answers["reports/calls"] = (200, [bad(row) for row in calls_report({"limit": "3"}, now)])
    server.answers["reports/call"] = (200, [bad(row) for row in call_report(now)])
    server.answers["recordings"] = (200, [bad(row) for row in recordings(now)])
    server.answers["quality/reviews"] = (200, [bad(scored(18, now))])
    server.answers["quality/reviews/18"] = (200, bad(scored(18, now)))
    for name, button in (("reports", "Show"), ("calls", "Search"), ("call", ""), ("quality", "Review 18")):
        page = await shown(opened, server, name)
        if button:
            await page.get_by_role("button", name=button, exact=True).click()
        await expect(page.locator("td, li").filter(has_text=HOSTILE).first).to_be_visible()
        assert await page.locator("main img, main script").count() == 0
        assert await page.evaluate("document.title") != "hit"
