"""The command ``callbridge``. Exit codes: 0 done, 1 failed, 2 usage or invalid config, 3 replaced by another owner."""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from callbridge import __version__
from callbridge.client import ApiError, Client
from callbridge.settings import ConfigFaults, check, load
from callbridge.tables import agents_table, call_story, calls_table, queues_table

DONE, FAILED, USAGE, REPLACED = 0, 1, 2, 3
ACTS = ("login", "ready", "not-ready", "logout", "end-wrap-up", "extend-wrap-up")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; an error is one line on stderr."""
    options = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return int(options.run(options))
    except ConfigFaults as wrong:
        for fault in wrong.faults:
            print(fault, file=sys.stderr)
        return USAGE
    except ApiError as error:
        print(f"callbridge: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return FAILED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="callbridge", description="The contact-centre engine beside an Asterisk PBX.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"callbridge {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="run beside the PBX until stopped")
    _config(serve)
    serve.set_defaults(run=_serve)

    checked = commands.add_parser("check", help="say every fault of a configuration at once, or what it means")
    _config(checked)
    checked.set_defaults(run=lambda options: check(options.config))

    agents = commands.add_parser("agents", help="list agents, or log one in or out")
    _server(agents)
    agents.add_argument(
        "act", nargs="?", default="list", choices=("list", *ACTS), metavar="ACT", help=" | ".join(("list", *ACTS))
    )
    agents.add_argument("agent", nargs="?", help="whose state to change")
    agents.add_argument("--reason", default="", help="with not-ready: why")
    agents.add_argument("--phone", default="", help="with login: the phone to use, such as PJSIP/1001")
    agents.set_defaults(run=_agents, parser=agents)

    queues = commands.add_parser("queues", help="list queues with their figures of today")
    _server(queues)
    queues.set_defaults(run=lambda options: _show(options, _client(options).queues(), queues_table))

    calls = commands.add_parser("calls", help="list calls, or show the story of one")
    _server(calls)
    calls.add_argument("act", nargs="?", default="list", choices=("list", "show"), metavar="ACT", help="list | show")
    calls.add_argument("call", nargs="?", help="the call to show")
    calls.set_defaults(run=_calls, parser=calls)
    return parser


def _config(parser: argparse.ArgumentParser) -> None:
    default = os.environ.get("CALLBRIDGE_CONFIG") or None
    parser.add_argument(
        "-c",
        "--config",
        type=Path,
        default=default and Path(default),
        required=default is None,
        metavar="FILE",
        help="the configuration (default: $CALLBRIDGE_CONFIG)",
    )


def _server(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--url", default=os.environ.get("CALLBRIDGE_URL", "http://127.0.0.1:8090"), help="callbridge's HTTP address"
    )
    parser.add_argument(
        "--token", default=os.environ.get("CALLBRIDGE_TOKEN", ""), help="bearer token (better: $CALLBRIDGE_TOKEN)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def _client(options: argparse.Namespace) -> Client:
    return Client(options.url, options.token)


def _show(options: argparse.Namespace, rows: Any, table: Callable[[Any], str]) -> int:
    print(json.dumps(rows, ensure_ascii=False) if options.json else table(rows))
    return DONE


def _serve(options: argparse.Namespace) -> int:
    from callbridge.app import serve

    return asyncio.run(serve(load(options.config), options.config))


def _agents(options: argparse.Namespace) -> int:
    for name, act in (("phone", "login"), ("reason", "not-ready")):
        if getattr(options, name) and options.act != act:
            options.parser.error(f"--{name} goes with {act}, not with {options.act}")
    client = _client(options)
    if options.act == "list":
        return _show(options, client.agents(), agents_table)
    if not options.agent:
        options.parser.error(f"{options.act} needs an agent: callbridge agents {options.act} AGENT")
    agent = client.act(options.agent, options.act, reason=options.reason, phone=options.phone)
    return _show(options, [agent], agents_table)


def _calls(options: argparse.Namespace) -> int:
    client = _client(options)
    if options.act == "list":
        return _show(options, client.calls(), calls_table)
    if not options.call:
        options.parser.error("show needs a call: callbridge calls show CALL")
    return _show(options, client.call(options.call), call_story)
