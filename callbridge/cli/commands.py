"""The commands that talk to a running callbridge: agents, queues, calls, bypass, reload, top."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from callbridge.cli.argument_types import moment
from callbridge.cli.client import Client
from callbridge.cli.reload_table import reload_text
from callbridge.cli.tables import (
    agents_table,
    bypass_line,
    callbacks_table,
    calls_table,
    closures_table,
    explained,
    hours_table,
    queues_table,
)
from callbridge.settings.durations import seconds

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
DONE, FAILED = 0, 1
AGENT_COMMANDS = ("login", "ready", "not-ready", "logout", "end-wrap-up", "extend-wrap-up")
CALL_COMMANDS = {
    "hang-up": "",
    "move": "QUEUE",
    "head-start": "DURATION",
    "pull": "AGENT",
    "transfer": "TARGET",
    "consult": "TARGET",
    "complete": "",
    "return": "",
    "conference": "",
    "hold": "",
    "unhold": "",
    "survey": "",
    "record": "",
    "pause-recording": "",
    "resume-recording": "",
    "listen": "PHONE",
    "whisper": "PHONE",
    "barge": "PHONE",
    "take-over": "PHONE",
    "release": "",
}
"""The requests about a call, and the argument that each of them needs."""


def add(commands: Commands) -> None:
    """Add them to the command's parser."""
    _add_agents(commands)
    _add_queues(commands)
    _add_calls(commands)
    _add_callbacks(commands)
    _add_bypass(commands)
    _add_hours(commands)
    _add_closures(commands)
    _add_reload(commands)
    _add_step_down(commands)
    _add_top(commands)


def _add_agents(commands: Commands) -> None:
    agents = commands.add_parser("agents", help="list agents, explain why one gets no calls, change an agent's state")
    server(agents)
    _act(agents, ("list", "show", *AGENT_COMMANDS), "agent", "the agent to explain or change")
    agents.add_argument("--reason", default="", help="with not-ready: the reason")
    agents.add_argument("--phone", default="", help="with login: the phone to use, such as PJSIP/1001 or pbx2/PJSIP/1001")
    agents.set_defaults(run=_agents, parser=agents)


def _add_queues(commands: Commands) -> None:
    queues = commands.add_parser("queues", help="list queues with today's figures, or explain why callers are waiting in one")
    server(queues)
    _act(queues, ("list", "show"), "queue", "the queue to explain")
    queues.set_defaults(run=_queues, parser=queues)


def _add_calls(commands: Commands) -> None:
    calls = commands.add_parser(
        "calls", help="list calls, show the timeline of one, or hang up, move, transfer, hold, record or supervise it"
    )
    server(calls)
    _act(calls, ("list", "show", *CALL_COMMANDS), "call", "the call ID")
    calls.add_argument("to", nargs="?", help="; ".join(f"{act}: the {to}" for act, to in CALL_COMMANDS.items() if to))
    calls.add_argument("--consult-queue", choices=("offer", "wait"), help="with consult queue:NAME: if nobody there is free")
    calls.set_defaults(run=_calls, parser=calls)


def _add_callbacks(commands: Commands) -> None:
    callbacks = commands.add_parser("callbacks", help="list open callbacks; add, change, hurry or cancel one")
    server(callbacks)
    verbs = ("list", "add", "call-now", "reschedule", "number", "cancel")
    callbacks.add_argument("act", nargs="?", default="list", choices=verbs, metavar="|".join(verbs))
    callbacks.add_argument("what", nargs="?", metavar="QUEUE|CALLBACK", help="add: the queue; otherwise the callback ID")
    callbacks.add_argument(
        "to",
        nargs="?",
        metavar="NUMBER|TIME",
        help="add, number: the number to call; reschedule: a time, as 2026-11-30T14:00",
    )
    callbacks.add_argument("--agent", default="", help="add: only this agent makes the call")
    callbacks.add_argument("--tier", default="", help="add: the customer's tier (default: looked up by number)")
    callbacks.set_defaults(run=_callbacks, parser=callbacks)


