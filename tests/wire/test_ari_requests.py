"""Orders as requests: exactly what goes over the wire."""

from pathlib import Path

import pytest

from callbridge.core.model import orders as o
from callbridge.core.model.ids import LegId
from callbridge.wire.ari import Request, event_socket, requests

ROOT = Path(__file__).parents[2]

LEG = LegId("a/c 1/2")
CUSTOMER = LegId("a/cust")
RING = o.Ring(leg=LegId("a/cb-leg-1"), phone="PJSIP/1001", role="agent", agent="ann", give_up=19.2, call="cb-call-1")


@pytest.mark.parametrize(
    ("order", "line"),
    [
        (o.Subscribe(leg=LEG), "POST /applications/app/subscription?eventSource=channel:c%201%2F2"),
        (o.Answer(leg=LEG), "POST /channels/c%201%2F2/answer"),
        (o.StartMusic(leg=LEG, music="a&b"), "POST /channels/c%201%2F2/moh?mohClass=a%26b"),
        (o.StartRinging(leg=LEG), "POST /channels/c%201%2F2/ring"),
        (o.StopRinging(leg=LEG), "DELETE /channels/c%201%2F2/ring"),
        (
            o.Snoop(leg=LegId("pbx/cb-snoop-1"), of=LEG, whisper=False, call="c"),
            "POST /channels/c%201%2F2/snoop/cb-snoop-1?app=app&appArgs=snoop&spy=both&whisper=none",
        ),
        (o.StopMusic(leg=LEG), "DELETE /channels/c%201%2F2/moh"),
        (o.Play(leg=LEG, playback="p/1", media="sound:a b"), "POST /channels/c%201%2F2/play/p%2F1?media=sound:a%20b"),
        (
            o.Play(leg=LEG, playback="p", media="sound:a,digits:1", language="de"),
            "POST /channels/c%201%2F2/play/p?media=sound:a,digits:1&lang=de",
        ),
        (o.StopPlaying(leg=LEG, playback="p/1"), "DELETE /playbacks/p%2F1"),
        (o.HangUp(leg=LEG, reason="busy"), "DELETE /channels/c%201%2F2?reason=busy"),
        (o.HangUp(leg=LEG, reason="rejected"), "DELETE /channels/c%201%2F2?reason=normal"),
        (
            o.LeaveToDialplan(leg=LEG, context="fall", extension="sales"),
            "POST /channels/c%201%2F2/continue?context=fall&extension=sales&priority=1",
        ),
        (o.DropBridge(bridge="b/1", pbx="a"), "DELETE /bridges/b%2F1"),
        (o.Probe(leg=LEG), "GET /channels/c%201%2F2"),
        (o.WatchAudio(leg=LEG, until=9.0), "GET /channels/c%201%2F2/rtp_statistics"),
        (o.InspectPhone(pbx="a", phone="PJSIP/1001"), "GET /endpoints/PJSIP/1001"),
        (o.InspectPhone(pbx="a", phone="PJSIP/1001/sip:x@y:5061"), "GET /endpoints/PJSIP/1001"),
    ],
)
def test_orders_of_one_request(order: o.Order, line: str) -> None:
    (request,) = requests(order, app="app")
    assert f"{request.method} {request.path}" == line
    assert request.body is None


def test_whom_we_send_away_on_purpose_is_marked_before_going_on() -> None:
    mark, go = requests(o.LeaveToDialplan(leg=LEG, context="fall", extension="sales", stays=True), app="app")
    assert f"{mark.method} {mark.path}" == "POST /channels/c%201%2F2/variable?variable=CALLBRIDGE_STAYS&value=1"
    assert f"{go.method} {go.path}" == "POST /channels/c%201%2F2/continue?context=fall&extension=sales&priority=1"


@pytest.mark.parametrize(
    "order",
    [o.HangUp(leg=LEG), o.DropBridge(bridge="b", pbx="a"), o.Probe(leg=LEG), o.StopPlaying(leg=LEG, playback="p")],
)
def test_what_is_gone_already_is_no_failure(order: o.Order) -> None:
    (request,) = requests(order, app="app")
    assert 404 in request.pardons
    assert 500 not in request.pardons


def test_ringing_creates_under_our_id_and_dials() -> None:
    create, dial = requests(RING, app="app")
    assert create == Request(
        "POST",
        "/channels/create",
        {
            "endpoint": "PJSIP/1001",
            "app": "app",
            "appArgs": "agent,ann",
            "channelId": "cb-leg-1",
            "variables": {
                "CALLBRIDGE_ROLE": "agent",
                "CALLBRIDGE_CALL": "cb-call-1",
                "PJSIP_HEADER(add,X-Callbridge-Call)": "cb-call-1",
            },
        },
    )
    assert dial == Request("POST", "/channels/cb-leg-1/dial?timeout=20")


def ring_body(**changes: object) -> dict[str, object]:
    fields = {name: getattr(RING, name) for name in ("leg", "phone", "role", "agent", "give_up", "call")}
    body = requests(o.Ring(**fields | changes), app="app")[0].body
    assert body is not None
    return dict(body)


def variables(**changes: object) -> dict[str, str]:
    found = ring_body(**changes)["variables"]
    assert isinstance(found, dict)
    return found


