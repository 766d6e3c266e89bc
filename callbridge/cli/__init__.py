"""The ``callbridge`` command. Exit codes: 0 success, 1 failure, 2 usage or invalid configuration, 3 replaced by another owner.

Imports that a command needs are made when it runs: most commands only query a server, and loading the engine takes a
second or more.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import io
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from callbridge import __version__
from callbridge.cli import campaign_command, history_command, import_command, person_command, quality_command, report_command
from callbridge.cli import commands as talking
from callbridge.cli.argument_types import phone_number
from callbridge.cli.client import ApiError
from callbridge.settings.faults import ConfigFaults, printable

if TYPE_CHECKING:
    from callbridge.settings.models import Settings

DONE, FAILED, USAGE, REPLACED = 0, 1, 2, 3
DISK_FULL_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
"""Errors raised when writing to a full or broken file system."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; errors are reported as one line on stderr."""
    options = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = int(options.run(options))
        print(end="", flush=True)
        return code
    except ConfigFaults as wrong:
        for fault in wrong.faults:
            print(fault, file=sys.stderr)
        return USAGE
    except ApiError as error:
        print(f"callbridge: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("callbridge: interrupted", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        _drop_output()
        return DONE
    except OSError as trouble:
        if trouble.errno not in DISK_FULL_ERRORS:
            raise
        print(f"callbridge: cannot write the output: {trouble.strerror}", file=sys.stderr)
        _drop_output()
        return FAILED


def _drop_output() -> None:
    """Discard buffered output, so that the interpreter does not try to write it again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _CommandParser(argparse.ArgumentParser):
    """Reports usage errors as one line, without the usage text."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"callbridge: {message} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = _CommandParser(
        prog="callbridge", description="Contact-centre engine for Asterisk.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"callbridge {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="run the service until it is stopped")
    _config(serve)
    serve.set_defaults(run=_serve)

    observed = commands.add_parser("observe", help="watch the PBX's own app_queue queues without controlling anything")
    _config(observed)
    observed.set_defaults(run=_observe)

    checked = commands.add_parser("check", help="validate a configuration: report all errors at once, or summarise it")
    _config(checked, required=False)
    checked.add_argument("--schema", action="store_true", help="print the JSON Schema, for completion and validation in editors")
    checked.add_argument("--strict", action="store_true", help="exit with 2 for warnings, too")
    checked.set_defaults(run=_check, parser=checked)

    rescue = commands.add_parser("rescue", help="if callbridge is down, send the callers stranded in Asterisk to the fallback")
    _config(rescue)
    rescue.add_argument("--watch", action="store_true", help="keep running and check repeatedly")
    rescue.set_defaults(run=_rescue)

    doctor = commands.add_parser("doctor", help="check the PBX and Redis for missing or unsafe settings; read-only")
    _config(doctor)
    doctor.add_argument("--etc", type=Path, metavar="DIR", help="also read Asterisk's configuration files in DIR")
    doctor.add_argument("--json", action="store_true", help="print JSON")
    doctor.set_defaults(run=_doctor)

    import_command.add(commands)

    _add_readers(commands)
    made = commands.add_parser("password", help="make the hash of a password, for a user in the configuration")
    made.set_defaults(run=_password)
    talking.add(commands)
    campaign_command.add(commands)
    quality_command.add(commands)
    return parser


def _add_readers(commands: talking.Commands) -> None:
    """Commands about what is in the configuration: numbers, flows, prompts."""
    read = commands.add_parser("number", help="how a phone number is read, and what is known of it")
    read.add_argument("number", type=phone_number, metavar="NUMBER", help="the number, however it is written")
    _config(read)
    read.add_argument("--json", action="store_true", help="print JSON")
    read.set_defaults(run=_number)

    report = report_command.add(commands)
    _config(report)
    report.set_defaults(run=_report)

    history = history_command.add(commands)
    _config(history)
    history.set_defaults(run=_history)

    person = person_command.add(commands)
    _config(person)
    person.set_defaults(run=_person)

    flows = commands.add_parser("flows", help="list the flows of a configuration, or draw one")
    flows.add_argument("act", nargs="?", default="list", choices=("list", "draw"), metavar="list|draw")
    flows.add_argument("flow", nargs="?", help="the flow to draw, as Mermaid text")
    _config(flows)
    flows.set_defaults(run=_flows, parser=flows)

    prompts = commands.add_parser("prompts", help="generate sound files from the configured prompt texts, where they changed")
    _config(prompts)
    prompts.add_argument(
        "--check", action="store_true", help="only list missing or outdated sound files; exit code 1 if there are any"
    )
    prompts.add_argument("--all", action="store_true", help="regenerate all sound files")
    prompts.set_defaults(run=_prompts)


def _config(parser: argparse.ArgumentParser, required: bool = True) -> None:
    default = os.environ.get("CALLBRIDGE_CONFIG") or None
    parser.add_argument(
        "-c",
        "--config",
        type=Path,
        default=default and Path(default),
        required=required and default is None,
        metavar="FILE",
        help="configuration file (default: $CALLBRIDGE_CONFIG)",
    )


def _load(options: argparse.Namespace, *, observed: bool | None = None) -> Settings:
    from callbridge.settings.loading import load

    return load(options.config, observed=observed)


def _serve(options: argparse.Namespace) -> int:
    from callbridge.service.serving import serve

    return asyncio.run(serve(_load(options, observed=False), options.config))


def _observe(options: argparse.Namespace) -> int:
    from callbridge.service.serving import serve

    return asyncio.run(serve(_load(options, observed=True), options.config, observes=True))


def _check(options: argparse.Namespace) -> int:
    if options.schema:
        from callbridge.settings.editor_schema import schema_text

        print(schema_text(), end="")
        return DONE
    if options.config is None:
        options.parser.error("the following arguments are required: -c/--config")
    from callbridge.cli.check import check

    return check(options.config, strict=options.strict)


def _rescue(options: argparse.Namespace) -> int:
    from callbridge.cli.rescue import rescue
    from callbridge.settings.rescue_settings import load_links

    return asyncio.run(rescue(*load_links(options.config), watch=options.watch))


def _doctor(options: argparse.Namespace) -> int:
    from callbridge.cli.doctor import doctor

    if options.etc is not None and not options.etc.is_dir():
        print(printable(f"callbridge: --etc {options.etc}: no such folder"), file=sys.stderr)
        return FAILED
    return doctor(_load(options, observed=False), options.etc, as_json=options.json)


def _number(options: argparse.Namespace) -> int:
    from callbridge.cli.number import number

    return number(_load(options), options.number, as_json=options.json)


def _password(_options: argparse.Namespace) -> int:
    from callbridge.cli.password import password

    return password()


def _history(options: argparse.Namespace) -> int:
    return history_command.run(_load(options), options)


def _person(options: argparse.Namespace) -> int:
    return person_command.run(_load(options), options)


def _report(options: argparse.Namespace) -> int:
    from callbridge.cli.report import run

    return run(_load(options), options)


def _flows(options: argparse.Namespace) -> int:
    from callbridge.cli.flow_drawing import mermaid

    if (options.act == "draw") == (options.flow is None):
        options.parser.error("draw needs a flow: draw NAME" if options.act == "draw" else "list takes no flow")
    flows = {name: flow for name, flow in _load(options).plan().flows.items() if not flow.hidden}
    if options.act == "list":
        for flow in flows.values():
            print(printable(f"{flow.name}: {len(flow.nodes)} nodes, starts at {flow.start}"))
        return DONE
    if options.flow not in flows:
        known = ", ".join(flows) or "none"
        print(printable(f"callbridge: no such flow: {options.flow} (known: {known})"), file=sys.stderr)
        return FAILED
    print(mermaid(flows[options.flow]))
    return DONE


def _prompts(options: argparse.Namespace) -> int:
    from callbridge.cli.prompts import prompts

    settings = _load(options)
    counts: Counter[str] = Counter()
    for prompt in prompts(settings, make=not options.check, again=options.all):
        counts[prompt.state] += 1
        if prompt.state != "unchanged":
            where = f"{prompt.language}/{prompt.name}" if prompt.language else prompt.name
            print(printable(f"{prompt.state}: {where}" + (f": {prompt.why}" if prompt.why else "")), flush=True)
    print(", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "no prompt texts are configured")
    return FAILED if counts["failed"] or counts["missing"] or counts["stale"] else DONE
