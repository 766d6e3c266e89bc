"""Is a request from a page of ours? A browser sends its cookies with requests that pages of others make, too."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import hdrs, web

from callbridge.adapters.http.problems import Problem

SAFE_METHODS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})
_FETCH_SITE = "Sec-Fetch-Site"
_PORTS = {"http": 80, "https": 443}


def check_origin(request: web.Request, *, cookie: bool) -> None:
    """Raises Problem for requests made by pages of other origins. ``cookie``: it is by its cookie that the client is known; then
    a write must say where it comes from, as every browser does."""
    site, origin = request.headers.get(_FETCH_SITE), request.headers.get(hdrs.ORIGIN)
    if site is not None and site not in ("same-origin", "none"):
        raise Problem(403, "a page of another site made this request")
    if origin is not None and not _same(origin, request):
        raise Problem(403, "a page of another origin made this request")
    if cookie and request.method not in SAFE_METHODS and origin is None and site is None:
        raise Problem(403, "a request with a cookie must send Origin or Sec-Fetch-Site")


def _same(origin: str, request: web.Request) -> bool:
    try:
        said, ours = urlsplit(origin), urlsplit(f"{request.scheme}://{request.host}")
        ports = (said.port or _PORTS.get(said.scheme), ours.port or _PORTS.get(ours.scheme))
    except ValueError:
        return False
    return bool(said.hostname) and (said.scheme, said.hostname) == (ours.scheme, ours.hostname) and ports[0] == ports[1]