def test_a_phone_that_rings_is_shown_another_caller() -> None:
    show = o.ShowCaller(leg=LegId("a/cb-leg-1"), number="+4930", name='Er"ika, <x>')
    first, second, last = requests(show, app="app")
    shown = "&value=%22Er%27ika%20%20%28x%29%22%20%3C%2B4930%3E"
    assert first.path == f"/channels/cb-leg-1/variable?variable=CALLBRIDGE_SHOWN{shown}", "kept before it is shown"
    assert "variable=CONNECTED_LINE_SEND_SUB&value=callbridge-connected-line,s,1" in second.path
    path = f"/channels/cb-leg-1/variable?variable=CONNECTEDLINE%28all%29{shown}"
    assert (last.method, last.path, last.body) == ("POST", path, None)
    assert all(500 in request.pardons for request in (first, second, last))


def test_the_phone_shows_the_caller_and_the_call_is_linked_to_him() -> None:
    body = ring_body(originator=CUSTOMER, number="4930", name="Ada")
    assert body["originator"] == "cust"
    assert variables(number="4930", name="Ada")["CONNECTEDLINE(all)"] == '"Ada" <4930>'
    assert variables(number="4930")["CONNECTEDLINE(all)"] == '"4930" <4930>'


def test_a_withheld_number_is_anonymous_outside_and_a_word_on_our_own_phones() -> None:
    outside = variables(role="outside", agent="", number="withheld", name="gold support withheld")
    assert (outside["CONNECTEDLINE(num-pres)"], outside["CONNECTEDLINE(name-pres)"]) == ("prohib", "prohib")
    assert list(outside).index("CONNECTEDLINE(all)") < list(outside).index("CONNECTEDLINE(num-pres)")
    inside = variables(number="withheld", name="gold support withheld")
    assert inside["CONNECTEDLINE(all)"] == '"gold support withheld" <withheld>'
    assert "CONNECTEDLINE(num-pres)" not in inside


@pytest.mark.parametrize("role", ["agent", "session", "supervisor", "outside", "customer"])
@pytest.mark.parametrize("number", ["4930", "withheld"])
def test_a_phone_keeps_what_it_shows_whatever_asterisk_has_to_say(role: str, number: str) -> None:
    found = variables(role=role, number=number, name="Ada")
    extension = "anonymous" if (role, number) == ("outside", "withheld") else "s"
    ours = role != "customer"
    assert found.get("CONNECTED_LINE_SEND_SUB") == (f"callbridge-connected-line,{extension},1" if ours else None)
    assert found.get("CALLBRIDGE_SHOWN") == (found["CONNECTEDLINE(all)"] if ours else None)
    dialplan = (ROOT / "dialplan" / "callbridge.conf").read_text().partition("[callbridge-connected-line]")[2]
    assert f"exten => {extension},1,Set(CONNECTEDLINE(all,i)=${{CALLBRIDGE_SHOWN}})" in dialplan


def test_a_leg_says_what_it_is_for_and_nothing_that_could_be_misread() -> None:
    assert ring_body(originator=CUSTOMER)["appArgs"] == "agent,ann,cust"
    assert ring_body(agent="", role="outside", originator=CUSTOMER)["appArgs"] == "outside,,cust"
    assert ring_body(agent="", role="customer")["appArgs"] == "customer"
    assert ring_body(agent='a"b', originator=LegId("a/x,y"))["appArgs"] == "agent"


def test_a_name_cannot_break_out_of_its_quotes() -> None:
    shown = variables(number="1>,2", name='A"\\,\r\n${X}\ud800')["CONNECTEDLINE(all)"]
    assert shown == '"A\'/  (X)" <1) 2>'


def test_auto_answer_asks_the_phone_by_header() -> None:
    asked = variables(auto_answer=True, headers=(("Call-Info", "<sip:callbridge>;answer-after=0"), ("Alert-Info", "a;b")))
    assert asked["PJSIP_HEADER(add,Call-Info)"] == "<sip:callbridge>;answer-after=0"
    assert asked["PJSIP_HEADER(add,Alert-Info)"] == "a;b"


def test_headers_are_for_sip_phones_only() -> None:
    assert set(variables(phone="Local/7@x", auto_answer=True, headers=(("Alert-Info", "x"),))) == {
        "CALLBRIDGE_ROLE",
        "CALLBRIDGE_CALL",
    }


BRIDGE = o.Bridge(bridge="cb-br-1", legs=(CUSTOMER, LegId("a/cb-leg-1")), call="cb-call-1", queue="sales", agent="ann")
STOP = "DELETE /channels/cust/moh"


@pytest.mark.parametrize(
    ("inside", "lines"),
    [
        (
            None,
            [
                STOP,
                "POST /bridges?type=mixing,dtmf_events&bridgeId=cb-br-1&name=app,cb-call-1,sales,ann",
                "POST /bridges/cb-br-1/addChannel?channel=cust,cb-leg-1",
            ],
        ),
        ({"cust"}, [STOP, "POST /bridges/cb-br-1/addChannel?channel=cb-leg-1"]),
        ({"cust", "cb-leg-1"}, [STOP]),
    ],
)
def test_a_bridge_is_made_once_and_nobody_enters_twice(inside: set[str] | None, lines: list[str]) -> None:
    sent = requests(BRIDGE, app="app", inside=inside)
    assert [f"{request.method} {request.path}" for request in sent] == lines
    assert 404 in sent[0].pardons


def test_the_socket_never_subscribes_to_everything() -> None:
    assert event_socket("app") == "/events?app=app&subscribeAll=false"
