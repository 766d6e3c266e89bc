"""The command ``callbridge``. Exit codes: 0 done, 1 failed, 2 usage or invalid config, 3 replaced by another owner."""

from __future__ import annotations

import argparse
import asyncio
import errno
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from callbridge import __version__
from callbridge import commands as talking
from callbridge.client import ApiError
from callbridge.settings import ConfigFaults, check, load

DONE, FAILED, USAGE, REPLACED = 0, 1, 2, 3
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
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
        if trouble.errno not in FULL:
            raise
        print(f"callbridge: the output cannot be written: {trouble.strerror}", file=sys.stderr)
        _drop_output()
        return FAILED


def _drop_output() -> None:
    """What could not be written is not to be tried again when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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

    talking.add(commands)
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


def _serve(options: argparse.Namespace) -> int:
    from callbridge.app import serve

    return asyncio.run(serve(load(options.config), options.config))
