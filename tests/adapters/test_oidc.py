"""Single sign-on against a small provider of OpenID Connect: who is let in, and what is refused whatever the provider says."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

from callbridge.adapters.http import Account, AccountKind, Accounts, HttpSettings, OidcSettings, TokenRole
from callbridge.adapters.http import oidc as signing
from callbridge.adapters.http.log_in import COOKIE
from callbridge.adapters.http.oidc import SIGN_ON_WITHIN, Oidc, SignOnFailed
from tests.adapters.http_desk import Client, ToyDesk, client_of

pytestmark = pytest.mark.slow

SECRET = "a secret: with/odd&letters"
KEY, OTHER = RSAKey.generate_key(2048, {"kid": "one"}), RSAKey.generate_key(2048, {"kid": "two"})


class Provider:
    """``spoil`` changes the claims of an ID token, ``sign`` makes it; ``published``: the keys that it shows."""

    def __init__(self) -> None:
        self.codes: dict[str, dict[str, str]] = {}
        self.spoil: Callable[[dict[str, Any]], Any] = lambda claims: None
        self.sign: Callable[[dict[str, Any]], str] = lambda claims: jwt.encode({"alg": "RS256", "kid": "one"}, claims, KEY)
        self.published = [KEY]
        self.name, self.issuer, self.asked = "maria", "", 0
        self.document: dict[str, Any] = {}
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self.configuration)
        app.router.add_get("/keys", self.keys)
        app.router.add_post("/token", self.token)
        self.server = TestServer(app)

    async def start(self) -> None:
        await self.server.start_server()
        self.issuer = str(self.server.make_url("")).rstrip("/")
        self.document = {"issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize"}
        self.document |= {"token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/keys"}

    async def configuration(self, _request: web.Request) -> web.Response:
        return web.json_response(self.document)

    async def keys(self, _request: web.Request) -> web.Response:
        self.asked += 1
        return web.json_response({"keys": [key.as_dict(private=False) for key in self.published]})

    def signed_on(self, url: str) -> str:
        """Somebody has given the password here: the address to which the browser is sent back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        code = secrets.token_hex(8)
        self.codes[code] = asked
        return f"{urlsplit(asked['redirect_uri']).path}?code={code}&state={asked['state']}"

    async def token(self, request: web.Request) -> web.Response:
        said = await request.post()
        asked = self.codes.pop(str(said["code"]))
        verifier = base64.urlsafe_b64encode(hashlib.sha256(str(said["code_verifier"]).encode()).digest()).decode().rstrip("=")
        pair = base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()
        if verifier != asked["code_challenge"] or pair != "callbridge:a%20secret%3A%20with%2Fodd%26letters":
            return web.json_response({"error": "invalid_grant"}, status=400)
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": "callbridge", "exp": now + 300, "iat": now, "nonce": asked["nonce"], "sub": "7"}
        claims |= {"preferred_username": self.name, "email": "maria@calls.example"}
        self.spoil(claims)
        return web.json_response({"id_token": self.sign(claims), "token_type": "Bearer"})


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    made = Provider()
    await made.start()
    yield made
    await made.server.close()


def settings_of(provider: Provider, **more: Any) -> OidcSettings:
    ours = {"client_id": "callbridge", "client_secret": SECRET, "address": "http://calls.example"}
    return OidcSettings(issuer=provider.issuer, **(ours | more))


@pytest.fixture
def desk() -> ToyDesk:
    desk = ToyDesk()
    desk.wall_clock = time.time()
    people = {"maria": Account(kind=AccountKind.USER, name="maria", shown="Maria", role=TokenRole.SUPERVISOR)}
    agents = {"a0": Account(kind=AccountKind.AGENT, name="a0", shown="A", role=TokenRole.AGENT, agent="a0")}
    desk.people = Accounts(users=people, agents=agents)
    return desk


@pytest.fixture
async def client(desk: ToyDesk, provider: Provider) -> AsyncIterator[Client]:
    async with client_of(desk, HttpSettings(oidc=settings_of(provider))) as made:
        yield made


async def sign_on(client: Client, provider: Provider) -> str:
    """Where the browser is in the end."""
    begun = await client.get("/oidc", allow_redirects=False)
    assert begun.status == 302
    answer = await client.get(provider.signed_on(begun.headers["Location"]), allow_redirects=False)
    assert answer.status == 302
    return answer.headers["Location"]


async def who(client: Client) -> Any:
    answer = await client.get("/api/session")
    return (await answer.json())["user"] if answer.status == 200 else answer.status