def _add_bypass(commands: Commands) -> None:
    bypass = commands.add_parser(
        "bypass", help="turn bypass on (all new calls go straight to the fallback) or off; without argument: show it"
    )
    server(bypass)
    bypass.add_argument("on", nargs="?", choices=("on", "off"), metavar="on|off")
    bypass.set_defaults(run=_bypass)


def _add_hours(commands: Commands) -> None:
    hours = commands.add_parser("hours", help="list calendars; close one immediately, or return it to its opening hours")
    server(hours)
    hours.add_argument("calendar", nargs="?")
    hours.add_argument("act", nargs="?", choices=("close", "reopen"), metavar="close|reopen")
    hours.set_defaults(run=_hours, parser=hours)


def _add_closures(commands: Commands) -> None:
    closures = commands.add_parser(
        "closures", help="list what is closed for a time; close a calendar, a queue or an entry; reopen it"
    )
    server(closures)
    closures.add_argument("act", nargs="?", default="list", choices=("list", "add", "reopen"), metavar="list|add|reopen")
    closures.add_argument(
        "what", nargs="?", metavar="TARGET|CLOSURE", help="add: such as calendar:office; reopen: the closure ID"
    )
    closures.add_argument("begins", nargs="?", help="add: a time such as 2026-12-01T12:00, or now")
    closures.add_argument("ends", nargs="?", help="add: a time such as 2026-12-01T18:00")
    closures.add_argument("--reason", default="", help="add: why")
    closures.set_defaults(run=_closures, parser=closures)


def _add_reload(commands: Commands) -> None:
    reload = commands.add_parser(
        "reload",
        help="reload the configuration from disk, or preview the effect on live calls; an invalid file is refused as a whole",
    )
    server(reload)
    reload.add_argument(
        "--dry-run",
        action="store_true",
        help="show what would change, without changing it; exit code 1 if the reload would be refused",
    )
    reload.add_argument("--force", action="store_true", help="reload even if it removes a queue that has callers or callbacks")
    reload.set_defaults(run=_reload)


def _add_step_down(commands: Commands) -> None:
    down = commands.add_parser("step-down", help="have the standby lead, such as before an upgrade of the leader; calls go on")
    server(down)
    down.set_defaults(run=_step_down)


def _add_top(commands: Commands) -> None:
    top = commands.add_parser("top", help="a live wallboard in the terminal: PgDn, PgUp, Home, l (logged-out agents), q")
    server(top, as_json=False)
    top.add_argument("--every", type=_interval, default=1.0, metavar="SECONDS", help="refresh interval (default: 1)")
    top.add_argument("--once", action="store_true", help="print one frame and exit")
    top.add_argument("--logged-in", action="store_true", help="hide agents who are logged out (key l)")
    top.set_defaults(run=_top)


def _act(parser: argparse.ArgumentParser, acts: tuple[str, ...], thing: str, about: str) -> None:
    parser.add_argument("act", nargs="?", default="list", choices=acts, metavar="ACT", help=" | ".join(acts))
    parser.add_argument(thing, nargs="?", help=about)


def server(parser: argparse.ArgumentParser, *, as_json: bool = True) -> None:
    """Options that select the server."""
    parser.add_argument(
        "--url",
        default=os.environ.get("CALLBRIDGE_URL", "http://127.0.0.1:8090"),
        help="HTTP address of callbridge (default: $CALLBRIDGE_URL or http://127.0.0.1:8090)",
    )
    parser.add_argument(
        "--token", default=os.environ.get("CALLBRIDGE_TOKEN", ""), help="bearer token (better: $CALLBRIDGE_TOKEN)"
    )
    if as_json:
        parser.add_argument("--json", action="store_true", help="print JSON")


