"""Rules about users, teams and wallboards: names that must exist, and one person for each name."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator

from callbridge.core.model.sentence import Sentence
from callbridge.settings import models
from callbridge.settings.document import Document, Path, mapping
from callbridge.settings.faults import Fault, did_you_mean
from callbridge.settings.values import is_loopback

RESERVED = ("admin", "local")
"""The name in the audit for ``http.token``, and for callers who need no token."""


def faults(settings: models.Settings, document: Document) -> Iterator[Fault]:
    yield from _users(settings, document)
    yield from _proxied(settings, document)
    yield from _oidc(settings, document)
    for name, team in settings.teams.items():
        yield from _known(document, ("teams", name, "queues"), team.queues, "queue", mapping(document.values.get("queues")))
        yield from _known(document, ("teams", name, "agents"), team.agents, "agent", mapping(document.values.get("agents")))
    for name, wall in settings.walls.items():
        yield from _known(document, ("walls", name, "queues"), wall.queues, "queue", mapping(document.values.get("queues")))
    for index, token in enumerate(settings.http.tokens):
        at: Path = ("http", "tokens", index, "teams")
        yield from _known(document, at, token.teams, "team", mapping(document.values.get("teams")))
        if token.teams and token.role in ("agent", "admin"):
            yield document.at(at, f"requires role: viewer or supervisor, not {token.role}", key=True)


def _oidc(settings: models.Settings, document: Document) -> Iterator[Fault]:
    if settings.http.oidc is not None and importlib.util.find_spec("joserfc") is None:
        yield document.at(("http", "oidc"), "needs a package that is not installed", "pip install 'callbridge[oidc]'", key=True)


def _proxied(settings: models.Settings, document: Document) -> Iterator[Fault]:
    http = settings.http
    if http.trusted_proxies and not settings.users and http.token is None and not http.tokens:
        problem = "nobody could use the API behind a proxy, because there is neither a token nor a user"
        yield document.at(("http", "trusted_proxies"), problem, "add token_file or users", key=True)


def _users(settings: models.Settings, document: Document) -> Iterator[Fault]:
    tokens, agents = {token.name for token in settings.http.tokens}, mapping(document.values.get("agents"))
    for name, user in settings.users.items():
        at: Path = ("users", name)
        if name in RESERVED:
            yield document.at(at, f"{name!r} is reserved", key=True)
        elif name in agents:
            yield document.at(at, f"{name!r} is already the id of an agent", "agents log in with their id and PIN", key=True)
        elif name in tokens:
            yield document.at(at, f"{name!r} is already the name of a token: the audit could not tell the two apart", key=True)
        given = {(*at, "password"), (*at, "password_file")} & document.keys.keys()
        if user.password is None and settings.http.oidc is None and not given:
            yield document.at((*at, "password"), "is missing", "make one with `callbridge password`, or add http.oidc")
        if user.teams and user.role == "admin":
            yield document.at((*at, "teams"), "requires role: viewer or supervisor, not admin", key=True)
        yield from _known(document, (*at, "teams"), user.teams, "team", mapping(document.values.get("teams")))


def _known(document: Document, at: Path, names: Iterable[str], what: str, there: Iterable[str]) -> Iterator[Fault]:
    known = list(there)
    for index, name in enumerate(names):
        if name not in known:
            yield document.at((*at, index), f"no such {what}: {name!r}", did_you_mean(name, known))


def warnings(settings: models.Settings, document: Document) -> Iterator[Fault]:
    http = settings.http
    if settings.users and not is_loopback(http.host) and http.tls is None and not http.trusted_proxies:
        hint = Sentence("add http.tls, or serve https by a proxy that http.trusted_proxies names")
        yield document.at(("http", "host"), Sentence("users would send their passwords unencrypted"), hint)
