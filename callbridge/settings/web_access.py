"""The shape of what stands between a browser and the HTTP interface: TLS, proxies, sessions."""

from __future__ import annotations

import ipaddress
import pathlib
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator

from callbridge.settings.section import ConfigSection
from callbridge.settings.spelling import text
from callbridge.settings.values import Lasting, Text, WholeUrl, is_loopback


class TlsConfig(ConfigSection):
    """The certificate with which the HTTP interface serves https by itself; both files are read again at each reload."""

    certificate: pathlib.Path
    """File in PEM format with the certificate, followed by those of its issuers. Example: `/etc/callbridge/tls/cert.pem`"""
    key: pathlib.Path
    """File in PEM format with the private key of the certificate. Example: `/etc/callbridge/tls/key.pem`"""


class OidcConfig(ConfigSection):
    """Single sign-on by a provider of OpenID Connect, as a second way to log in; the provider says who somebody is, and `users`
    and `agents` what they may do. It needs the package `callbridge[oidc]`."""

    issuer: WholeUrl
    """The provider, written as it names itself in its ID tokens. Example: `https://id.example/realms/main`"""
    client_id: Text
    """Name by which the provider knows callbridge. Example: `callbridge`"""
    client_secret: SecretStr | None = None
    """Secret that the provider has given for this name; a public client has none."""
    address: WholeUrl
    """Address under which browsers reach callbridge; at the provider, allow its `/oidc/callback`. Example: `https://calls.example`"""
    claim: Text = "preferred_username"
    """Claim of the ID token that is the name of a user, or the id of an agent; `email` counts only when it is verified.
    Example: `preferred_username`"""

    @field_validator("issuer", "address")
    @classmethod
    def _is_safe(cls, value: str) -> str:
        url = urlsplit(value)
        if url.scheme != "https" and not is_loopback(url.hostname or ""):
            raise ValueError("expected an address with https: anybody on the network path could log in as any user")
        return value


class SessionsConfig(ConfigSection):
    """How long somebody who has logged in stays logged in."""

    idle: Annotated[Lasting, Field(ge=60.0)] = 3600.0
    """A session ends when it was not used for this long; an open screen uses it. Example: `1h`"""
    lasts: Annotated[Lasting, Field(ge=60.0)] = 43_200.0
    """A session ends this long after the log-in in any case. Example: `12h`"""


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value, strict=False))
    except ValueError:
        raise ValueError(f"expected an address or a network such as 10.0.0.0/24, not {value!r:.60}") from None


AddressRange = Annotated[str, AfterValidator(_network), text("address", r"^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$")]