def _interval(text: str) -> float:
    try:
        value = seconds(text)
    except ValueError as wrong:
        raise argparse.ArgumentTypeError(str(wrong)) from None
    if not 0.2 <= value <= 3600:
        raise argparse.ArgumentTypeError("expected 0.2 to 3600 seconds")
    return value


def client_of(options: argparse.Namespace) -> Client:
    return Client(options.url, options.token)


def show(options: argparse.Namespace, rows: Any, table: Callable[[Any], str]) -> int:
    print(json.dumps(rows, ensure_ascii=False) if options.json else table(rows))
    return DONE


def _explain(options: argparse.Namespace, kind: str, name: str) -> int:
    return show(options, client_of(options).explain(kind, name), lambda found: explained(found, what=kind.removesuffix("s")))


def _fitting(options: argparse.Namespace, thing: str) -> str:
    """The name argument: not allowed with ``list``, required by every other request."""
    name = getattr(options, thing)
    if options.act == "list":
        if name:
            options.parser.error(f"list takes no {thing}; did you mean: {options.parser.prog} show {name}")
    elif not name:
        options.parser.error(f"{options.act} needs a name: {options.parser.prog} {options.act} {thing.upper()}")
    return name or ""


def _agents(options: argparse.Namespace) -> int:
    agent = _fitting(options, "agent")
    for option, act in (("phone", "login"), ("reason", "not-ready")):
        if getattr(options, option) and options.act != act:
            options.parser.error(f"--{option} can only be used with {act}")
    match options.act:
        case "list":
            return show(options, client_of(options).agents(), agents_table)
        case "show":
            return _explain(options, "agents", agent)
        case act:
            return show(options, [client_of(options).act(agent, act, reason=options.reason, phone=options.phone)], agents_table)


def _queues(options: argparse.Namespace) -> int:
    queue = _fitting(options, "queue")
    if options.act == "list":
        return show(options, client_of(options).queues(), queues_table)
    return _explain(options, "queues", queue)


def _calls(options: argparse.Namespace) -> int:
    call = _fitting(options, "call")
    wanted = CALL_COMMANDS.get(options.act, "")
    if options.to and not wanted:
        options.parser.error(f"{options.act} takes no further argument: {options.to!r}")
    if wanted and not options.to:
        options.parser.error(f"{options.act} needs an argument: {options.parser.prog} {options.act} CALL {wanted}")
    if options.consult_queue and options.act != "consult":
        options.parser.error(f"{options.act} takes no --consult-queue: it is for consult")
    match options.act:
        case "list":
            return show(options, client_of(options).calls(), calls_table)
        case "show":
            return _explain(options, "calls", call)
        case act:
            body = _body(options, act)
            return show(options, client_of(options).act_on_call(call, act, **body), lambda _: f"{act}: accepted for {call}")


def _body(options: argparse.Namespace, act: str) -> Mapping[str, object]:
    match act:
        case "move":
            return {"to": f"queue:{options.to.removeprefix('queue:')}"}
        case "pull":
            return {"to": f"agent:{options.to.removeprefix('agent:')}"}
        case "transfer" | "consult":
            if options.to.partition(":")[0] not in ("queue", "agent", "number"):
                options.parser.error(f"{act} needs queue:NAME, agent:ID or number:DIGITS, got {options.to!r}")
            how = {"consult_queue": options.consult_queue} if options.consult_queue else {}
            return {"to": options.to, **how}
        case "listen" | "whisper" | "barge" | "take-over":
            return {"phone": options.to}
        case "head-start":
            return {"seconds": _duration(options)}
        case _:
            return {}


def _duration(options: argparse.Namespace) -> float:
    try:
        return seconds(options.to)
    except ValueError as wrong:
        parser: argparse.ArgumentParser = options.parser
        parser.error(str(wrong))


def _bypass(options: argparse.Namespace) -> int:
    wanted = None if options.on is None else options.on == "on"
    return show(options, client_of(options).bypass(wanted), bypass_line)