# -- who is let in --------------------------------------------------------------------------------------------------


async def test_a_user_signs_on_and_is_logged_in(desk: ToyDesk, client: Client, provider: Provider) -> None:
    refused = await client.get("/api/session")
    assert (refused.status, (await refused.json())["sign_on"]) == (401, "/oidc")
    assert await sign_on(client, provider) == "/"
    assert await who(client) == "maria"
    assert [(told.by, told.role) for told in desk.noted] == [("maria", "supervisor")]
    cookies = {each.key: each["samesite"] for each in client.session.cookie_jar}
    assert cookies == {COOKIE: "Strict"}


async def test_an_agent_signs_on_and_a_user_without_a_password_cannot_log_in_with_one(client: Client, provider: Provider) -> None:
    provider.name = "a0"
    assert await sign_on(client, provider) == "/"
    assert await who(client) == "a0"
    for body in ({"user": "maria", "password": ""}, {"user": "a0", "password": ""}):
        assert (await client.post("/api/session", json=body)).status == 401


async def test_a_user_who_is_removed_is_logged_out(desk: ToyDesk, client: Client, provider: Provider) -> None:
    await sign_on(client, provider)
    desk.people = Accounts(users={"boss": desk.people.users["maria"]})
    assert await who(client) == 401


async def test_somebody_whom_only_the_provider_knows_is_not_let_in(client: Client, provider: Provider) -> None:
    provider.name = "stranger"
    with structlog.testing.capture_logs() as lines:
        assert await sign_on(client, provider) == "/?log_in=failed"
    assert await who(client) == 401
    (line,) = [line for line in lines if line["event"] == "single sign-on failed"]
    assert "stranger" not in str(line)


# -- what an ID token has to prove ----------------------------------------------------------------------------------

