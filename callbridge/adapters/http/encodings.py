"""No compressed request bodies: nothing from an unauthenticated client is decompressed.

A few kilobytes can decompress to gigabytes, on the loop that routes calls, before the token has been checked. The server is
configured not to decompress (``listening``), and requests with a content coding are refused here, unread.
"""

from __future__ import annotations

import asyncio

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from callbridge.adapters.http.limits import Refusals
from callbridge.adapters.http.problems import Problem


def plain_only(refusals: Refusals) -> Middleware:
    """Lets in requests whose bodies are not compressed."""

    @web.middleware
    async def plain(request: web.Request, handler: Handler) -> web.StreamResponse:
        if _codings(request, hdrs.CONTENT_ENCODING) - {"identity"} or _codings(request, hdrs.TRANSFER_ENCODING) - {"chunked"}:
            refusals.note("content_coding", asyncio.get_running_loop().time(), address=request.remote)
            raise Problem(415, "compressed bodies are not accepted: send the body without Content-Encoding")
        response = await handler(request)
        if hdrs.UPGRADE in request.headers and not response.prepared:
            response.force_close()  # we support no other protocol, and do not wait for one
        return response

    return plain


def _codings(request: web.Request, header: str) -> set[str]:
    said = ",".join(request.headers.getall(header, ()))
    return {coding for each in said.split(",") if (coding := each.strip().lower())}