def _callbacks(options: argparse.Namespace) -> int:
    client = client_of(options)
    match options.act:
        case "list" if options.what:
            options.parser.error("list takes no argument")
        case "list":
            return show(options, client.callbacks(), callbacks_table)
        case "add" if options.what and options.to:
            made = client.call_back(options.what, options.to, agent=options.agent, tier=options.tier)
            return show(options, made, lambda row: callbacks_table([row]))
        case "add":
            options.parser.error("add needs a queue and a number: add QUEUE NUMBER")
        case "cancel" | "call-now" if not options.what or options.to:
            options.parser.error(f"{options.act} needs a callback ID: {options.act} CALLBACK (see the list)")
        case "cancel":
            return show(options, client.change_callback(options.what, "cancel"), lambda row: f"cancelled: {row.get('id')}")
        case "reschedule" | "number" if not options.what or not options.to:
            needs = "a time: reschedule CALLBACK TIME" if options.act == "reschedule" else "a number: number CALLBACK NUMBER"
            options.parser.error(f"{options.act} needs a callback ID and {needs}")
    changed = client.change_callback(options.what, options.act, **_callback_change(options))
    return show(options, changed, lambda row: callbacks_table([row]))


def _callback_change(options: argparse.Namespace) -> dict[str, object]:
    if options.act == "reschedule":
        return {"not_before": parsed(options, moment, options.to)}
    return {"number": options.to} if options.act == "number" else {}


def _hours(options: argparse.Namespace) -> int:
    client = client_of(options)
    if options.calendar is None:
        return show(options, client.hours(), hours_table)
    if options.act is None:
        options.parser.error("expected close or reopen")
    return show(options, client.close(options.calendar, options.act == "close"), lambda row: hours_table([row]))


def _closures(options: argparse.Namespace) -> int:
    client = client_of(options)
    match options.act:
        case "add" if options.ends:
            more: dict[str, object] = {"reason": options.reason} if options.reason else {}
            if options.begins != "now":
                more["begins"] = parsed(options, moment, options.begins)
            made = client.close_for(options.what, parsed(options, moment, options.ends), **more)
            return show(options, made, lambda row: closures_table([row]))
        case "add":
            options.parser.error("add needs what to close, from when and until when: add TARGET BEGINS ENDS")
        case "reopen" if options.what and not options.begins:
            return show(options, client.reopen(options.what), lambda row: f"reopened: {row.get('target')}")
        case "reopen":
            options.parser.error("reopen needs a closure ID: reopen CLOSURE (see the list)")
        case _ if options.what:
            options.parser.error("list takes no argument")
    return show(options, client.closures(), closures_table)


def parsed(options: argparse.Namespace, kind: Callable[[str], float], text: str) -> float:
    """An argument that is of this type only beside some others. Ends the command when it is no such thing."""
    parser: argparse.ArgumentParser = options.parser
    try:
        return kind(text)
    except argparse.ArgumentTypeError as wrong:
        parser.error(str(wrong))


def _reload(options: argparse.Namespace) -> int:
    said = client_of(options).reload(dry_run=options.dry_run, force=options.force)
    show(options, said, lambda report: reload_text(report, colour=sys.stdout.isatty()))
    return FAILED if said.get("refused") else DONE


def _step_down(options: argparse.Namespace) -> int:
    said = client_of(options).step_down()
    show(options, said, lambda row: f"{row['leader']} leads" if row.get("leader") else "stepped down; no instance leads yet")
    return DONE if said.get("leader") else FAILED


def _top(options: argparse.Namespace) -> int:
    from callbridge.cli.top import live, once

    client = client_of(options)
    if not options.once and not sys.stdout.isatty():
        print("callbridge: not a terminal: use `callbridge top --once` to print one frame", file=sys.stderr)
        return FAILED
    shown = not options.logged_in
    return once(client, logged_out=shown) if options.once else live(client, every=options.every, logged_out=shown)
