"""The screens' files: built into ``callbridge/web/dist``, read once at the start, and served from memory under ``/``.

Only what is in the table is served, so no path leads elsewhere. A file whose name holds a hash never changes, so browsers keep
it; the page itself is asked for again each time. Without a bundle, ``/`` says how to build one.
"""

from __future__ import annotations

import gzip
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import hdrs, web

from callbridge.adapters.http.problems import Problem

PAGES = ("/", "/agent", "/supervisor", "/reports", "/calls", "/calls/{id}", "/quality", "/wall/{name}")
"""Every one of them is the same file, which looks at its address."""
DIST = Path(__file__).parents[2] / "web" / "dist"
LARGEST_BUNDLE = 20_000_000
"""Bytes of all files together: more is not a bundle of ours."""
FOREVER = "public, max-age=31536000, immutable"
REVALIDATED = "no-cache"
POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
_HASHED = re.compile(r"[.-][A-Za-z0-9_]{8,}\.[a-z0-9]+$")
_PACKED = frozenset({".png", ".jpg", ".webp", ".woff2", ".mp3", ".ogg", ".gz"})
_NO_BUNDLE = """\
This installation of callbridge was built without screens.

Calls, agents, the API and the commands work as usual. To build the screens, install nodejs and npm and run `make setup` in a
checkout, or install a wheel that was built with them.
"""


@dataclass(frozen=True, slots=True)
class PageFile:
    """``packed``: compressed with gzip; None where that saves nothing."""

    body: bytes
    media: str
    keep: str
    packed: bytes | None = None


class Pages:
    """``folder``: of the bundle."""

    def __init__(self, folder: Path = DIST) -> None:
        self._files: Mapping[str, PageFile] = read_bundle(folder)

    def add_to(self, router: web.UrlDispatcher) -> None:
        for path in PAGES:
            router.add_get(path, self.page)
        router.add_get("/assets/{path:.+}", self.asset)

    async def page(self, request: web.Request) -> web.Response:
        found = self._files.get("index.html")
        if found is None:
            return guarded(web.Response(text=_NO_BUNDLE, status=200 if request.path == "/" else 404))
        return _response(request, found)

    async def asset(self, request: web.Request) -> web.Response:
        found = self._files.get(f"assets/{request.match_info['path']}")
        if found is None:
            raise Problem(404, "no such file")
        return _response(request, found)


def read_bundle(folder: Path) -> dict[str, PageFile]:
    """By path below the folder; empty when there is no page. Links are not followed out of the folder."""
    found: dict[str, PageFile] = {}
    if not (folder / "index.html").is_file():
        return found
    size, root = 0, folder.resolve()
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name.startswith(".") or not path.resolve().is_relative_to(root):
            continue
        size += path.stat().st_size
        if size > LARGEST_BUNDLE:
            raise ValueError(f"{folder} holds more than {LARGEST_BUNDLE // 1_000_000} MB: it is not a bundle of callbridge")
        found[path.relative_to(folder).as_posix()] = _read(path)
    return found


def _read(path: Path) -> PageFile:
    body = path.read_bytes()
    media = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    packed = None if path.suffix in _PACKED else gzip.compress(body, mtime=0)
    if packed is not None and len(packed) >= len(body):
        packed = None
    return PageFile(body, media, FOREVER if _HASHED.search(path.name) else REVALIDATED, packed)


def _response(request: web.Request, file: PageFile) -> web.Response:
    packed = file.packed is not None and "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, "").lower()
    response = web.Response(body=file.packed if packed else file.body)
    response.content_type = file.media
    if file.media.startswith("text/") or file.media in ("application/javascript", "application/json"):
        response.charset = "utf-8"
    if packed:
        response.headers[hdrs.CONTENT_ENCODING] = "gzip"
    response.headers[hdrs.VARY] = "Accept-Encoding"
    response.headers[hdrs.CACHE_CONTROL] = file.keep
    return guarded(response)


def guarded(response: web.Response) -> web.Response:
    """With what browsers need to know to load nothing of others, and to show this in no frame of others."""
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(self)"
    return response
