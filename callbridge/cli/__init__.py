"""The command ``callbridge``. Exit codes: 0 done, 1 failed, 2 usage or invalid config, 3 replaced by another owner.

Rule of this file: what a command needs is imported when it runs. Most only ask a server, and loading the engine for that takes a
second and more.
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
from callbridge.cli import campaign_command
from callbridge.cli import commands as talking
from callbridge.cli.client import ApiError
from callbridge.settings.durations import seconds
from callbridge.settings.faults import ConfigFaults, printable

if TYPE_CHECKING:
    from callbridge.settings.models import Settings

DONE, FAILED, USAGE, REPLACED = 0, 1, 2, 3
DISK_FULL_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
"""What writing to a full or broken file raises."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; an error is one line on stderr."""
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
        print(f"callbridge: the output cannot be written: {trouble.strerror}", file=sys.stderr)
        _drop_output()
        return FAILED


def _drop_output() -> None:
    """What could not be written is not to be tried again when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _CommandParser(argparse.ArgumentParser):
    """A mistake is one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"callbridge: {message} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = _CommandParser(
        prog="callbridge", description="The contact-centre engine beside an Asterisk PBX.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"callbridge {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="run beside the PBX until stopped")
    _config(serve)
    serve.set_defaults(run=_serve)

    checked = commands.add_parser("check", help="list every fault of a configuration at once, or say what it means")
    _config(checked, required=False)
    checked.add_argument("--schema", action="store_true", help="print the JSON Schema by which editors complete and check keys")
    checked.set_defaults(run=_check, parser=checked)

    rescue = commands.add_parser("rescue", help="when callbridge is dead: send the callers it left behind to the fallback")
    _config(rescue)
    rescue.add_argument("--watch", action="store_true", help="stay, and look again for as long as it runs")
    rescue.set_defaults(run=_rescue)

    doctor = commands.add_parser("doctor", help="look at the PBX and Redis and say what is missing or dangerous; changes nothing")
    _config(doctor)
    doctor.add_argument("--etc", type=Path, metavar="DIR", help="Asterisk's configuration files, to be read, too")
    doctor.add_argument("--json", action="store_true", help="print JSON")
    doctor.set_defaults(run=_doctor)

    imported = commands.add_parser("import", help="print an Asterisk's queues.conf as our configuration")
    imported.add_argument("queues", type=Path, metavar="QUEUES.CONF", help="its includes are followed")
    imported.add_argument("--extensions", type=Path, metavar="EXTENSIONS.CONF", help="says which extensions led to which queue")
    imported.add_argument(
        "--widen", type=_duration, metavar="DURATION", help="wait so long for each penalty before the next is asked"
    )
    imported.set_defaults(run=_import)

    flows = commands.add_parser("flows", help="list the flows of a configuration, or draw one")
    flows.add_argument("act", nargs="?", default="list", choices=("list", "draw"), metavar="list|draw")
    flows.add_argument("flow", nargs="?", help="the flow to draw, as Mermaid text")
    _config(flows)
    flows.set_defaults(run=_flows, parser=flows)

    prompts = commands.add_parser("prompts", help="make sounds of the configuration's texts, only of what changed")
    _config(prompts)
    prompts.add_argument(
        "--check", action="store_true", help="only say what is missing or to be made; exit code 1 if anything is"
    )
    prompts.add_argument("--all", action="store_true", help="make all of them again")
    prompts.set_defaults(run=_prompts)

    talking.add(commands)
    campaign_command.add(commands)
    return parser


def _duration(text: str) -> float:
    try:
        return seconds(text)
    except ValueError as wrong:
        raise argparse.ArgumentTypeError(str(wrong)) from None


def _config(parser: argparse.ArgumentParser, required: bool = True) -> None:
    default = os.environ.get("CALLBRIDGE_CONFIG") or None
    parser.add_argument(
        "-c",
        "--config",
        type=Path,
        default=default and Path(default),
        required=required and default is None,
        metavar="FILE",
        help="the configuration (default: $CALLBRIDGE_CONFIG)",
    )


def _load(options: argparse.Namespace) -> Settings:
    from callbridge.settings.loading import load

    return load(options.config)


def _serve(options: argparse.Namespace) -> int:
    from callbridge.service.serving import serve

    return asyncio.run(serve(_load(options), options.config))


def _check(options: argparse.Namespace) -> int:
    if options.schema:
        from callbridge.settings.editor_schema import schema_text

        print(schema_text(), end="")
        return DONE
    if options.config is None:
        options.parser.error("the following arguments are required: -c/--config")
    from callbridge.cli.check import check

    return check(options.config)


def _rescue(options: argparse.Namespace) -> int:
    from callbridge.cli.rescue import rescue
    from callbridge.settings.links import load_links

    return asyncio.run(rescue(*load_links(options.config), watch=options.watch))


def _doctor(options: argparse.Namespace) -> int:
    from callbridge.cli.doctor import doctor

    if options.etc is not None and not options.etc.is_dir():
        print(printable(f"callbridge: --etc {options.etc}: no such folder"), file=sys.stderr)
        return FAILED
    return doctor(_load(options), options.etc, as_json=options.json)


def _flows(options: argparse.Namespace) -> int:
    from callbridge.cli.flow_drawing import mermaid

    if (options.act == "draw") == (options.flow is None):
        options.parser.error("which flow? draw NAME" if options.act == "draw" else "list takes no flow")
    flows = {name: flow for name, flow in _load(options).plan().flows.items() if not flow.hidden}
    if options.act == "list":
        for flow in flows.values():
            print(printable(f"{flow.name}: {len(flow.nodes)} nodes, starts at {flow.start}"))
        return DONE
    if options.flow not in flows:
        known = ", ".join(flows) or "there is none"
        print(printable(f"callbridge: no such flow: {options.flow} (known: {known})"), file=sys.stderr)
        return FAILED
    print(mermaid(flows[options.flow]))
    return DONE


def _prompts(options: argparse.Namespace) -> int:
    from callbridge.cli.prompts import prompts

    settings = _load(options)
    if settings.speech is None:
        print("callbridge: the configuration has no section 'speech:'", file=sys.stderr)
        return FAILED
    counts: Counter[str] = Counter()
    for prompt in prompts(settings, make=not options.check, again=options.all):
        counts[prompt.state] += 1
        if prompt.state != "unchanged":
            where = f"{prompt.language}/{prompt.name}" if prompt.language else prompt.name
            print(printable(f"{prompt.state}: {where}" + (f": {prompt.why}" if prompt.why else "")), flush=True)
    print(", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "there are no texts")
    return FAILED if counts["failed"] or counts["missing"] or counts["stale"] else DONE


def _import(options: argparse.Namespace) -> int:
    from callbridge.cli.conf_files import read_conf
    from callbridge.cli.import_queues import convert

    try:
        conf = read_conf(options.queues)
        result = convert(conf, read_conf(options.extensions) if options.extensions else None, options.widen)
    except OSError as trouble:
        print(f"callbridge: {trouble.filename}: {trouble.strerror}", file=sys.stderr)
        return FAILED
    if not result.queues:
        print(f"callbridge: {options.queues}: no queue is in it", file=sys.stderr)
        return FAILED
    print(result.text, end="")
    for doubt in result.doubts:
        print(f"look at: {printable(doubt)}", file=sys.stderr)
    print(
        f"{result.queues} queues and {result.agents} agents; put it beside your own and run `callbridge check`", file=sys.stderr
    )
    return DONE
