"""What the fork server of `warm` does once for every callbridge that it starts: imports, and what all of them would compile.

Rule of this file: only what the code alone decides - the parser of the command line, the patterns of routes and the models of
the configuration, the files of the screens - is made here; whatever a start does with its own configuration it does itself.
"""

import gc

from aiohttp import web

import callbridge.cli.rescue
import callbridge.service.serving
from callbridge.adapters.http.routes import ROUTES
from callbridge.settings.loading import load
from tests import command_line, opened_often
from tests.lab.build import ROOT


def _share() -> None:
    command_line.share()
    callbridge.cli._parser()
    opened_often.share()


def _compile() -> None:
    load(ROOT / "config" / "callbridge.yaml")
    router = web.UrlDispatcher()
    for route in ROUTES:
        router.add_route(route.method, route.path, _answer)


async def _answer(_: web.Request) -> web.Response:
    raise NotImplementedError


_share()
_compile()
gc.collect()
gc.freeze()