NOW = int(time.time())
SPOILT: dict[str, Callable[[dict[str, Any]], Any]] = {
    "another issuer": lambda claims: claims.update(iss="https://evil.example"),
    "another audience": lambda claims: claims.update(aud="other"),
    "no audience": lambda claims: claims.pop("aud"),
    "several, and another party": lambda claims: claims.update(aud=["callbridge", "other"], azp="other"),
    "several, and no party": lambda claims: claims.update(aud=["callbridge", "other"]),
    "expired": lambda claims: claims.update(exp=NOW - 3600),
    "no expiry": lambda claims: claims.pop("exp"),
    "no time": lambda claims: claims.update(exp=True),
    "from the future": lambda claims: claims.update(iat=NOW + 3600),
    "another nonce": lambda claims: claims.update(nonce="replayed"),
    "no nonce": lambda claims: claims.pop("nonce"),
    "no name": lambda claims: claims.pop("preferred_username"),
    "a name that is none": lambda claims: claims.update(preferred_username=["maria"]),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
async def test_a_token_that_is_not_for_us_lets_nobody_in(
    client: Client, provider: Provider, spoil: Callable[[dict[str, Any]], Any]
) -> None:
    provider.spoil = spoil
    assert await sign_on(client, provider) == "/?log_in=failed"
    assert await who(client) == 401


def _unsigned(claims: dict[str, Any]) -> str:
    _, body, _ = jwt.encode({"alg": "RS256", "kid": "one"}, claims, KEY).split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    return f"{none}.{body}."


def _changed(claims: dict[str, Any]) -> str:
    head, _, signature = jwt.encode({"alg": "RS256", "kid": "one"}, claims | {"preferred_username": "eve"}, KEY).split(".")
    _, body, _ = jwt.encode({"alg": "RS256", "kid": "one"}, claims, KEY).split(".")
    return f"{head}.{body}.{signature}"


FORGED: dict[str, Callable[[dict[str, Any]], str]] = {
    "not signed": _unsigned,
    "changed": _changed,
    "a key of somebody else": lambda claims: jwt.encode({"alg": "RS256", "kid": "two"}, claims, OTHER),
    "a key of somebody else by our name": lambda claims: jwt.encode({"alg": "RS256", "kid": "one"}, claims, OTHER),
    "our own secret": lambda claims: jwt.encode({"alg": "HS256", "kid": "one"}, claims, OctKey.import_key(SECRET.encode())),
    "the public key as a secret": lambda claims: jwt.encode(
        {"alg": "HS256", "kid": "one"}, claims, OctKey.import_key(KEY.as_bytes(encoding="DER", private=False))
    ),
    "no token": lambda claims: "x.y",
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
async def test_a_token_that_is_not_the_providers_lets_nobody_in(
    client: Client, provider: Provider, forge: Callable[[dict[str, Any]], str]
) -> None:
    provider.sign = forge
    assert await sign_on(client, provider) == "/?log_in=failed"
    assert await who(client) == 401


async def test_a_mail_address_counts_only_when_it_is_verified(desk: ToyDesk, provider: Provider) -> None:
    desk.people = Accounts(users={"maria@calls.example": desk.people.users["maria"]})
    async with client_of(desk, HttpSettings(oidc=settings_of(provider, claim="email"))) as client:
        assert await sign_on(client, provider) == "/?log_in=failed"
        provider.spoil = lambda claims: claims.update(email_verified=True)
        assert await sign_on(client, provider) == "/"


# -- the way there and back -----------------------------------------------------------------------------------------


async def test_a_link_of_somebody_else_logs_nobody_in(client: Client, desk: ToyDesk, provider: Provider) -> None:
    begun = await client.get("/oidc", allow_redirects=False)
    back = provider.signed_on(begun.headers["Location"])
    client.session.cookie_jar.clear()
    await client.get("/oidc", allow_redirects=False)  # this browser has begun, too
    answer = await client.get(back, allow_redirects=False)
    assert (answer.headers["Location"], await who(client)) == ("/?log_in=failed", 401)


async def test_a_way_back_is_gone_once(client: Client, provider: Provider) -> None:
    begun = await client.get("/oidc", allow_redirects=False)
    back = provider.signed_on(begun.headers["Location"])
    assert (await client.get(back, allow_redirects=False)).headers["Location"] == "/"
    client.session.cookie_jar.clear()
    assert (await client.get(back, allow_redirects=False)).headers["Location"] == "/?log_in=failed"


@pytest.mark.parametrize("query", ["", "?state=x&code=y", "?state=&code=", "?error=access_denied&state=x"])
async def test_a_way_back_that_nobody_began_leads_nowhere(client: Client, query: str) -> None:
    answer = await client.get(f"/oidc/callback{query}", allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (302, "/?log_in=failed")


async def test_it_takes_so_long_at_most_and_so_many_at_a_time(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    oidc = Oidc(settings_of(provider), lambda: now)
    monkeypatch.setattr(signing, "MOST_SIGNING_ON", 2)
    begun = [await oidc.begin() for _ in range(3)]
    backs = [parse_qs(urlsplit(provider.signed_on(url)).query) for url, _ in begun]
    with pytest.raises(SignOnFailed, match="did not begin here"):
        await oidc.finish(backs[0]["state"][0], backs[0]["code"][0], begun[0][1])
    assert await oidc.finish(backs[1]["state"][0], backs[1]["code"][0], begun[1][1]) == "maria"
    now += SIGN_ON_WITHIN + 1
    with pytest.raises(SignOnFailed, match="took too long"):
        await oidc.finish(backs[2]["state"][0], backs[2]["code"][0], begun[2][1])
    await oidc.close()


async def test_new_keys_of_the_provider_are_found_and_not_asked_for_at_will(
    client: Client, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await sign_on(client, provider) == "/"
    provider.published = [KEY, OTHER]
    provider.sign = lambda claims: jwt.encode({"alg": "RS256", "kid": "two"}, claims, OTHER)
    assert await sign_on(client, provider) == "/?log_in=failed"
    assert provider.asked == 1
    monkeypatch.setattr(signing, "KEYS_AGAIN", 0.0)
    await asyncio.sleep(0.01)
    assert await sign_on(client, provider) == "/"
    assert provider.asked == 2


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://evil.example"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": None},
    ],
)
async def test_a_provider_that_says_something_odd_is_not_gone_to(
    client: Client, provider: Provider, document: dict[str, Any]
) -> None:
    provider.document |= document
    answer = await client.get("/oidc", allow_redirects=False)
    assert answer.headers["Location"] == "/?log_in=failed"


async def test_a_provider_that_is_away_leaves_passwords_as_they_are(client: Client, provider: Provider) -> None:
    await provider.server.close()
    answer = await client.get("/oidc", allow_redirects=False)
    assert answer.headers["Location"] == "/?log_in=failed"
    assert (await client.get("/healthz")).status == 200


def test_the_key_set_is_one_of_public_keys() -> None:
    shown = KeySet([KEY]).as_dict(private=False)
    assert all("d" not in key for key in shown["keys"])
